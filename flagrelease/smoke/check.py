"""A check: one fault it looks for, as a function; and how its outcome meets what the bundle declared beforehand."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from flagrelease.domain.bundle import Deviation, Serving
from flagrelease.domain.evidence import Check
from flagrelease.errors import RecipeError, SmokeError
from flagrelease.ports import Endpoint

Measured = dict[str, float]
"""Numbers a check found, units in their names; kept when it fails, too."""


@dataclass(frozen=True, kw_only=True)
class Talk:
    """A running server and what its bundle promises. `seed` makes requests that differ from image to image."""

    endpoint: Endpoint
    serving: Serving
    seed: str


Look = Callable[[Talk, Measured], str]
"""Looks for one fault: returns what it found in a sentence's part, raises SmokeError with the fault."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A check before it was made."""

    id: str
    title: str
    look: Look


def made(id_: str, title: str, look: Callable[[Measured], str]) -> Check:
    """Make a check: what it returns is its detail, the SmokeError it raises is its failure."""
    measured: Measured = {}
    started = time.monotonic()
    try:
        detail, status = look(measured), "pass"
    except SmokeError as error:
        detail, status = error.message, "fail"
    return Check.model_validate(
        {
            "id": id_,
            "title": title,
            "status": status,
            "detail": detail,
            "seconds": round(time.monotonic() - started, 3),
            "measured": measured,
        }
    )


def not_made(id_: str, title: str, why: str) -> Check:
    """A check that could not be made speaks against the bundle: what was not seen to work is not passed."""
    return Check(id=id_, title=title, status="fail", detail=f"not made: {why}", seconds=0.0)


def refuse_unknown(deviations: Sequence[Deviation], known: Sequence[str]) -> None:
    """Raise RecipeError when a deviation is about a check that does not exist."""
    for deviation in deviations:
        if deviation.check not in known:
            raise RecipeError(
                f"smoke.deviations: there is no check `{deviation.check}`", hint=f"the checks are {', '.join(known)}"
            )


def held(check: Check, deviations: Sequence[Deviation], today: date) -> Check:
    """The check with the deviation that was declared for it, if one was.

    A failure becomes `deviates` until the deviation expires, if the check measured what was declared: another failure,
    or a check that was not made, is not excused. A deviation whose check passes is stale and fails it: a bundle that
    has been mended must not go on telling its users otherwise.
    """
    deviation = next((each for each in deviations if each.check == check.id), None)
    if deviation is None:
        return check
    if check.status == "pass":
        update = {"status": "fail", "detail": f"stale deviation: remove it (the check passed: {check.detail})"}
    elif deviation.expires < today:
        update = {"status": "fail", "detail": f"the deviation expired on {deviation.expires}: {check.detail}"}
    elif other := _otherwise(check.measured, deviation):
        update = {"status": "fail", "detail": f"not the declared deviation, {other}: {check.detail}"}
    else:
        update = {"status": "deviates"}
    return check.model_copy(update={**update, "deviation": deviation})


def _otherwise(measured: Measured, deviation: Deviation) -> str:
    """The first of the declared numbers that was not measured so; empty when all were."""
    for name, wanted in deviation.measured.items():
        found = measured.get(name)
        if found != wanted:
            return f"{name} wanted {wanted:g}, found {'none' if found is None else format(found, 'g')}"
    return ""
