"""What another version of one thing would touch: cells and their stages, patch sets, evaluations, and for how long."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flagrelease.domain.component import PatchRef
from flagrelease.domain.everything import Cell, Everything
from flagrelease.errors import RecipeError
from flagrelease.planning.uses import Use, plain_name, uses_of
from flagrelease.stages import ORDER

Times = Callable[[Cell], Mapping[str, float]]
"""Seconds that a cell's stages took in earlier runs; empty without one."""

_COMMIT = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True, kw_only=True)
class Touched:
    """One cell that has work to do. `seconds` is None where a stage's time is not known from an earlier run."""

    cell: Cell
    uses: tuple[Use, ...]
    stages: tuple[str, ...]
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class PatchSet:
    """A vendor's changes to the component, which must be held against its new version."""

    component: str
    patches: PatchRef
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Evaluations:
    """What has to be evaluated again: a policy (None: the cells have no gate) and how many tasks it has."""

    policy: str | None
    tasks: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Impact:
    """What one bump touches. `references` are cells that are measured against the chip whose SDK is bumped."""

    name: str
    version: str
    touched: tuple[Touched, ...]
    at_it: tuple[Use, ...]
    patch_sets: tuple[PatchSet, ...]
    evaluations: tuple[Evaluations, ...]
    references: tuple[Cell, ...]

    @property
    def known_seconds(self) -> float:
        """The time of those cells whose time is known."""
        return sum(one.seconds for one in self.touched if one.seconds is not None)

    @property
    def unknown(self) -> int:
        """How many cells that leaves out."""
        return sum(one.seconds is None for one in self.touched)


def impact(everything: Everything, name: str, version: str, times: Times) -> Impact:
    """What it touches to bump `name` to `version`. Raises RecipeError with the nearest names for an unknown one."""
    uses = [use for cell in everything.cells() for use in uses_of(everything, cell)]
    asked = plain_name(name)
    meant = [use for use in uses if any(plain_name(word) == asked for word in use.words)]
    if not meant:
        raise _unknown(name, uses)
    at_it: list[Use] = []
    by_cell: dict[Cell, list[Use]] = {}
    for use in meant:
        is_at_it = any(same_version(one, version) for one in use.versions)
        (at_it if is_at_it else by_cell.setdefault(use.cell, [])).append(use)
    touched = tuple(_touched(cell, found, times) for cell, found in by_cell.items())
    return Impact(
        name=name,
        version=version,
        touched=touched,
        at_it=tuple(at_it),
        patch_sets=_patch_sets(touched),
        evaluations=_evaluations(everything, touched),
        references=_references(everything, touched),
    )


def same_version(one: str, other: str) -> bool:
    """Whether two versions are one: case and a leading `v` do not count, a commit may be cut."""
    one, other = (text.casefold().removeprefix("v") for text in (one, other))
    if _COMMIT.fullmatch(one) and _COMMIT.fullmatch(other):
        return one.startswith(other) or other.startswith(one)
    return one == other


def _touched(cell: Cell, uses: Sequence[Use], times: Times) -> Touched:
    stages = tuple(stage for stage in ORDER if any(stage in use.stages for use in uses))
    took = times(cell)
    seconds = sum(took[stage] for stage in stages) if all(stage in took for stage in stages) else None
    return Touched(cell=cell, uses=tuple(uses), stages=stages, seconds=seconds)


def _patch_sets(touched: Iterable[Touched]) -> tuple[PatchSet, ...]:
    found: dict[tuple[str, PatchRef], list[Cell]] = {}
    for one in touched:
        for use in one.uses:
            if use.patches:
                found.setdefault((use.name, use.patches), []).append(one.cell)
    sets = [PatchSet(component=name, patches=ref, cells=tuple(cells)) for (name, ref), cells in found.items()]
    return tuple(sorted(sets, key=lambda one: (one.component, one.patches.chip, one.patches.base)))


def _evaluations(everything: Everything, touched: Iterable[Touched]) -> tuple[Evaluations, ...]:
    by_policy: dict[str, list[Cell]] = {}
    for one in touched:
        by_policy.setdefault(everything.variant(one.cell).gate or "", []).append(one.cell)
    return tuple(
        Evaluations(policy=name or None, tasks=_tasks(everything, name), cells=tuple(cells))
        for name, cells in sorted(by_policy.items())
    )


def _tasks(everything: Everything, policy: str) -> int:
    found = everything.policies.get(policy)
    return len(found.tasks) + len(found.harness_tasks) if found else 0


def _references(everything: Everything, touched: Iterable[Touched]) -> tuple[Cell, ...]:
    """Cells whose scores stand beside those of a chip that will have another SDK."""
    chips = {one.cell.chip for one in touched for use in one.uses if use.kind == "SDK"}
    return tuple(
        cell
        for cell in everything.cells()
        if (reference := everything.variant(cell).reference)
        and reference.kind == "other_chip"
        and reference.chip in chips
    )


def _unknown(name: str, uses: Iterable[Use]) -> RecipeError:
    spelled = {plain_name(word): word for use in uses for word in use.words}
    near = difflib.get_close_matches(plain_name(name), sorted(spelled), n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(f'`{spelled[one]}`' for one in near)}? " if near else ""
    return RecipeError(
        f"no bundle uses anything that is called `{name}`",
        hint=f"{meant}a component, wheel, `<chip>:sdk`, model, engine, policy or benchmark can be bumped",
    )
