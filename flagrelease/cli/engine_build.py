"""`build` of a bundle that an image engine makes: to its image, as far as its parts go, or as a rehearsal."""

from pathlib import Path
from typing import NamedTuple

from flagrelease.cards.rehearsal import CARD, write_rehearsal_card
from flagrelease.cli.session import Session
from flagrelease.domain.engine_build import EngineBuilt, Rehearsed
from flagrelease.domain.lock import PartialLock
from flagrelease.engine_pipeline import build_image, rehearse
from flagrelease.errors import ToolError
from flagrelease.report.words import size


class Outcome(NamedTuple):
    """What it has to say, for programs and for people."""

    report: dict[str, object]
    words: str


def build(at: Session, lock: PartialLock, *, rehearsal: bool) -> Outcome:
    """Build the image, from real parts or as a rehearsal.

    Raises:
        LockError: parts are missing; the message names each, and how to get it.
        ToolError: the image is built, and what follows needs the chip; or the engine does not answer.
    """
    if rehearsal:
        return _rehearsed(at, lock)
    raise _needs_the_chip(at, lock, build_image(at.run, at.recipe, lock))


def _rehearsed(at: Session, lock: PartialLock) -> Outcome:
    made = rehearse(at.run, at.recipe, lock)
    card = at.folder / CARD
    write_rehearsal_card(card, made, parts=len(lock.inputs))
    return Outcome(_rehearsal_report(at, made, card), _rehearsal_words(lock, made, card))


def _needs_the_chip(at: Session, lock: PartialLock, made: EngineBuilt) -> ToolError:
    who = f"--chip {lock.chip} --model {lock.model} --variant {lock.variant}"
    return ToolError(
        f"the image of `{lock.bundle}` is built, {made.image.digest} ({size(made.image.size)}); its kernels, serving "
        f"and evaluation need {lock.chip_title}, which this machine does not have",
        hint=f"`flagrelease export {who}` packs it for the chip's host, and `flagrelease build {who} --from "
        "smoke_kernels --exported FILE` goes on there",
        log=at.folder / at.run.place("build"),
    )


def _rehearsal_report(at: Session, made: Rehearsed, card: Path) -> dict[str, object]:
    return {
        "bundle": made.bundle,
        "rehearsal": True,
        "folder": str(at.folder),
        "card": str(card),
        "image_id": made.image_id,
        "stand_ins": [{"key": one.key, "name": one.name, "why": one.why} for one in made.stand_ins],
        "calls": [{"stand_in": call.stand_in, "argv": list(call.argv)} for call in made.calls],
        "kernels": [{"component": one.component, "file": one.file, "digest": one.content} for one in made.kernels],
        "findings": list(made.findings),
    }


def _rehearsal_words(lock: PartialLock, made: Rehearsed, card: Path) -> str:
    return "\n".join(
        (
            f"REHEARSAL  {lock.bundle} {lock.revision}: the Dockerfile was built from its first line to its last",
            f"stand-ins  {len(made.stand_ins)} of {len(lock.inputs)} parts; kernels, serving and evaluation: not run",
            f"image      {made.image_id} ({size(made.size)}), in the engine; it can never be published",
            f"card       {card}",
            "",
        )
    )
