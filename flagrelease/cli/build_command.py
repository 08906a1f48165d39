"""Build a bundle: resolve, fetch, patch, render, build, smoke, evaluate.

Exit codes: 0 GO, 8 NO-GO, 11 HOLD; 3 to 7 and 10 name what failed before the verdict. Finished stages are kept: the
same command goes on where the last one stopped.
"""

import sys
from importlib import import_module
from pathlib import Path

from flagrelease.cli.options import Chip, Json, Model, Offline, Out, Quiet, Recipes, Until, Variant
from flagrelease.cli.session import session
from flagrelease.cli.settings import settings
from flagrelease.formats.canonical import pretty_json
from flagrelease.pipeline import Built, StopAfter, release
from flagrelease.stages import ORDER
from flagrelease.stages.evaluate import stop_unless_go


def build(
    chip: Chip,
    model: Model,
    variant: Variant = None,
    until: Until = None,
    recipes: Recipes = None,
    out: Out = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run the pipeline up to the verdict, then write the draft card."""
    if until is not None and until not in ORDER[:-1]:
        raise import_module("typer").BadParameter(f"`{until}` is not one of: {', '.join(ORDER[:-1])}")
    chosen = settings(recipes=recipes, out=out, offline=offline)
    with session(chosen, chip=chip, model=model, variant=variant, quiet=quiet, until=until) as at:
        try:
            built = release(at.run, at.recipe, at.lock)
        except StopAfter:
            return
        card = _write_card(built, at.folder, fresh=not at.run.reused_all)
    _print(built, at.folder, card, json=json)
    stop_unless_go(built.evaluation.verdict, log=card)


def _write_card(built: Built, folder: Path, *, fresh: bool) -> Path:
    path = folder / "README.md"
    if fresh or not path.is_file():
        import_module("flagrelease.cards.card").write_card(path, built, release=None)
    return path


def _print(built: Built, folder: Path, card: Path, *, json: bool) -> None:
    verdict = built.evaluation.verdict
    if json:
        result = {
            "bundle": built.lock.bundle,
            "revision": built.lock.revision,
            "folder": str(folder),
            "card": str(card),
            "image": built.image.digest,
            "decision": verdict.decision,
            "reasons": list(verdict.reasons),
        }
        sys.stdout.write(pretty_json(result).decode())
        return
    lines = [
        f"{verdict.decision}  {built.lock.bundle} {built.lock.revision}",
        *(f"    {reason}" for reason in verdict.reasons),
        f"image   {built.image.digest}",
        f"card    {card}",
        f"run it  flagrelease run --chip {built.lock.chip} --model {built.lock.model}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
