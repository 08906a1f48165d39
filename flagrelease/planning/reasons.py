"""Why a cell counts as changed between two states of the project: which file, which key, and how."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from flagrelease.domain.component import PatchRef
from flagrelease.domain.everything import Cell, Everything
from flagrelease.domain.lock import LockFile
from flagrelease.domain.value import Value
from flagrelease.formats.positions import Path, path_text
from flagrelease.locking.inputs import moves_between
from flagrelease.planning.keys import ABSENT, Absent, changes, said
from flagrelease.planning.parts import Part, parts_of_cell

Locks: TypeAlias = Callable[[str, str], LockFile | str | None]
"""The lock file of a chip and a model: None where there is none, a text where it cannot be read."""

RECIPES: Final = "recipes"
TEMPLATES: Final = "dockerfiles"
PATCHES: Final = "patches"
CODE: Final = "flagrelease"
_BASE_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One thing that changed: its file, the key in it (empty: the file as a whole), and how."""

    path: str
    key: str
    text: str

    def __str__(self) -> str:
        """On one line."""
        return f"{self.path}: {self.key}: {self.text}" if self.key else f"{self.path}: {self.text}"


@dataclass(frozen=True, kw_only=True)
class State:
    """The project at one time.

    `files` has the id of each file's content by its path from the project's folder. `everything` may leave out what is
    the same in the other state; `unreadable` are recipes that are not in it because they cannot be read.
    """

    files: Mapping[str, str]
    everything: Everything
    locks: Locks
    unreadable: frozenset[str] = field(default_factory=frozenset)


class Reasons:
    """Holds two states against each other. What many cells share is compared once."""

    def __init__(self, before: State, now: State, *, code: bool) -> None:
        self._before = before
        self._now = now
        self._changed = changed_files(before.files, now.files)
        self._patches = [path for path in self._changed if path.startswith(f"{PATCHES}/")]
        self._code = [path for path in self._changed if path.startswith(f"{CODE}/")] if code else []
        self._parts: dict[tuple[str, Path], tuple[Reason, ...]] = {}

    def of(self, cell: Cell) -> tuple[Reason, ...]:
        """Every reason for the cell, recipes first; empty when nothing that it is made from changed."""
        path = f"{RECIPES}/bundles/{cell.chip}/{cell.model}.yaml"
        before = self._before.everything.bundles.get((cell.chip, cell.model))
        if path not in self._before.files:
            found: Iterable[Reason] = [Reason(path=path, key="", text="a new bundle")]
        elif before is not None and cell.variant not in before.variants:
            found = [Reason(path=path, key=path_text(("variants", cell.variant)), text="a new variant")]
        else:
            found = (*self._of_default(cell, path), *self._of_parts(cell), *self._of_files(cell), *self._of_lock(cell))
        return tuple(dict.fromkeys((*found, *map(self._file, self._code))))

    def gone(self) -> tuple[Cell, ...]:
        """Cells that were there before and are no longer."""
        now = set(self._now.everything.cells())
        return tuple(cell for cell in self._before.everything.cells() if cell not in now)

    def _of_default(self, cell: Cell, path: str) -> Iterator[Reason]:
        """`build` takes another variant than before when none is named."""
        bundle, before = (s.everything.bundles.get((cell.chip, cell.model)) for s in (self._now, self._before))
        if bundle and before and cell.variant == bundle.default_variant != before.default_variant:
            text = f"{said(before.default_variant)} → {said(bundle.default_variant)}"
            yield Reason(path=path, key="default_variant", text=text)

    def _of_parts(self, cell: Cell) -> Iterator[Reason]:
        for part in parts_of_cell(self._now.everything, cell):
            place = (part.path, part.at)
            if place not in self._parts:
                self._parts[place] = tuple(self._of_part(part))
            yield from self._parts[place]

    def _of_part(self, part: Part) -> Iterator[Reason]:
        path = f"{RECIPES}/{part.path}"
        if path not in self._before.files:
            yield self._file(path)
        elif part.path in self._before.unreadable:
            yield Reason(path=path, key="", text="could not be read then, so all of it counts as changed")
        elif (before := value_at(self._before.everything, part.path, part.at)) is ABSENT:
            yield Reason(path=path, key=path_text(part.at), text="new")
        elif before is not None and before != part.value:
            data = replace(part, value=before).data(readers_too=False)
            for change in changes(data, part.data(readers_too=False)):
                text = f"{said(change.before)} → {said(change.after)}"
                yield Reason(path=path, key=path_text((*part.at, *change.path)), text=text)

    def _of_files(self, cell: Cell) -> Iterator[Reason]:
        variant = self._now.everything.variant(cell)
        paths = [f"{TEMPLATES}/{file.template}" for file in variant.files]
        if variant.reference and variant.reference.kind != "switched_off" and variant.reference.baseline:
            paths.append(f"{RECIPES}/baselines/{variant.reference.baseline}")
        for name, component in variant.components.items():
            if component.patches:
                paths += [path for path in self._patches if is_of_patch_set(path, name, component.patches)]
        yield from (self._file(path) for path in paths if path in self._changed)

    def _of_lock(self, cell: Cell) -> Iterator[Reason]:
        path = f"{RECIPES}/bundles/{cell.chip}/{cell.model}.lock.json"
        if path in self._changed:
            before, now = (state.locks(cell.chip, cell.model) for state in (self._before, self._now))
            for key, text in lock_reasons(before, now, cell.variant):
                yield Reason(path=path, key=key, text=text)

    def _file(self, path: str) -> Reason:
        text = "changed" if path in self._before.files and path in self._now.files else "gone"
        return Reason(path=path, key="", text="a new file" if path not in self._before.files else text)


