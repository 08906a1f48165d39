"""What speaks against one side's record by itself.

It is held against its own copy, so that every check is the same as when two sides are compared; what can only be said
of two is left out.
"""

from collections.abc import Iterator
from typing import Final

from flagrelease.domain.answers import Record
from flagrelease.domain.gate import Policy
from flagrelease.domain.verdict import Finding
from flagrelease.gate.records.asked import Asked
from flagrelease.gate.records.check import Sides
from flagrelease.gate.records.checks import look

_OF_TWO: Final = frozenset({"reference-is-target", "same-answers", "unbound"})


def alone(record: Record, asked: Asked, policy: Policy) -> tuple[Finding, ...]:
    """What is wrong with the record as an answer to this task; each fault once, said of the reference."""
    sides = Sides(asked=asked, policy=policy, reference=record, target=record)
    return tuple(_once(finding for finding in look(sides) if finding.id not in _OF_TWO))


def _once(findings: Iterator[Finding]) -> Iterator[Finding]:
    said = set()
    for finding in findings:
        text = finding.text.replace("the target", "the reference").replace("target:", "reference:")
        if (finding.id, text) not in said:
            said.add((finding.id, text))
            yield finding.model_copy(update={"text": text})
