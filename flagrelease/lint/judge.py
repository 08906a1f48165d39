"""Ask every rule, and let waivers speak."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from flagrelease.lint.found import Found, Severity
from flagrelease.lint.project import Project
from flagrelease.lint.registry import RULES
from flagrelease.lint.rule import Rule
from flagrelease.lint.waiving import Placed, waivers_for, waivers_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A finding of a rule, and the waivers that silence it."""

    rule: Rule
    found: Found
    waivers: tuple[Placed, ...] = ()

    @property
    def severity(self) -> Severity:
        """The finding's own, or the rule's."""
        return self.found.severity or self.rule.severity

    @property
    def hint(self) -> str:
        """The finding's own, or the rule's."""
        return self.found.hint or self.rule.hint


def judge(project: Project, rules: Sequence[Rule] = RULES) -> tuple[Judged, ...]:
    """What the rules find, silenced or not. Rules that look at waivers come last, when it is known which were used."""
    waivers: dict[str, list[Placed]] = {}
    for one in waivers_of(project):
        waivers.setdefault(one.waiver.rule, []).append(one)
    first = tuple(_judged((one for one in rules if not one.after_waivers), project, waivers))
    used = frozenset((waiver.cell, waiver.index) for one in first for waiver in one.waivers)
    seen = replace(project, used_waivers=used, waivable={one.id: one.waivable for one in rules})
    return (*first, *_judged((one for one in rules if one.after_waivers), seen, waivers))


def _judged(rules: Iterable[Rule], project: Project, waivers: Mapping[str, Sequence[Placed]]) -> Iterator[Judged]:
    for rule in rules:
        for found in rule.check(project):
            speaking = waivers_for(found, rule.id, waivers.get(rule.id, ()), project.today) if rule.waivable else ()
            yield Judged(rule=rule, found=found, waivers=speaking)
