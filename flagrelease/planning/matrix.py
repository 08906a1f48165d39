"""The matrix: every bundle variant with what a scheduler and a person need to know of it, and what is refused."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from flagrelease.domain.bundle import Refused
from flagrelease.domain.everything import Cell, Everything
from flagrelease.errors import RecipeError
from flagrelease.planning.readiness import Readiness
from flagrelease.planning.reasons import Reason


@dataclass(frozen=True, kw_only=True)
class Row:
    """One cell. `missing` names a recipe that it needs and that cannot be read; `answers_to` are its chip's names.

    `reasons` say why a cell counts as changed; they are empty unless that was asked.
    """

    cell: Cell
    engine: str
    revision: str
    architecture: str
    world_size: int
    labels: tuple[str, ...]
    is_default: bool
    answers_to: tuple[str, ...]
    missing: str = ""
    readiness: Readiness | None = None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RefusedCell:
    """A cell that is not built, with why and where that is stated."""

    chip: str
    model: str
    refused: Refused


def rows(everything: Everything) -> Iterator[Row]:
    """One row a bundle variant, sorted by chip and model, in the order of the bundle's file."""
    for cell in everything.cells():
        bundle = everything.bundles[cell.chip, cell.model]
        variant = bundle.variants[cell.variant]
        chip = everything.chips.get(cell.chip)
        yield Row(
            cell=cell,
            engine=variant.engine,
            revision=variant.revision,
            architecture=variant.architecture or (chip.architectures[0] if chip else ""),
            world_size=variant.parallel.world_size,
            labels=chip.runner_labels if chip else (),
            is_default=cell.variant == bundle.default_variant,
            answers_to=(cell.chip, *(chip.aliases if chip else ())),
            missing=_missing(everything, cell),
        )


def refused_cells(everything: Everything) -> Iterator[RefusedCell]:
    """Every cell that its bundle refuses, sorted by chip and model, in the order of the bundle's file."""
    for (chip, model), bundle in sorted(everything.bundles.items()):
        for refused in bundle.refused:
            yield RefusedCell(chip=chip, model=model, refused=refused)


def with_readiness(found: Iterable[Row], look: Callable[[Cell], Readiness]) -> list[Row]:
    """The rows with how each stands."""
    return [replace(row, readiness=look(row.cell)) for row in found]


def require_readable(
    everything: Everything, all_rows: Iterable[Row], *, wants: Callable[[str, str], bool]
) -> tuple[str, ...]:
    """Refuse to lose a cell because a recipe cannot be read; return the unreadable files that are of no matter here.

    Args:
        everything: All recipes.
        all_rows: Its rows.
        wants: Whether the bundle of a chip and a model is asked for.

    Raises:
        RecipeError: a recipe that such a bundle is made from cannot be read, or is not there.
    """
    faults = {one.path: one.faults for one in everything.unreadable}
    needed = {row.missing for row in all_rows if row.missing and wants(row.cell.chip, row.cell.model)}
    needed |= {path for path in faults if (names := _bundle_names(path)) and wants(*names)}
    if needed:
        absent = "wanted a recipe, found none"
        lines = [line for path in sorted(needed) for line in faults.get(path, (f"{path}: {absent}",))]
        raise RecipeError(
            "recipes that these cells are made from cannot be read\n" + "\n".join(lines),
            hint="mend them, or choose other cells with --chip and --model",
        )
    return tuple(sorted(faults))


def _bundle_names(path: str) -> tuple[str, str] | None:
    match path.removesuffix(".yaml").split("/"):
        case ["bundles", chip, model]:
            return chip, model
        case _:
            return None


def _missing(everything: Everything, cell: Cell) -> str:
    """The first recipe that the cell needs and that is not among those that could be read."""
    variant = everything.variant(cell)
    needs: tuple[tuple[str, str | None, Mapping[str, object]], ...] = (
        ("chips", cell.chip, everything.chips),
        ("models", cell.model, everything.models),
        ("engines", variant.engine, everything.engines),
        ("gates", variant.gate, everything.policies),
    )
    return next((f"{folder}/{name}.yaml" for folder, name, there in needs if name and name not in there), "")
