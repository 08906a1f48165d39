"""Vendor patch sets: whether the one that a component names is there, and is for what the bundle does with it."""

import re
from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

from flagrelease.domain.component import Component, GitSource, PatchRef
from flagrelease.lint.found import Found
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.views import PatchFolder, VariantView

_SET: Final[dict[str, JsonValue]] = {"chip": "alpha", "base": "b" * 40, "status": "imported"}
"""A set that there is in the small recipes of the examples; another one of the chip is at `cccc…`."""


def _named(project: Project) -> Iterator[tuple[VariantView, str, Component, PatchRef, PatchFolder | None]]:
    """Every component that names a set, with the one that there is."""
    for one in project.variants:
        for name, component in one.variant.components.items():
            if ref := component.patches:
                yield one, name, component, ref, project.patch_set(name, ref)


@rule(
    "FR131",
    "error",
    "a patch set that is not in the project",
    why=(
        "A component whose patches are missing is the vendor's upstream as it was, which does not run on the chip. "
        "FlagScale's own tool warns there, and goes on with another commit."
    ),
    hint="`flagrelease patch add` or `patch import` makes it; `status: needed` says that it is still to come",
    bad={"component.patches": {**_SET, "base": "d" * 40}, "component.source.commit": "d" * 40},
    good={"component.patches": {**_SET, "base": "d" * 40, "status": "needed"}, "component.source.commit": "d" * 40},
)
def missing_set(project: Project) -> Iterator[Found]:
    """Sets that are said to be there, and are not, or cannot be read."""
    for one, name, _, ref, there in _named(project):
        if there is None and ref.status == "imported":
            text = f"there is no patch set patches/{name}/{ref.base[:12]}/{ref.chip}"
            yield one.found("components", name, "patches", text=text)
        elif there and there.series is None:
            yield one.found("components", name, "patches", text=f"its patch set cannot be read: {there.fault}")


@rule(
    "FR132",
    "error",
    "patches for another commit than the component's",
    why=(
        "Patches are changes to one commit. In seven of 53 entries of FlagScale's patch history the patches of one "
        "bundle are for different commits; its tool applies them to the newest."
    ),
    hint="bump both: `flagrelease patch check --against` says whether the set applies there",
    bad={"component.patches": _SET, "component.source.commit": "e" * 40},
    good={"component.patches": _SET},
)
def other_base(project: Project) -> Iterator[Found]:
    """Bases that are not the beginning of the component's commit, nor the other way round."""
    for one, name, component, ref, there in _named(project):
        source = component.source
        base = there.series.base if there and there.series else ref.base
        commit = source.commit if isinstance(source, GitSource) else None
        if commit and not (commit.startswith(base) or base.startswith(commit)):
            text = f"component `{name}` is at {commit[:12]}, its patches are for {base[:12]}"
            yield one.found("components", name, "patches", "base", text=text)


@rule(
    "FR133",
    "warning",
    "a patch set that came, and is still called needed",
    why="`plan` and `impact` tell a maintainer which sets are to be asked for; one that is there need not be.",
    hint="write `status: imported`",
    bad={"component.patches": {**_SET, "status": "needed"}},
    good={"component.patches": _SET},
)
def came(project: Project) -> Iterator[Found]:
    """Sets that are there, of components that still ask for them."""
    for one, name, _, ref, there in _named(project):
        if there and ref.status == "needed":
            text = f"the patches of `{name}` are there: patches/{there.folder}"
            yield one.found("components", name, "patches", "status", text=text)


@rule(
    "FR134",
    "error",
    "patches that are for another task",
    why=(
        "FlagScale keeps one folder of patches for all tasks of a chip. Its training patches of July 2025 lie where "
        "the inference stack of the BI-V150 looks for its own."
    ),
    hint="take the set that is for inference, or correct `task` in its series.yaml",
    bad={"component.patches": {**_SET, "chip": "beta"}},
    good={"component.patches": _SET},
)
def other_task(project: Project) -> Iterator[Found]:
    """Sets that do not say inference, named by a bundle that serves."""
    for one, name, _, _, there in _named(project):
        series = there.series if there else None
        if series and one.variant.serving and "inference" not in series.task:
            text = f"the patches of `{name}` are for {', '.join(series.task)}, and the bundle serves"
            yield one.found("components", name, "patches", text=text)


@rule(
    "FR135",
    "note",
    "patches that were made for other models",
    why="A vendor's changes were tried with the models that they name; with another one nobody may have.",
    hint="try it, and add the model to `models` of its series.yaml",
    bad={"component.patches": {**_SET, "base": "c" * 40}, "component.source.commit": "c" * 40},
    good={"component.patches": _SET},
)
def other_models(project: Project) -> Iterator[Found]:
    """Sets that name models, none of which is the bundle's."""
    for one, name, _, _, there in _named(project):
        models = there.series.models if there and there.series else ()
        known = {_plain(one.cell.model), _plain(one.model.title) if one.model else ""}
        if models and not known & set(map(_plain, models)):
            text = f"the patches of `{name}` were made for {', '.join(models)}, not for {one.cell.model}"
            yield one.found("components", name, "patches", text=text)


@rule(
    "FR136",
    "error",
    "a mirror that is no other place",
    why="A mirror is asked when its repository does not answer. The same place once more does not answer either.",
    hint="take it out",
    bad={"component.source.mirrors": [{"forge": "github", "repository": "makers/lib"}]},
    good={"component.source.mirrors": [{"forge": "gitee", "repository": "makers/lib"}]},
)
def same_mirror(project: Project) -> Iterator[Found]:
    """Mirrors that are the source itself, or stand there twice."""
    for one in project.variants:
        for name, component in one.variant.components.items():
            if not isinstance(component.source, GitSource):
                continue
            known = {(component.source.forge, component.source.repository)}
            for index, mirror in enumerate(component.source.mirrors):
                place = (mirror.forge, mirror.repository)
                if place in known:
                    text = f"the mirror {mirror.repository} of `{name}` on {mirror.forge} is named before"
                    yield one.found("components", name, "source", "mirrors", index, text=text)
                known.add(place)


def _plain(name: str) -> str:
    return re.sub(r"[-_. ]", "", name.casefold())
