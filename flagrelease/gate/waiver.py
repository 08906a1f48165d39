"""Whether a waiver lets a HOLD through: for one image, until a day."""

from datetime import date

from flagrelease.domain.value import Digest
from flagrelease.domain.verdict import Waiver
from flagrelease.errors import HoldError


def refuse_unless_in_force(waiver: Waiver, image: Digest, *, today: date) -> None:
    """Raise HoldError when it is about another image or has expired. It never lets a NO-GO through."""
    if waiver.image != image or waiver.expires < today:
        raise HoldError(
            f"the waiver does not cover this image: it names {waiver.image} until {waiver.expires}",
            hint=f"a waiver for {image} with a date from {today} on lets this HOLD through",
        )
