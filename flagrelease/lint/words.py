"""A rule as `--explain` and `--list` show it."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from flagrelease.lint.rule import Changes, Rule

_WIDTH: Final = 100


def explained(rule: Rule) -> Iterator[str]:
    """What it objects to, why, what to do, and an example of each side."""
    yield f"{rule.id} {rule.severity}: {rule.title}"
    yield ""
    yield from textwrap.wrap(rule.why, _WIDTH, break_long_words=False, break_on_hyphens=False)
    yield ""
    yield f"what to do: {rule.hint}"
    yield "waiver: possible, in the variant's `waivers`" if rule.waivable else "waiver: not possible"
    yield from ("", "found in a recipe with", *_example(rule.bad))
    yield from ("", "not found in one with", *_example(rule.good))


def _example(changes: Changes) -> Iterator[str]:
    for key, value in changes.items():
        yield f"    {key}: {json.dumps(value, ensure_ascii=False)}"


def listed(rules: Sequence[Rule]) -> Iterator[str]:
    """One line a rule; a star marks those that cannot be waived."""
    for rule in rules:
        yield f"{rule.id}{' ' if rule.waivable else '*'} {rule.severity:<8} {rule.title}"


def table(rules: Sequence[Rule]) -> Iterator[str]:
    """The rules as `docs/lint.md` has them."""
    yield "| rule | severity | what it finds | waiver |"
    yield "|---|---|---|---|"
    for rule in rules:
        yield f"| {rule.id} | {rule.severity} | {rule.title} | {'yes' if rule.waivable else 'no'} |"
