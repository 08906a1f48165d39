"""A rule: what it objects to, why that matters, what to do, and an example of each side."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeAlias

from pydantic import JsonValue

from flagrelease.lint.found import Found, Severity
from flagrelease.lint.project import Project

EXAMPLE_DAY: Final = date(2030, 6, 1)
"""What "today" is where an example holds a date."""

Check: TypeAlias = Callable[[Project], Iterable[Found]]

Changes: TypeAlias = Mapping[str, JsonValue]
"""What an example writes into a small set of good recipes: the recipe's word and the key, and what is put there.

The words are those of `tests/lint/small.py`: `variant.container.privileged`, `sdk.base.tag`, `policy.harness_tasks`.
"""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. `check` yields what it finds in all recipes; it must take time in proportion to their number."""

    id: str
    severity: Severity
    title: str
    why: str
    hint: str
    bad: Changes
    good: Changes
    check: Check
    waivable: bool = True
    after_waivers: bool = False


def rule(
    code: str,
    severity: Severity,
    title: str,
    *,
    why: str,
    hint: str,
    bad: Changes,
    good: Changes,
    waivable: bool = True,
    after_waivers: bool = False,
) -> Callable[[Check], Rule]:
    """Make a rule of the function below; `flagrelease.lint.registry` collects them.

    A rule that looks at what waivers did runs `after_waivers`.
    """

    def made(check: Check) -> Rule:
        return Rule(
            id=code,
            severity=severity,
            title=title,
            why=why,
            hint=hint,
            bad=bad,
            good=good,
            check=check,
            waivable=waivable,
            after_waivers=after_waivers,
        )

    return made
