"""All recipes as the rules look at them: each bundle variant with what it refers to, and who uses what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import PurePosixPath

from flagrelease.domain.component import PatchRef
from flagrelease.domain.everything import Cell, Everything
from flagrelease.domain.value import Value
from flagrelease.lint.power import Count, passing
from flagrelease.lint.views import BaselineView, PatchFolder, SdkView, TableView, VariantView

_KINDS = {
    "chips": "chip", "engines": "engine", "models": "model", "benchmarks": "benchmark",
    "harnesses": "harness", "gates": "gate policy", "rehearsals": "rehearsal",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Project:
    """Every recipe, the files they may name, and the day on which they are judged.

    `folder` is what messages call the recipe folder. Rules that run after waivers see `used_waivers`, those that
    silenced something, by their place in their variant, and `waivable`: every rule's id, and whether it can be waived.
    `passing` counts what a policy does to an identical chip.
    `held` are the baselines that variants name.
    """

    recipes: Everything
    today: date
    folder: str = "recipes"
    templates: frozenset[str] = frozenset()
    baselines: frozenset[str] = frozenset()
    harness_files: frozenset[str] = frozenset()
    held: Mapping[str, BaselineView] = field(default_factory=dict)
    patch_sets: tuple[PatchFolder, ...] = ()
    used_waivers: frozenset[tuple[Cell, int]] = frozenset()
    waivable: Mapping[str, bool] = field(default_factory=dict)
    passing: Count = passing

    @cached_property
    def variants(self) -> tuple[VariantView, ...]:
        """Every variant of every bundle."""
        return tuple(self._view(cell) for cell in self.recipes.cells())

    @cached_property
    def sdks(self) -> tuple[SdkView, ...]:
        """Every SDK of every chip."""
        users: dict[tuple[str, str], list[VariantView]] = {}
        for one in self.variants:
            users.setdefault((one.cell.chip, one.variant.sdk), []).append(one)
        return tuple(
            SdkView(chip=chip, name=name, sdk=sdk, users=tuple(users.get((chip.name, name), ())))
            for chip in self.recipes.chips.values()
            for name, sdk in chip.sdks.items()
        )

    @cached_property
    def tables(self) -> tuple[TableView, ...]:
        """Every published table."""
        users: dict[tuple[str, str], list[VariantView]] = {}
        for one in self.variants:
            for table in one.variant.published:
                users.setdefault((one.cell.chip, table), []).append(one)
        return tuple(
            TableView(chip=chip, name=name, table=table, users=tuple(users.get((chip, name), ())))
            for (chip, name), table in self.recipes.published.items()
        )

    @cached_property
    def documents(self) -> tuple[tuple[str, Value], ...]:
        """Every recipe that could be read, by its file."""
        recipes = self.recipes
        flat = (
            ("chips", recipes.chips), ("engines", recipes.engines), ("models", recipes.models),
            ("benchmarks", recipes.benchmarks), ("harnesses", recipes.harnesses), ("gates", recipes.policies),
            ("rehearsals", recipes.rehearsals),
        )  # fmt: skip
        nested = (("bundles", recipes.bundles), ("published", recipes.published))
        return (
            *((f"{folder}/{name}.yaml", value) for folder, values in flat for name, value in values.items()),
            *((f"{folder}/{a}/{b}.yaml", value) for folder, values in nested for (a, b), value in values.items()),
        )

    def spelled(self, file: str) -> str:
        """A recipe as JSON text, in which a mark can be looked for at once."""
        return self._spelled[file]

    def users(self, file: str, key: tuple[str | int, ...] = ()) -> tuple[Cell, ...]:
        """The variants that a key of a recipe is about: the variant it is in, or all that use the recipe."""
        if file.startswith("bundles/"):
            cells = self._users_by_file.get(file, ())
            named = key[1] if key[:1] == ("variants",) and len(key) > 1 else None
            return tuple(cell for cell in cells if cell.variant == named)
        return self._users_by_file.get(file, ())

    def users_of_weights(self, model: str, form: str) -> tuple[Cell, ...]:
        """The variants that serve this form of a model's weights."""
        return self._users_of_weights.get((model, form), ())

    def names(self, folder: str) -> frozenset[str]:
        """The recipes of a flat folder, also those that cannot be read: a broken file is not a missing one."""
        return self._names[folder]

    def tables_of(self, chip: str) -> frozenset[str]:
        """The published tables of a chip, also those that cannot be read."""
        return self._tables_by_chip.get(chip, frozenset())

    def patch_set(self, component: str, ref: PatchRef) -> PatchFolder | None:
        """The set that a component names, where there is one."""
        for one in self.patch_sets:
            digits = one.series.base if one.series else one.base
            if (one.component, one.chip) == (component, ref.chip) and digits.startswith(ref.base[: len(digits)]):
                return one
        return None

    @staticmethod
    def kind(folder: str) -> str:
        """What a recipe of this folder is called."""
        return _KINDS[folder]

    @cached_property
    def _spelled(self) -> dict[str, str]:
        return {file: value.model_dump_json(by_alias=True) for file, value in self.documents}

    @cached_property
    def _names(self) -> dict[str, frozenset[str]]:
        recipes = self.recipes
        readable = {
            "chips": recipes.chips, "engines": recipes.engines, "models": recipes.models,
            "benchmarks": recipes.benchmarks, "harnesses": recipes.harnesses, "gates": recipes.policies,
            "rehearsals": recipes.rehearsals,
        }  # fmt: skip
        broken = [PurePosixPath(one.path) for one in recipes.unreadable]
        return {
            folder: frozenset(names) | {path.stem for path in broken if path.parts[0] == folder}
            for folder, names in readable.items()
        }

    @cached_property
    def _tables_by_chip(self) -> dict[str, frozenset[str]]:
        broken = [PurePosixPath(one.path) for one in self.recipes.unreadable]
        tables = [*self.recipes.published, *((p.parent.name, p.stem) for p in broken if p.parts[0] == "published")]
        found: dict[str, set[str]] = {}
        for chip, name in tables:
            found.setdefault(chip, set()).add(name)
        return {chip: frozenset(names) for chip, names in found.items()}

    @cached_property
    def _users_by_file(self) -> dict[str, tuple[Cell, ...]]:
        users: dict[str, list[Cell]] = {}
        for one in self.variants:
            for file in _files_of(one):
                users.setdefault(file, []).append(one.cell)
        return {file: tuple(cells) for file, cells in users.items()}

    @cached_property
    def _users_of_weights(self) -> dict[tuple[str, str], tuple[Cell, ...]]:
        users: dict[tuple[str, str], list[Cell]] = {}
        for one in self.variants:
            users.setdefault((one.cell.model, one.variant.weights), []).append(one.cell)
        return {key: tuple(cells) for key, cells in users.items()}

    def _view(self, cell: Cell) -> VariantView:
        recipes, bundle = self.recipes, self.recipes.bundles[cell.chip, cell.model]
        variant = bundle.variants[cell.variant]
        chip, model = recipes.chips.get(cell.chip), recipes.models.get(cell.model)
        return VariantView(
            cell=cell,
            bundle=bundle,
            variant=variant,
            chip=chip,
            sdk=chip.sdks.get(variant.sdk) if chip else None,
            engine=recipes.engines.get(variant.engine),
            model=model,
            weights=model.weights.get(variant.weights) if model else None,
            policy=recipes.policies.get(variant.gate) if variant.gate else None,
        )


def _files_of(one: VariantView) -> Iterator[str]:
    yield one.file
    yield f"chips/{one.cell.chip}.yaml"
    yield f"models/{one.cell.model}.yaml"
    yield f"engines/{one.variant.engine}.yaml"
    if one.variant.gate:
        yield f"gates/{one.variant.gate}.yaml"
    for table in one.variant.published:
        yield f"published/{one.cell.chip}/{table}.yaml"
