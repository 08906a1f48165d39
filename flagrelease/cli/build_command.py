"""Build a bundle: resolve, fetch, patch, render, build, smoke, evaluate.

Exit codes: 0 GO, 8 NO-GO, 11 HOLD; 3 to 7 and 10 name what failed before the verdict. Finished stages are kept: the
same command goes on where the last one stopped.
"""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from json import loads as from_json
from pathlib import Path
from typing import NamedTuple

import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.cards.seal import card_seal
from flagrelease.cli.options import Chip, EngineName, Exported, From, Json, Offline, Out, Quiet, Recipes, Until, Variant
from flagrelease.cli.rehearsing import AModel, ArchitectureName, Rehearse, Rehearsing, SdkName, rehearsing
from flagrelease.cli.secrets import Secrets, secret_files
from flagrelease.cli.session import session
from flagrelease.cli.settings import Settings, settings
from flagrelease.domain.lock import PartialLock
from flagrelease.domain.release import Release
from flagrelease.domain.verdict import Verdict
from flagrelease.errors import FlagReleaseError, GateError, HoldError
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.durable import write_durably
from flagrelease.gate.phrases import HOLD_HINT
from flagrelease.pipeline import CARD, Built, StopAfter, release
from flagrelease.report.summary import summary
from flagrelease.report.words import size
from flagrelease.stages import ORDER
from flagrelease.stages.evaluate import refuse_expired

REPORT = "report.json"


def build(
    chip: Chip,
    model: AModel = None,
    variant: Variant = None,
    anew_from: From = None,
    until: Until = None,
    rehearse: Rehearse = False,
    sdk: SdkName = None,
    architecture: ArchitectureName = None,
    engine: EngineName = "auto",
    exported: Exported = None,
    secret: Secrets = None,
    recipes: Recipes = None,
    out: Out = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run the pipeline up to the verdict, then write the draft card."""
    for option, stage in (("--from", anew_from), ("--until", until)):
        if stage is not None and stage not in ORDER[:-1]:
            raise typer.BadParameter(f"`{option} {stage}`: wanted one of {', '.join(ORDER[:-1])}")
    if exported and (variant == "all" or rehearse or anew_from in ORDER[: ORDER.index("build") + 1]):
        raise typer.BadParameter("`--exported` has one bundle's stages up to `build`: wanted --from smoke_kernels")
    chosen = settings(recipes=recipes, out=out, offline=offline, engine=engine, secrets=secret_files(secret or ()))
    rehearsal = rehearsing(chip, model, rehearse=rehearse, sdk=sdk, architecture=architecture)

    def one(name: str | None) -> Told:
        return _build(
            chosen, chip, model, name, quiet=quiet, until=until, anew_from=anew_from, rehearsal=rehearsal,
            exported=exported,
        )  # fmt: skip

    if variant == "all" and model:
        _build_all(chosen, chip, model, one, json=json)
        return
    told = one(variant)
    sys.stdout.write(pretty_json(told.report).decode() if json else told.words)
    _stop_unless_go(told)


class Told(NamedTuple):
    """What one build has to say: for programs, for people, and the verdict it reached, if it went that far."""

    report: dict[str, object]
    words: str
    verdict: Verdict | None = None
    card: Path | None = None


def _stop_unless_go(told: Told) -> None:
    """Raise what the verdict ends the command with. Its reasons are among the words already and not said again."""
    decision = told.verdict.decision if told.verdict else "GO"
    message = f"{decision}: the reasons are on the card, {told.card}"
    if decision == "NO-GO":
        raise GateError(message)
    if decision == "HOLD":
        raise HoldError(message, hint=HOLD_HINT)


def _build(
    chosen: Settings,
    chip: str,
    model: str | None,
    variant: str | None,
    *,
    quiet: bool,
    until: str | None,
    anew_from: str | None,
    rehearsal: Rehearsing | None,
    exported: Path | None,
) -> Told:
    today = datetime.now(UTC).date()
    with session(
        chosen, chip=chip, model=model, variant=variant, quiet=quiet, until=until, anew_from=anew_from, on=today,
        rehearsal=rehearsal,
    ) as at:  # fmt: skip
        if exported:
            import_module("flagrelease.cli.exports.taking").take(at, exported)
        try:
            if isinstance(at.lock, PartialLock):
                return Told(
                    *import_module("flagrelease.cli.engine_build").build(at, at.lock, rehearsal=rehearsal is not None)
                )
            built = release(at.run, at.recipe, at.lock)
        except StopAfter:
            return Told({"bundle": at.lock.bundle, "folder": str(at.folder)}, "", None, None)
        refuse_expired(built.serving, today)
        verdict, card = built.evaluation.verdict, at.folder / CARD
        report = summary(at.folder, lock=built.lock, image=built.image, serving=built.serving, verdict=verdict)
        report["card_seal"] = _renew_card(card, at.folder / REPORT, built, at.released(verdict))
        write_durably(at.folder / REPORT, pretty_json(report))
    return Told(report, _words(built, card), verdict, card)


def _renew_card(card: Path, report: Path, built: Built, published: Release | None) -> str | None:
    """Write the card, unless it is the very one that the last report sealed; its seal."""
    try:
        before = from_json(report.read_bytes()).get("card_seal")
    except (FileNotFoundError, ValueError, AttributeError):
        before = None
    seal = card_seal(card, built, published)
    if seal is not None and seal == before:
        return seal
    import_module("flagrelease.cards.card").write_card(card, built, release=published)
    return card_seal(card, built, published)


def _build_all(chosen: Settings, chip: str, model: str, one: Callable[[str], Told], *, json: bool) -> None:
    """Every variant, one after the other; one that fails stops no other. The last failure is the command's."""
    catalogue = Catalogue(chosen.recipes)
    bundle = catalogue.bundle(catalogue.chip(chip).name, catalogue.model(model).name)
    reports, failed = [], None
    for name in bundle.variants:
        try:
            told = one(name)
            reports.append({"variant": name, **told.report})
            sys.stdout.write("" if json else told.words)
            _stop_unless_go(told)
        except FlagReleaseError as error:
            failed = error
            reports.append({"variant": name, "error": error.message, "exit_code": error.exit_code})
            sys.stderr.write(f"{name}: {error.message}\n")
    if json:
        sys.stdout.write(pretty_json(reports).decode())
    if failed:
        raise failed


def _words(built: Built, card: Path) -> str:
    verdict = built.evaluation.verdict
    program = Path(sys.argv[0])
    called = os.path.relpath(program) if program.name == "flagrelease" else f"{sys.executable} -m flagrelease"
    return "\n".join(
        (
            f"{verdict.decision}  {built.lock.bundle} {built.lock.revision}",
            *(f"    {reason}" for reason in verdict.reasons),
            *(
                f"deviates {check.id}, as declared until {check.deviation.expires}: {check.deviation.observed}"
                for check in built.serving.checks
                if check.deviation
            ),
            f"image   {built.image.digest} ({size(built.image.size)})",
            f"card    {card}",
            f"run it  {called} run --chip {built.lock.chip} --model {built.lock.model}",
            "",
        )
    )
