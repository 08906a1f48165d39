"""Build a bundle: resolve, fetch, patch, render, build, smoke, evaluate.

Exit codes: 0 GO, 8 NO-GO, 11 HOLD; 3 to 7 and 10 name what failed before the verdict. Finished stages are kept: the
same command goes on where the last one stopped.
"""

import os
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from flagrelease.cli.options import Chip, From, Json, Model, Offline, Out, Quiet, Recipes, Until, Variant
from flagrelease.cli.session import session
from flagrelease.cli.settings import settings
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.durable import write_durably
from flagrelease.pipeline import CARD, Built, StopAfter, release
from flagrelease.report.summary import summary
from flagrelease.report.words import size
from flagrelease.stages import ORDER
from flagrelease.stages.evaluate import refuse_expired, stop_unless_go


def build(
    chip: Chip,
    model: Model,
    variant: Variant = None,
    anew_from: From = None,
    until: Until = None,
    recipes: Recipes = None,
    out: Out = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run the pipeline up to the verdict, then write the draft card."""
    for option, stage in (("--from", anew_from), ("--until", until)):
        if stage is not None and stage not in ORDER[:-1]:
            raise import_module("typer").BadParameter(f"`{option} {stage}`: wanted one of {', '.join(ORDER[:-1])}")
    chosen = settings(recipes=recipes, out=out, offline=offline)
    with session(chosen, chip=chip, model=model, variant=variant, quiet=quiet, until=until, anew_from=anew_from) as at:
        try:
            built = release(at.run, at.recipe, at.lock)
        except StopAfter:
            if json:
                sys.stdout.write(pretty_json({"bundle": at.lock.bundle, "folder": str(at.folder)}).decode())
            return
        refuse_expired(built.serving, datetime.now(UTC).date())
        told = summary(at.folder, lock=built.lock, image=built.image, verdict=built.evaluation.verdict)
        card = at.folder / CARD
        # A run that acts removes the card first, so one that is there is about these very values.
        if not card.is_file():
            import_module("flagrelease.cards.card").write_card(card, built, release=at.released())
        write_durably(at.folder / "report.json", pretty_json(told))
    sys.stdout.write(pretty_json(told).decode() if json else _words(built, card))
    stop_unless_go(built.evaluation.verdict, log=card)


def _words(built: Built, card: Path) -> str:
    verdict = built.evaluation.verdict
    program = Path(sys.argv[0])
    called = os.path.relpath(program) if program.name == "flagrelease" else f"{sys.executable} -m flagrelease"
    return "\n".join(
        (
            f"{verdict.decision}  {built.lock.bundle} {built.lock.revision}",
            *(f"    {reason}" for reason in verdict.reasons),
            f"image   {built.image.digest} ({size(built.image.size)})",
            f"card    {card}",
            f"run it  {called} run --chip {built.lock.chip} --model {built.lock.model}",
            "",
        )
    )
