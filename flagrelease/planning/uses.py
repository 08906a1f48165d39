"""What a bundle variant uses that can be bumped: components, wheels, its SDK, weights, engine, policy, benchmarks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from flagrelease.domain.bundle import Variant
from flagrelease.domain.component import Component, GitSource, IndexSource, PatchRef
from flagrelease.domain.everything import Cell, Everything
from flagrelease.domain.gate import Policy
from flagrelease.domain.model import Weights
from flagrelease.domain.source import FileSource, HuggingFaceSource, ModelScopeSource, WheelSource
from flagrelease.formats.positions import path_text
from flagrelease.stages import ORDER

IMAGE: Final = tuple(ORDER[ORDER.index("fetch") : ORDER.index("publish")])
"""What has work to do when an input of the image changes."""

BESIDE: Final = ("fetch", "smoke_kernels", "smoke_serving", "evaluate")
"""When an input beside the image changes, the image stays; its lock does not, so smoke and evaluation are redone."""

POLICY: Final = BESIDE[1:]
"""As above, and nothing new is fetched."""

BENCHMARK: Final = ("evaluate",)
"""A harness asks for a benchmark by name; the lock does not hold it."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """One thing that a cell uses: `kind` and `name` for people, `words` it answers to, and where the recipe says so.

    `versions` are all the ways in which its version is written; the first is shown. `stages` have work to do when it
    changes.
    """

    cell: Cell
    kind: str
    name: str
    words: tuple[str, ...]
    versions: tuple[str, ...]
    path: str
    key: str
    stages: tuple[str, ...] = IMAGE
    patches: PatchRef | None = field(default=None)


def plain_name(name: str) -> str:
    """A name without what people write differently: `Flag-Gems`, `flag_gems` and `flaggems` are one."""
    return re.sub(r"[-_.]", "", name.casefold())


def uses_of(everything: Everything, cell: Cell) -> Iterator[Use]:
    """Everything that the cell uses, as far as its recipes are there."""
    variant = everything.variant(cell)
    bundle = f"bundles/{cell.chip}/{cell.model}.yaml"
    for name, component in variant.components.items():
        yield _component(cell, bundle, name, component)
    for index, requirement in enumerate(variant.wheels):
        project, _, version = requirement.partition("==")
        key = path_text(("variants", cell.variant, "wheels", index))
        yield Use(cell=cell, kind="wheel", name=project, words=(project,), versions=(version,), path=bundle, key=key)
    yield from _sdk(everything, cell, variant)
    yield from _models(everything, cell, variant)
    if plain_name(variant.engine) not in {plain_name(name) for name in variant.components}:
        # A component of the same name is the engine itself, and has a version.
        key = path_text(("variants", cell.variant, "engine"))
        name = variant.engine
        yield Use(cell=cell, kind="engine", name=name, words=(name,), versions=(), path=bundle, key=key)
    if policy := everything.policies.get(variant.gate or ""):
        yield from _gate(everything, cell, policy)


def _component(cell: Cell, path: str, name: str, component: Component) -> Use:
    words, versions = [name], [component.version]
    match component.source:
        case GitSource(repository=repository, tag=tag, commit=commit, branch=branch):
            words.append(repository.rpartition("/")[2])
            versions += [tag, commit, branch]
        case IndexSource(project=project, version=version):
            words.append(project)
            versions.append(version)
        case _:
            pass
    return Use(
        cell=cell,
        kind="component",
        name=name,
        words=tuple(dict.fromkeys(words)),
        versions=tuple(dict.fromkeys(version for version in versions if version)),
        path=path,
        key=path_text(("variants", cell.variant, "components", name)),
        patches=component.patches,
    )


def _sdk(everything: Everything, cell: Cell, variant: Variant) -> Iterator[Use]:
    chip = everything.chips.get(cell.chip)
    sdk = chip.sdks.get(variant.sdk) if chip else None
    if chip is None or sdk is None:
        return
    # `cann8.5.0` is a generation of `cann`.
    family = re.match(r"[a-z]+(?:[._-]?[a-z]+)*", variant.sdk)
    names = ["sdk", variant.sdk, *([family[0]] if family else [])]
    yield Use(
        cell=cell,
        kind="SDK",
        name=f"{cell.chip}:{variant.sdk}",
        words=(*(f"{chip}:{name}" for chip in (chip.name, *chip.aliases) for name in names), *names[1:]),
        versions=tuple(dict.fromkeys(one for one in (sdk.version, variant.sdk) if one)),
        path=f"chips/{cell.chip}.yaml",
        key=path_text(("sdks", variant.sdk)),
    )


def _models(everything: Everything, cell: Cell, variant: Variant) -> Iterator[Use]:
    second = variant.smoke.second_model if variant.smoke else None
    asked = [("weights", cell.model, variant.weights, IMAGE)]
    if second:
        asked.append(("second model", second.model, second.weights, BESIDE))
    for kind, model, form, stages in asked:
        found = everything.models.get(model)
        weights = found.weights.get(form) if found else None
        if weights:
            yield _weights(cell, kind, f"{model}:{form}", weights, stages)


def _weights(cell: Cell, kind: str, name: str, weights: Weights, stages: tuple[str, ...]) -> Use:
    model, _, form = name.partition(":")
    repository = _carrier(weights.source)
    return Use(
        cell=cell,
        kind=kind,
        name=name,
        words=tuple(dict.fromkeys((model, name, *([repository] if repository else [])))),
        versions=tuple(version for version in (_version(weights.source),) if version),
        path=f"models/{model}.yaml",
        key=path_text(("weights", form)),
        stages=stages,
    )


def _carrier(source: FileSource | None) -> str:
    match source:
        case WheelSource(project=project):
            return project
        case HuggingFaceSource(repo=repo) | ModelScopeSource(repo=repo):
            return repo.rpartition("/")[2]
        case _:
            return ""


def _version(source: FileSource | None) -> str:
    match source:
        case WheelSource(version=version):
            return version
        case HuggingFaceSource(revision=revision) | ModelScopeSource(revision=revision):
            return revision or ""
        case _:
            return ""


def _gate(everything: Everything, cell: Cell, policy: Policy) -> Iterator[Use]:
    path = f"gates/{policy.name}.yaml"
    yield Use(
        cell=cell, kind="policy", name=policy.name, words=(policy.name,), versions=(), path=path, key="", stages=POLICY
    )  # fmt: skip
    for name, task in policy.tasks.items():
        yield Use(
            cell=cell,
            kind="benchmark",
            name=name,
            words=(name, *([carrier] if (carrier := _carrier(task.dataset.source)) else [])),
            versions=tuple(version for version in (_version(task.dataset.source),) if version),
            path=path,
            key=path_text(("tasks", name)),
            stages=BESIDE,
        )
    for name, asked in policy.harness_tasks.items():
        benchmark = everything.benchmarks.get(asked.benchmark)
        yield Use(
            cell=cell,
            kind="benchmark",
            name=asked.benchmark,
            words=(asked.benchmark, name, *(benchmark.aliases if benchmark else ())),
            versions=(),
            path=path,
            key=path_text(("harness_tasks", name)),
            stages=BENCHMARK,
        )
