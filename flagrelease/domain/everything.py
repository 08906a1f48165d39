"""All recipes at once, as values: what lint, matrix, impact and diff look at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.bundle import Bundle, Variant
from flagrelease.domain.chip import Chip
from flagrelease.domain.engine import Engine
from flagrelease.domain.gate import Policy
from flagrelease.domain.harness import Harness
from flagrelease.domain.model import Model
from flagrelease.domain.published import Published
from flagrelease.domain.rehearsal import Rehearsal


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A recipe file that is no recipe: its path below the recipe folder, and one line a fault."""

    path: str
    faults: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One bundle variant by its names."""

    chip: str
    model: str
    variant: str

    @property
    def name(self) -> str:
        """The bundle's name: chip, model, variant."""
        return f"{self.chip}-{self.model}-{self.variant}"


@dataclass(frozen=True, kw_only=True)
class Everything:
    """Every recipe of a folder by name; bundles by (chip, model), tables of published scores by (chip, table)."""

    chips: Mapping[str, Chip] = field(default_factory=dict)
    engines: Mapping[str, Engine] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)
    benchmarks: Mapping[str, Benchmark] = field(default_factory=dict)
    harnesses: Mapping[str, Harness] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    bundles: Mapping[tuple[str, str], Bundle] = field(default_factory=dict)
    published: Mapping[tuple[str, str], Published] = field(default_factory=dict)
    rehearsals: Mapping[str, Rehearsal] = field(default_factory=dict)
    unreadable: tuple[Unreadable, ...] = ()

    def cells(self) -> Iterator[Cell]:
        """Every bundle variant, sorted by chip and model, in the order of its file."""
        for (chip, model), bundle in sorted(self.bundles.items()):
            for variant in bundle.variants:
                yield Cell(chip=chip, model=model, variant=variant)

    def variant(self, cell: Cell) -> Variant:
        """The variant of a cell."""
        return self.bundles[cell.chip, cell.model].variants[cell.variant]
