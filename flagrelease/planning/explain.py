"""The value of a key of a resolved recipe, where it is written, and what it took the place of."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from flagrelease.domain.recipe import Recipe
from flagrelease.errors import RecipeError
from flagrelease.formats.lookup import entry_at, path_of
from flagrelease.formats.positions import Entry, Node, Path, Position, path_text, plain
from flagrelease.planning.effective import effective, layers
from flagrelease.planning.keys import leaves
from flagrelease.planning.parts import Part

Tree: TypeAlias = Callable[[str], Node]
"""The tree of a recipe file, by its path below the recipe folder."""

_NEAREST = 5


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One place that says a key's value. `at` is None where no file does: it is this program's default."""

    value: object
    at: Position | None
    why: str = ""

    @property
    def place(self) -> str:
        """`file:line:col`; empty for a default."""
        return f"{self.at.source}:{self.at.line}:{self.at.column}" if self.at else ""


@dataclass(frozen=True, kw_only=True)
class Explained:
    """One key: its value, where that is written, and what was overridden, the nearest first."""

    key: str
    value: object
    origin: Origin
    overrode: tuple[Origin, ...]


def explain(recipe: Recipe, tree: Tree, key: str = "") -> tuple[Explained, ...]:
    """The key, or every key below it; all keys when it is empty. Raises RecipeError with the nearest keys."""
    known = _table(recipe)
    wanted = _canonical(recipe, key)
    # `engine` is a key of the variant, and what the engine's own keys begin with: the key itself comes first.
    chosen = [path for path in known if path_text(path) == wanted]
    chosen = chosen or [path for path in known if not wanted or wanted in _beginnings(path)]
    if not chosen:
        raise _unknown(key, recipe, known)
    return tuple(_explained(recipe, tree, path, known[path]) for path in chosen)


def keys_of(recipe: Recipe) -> list[str]:
    """Every key that can be explained, in the order of the recipe, with those that hold others."""
    return list(dict.fromkeys(begin for path in _table(recipe) for begin in _beginnings(path)))


def origins(recipe: Recipe, part: Part, rest: Path, tree: Tree) -> list[Origin]:
    """Every place that says the key's value, the effective one first; empty when no file does."""
    found = [
        origin
        for path, at, why in layers(recipe, part, rest)
        for origin in _written(tree(path), at, why)
        if origin.value is not None or not _is_left_open(part, rest)
    ]
    # Two layers may be one place, such as a profile that is named twice.
    return list({(origin.at, origin.why): origin for origin in found}.values())


def _is_left_open(part: Part, rest: Path) -> bool:
    """Whether null means that another place decides."""
    return not part.head and rest in {("serving", "served_name"), ("serving", "context_length"), ("architecture",)}


def _written(root: Node, path: Path, why: str) -> Iterator[Origin]:
    """The key in this file and in those it extends. A list takes the place of a whole list."""
    split = next((index for index, step in enumerate(path) if isinstance(step, int)), len(path))
    holder: Entry | None = entry_at(root, path[:split])
    words = why
    while holder is not None:
        entry = entry_at(holder.node, path[split:]) if split < len(path) else holder
        if entry is not None:
            yield Origin(value=plain(entry.node), at=entry.key_at, why=words)
        holder = holder.beneath
        words = f"{why}, extended" if why else "extended"


class _Known(NamedTuple):
    """A key of the recipe: its part, its place in that, and its value."""

    part: Part
    rest: Path
    value: object


def _explained(recipe: Recipe, tree: Tree, path: Path, known: _Known) -> Explained:
    found = origins(recipe, known.part, known.rest, tree)
    found = found or [Origin(value=known.value, at=None, why="default of flagrelease")]
    return Explained(key=path_text(path), value=known.value, origin=found[0], overrode=tuple(found[1:]))


def _table(recipe: Recipe) -> dict[Path, _Known]:
    return {
        (*part.head, *rest): _Known(part, rest, value)
        for part, data in effective(recipe, readers_too=True)
        for rest, value in leaves(data)
    }


def _beginnings(path: Path) -> list[str]:
    return [path_text(path[:length]) for length in range(1, len(path) + 1)]


def _canonical(recipe: Recipe, key: str) -> str:
    """The key as it is listed; a key as it stands in its file, such as `sdks.<name>.python`, is understood."""
    try:
        wanted = path_text(path_of(key))
    except ValueError as error:
        raise RecipeError(str(error), hint="run the command without a key to list all") from error
    variant = recipe.variant
    listed_as: Mapping[str, str] = {
        path_text(("variants", recipe.variant_name)): "",
        path_text(("chip", "sdks", variant.sdk)): "sdk",
        path_text(("sdks", variant.sdk)): "sdk",
        path_text(("model", "weights", variant.weights)): "weights",
    }
    for written, short in listed_as.items():
        if wanted == written or wanted.startswith(f"{written}."):
            return (short + wanted.removeprefix(written)).removeprefix(".")
    return wanted


def _unknown(key: str, recipe: Recipe, known: Mapping[Path, object]) -> RecipeError:
    keys = list(dict.fromkeys(begin for path in known for begin in _beginnings(path)))
    by_end: dict[str, list[str]] = {}
    for one in keys:
        by_end.setdefault(one.rpartition(".")[2].casefold(), []).append(one)
    ends = difflib.get_close_matches(key.rpartition(".")[2].casefold(), by_end, n=_NEAREST, cutoff=0.7)
    same_end = [one for end in ends for one in by_end[end]]
    near = list(dict.fromkeys([*same_end, *difflib.get_close_matches(key, keys, n=_NEAREST, cutoff=0.5)]))[:_NEAREST]
    meant = f"did you mean {' or '.join(f'`{one}`' for one in near)}? " if near else ""
    return RecipeError(
        f"wanted a key of `{recipe.name}`, found no `{key}` in it",
        hint=f"{meant}without a key, `flagrelease explain` lists all",
    )
