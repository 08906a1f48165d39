"""What rules look at: a bundle variant with what it refers to, an SDK, a published table, a patch set."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from flagrelease.domain.baseline import BaselineStatement
from flagrelease.domain.bundle import Bundle, Variant
from flagrelease.domain.chip import Architecture, Chip, Sdk
from flagrelease.domain.engine import Engine, ModelSupport
from flagrelease.domain.everything import Cell
from flagrelease.domain.evidence import Baseline
from flagrelease.domain.gate import Policy
from flagrelease.domain.model import Model, Weights
from flagrelease.domain.patch_series import Series
from flagrelease.domain.published import DifferenceRow, Published, ScoreRow
from flagrelease.formats.positions import Path
from flagrelease.lint.found import Fix, Found, Severity


@dataclass(frozen=True, kw_only=True)
class PatchFolder:
    """A folder `patches/<component>/<base, 12 digits>/<chip>`: what it says of itself, or why it cannot be read."""

    component: str
    base: str
    chip: str
    series: Series | None = None
    fault: str = ""

    @property
    def folder(self) -> str:
        """Its place below `patches/`."""
        return f"{self.component}/{self.base}/{self.chip}"


@dataclass(frozen=True, kw_only=True)
class BaselineView:
    """A baseline by its place below `recipes/baselines/`: what it says, or why it cannot be read.

    `signers` are the trusted keys that signed it; a withdrawal that cannot be read is a fault.
    """

    name: str
    record: Baseline | BaselineStatement | None = None
    fault: str = ""
    signers: tuple[str, ...] = ()
    withdrawn_since: date | None = None
    withdrawn_why: str = ""

    @property
    def expires(self) -> date | None:
        """Its last day; None where it has none."""
        return self.record.expires if isinstance(self.record, BaselineStatement) else None

    @property
    def flip_rates(self) -> Mapping[str, float]:
        """The share of items that reruns answered differently, by task."""
        return self.record.flip_rates if isinstance(self.record, BaselineStatement) else {}


@dataclass(frozen=True, kw_only=True)
class VariantView:
    """One bundle variant with the recipes it names; None where there is no such recipe, or it cannot be read."""

    cell: Cell
    bundle: Bundle
    variant: Variant
    chip: Chip | None
    sdk: Sdk | None
    engine: Engine | None
    model: Model | None
    weights: Weights | None
    policy: Policy | None

    @property
    def file(self) -> str:
        """The bundle's recipe."""
        return f"bundles/{self.cell.chip}/{self.cell.model}.yaml"

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """What it is built for: what it says itself, or all that its chip has."""
        if self.variant.architecture:
            return (self.variant.architecture,)
        return self.chip.architectures if self.chip else ()

    @property
    def support(self) -> ModelSupport | None:
        """What its engine says about its model."""
        return self.engine.models.get(self.cell.model) if self.engine else None

    @cached_property
    def env(self) -> dict[str, str]:
        """The variables it runs with, in the order in which `run` sets them; the later wins."""
        merged: dict[str, str] = {}
        for _, layer in self.env_layers:
            merged |= layer
        return merged

    @cached_property
    def env_layers(self) -> tuple[tuple[Path, Mapping[str, str]], ...]:
        """Each group of variables, with the key of this variant that brings it."""
        variant, profiles = self.variant, self.chip.profiles if self.chip else {}
        reference = variant.reference
        named = enumerate(variant.profiles)
        return (
            (("container", "env"), variant.container.env),
            (("sdk",), self.sdk.env if self.sdk else {}),
            *((("profiles", index), profiles[name].on) for index, name in named if name in profiles),
            (("env",), variant.env),
            (("reference", "on"), reference.on if reference and reference.kind == "switched_off" else {}),
            (("script", "env"), variant.script.env if variant.script else {}),
        )

    def found(
        self, *key: str | int, text: str, hint: str = "", severity: Severity | None = None, fix: Fix | None = None
    ) -> Found:
        """A finding at a key of this variant."""
        path = ("variants", self.cell.variant, *key)
        return Found(
            file=self.file, key=path, text=text, hint=hint, severity=severity, cells=(self.cell,), fix=fix
        )  # fmt: skip

    def key(self, *key: str | int) -> tuple[str | int, ...]:
        """A key of this variant, from the top of its file."""
        return ("variants", self.cell.variant, *key)


@dataclass(frozen=True, kw_only=True)
class SdkView:
    """One SDK generation of a chip, and the variants that are built on it."""

    chip: Chip
    name: str
    sdk: Sdk
    users: tuple[VariantView, ...]

    def found(self, *key: str | int, text: str, hint: str = "", severity: Severity | None = None) -> Found:
        """A finding at a key of this SDK. What no bundle uses is only noted: nothing is built from it."""
        return Found(
            file=f"chips/{self.chip.name}.yaml",
            key=("sdks", self.name, *key),
            text=text if self.users else f"{text} (no bundle uses this SDK)",
            hint=hint,
            severity=severity if self.users else "note",
            cells=tuple(one.cell for one in self.users),
        )


@dataclass(frozen=True, kw_only=True)
class TableView:
    """One published table, and the variants that show it."""

    chip: str
    name: str
    table: Published
    users: tuple[VariantView, ...]

    @property
    def file(self) -> str:
        """The table's recipe."""
        return f"published/{self.chip}/{self.name}.yaml"

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """The benchmark of each row."""
        rows: tuple[ScoreRow | DifferenceRow, ...] = self.table.scores.rows
        return tuple(row.benchmark for row in rows)

    def found(self, *key: str | int, text: str, hint: str = "", severity: Severity | None = None) -> Found:
        """A finding at a key of this table."""
        cells = tuple(one.cell for one in self.users)
        return Found(file=self.file, key=key, text=text, hint=hint, severity=severity, cells=cells)
