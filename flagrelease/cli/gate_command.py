"""It works on files alone: no bundle, no image, no recipe but the policy.

R and T are files or folders that one harness wrote: lm-evaluation-harness, EvalScope, FlagEvalMM, VLMEvalKit,
OpenCompass, MindIE modeltest, a table in Markdown or CSV (`FILE#COLUMN` where it has several columns of scores), or
records of `evaluate`. Exit codes: 0 GO, 8 NO-GO, 11 HOLD; 3 when the files make no record. Aggregates alone are HOLD.
"""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.result_files import ResultFiles
from flagrelease.cli.app import LazyGroup, Listed
from flagrelease.cli.complete import names_in
from flagrelease.cli.gate.policy import POLICY, policy_named
from flagrelease.cli.options import Json, Recipes
from flagrelease.cli.settings import settings
from flagrelease.domain.answers import Record
from flagrelease.domain.comparison import Comparison, ItemOrder, SideFiles
from flagrelease.domain.gate import Policy
from flagrelease.domain.value import Digest
from flagrelease.domain.verdict import Waiver
from flagrelease.errors import FlagReleaseError, GateError, HoldError, RecipeError
from flagrelease.formats.canonical import pretty_json, sha256_of
from flagrelease.formats.durable import write_durably
from flagrelease.formats.fits import fits
from flagrelease.formats.strict import decode_json, decode_yaml
from flagrelease.gate.phrases import HOLD_HINT
from flagrelease.gate.records.compare import compare
from flagrelease.gate.records.copied import table_of
from flagrelease.gate.records.outcome import Subject
from flagrelease.gate.records.words import table, waiver_words
from flagrelease.gate.waiver import refuse_unless_in_force
from flagrelease.ingest.recognise import records_of
from flagrelease.ingest.sources import Sources
from flagrelease.report.gate.fill import page_of
from flagrelease.report.gate.markdown import markdown

GATE_COMMANDS = {
    "order": Listed("Evidence", "Print the items of a task in the order in which planned looks take them."),
    "power": Listed("Policies", "Say how likely a policy lets an identical chip through, and a worse one."),
}
"""Every command below it; each is imported from `flagrelease/cli/gate/<command>_command.py` when it is called."""

ReferencePath = Annotated[str | None, typer.Option("--reference", metavar="R", help="The reference's results.")]
TargetPath = Annotated[str | None, typer.Option("--target", metavar="T", help="The results that are judged.")]
GatePolicy = Annotated[str | None, POLICY]
Image = Annotated[
    str | None,
    typer.Option("--image", metavar="DIGEST", help="The image that is judged; answers of another do not count."),
]
ItsChip = Annotated[str, typer.Option("--chip", help="Chip of what is judged.", autocompletion=names_in("chips"))]
ItsModel = Annotated[str, typer.Option("--model", help="Model of what is judged.", autocompletion=names_in("models"))]
Records = Annotated[
    Path | None, typer.Option("--records", help="Write every record that was read below this folder, as evalrun/v2.")
]
Sequential = Annotated[
    bool, typer.Option("--sequential", help="Decide at planned looks, over the first items of the fixed order.")
]
OrderFiles = Annotated[
    list[Path] | None,
    typer.Option("--order", metavar="FILE", help="All items of a task, by `gate order --json`. May be repeated."),
]
WaiverFile = Annotated[
    Path | None,
    typer.Option("--waiver", metavar="FILE", help="Let a HOLD of --image through: who, why, until when.", exists=True),
]
OutFile = Annotated[Path | None, typer.Option("--out", help="Write the report to this Markdown file as well.")]
HtmlFile = Annotated[
    Path | None, typer.Option("--html", help="Write it to this HTML file as well, with plots; it needs nothing else.")
]


class GateGroup(LazyGroup):
    """The group, with its own table."""

    listed = GATE_COMMANDS
    package = "flagrelease.cli.gate"


