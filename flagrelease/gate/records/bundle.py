"""What the tasks' decisions, and the suite's, mean for the bundle."""

from collections.abc import Sequence

from flagrelease.domain.gate import Policy
from flagrelease.domain.verdict import Decision, Finding, SuiteVerdict, TaskDecision, TaskVerdict
from flagrelease.gate.records.words import bundle_words

_BAD: tuple[TaskDecision, ...] = ("FAIL", "INVALID", "ANOMALY")


def bundle_of(
    policy: Policy,
    tasks: Sequence[TaskVerdict],
    missing: Sequence[str],
    suite: SuiteVerdict | None,
    findings: Sequence[Finding],
) -> tuple[Decision, tuple[str, ...]]:
    """The decision with its reasons, the most telling first; `missing` are tasks without a record, in words."""
    critical = [task for task in tasks if task.tier == "critical"]
    bad = [task for task in tasks if task.tier == "supporting" and task.decision in _BAD]
    no_go = list(missing)
    tiers = {*(task.tier for task in policy.tasks.values()), *(task.tier for task in policy.harness_tasks.values())}
    if "critical" not in tiers:
        no_go.append("the policy has no critical task, so nothing could speak for the target")
    no_go += [f"{one.id}: {one.text}" for one in findings if one.weight == "invalid"]
    no_go += [task.reason for task in critical if task.decision in _BAD]
    if len(bad) > 1:
        no_go += [task.reason for task in bad]
    hold = [f"{one.id}: {one.text}" for one in findings if one.weight == "hold"]
    hold += [task.reason for task in critical if task.decision == "INCONCLUSIVE"]
    if len(bad) == 1:
        hold.append(bad[0].reason)
    if suite is not None and (suite.is_damaged or suite.is_shown is False):
        hold.append(suite.reason)
    decision: Decision = "NO-GO" if no_go else "HOLD" if hold else "GO"
    told = {*no_go, *hold}
    whole = (suite.reason,) if suite is not None else ()
    rest = [reason for reason in (*(task.reason for task in tasks), *whole) if reason not in told]
    return decision, (bundle_words(decision, tasks), *no_go, *hold, *rest)