def changed_files(before: Mapping[str, str], now: Mapping[str, str]) -> Mapping[str, None]:
    """The paths whose content differs, sorted."""
    return dict.fromkeys(sorted(path for path in {*before, *now} if before.get(path) != now.get(path)))


def value_at(everything: Everything, path: str, at: Path) -> Value | Absent | None:
    """What a recipe file holds at a place: ABSENT when nothing is there, None when the file is not among them."""
    folder, *names = path.removesuffix(".yaml").split("/")
    holders: Mapping[str, Mapping[Any, Value]] = {
        "chips": everything.chips, "engines": everything.engines, "models": everything.models,
        "benchmarks": everything.benchmarks, "harnesses": everything.harnesses, "gates": everything.policies,
        "bundles": everything.bundles, "rehearsals": everything.rehearsals,
    }  # fmt: skip
    found = holders[folder].get(tuple(names) if len(names) > 1 else names[0])
    if found is None or not at:
        return found
    holder, name = at
    inner: Value | Absent = getattr(found, str(holder)).get(name, ABSENT)
    return inner


def is_of_patch_set(path: str, component: str, patches: PatchRef) -> bool:
    """Whether a file belongs to `patches/<component>/<base commit, 12 digits>/<chip>/`."""
    match path.split("/"):
        case [_, name, base, chip, _, *_]:
            same_base = base.startswith(patches.base[:_BASE_DIGITS]) or patches.base.startswith(base)
            return (name, chip) == (component, patches.chip) and same_base
        case _:
            return False


def lock_reasons(before: LockFile | str | None, now: LockFile | str | None, variant: str) -> Iterator[tuple[str, str]]:
    """Key and text of each difference between two lock files in one variant."""
    if isinstance(before, str) or isinstance(now, str):
        yield "", "inputs cannot be compared: " + (before if isinstance(before, str) else str(now))
        return
    was, is_now = (file.variants.get(variant) if file else None for file in (before, now))
    if was == is_now:
        return
    if was is None or is_now is None:
        yield path_text(("variants", variant)), "no longer locked" if is_now is None else "newly locked"
        return
    moves = moves_between(was, is_now)
    for move in moves:
        yield move.key, f"{move.before or 'not there'} → {move.after or 'gone'}"
    if not moves:
        fields = [name for name in type(is_now).model_fields if getattr(was, name, None) != getattr(is_now, name)]
        yield path_text(("variants", variant)), f"another {', '.join(fields)}"
