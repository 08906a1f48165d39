"""The verdict on two sides' files."""

from collections.abc import Mapping, Sequence

from flagrelease.domain.answers import Record
from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.comparison import Comparison, SideFiles
from flagrelease.domain.gate import Policy
from flagrelease.errors import RecipeError
from flagrelease.gate.records.asked import Asked, asked_of
from flagrelease.gate.records.check import cut
from flagrelease.gate.records.outcome import Subject, outcome

_NAMED = 8


def compare(
    policy: Policy,
    *,
    policy_sha256: str,
    benchmarks: Mapping[str, Benchmark],
    reference: tuple[SideFiles, Sequence[Record]],
    target: tuple[SideFiles, Sequence[Record]],
    subject: Subject,
) -> Comparison:
    """Judge the target's files by every task of the policy.

    Raises RecipeError when two harnesses scored a task, and when no task of the policy is on both sides: then nothing
    was compared at all.
    """
    found = outcome(policy, benchmarks=benchmarks, reference=reference[1], target=target[1], subject=subject)
    if not found.tasks:
        raise _nothing_common(policy, asked_of(policy, benchmarks), reference[1], target[1])
    return Comparison(
        decision=found.decision,
        reasons=found.reasons,
        settle=found.settle,
        policy=policy.name,
        policy_sha256=policy_sha256,
        image=subject.image,
        reference=reference[0],
        target=target[0],
        tasks=found.tasks,
        suite=found.suite,
        findings=found.findings,
    )


def _nothing_common(
    policy: Policy, tasks: Sequence[Asked], reference: Sequence[Record], target: Sequence[Record]
) -> RecipeError:
    def some(names: Sequence[str]) -> str:
        return ", ".join(map(cut, names[:_NAMED])) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")

    found = [
        sorted({f"{one.facts.task} ({one.facts.metric or 'no metric'})" for one in side})
        for side in (reference, target)
    ]
    return RecipeError(
        f"policy `{policy.name}`: wanted {some([f'{one.name} ({one.metric})' for one in tasks])} on both sides; found "
        f"{some(found[0])} on the reference and {some(found[1])} on the target",
        hint="a policy's `harness_tasks` say which task and metric are judged",
    )
