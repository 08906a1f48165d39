"""The gate's verdict on one image: non-inferiority within margins that were fixed before any result was seen."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from flagrelease.domain.answers import Record
from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.gate import Policy
from flagrelease.domain.value import Digest
from flagrelease.domain.verdict import Verdict
from flagrelease.gate.records.copied import Table
from flagrelease.gate.records.outcome import Subject, outcome

_NO_BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType({})


def decide(
    policy: Policy,
    policy_sha256: str,
    image: Digest,
    reference: Sequence[Record],
    target: Sequence[Record],
    *,
    benchmarks: Mapping[str, Benchmark] = _NO_BENCHMARKS,
    chip: str = "",
    model: str = "",
    others: Sequence[Table] = (),
) -> Verdict:
    """Judge the image by every task of the policy, its own and those of harnesses.

    `policy_sha256` is the hash that was in the lock; `reference` and `target` hold one record a task. `benchmarks` say
    what `harness_tasks` are called and how their items are scored; `others` are tables of other releases than this
    `chip` and `model`, which its scores must not be. Raises RecipeError when two harnesses scored a task.
    """
    subject = Subject(image=image, chip=chip, model=model, others=others)
    found = outcome(policy, benchmarks=benchmarks, reference=reference, target=target, subject=subject)
    return Verdict(
        image=image,
        decision=found.decision,
        reasons=found.reasons,
        settle=found.settle,
        policy_sha256=policy_sha256,
        tasks=found.tasks,
        suite=found.suite,
        findings=found.findings,
    )
