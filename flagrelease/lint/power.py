"""How likely a gate lets an identical chip pass: the normal approximation behind `items_for_margin`."""

import math
from statistics import NormalDist


def power_of(*, items: int, flip_rate: float, margin: float, alpha: float) -> float:
    """Probability that equal sides pass, when `flip_rate` of their answers differ at random.

    Of n items the difference has the standard error √(f/n); it passes when it is z(1−α) of them above −margin. `margin`
    is a fraction, `alpha` one-sided.
    """
    normal = NormalDist()
    return normal.cdf(margin * math.sqrt(items / flip_rate) - normal.inv_cdf(1 - alpha))
