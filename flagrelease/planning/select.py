"""Filters of the matrix: names with `*`, `?` and `[…]`. One that lets nothing through is an error, never silence."""

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from flagrelease.errors import RecipeError
from flagrelease.planning.matrix import Row


@dataclass(frozen=True, kw_only=True)
class Filter:
    """One option with what was given for it. A row passes when any pattern fits any of its words, case ignored."""

    option: str
    patterns: tuple[str, ...]
    words: Callable[[Row], Sequence[str]]

    def lets_through(self, row: Row) -> bool:
        """Whether the row passes; without a pattern every row does."""
        return not self.patterns or any(fits(word, self.patterns) for word in self.words(row))


def fits(word: str, patterns: Iterable[str]) -> bool:
    """Whether any pattern fits the word, case ignored."""
    return any(fnmatchcase(word.casefold(), pattern.casefold()) for pattern in patterns)


def select(all_rows: Sequence[Row], filters: Sequence[Filter]) -> list[Row]:
    """The rows that every filter lets through.

    Raises:
        RecipeError: a pattern fits nothing, or the filters together do; it says which.
    """
    for one in filters:
        for pattern in one.patterns:
            words = {word for row in all_rows for word in one.words(row)}
            if not any(fits(word, (pattern,)) for word in words):
                raise _fits_nothing(one, pattern, words)
    chosen = [row for row in all_rows if all(one.lets_through(row) for one in filters)]
    used = [one for one in filters if one.patterns]
    if not chosen and used:
        alone = ", ".join(
            f"{one.option} {' '.join(one.patterns)} ({sum(map(one.lets_through, all_rows))})" for one in used
        )
        raise RecipeError(
            f"no cell passes all filters together; each alone lets so many cells through: {alone}",
            hint="leave one of them out",
        )
    return chosen


def only_ready(found: Sequence[Row]) -> list[Row]:
    """The rows that are ready to build. Raises RecipeError when none is, with how they stand."""
    chosen = [row for row in found if row.readiness and row.readiness.state == "ready"]
    if not chosen:
        states = [row.readiness.state for row in found if row.readiness]
        counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
        raise RecipeError(
            f"--ready matches nothing: none of {len(found)} cells is ready to build: {counts or 'there are none'}",
            hint="run `flagrelease lock`, and `flagrelease plan` for a bundle to see what is open",
        )
    return chosen


def _fits_nothing(one: Filter, pattern: str, words: Iterable[str]) -> RecipeError:
    known = sorted(set(words))
    near = difflib.get_close_matches(pattern, known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(f'`{word}`' for word in near)}?" if near else f"there are: {_some(known)}"
    return RecipeError(f"{one.option} `{pattern}` matches no cell", hint=hint)


def _some(words: Sequence[str], most: int = 20) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more if words else "none"