gate = typer.Typer(
    cls=GateGroup,
    name="gate",
    help=__doc__,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@gate.callback()
def judge(
    context: typer.Context,
    reference: ReferencePath = None,
    target: TargetPath = None,
    policy: GatePolicy = None,
    image: Image = None,
    chip: ItsChip = "",
    model: ItsModel = "",
    out: OutFile = None,
    html: HtmlFile = None,
    records: Records = None,
    waiver: WaiverFile = None,
    sequential: Sequential = False,
    order: OrderFiles = None,
    as_json: Json = False,
    recipes: Recipes = None,
) -> None:
    """Compare two sides' results by a policy."""
    if context.invoked_subcommand is not None:
        return
    reference, target, policy = _checked(reference, target, policy, image, waiver)
    catalogue = Catalogue(settings(recipes=recipes).recipes)
    let_through = None if waiver is None else decode_yaml(waiver.read_bytes(), Waiver, source=str(waiver))
    chosen = policy_named(catalogue, policy)
    everything = catalogue.everything()
    subject = Subject(
        image=image,
        chip=catalogue.chip(chip).name if chip else "",
        model=catalogue.model(model).name if model else "",
        others=[found for one in everything.published.values() if (found := table_of(one))],
        sequential=sequential or chosen.sequential,
        orders=_orders(order or (), sha256_of(chosen)),
    )
    before, after = _side(reference), _side(target)
    _write_records(records, before[1], after[1])
    verdict = compare(
        chosen,
        policy_sha256=sha256_of(chosen),
        benchmarks=everything.benchmarks,
        reference=before,
        target=after,
        subject=subject,
    )
    fault = _fault(verdict, let_through)
    if fault is None and verdict.decision == "HOLD":
        verdict = verdict.model_copy(update={"waiver": let_through})
    _write_reports(verdict, chosen, out=out, html=html)
    _print(verdict, fault, as_json=as_json)


def _print(verdict: Comparison, fault: FlagReleaseError | None, *, as_json: bool) -> None:
    sys.stdout.write(pretty_json(verdict).decode() if as_json else _told(verdict))
    if fault is not None:
        raise fault


def _checked(
    reference: str | None, target: str | None, policy: str | None, image: str | None, waiver: Path | None
) -> tuple[str, str, str]:
    """Raise BadParameter for what cannot be a comparison."""
    if reference is None or target is None or policy is None:
        raise typer.BadParameter("wanted --reference, --target and --policy; `gate power` needs a policy only")
    if image is not None and not fits(Digest, image):
        raise typer.BadParameter(f"wanted a digest, `sha256:` and 64 hexadecimal digits, found {image[:80]!r}")
    if waiver is not None and image is None:
        raise typer.BadParameter("wanted --image beside --waiver: a waiver is for one image only")
    return reference, target, policy


def _orders(paths: Iterable[Path], policy_sha256: str) -> dict[str, tuple[str, ...]]:
    """All items of each task that is named. Raises RecipeError for an order by another policy."""
    found = {}
    for path in paths:
        order = decode_json(path.read_bytes(), ItemOrder, source=str(path))
        if order.policy_sha256 != policy_sha256:
            raise RecipeError(f"{path}: wanted an order by this policy, found one by {order.policy_sha256}")
        found[order.task] = order.items
    return found


def _side(path: str) -> tuple[SideFiles, tuple[Record, ...]]:
    """A side's records. What stands behind the last `#` is a table's column, unless a file is called so."""
    name, column = path, ""
    if not Path(path).exists():
        name, _, column = path.rpartition("#")
        name = name or path
    records = records_of(Sources(ResultFiles(Path(name)), column=column))
    sources = {(source.path, source.sha256): source for record in records for source in record.facts.sources}
    return SideFiles(
        path=path[:2000], harness=records[0].facts.harness.name, records=len(records), sources=tuple(sources.values())
    ), records


def _write_records(folder: Path | None, reference: tuple[Record, ...], target: tuple[Record, ...]) -> None:
    if folder is not None:
        _write(folder / "reference", reference)
        _write(folder / "target", target)


def _write(folder: Path, records: tuple[Record, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, record in enumerate(records, start=1):
        name = "".join(c if c.isalnum() or c in "-_." else "-" for c in record.facts.task)[:80]
        write_durably(folder / f"{number:03}-{name}.json", pretty_json(record.as_file()))


def _write_reports(found: Comparison, policy: Policy, *, out: Path | None, html: Path | None) -> None:
    """What was asked for; the curve of the policy is counted for the page only."""
    if out is not None:
        write_durably(out, markdown(page_of(found)).encode())
    if html is not None:
        from flagrelease.report.gate import html as pages  # noqa: PLC0415 - loads the templates' engine

        write_durably(html, pages.html(page_of(found, policy)).encode())


def _told(found: Comparison) -> str:
    lines = [*table(found), "", *found.reasons]
    if found.waiver is not None:
        lines.append(waiver_words(found.waiver))
    noted: dict[str, list[str]] = {}
    for task in found.tasks:
        for one in task.findings:
            if one.weight == "note":
                noted.setdefault(f"{one.id}: {one.text}", []).append(task.task)
    lines += [
        f"note: {tasks[0] if len(tasks) == 1 else f'{len(tasks)} tasks'}: {text}" for text, tasks in noted.items()
    ]
    if found.settle:
        lines += ["", "what would settle it:", *(f"  {text}" for text in found.settle)]
    return "\n".join(lines) + "\n"


def _fault(found: Comparison, waiver: Waiver | None) -> FlagReleaseError | None:
    """What the command ends with; nothing for GO, and for a HOLD that a waiver in force lets through."""
    if found.decision == "NO-GO":
        return GateError(f"NO-GO by policy `{found.policy}`", hint="no waiver lets a NO-GO through" if waiver else "")
    if found.decision == "GO":
        return None
    if waiver is None or found.image is None:
        return HoldError(f"HOLD by policy `{found.policy}`", hint=HOLD_HINT)
    try:
        refuse_unless_in_force(waiver, found.image, today=datetime.now(UTC).date())
    except HoldError as error:
        return error
    return None
