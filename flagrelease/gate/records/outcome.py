"""What a policy says of two sides' records, by all of its tasks: there is one way to decide, and this is it.

A task passes only when it is shown that it is not worse than the margin: "no significant difference" passes nothing.
All critical tasks must pass, each at the policy's level (an intersection-union test needs no correction); the search
for damage, and for gains that cannot be, in any task is corrected by Holm. `statistics/rule.py` has the levels and why.
Aggregates are shown and never decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flagrelease.domain.answers import Record
from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.gate import Policy
from flagrelease.domain.value import Digest
from flagrelease.domain.verdict import Decision, Finding, SuiteVerdict, TaskVerdict
from flagrelease.errors import RecipeError
from flagrelease.gate.records.asked import Asked, asked_of, unasked
from flagrelease.gate.records.bundle import bundle_of
from flagrelease.gate.records.check import Sides, cut
from flagrelease.gate.records.choose import Chosen, choose
from flagrelease.gate.records.copied import Table, copied
from flagrelease.gate.records.prefix import Orders
from flagrelease.gate.records.same import UNKNOWN_HARNESS
from flagrelease.gate.records.suite import suite_of
from flagrelease.gate.records.task import Looked, judged, look_at, look_at_first
from flagrelease.gate.records.words import settle_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is judged, where it was named, and the other releases' tables that its scores are held against.

    `sequential` decides at planned looks, as a policy may ask for itself; `orders` name all items of a task where no
    side's files hold them.
    """

    image: Digest | None = None
    chip: str = ""
    model: str = ""
    others: Sequence[Table] = ()
    sequential: bool = False
    orders: Orders = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The decision with all that it rests on."""

    decision: Decision
    reasons: tuple[str, ...]
    settle: tuple[str, ...]
    tasks: tuple[TaskVerdict, ...]
    suite: SuiteVerdict | None
    findings: tuple[Finding, ...]


def outcome(
    policy: Policy,
    *,
    benchmarks: Mapping[str, Benchmark],
    reference: Sequence[Record],
    target: Sequence[Record],
    subject: Subject,
) -> Outcome:
    """Judge the target by every task of the policy.

    A task that either side has no record of is NO-GO, as is a policy without a critical task. Raises RecipeError when
    two harnesses scored a task.
    """
    tasks = asked_of(policy, benchmarks)
    looked, missing = [], []
    for asked in tasks:
        before, after = choose("reference", asked, reference), choose("target", asked, target)
        if before.record is None or after.record is None:
            missing.append(_missing(asked, before, after))
        else:
            _refuse_two_harnesses(asked, before.record, after.record)
            sides = Sides(asked=asked, policy=policy, reference=before.record, target=after.record, image=subject.image)
            looked.append(_looked(sides, (*before.findings, *after.findings), subject, tasks=len(tasks)))
    at_looks = policy.sequential or subject.sequential
    verdicts = judged(looked, policy, tasks=len(tasks) if at_looks else None)
    findings = tuple(copied(_own_table(verdicts, subject), subject.others))
    suite = suite_of(policy, verdicts)
    decision, reasons = bundle_of(policy, verdicts, missing, suite, findings)
    aside = unasked(tasks, (*reference, *target))
    reasons += tuple(f"{cut(name)}: the policy does not ask for it, its records are not used" for name in aside[:20])
    return Outcome(
        decision=decision,
        reasons=reasons,
        settle=settle_words(verdicts, {one.asked.name: one.harness for one in looked}) if decision == "HOLD" else (),
        tasks=verdicts,
        suite=suite,
        findings=findings,
    )


def _looked(sides: Sides, before: tuple[Finding, ...], subject: Subject, *, tasks: int) -> Looked:
    if not (sides.policy.sequential or subject.sequential):
        return look_at(sides, before)
    every = subject.orders.get(sides.asked.name, ())
    return look_at_first(replace(sides, is_part=True), before, every=every, tasks=tasks)


def _refuse_two_harnesses(asked: Asked, before: Record, after: Record) -> None:
    """A plain table does not say which harness its scores are of; the gate says that."""
    names = before.facts.harness.name, after.facts.harness.name
    if names[0] != names[1] and UNKNOWN_HARNESS not in names:
        raise RecipeError(
            f"{asked.name}: wanted the scores of one harness, found {cut(names[0])} on the reference and "
            f"{cut(names[1])} on the target",
            hint="run one harness, in one version, on both sides: two harnesses differ by points on the same answers",
        )


def _missing(asked: Asked, before: Chosen, after: Chosen) -> str:
    sides = [side for side, one in (("reference", before), ("target", after)) if one.record is None]
    metrics = sorted({*before.other_metrics, *after.other_metrics})
    but = f", only with {', '.join(map(cut, metrics[:5]))}" if metrics else ""
    return (
        f"{asked.name}: the policy asks for it with metric `{asked.metric}` and there is no record of the "
        f"{' and the '.join(sides)}{but}"
    )


def _own_table(tasks: Sequence[TaskVerdict], subject: Subject) -> Table:
    rows = {
        task.task: (task.reference_score, task.target_score)
        for task in tasks
        if task.reference_score is not None and task.target_score is not None
    }
    return Table(title="this comparison", chip=subject.chip, model=subject.model, rows=rows)
