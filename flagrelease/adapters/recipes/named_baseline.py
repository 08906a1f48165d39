"""The baseline that a bundle names: whether it is good, and holds what the policy asks."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from flagrelease.adapters.recipes.baselines import Baselines, HeldBaseline
from flagrelease.domain.gate import Policy
from flagrelease.formats.baseline import decoded
from flagrelease.formats.inherit import near
from flagrelease.formats.positions import Path as Key
from flagrelease.formats.positions import printable
from flagrelease.gate.covered import differences, names_in

if TYPE_CHECKING:
    from flagrelease.sealing.detached import VerifyingKey


class Named:
    """A baseline of either version, read. Raises RecipeError."""

    def __init__(self, place: str, path: Path, content: bytes) -> None:
        self._shown = printable(str(path))
        self._record = decoded(content, self._shown)
        self._held = HeldBaseline(name=place, path=path, data=content, baseline=self._record)

    def why_not(self, policy: Policy, on: date) -> str:
        """Why it is no reference on that day; empty where it is, and where no day is asked for.

        Raises RecipeError, and SourceError for a key that cannot be read.
        """
        text = "" if on == date.min else self._held.why_not(on)
        if not text and on != date.min and policy.signed_reference and not self._held.signers(self._trusted()):
            text = f"has no signature of a trusted key, which policy `{policy.name}` wants"
        return text and f"the baseline {text}; record the reference again, then `flagrelease lock`"

    def _trusted(self) -> tuple["VerifyingKey", ...]:
        return Baselines(self._held.path.parents[2]).trusted()

    def uncovered(self, policy: Policy) -> Iterator[tuple[Key, str]]:
        """Keys of the policy that the record does not fit, and what is wrong."""
        known = names_in(self._record)
        for name, task in policy.tasks.items():
            if (count := known.count(name)) != 1:
                found = f"found {count}" if count else f"found none{near(name, set(known))}"
                yield ("tasks", name), f"wanted one record of this task in `{self._shown}`, {found}"
                continue
            for key, asked, recorded in differences(name, task, self._record):
                text = f"wanted {recorded}, as recorded in `{self._shown}`, found {asked}"
                yield ("tasks", name, *key), text
