"""Two bundle variants by meaning: keys that differ, where each is written, and inputs that their locks differ in."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flagrelease.domain.lock import Lock, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.formats.lookup import nearest
from flagrelease.formats.positions import Path, path_text
from flagrelease.locking.inputs import Move, moves_between
from flagrelease.planning.effective import effective
from flagrelease.planning.explain import Tree, origins
from flagrelease.planning.keys import ABSENT, changes
from flagrelease.planning.parts import Part, parts_of_recipe

_PINS = ("templates", "patch_sets", "baseline")
_TITLES = {
    "": "recipe", "env": "environment, as it runs", "sdk": "SDK", "chip": "chip", "engine": "engine", "model": "model",
    "weights": "weights", "second_model": "second model", "second_weights": "second model's weights",
    "policy": "gate policy", "templates": "templates, by sha256", "patch_sets": "patch sets, by digest",
    "baseline": "baseline record, by sha256",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two: its recipe, the trees of its files, and its lock, if it has one that can be read.

    `shown` says how a place is written for people; a revision's files lie in a temporary folder.
    """

    recipe: Recipe
    tree: Tree
    lock: Lock | PartialLock | None = None
    shown: Callable[[str], str] = str


@dataclass(frozen=True, kw_only=True)
class Differing:
    """One key that differs. A place is `file:line:col` of the key, or of the nearest key around it."""

    key: str
    before: object
    after: object
    before_at: str
    after_at: str


@dataclass(frozen=True, kw_only=True)
class Group:
    """The keys of one part of the recipe."""

    title: str
    keys: tuple[Differing, ...]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """All that differs. `inputs` is None where a side has no lock; `for_readers` counts the keys that were left out."""

    groups: tuple[Group, ...]
    inputs: tuple[Move, ...] | None
    for_readers: int

    @property
    def is_empty(self) -> bool:
        """Whether the two mean the same."""
        return not self.groups and not self.inputs


def diff(one: Side, other: Side, *, readers_too: bool) -> Difference:
    """What the other has otherwise. What is only for readers is counted, and compared when it is asked for."""
    groups = _groups(one, other, readers_too=readers_too)
    everything = groups if readers_too else _groups(one, other, readers_too=True)
    return Difference(
        groups=groups,
        inputs=moves_between(one.lock, other.lock) if one.lock and other.lock else None,
        for_readers=sum(len(group.keys) for group in everything) - sum(len(group.keys) for group in groups),
    )


def _groups(one: Side, other: Side, *, readers_too: bool) -> tuple[Group, ...]:
    before, after = (dict(_heads(side.recipe, readers_too=readers_too)) for side in (one, other))
    before_parts, after_parts = (_parts(side.recipe) for side in (one, other))
    groups = []
    for head, title in _TITLES.items():
        keys = tuple(
            Differing(
                key=path_text((*_shown_head(head), *change.path)),
                before=change.before,
                after=change.after,
                before_at=_place(one, before_parts, head, change.path),
                after_at=_place(other, after_parts, head, change.path),
            )
            for change in changes(before.get(head, ABSENT), after.get(head, ABSENT))
        )
        if keys:
            groups.append(Group(title=title, keys=keys))
    return tuple(groups)


def _shown_head(head: str) -> Path:
    return (head,) if head else ()


def _heads(recipe: Recipe, *, readers_too: bool) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for part, data in effective(recipe, readers_too=readers_too):
        if not part.head:
            yield "env", data.pop("env")
        yield _head(part), data
    yield "templates", {template.path: template.sha256 for template in recipe.templates}
    yield "patch_sets", {one.folder: one.series for one in recipe.patch_sets}
    yield "baseline", {"sha256": recipe.baseline_sha256} if recipe.baseline_sha256 else {}


def _parts(recipe: Recipe) -> Mapping[str, Part]:
    return {_head(part): part for part in parts_of_recipe(recipe)}


def _head(part: Part) -> str:
    return str(part.head[0]) if part.head else ""


def _place(side: Side, parts: Mapping[str, Part], head: str, path: Path) -> str:
    """Where the side says it; for a key that it has not, where it would stand."""
    if head in _PINS or (head and head != "env" and head not in parts):
        return ""
    part = parts["" if head == "env" else head]
    rest = ("env", *path) if head == "env" else path
    found = origins(side.recipe, part, rest, side.tree)
    if found:
        return side.shown(found[0].place)
    entry, _ = nearest(side.tree(part.path), (*part.at, *rest))
    return side.shown(f"{entry.key_at.source}:{entry.key_at.line}:{entry.key_at.column}")
