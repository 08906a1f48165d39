"""The parts of recipe files that a bundle variant is made of: each with its file, its place there, and its value."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flagrelease.domain.everything import Cell, Everything
from flagrelease.domain.recipe import FOR_READERS, Recipe
from flagrelease.domain.value import Value
from flagrelease.formats.positions import Path

_ELSEWHERE = {"chip": frozenset({"sdks"}), "model": frozenset({"weights"}), "second_model": frozenset({"weights"})}
"""What is a part of its own, as far as the variant uses it."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part: `head` is what its keys begin with, empty for the variant's own; `at` is its place in `path`.

    `path` is below the recipe folder. `for_readers` are those of its keys that change no bundle.
    """

    head: Path
    path: str
    at: Path
    value: Value
    for_readers: frozenset[str] = field(default_factory=frozenset)
    elsewhere: frozenset[str] = field(default_factory=frozenset)

    def data(self, *, readers_too: bool) -> dict[str, Any]:
        """Its value as plain data."""
        left_out = self.elsewhere if readers_too else self.elsewhere | self.for_readers
        return self.value.model_dump(mode="json", by_alias=True, exclude=set(left_out))


def parts_of_recipe(recipe: Recipe) -> tuple[Part, ...]:
    """The parts of a recipe that was put together. The variant's own come first."""
    variant = recipe.variant
    chip_file, bundle = f"chips/{recipe.chip.name}.yaml", f"bundles/{recipe.chip.name}/{recipe.model.name}.yaml"
    parts = [
        _part("variant", bundle, variant, at=("variants", recipe.variant_name), head=()),
        _part("sdk", chip_file, recipe.sdk, at=("sdks", variant.sdk)),
        _part("chip", chip_file, recipe.chip),
        _part("engine", f"engines/{recipe.engine.name}.yaml", recipe.engine),
        _part("model", f"models/{recipe.model.name}.yaml", recipe.model),
        _part("weights", f"models/{recipe.model.name}.yaml", recipe.weights, at=("weights", variant.weights)),
    ]
    second = variant.smoke.second_model if variant.smoke else None
    if second and recipe.second_model and recipe.second_weights:
        path = f"models/{second.model}.yaml"
        parts.append(_part("second_model", path, recipe.second_model))
        parts.append(_part("second_weights", path, recipe.second_weights, at=("weights", second.weights)))
    if recipe.policy:
        parts.append(_part("policy", f"gates/{recipe.policy.name}.yaml", recipe.policy))
    return tuple(parts)


def parts_of_cell(everything: Everything, cell: Cell) -> Iterator[Part]:
    """The parts of a cell, as far as their recipes are there. Those of profiles and benchmarks are told apart."""
    variant = everything.variant(cell)
    bundle, chip_file = f"bundles/{cell.chip}/{cell.model}.yaml", f"chips/{cell.chip}.yaml"
    yield _part("variant", bundle, variant, at=("variants", cell.variant), head=())
    if chip := everything.chips.get(cell.chip):
        yield _part("chip", chip_file, chip)
        if sdk := chip.sdks.get(variant.sdk):
            yield _part("sdk", chip_file, sdk, at=("sdks", variant.sdk))
        for name in variant.profiles:
            if profile := chip.profiles.get(name):
                yield _part("profile", chip_file, profile, at=("profiles", name), head=("chip", "profiles", name))
    if engine := everything.engines.get(variant.engine):
        yield _part("engine", f"engines/{variant.engine}.yaml", engine)
    yield from _model_parts(everything, cell.model, variant.weights, "model", "weights")
    if variant.smoke:
        second = variant.smoke.second_model
        yield from _model_parts(everything, second.model, second.weights, "second_model", "second_weights")
    policy = everything.policies.get(variant.gate or "")
    if policy:
        yield _part("policy", f"gates/{policy.name}.yaml", policy)
        for name in sorted({task.benchmark for task in policy.harness_tasks.values()}):
            if benchmark := everything.benchmarks.get(name):
                yield _part("benchmark", f"benchmarks/{name}.yaml", benchmark, head=("benchmark", name))


def _model_parts(everything: Everything, model: str, weights: str, head: str, weights_head: str) -> Iterator[Part]:
    found = everything.models.get(model)
    if found is None:
        return
    path = f"models/{model}.yaml"
    yield _part(head, path, found)
    if weights in found.weights:
        yield _part(weights_head, path, found.weights[weights], at=("weights", weights))


def _part(kind: str, path: str, value: Value, *, at: Path = (), head: Path | None = None) -> Part:
    return Part(
        head=(kind,) if head is None else head,
        path=path,
        at=at,
        value=value,
        for_readers=frozenset(FOR_READERS.get(kind, ())) | _NOTES.get(kind, frozenset()),
        elsewhere=_ELSEWHERE.get(kind, frozenset()),
    )


_NOTES = {
    "profile": frozenset({"title", "engines", "off", "cost", "source"}),
    "benchmark": frozenset({"title", "aliases", "source", "note"}),
}
