"""All tasks together: damage that no single one shows, and the mean over them.

Neither can end in NO-GO or in GO: they keep a bundle from being GO. So the chance of a false NO-GO is the tasks' alone,
and that of a false GO can only become smaller.
"""

from collections.abc import Sequence
from typing import Final

from flagrelease.domain.gate import Policy
from flagrelease.domain.verdict import SuiteVerdict, TaskVerdict
from flagrelease.gate.records.words import suite_words
from flagrelease.gate.statistics.rule import Levels
from flagrelease.gate.statistics.suite import SuiteDamage, suite_damage, suite_mean

_SEVERAL: Final = 2


def suite_of(policy: Policy, tasks: Sequence[TaskVerdict]) -> SuiteVerdict | None:
    """The suite of all tasks that may decide and have figures.

    None where that is one task alone, which has been judged, unless the policy claims something of the suite.
    """
    counted = [task for task in tasks if task.tier != "advisory" and task.decision != "INVALID"]
    known = [
        (task.difference, task.interval[0])
        for task in counted
        if task.difference is not None and task.interval is not None
    ]
    if len(known) < (_SEVERAL if policy.suite is None else 1):
        return None
    mean = suite_mean([difference for difference, _ in known], [low for _, low in known])
    is_aggregate = any(task.evidence == "aggregate" for task in counted)
    margin = None
    if (claim := policy.suite) is not None:
        margin = (claim.aggregate_only_margin_pt if is_aggregate else claim.margin_pt) / 100
    damage = _damage(counted)
    found = SuiteVerdict(
        tasks=len(known),
        evidence="aggregate" if is_aggregate else "items",
        difference=mean.difference,
        low=mean.low,
        margin=margin,
        is_shown=None if margin is None else mean.low > -margin,
        p_pooled=damage.p_pooled if damage else None,
        p_max_drop=damage.p_max_drop if damage else None,
        p_fisher=damage.p_fisher if damage else None,
        p_damage=damage.p if damage else None,
        is_damaged=damage is not None and damage.p <= Levels().failing,
        reason="-",
    )
    return found.model_copy(update={"reason": suite_words(found)})


def _damage(tasks: Sequence[TaskVerdict]) -> SuiteDamage | None:
    """Of the tasks that have items; those of right or wrong answers, looked at once, count in all three aggregates."""
    at_looks = [
        # A p of the look at which a task happened to stop is none; as many times it as there are looks is.
        min(1.0, task.p_damage * len(task.sequential.looks))
        for task in tasks
        if task.sequential is not None and task.p_damage is not None
    ]
    once = [task for task in tasks if task.sequential is None]
    flips = [(task.lost, task.gained) for task in once if task.lost is not None and task.gained is not None]
    graded = [task.p_damage for task in once if task.lost is None and task.p_damage is not None]
    graded += at_looks
    return suite_damage(flips, other_p=graded) if len(flips) + len(graded) >= _SEVERAL else None
