"""Whether a model knows anything about a task."""

import math


def p_above_chance(*, right: int, items: int, chance: float) -> float:
    """Exact one-sided binomial p: how often a guesser, right with probability `chance`, does at least as well."""
    if not 0 <= right <= items:
        raise ValueError(f"wanted right answers within the items, found {right} of {items}")
    if not 0 <= chance < 1:
        raise ValueError(f"wanted a chance of at least 0 and below 1, found {chance}")
    if right == 0:
        return 1.0
    if chance == 0:
        return 0.0
    log_chance, log_other, log_ways = math.log(chance), math.log1p(-chance), math.lgamma(items + 1)
    terms = (
        math.exp(log_ways - math.lgamma(k + 1) - math.lgamma(items - k + 1) + k * log_chance + (items - k) * log_other)
        for k in range(right, items + 1)
    )
    return min(1.0, math.fsum(terms))
