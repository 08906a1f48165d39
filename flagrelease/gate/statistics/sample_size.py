"""How many items, or repeats of each, a margin needs: normal approximations for planning, never for deciding."""

import math
from statistics import NormalDist


def items_for_margin(*, flip_rate: float, margin: float, alpha: float, power: float = 0.8) -> int:
    """Items after which equal sides pass a margin with this power, when `flip_rate` of the answers differ.

    n = (z(1−α) + z(power))² · f / Δ², and never less than an interval without any flip needs: z² (1−Δ)/Δ.
    `margin` is a fraction, `alpha` one-sided.
    """
    z = NormalDist().inv_cdf(1 - alpha)
    by_power = _both(alpha, power) ** 2 * flip_rate / margin**2
    by_width = z**2 * (1 - margin) / margin
    return math.ceil(max(by_power, by_width))


def items_that_decide(
    *, items: int, difference: float, flip_rate: float, margin: float, alpha: float, power: float = 0.8
) -> int | None:
    """How many items would decide a task that `items` did not, from what was seen in them.

    If the sides are equal, `items_for_margin`; where that many were not enough, the sides are taken to differ by as
    much as was seen, and the room left is the distance to −margin. None when the difference sits on the margin, so that
    no number decides. Raises ValueError when there are no items.
    """
    if items < 1:
        raise ValueError(f"wanted at least one item, found {items}")
    needed = items_for_margin(flip_rate=flip_rate, margin=margin, alpha=alpha, power=power)
    if needed > items:
        return needed
    room = abs(difference + margin)
    if room < 1 / items**2:
        return None
    # The formula is a normal approximation: next to the margin it may name a number that has just not been enough.
    return max(items + 1, items_for_margin(flip_rate=flip_rate, margin=min(room, 0.99), alpha=alpha, power=power))


def repeats_for_margin(*, items: int, flip_rate: float, margin: float, alpha: float, power: float = 0.8) -> int:
    """Answers to ask of each side for each of `items`, all their scores averaged, so that equal sides pass.

    Under equality the variance of an item's difference is `flip_rate` / K, as far as it comes from sampling and not
    from the items; `judged.repeats_needed` takes both parts from measured scores.
    """
    if items < 1 or not 0 < margin < 1:
        raise ValueError(f"wanted at least one item and a margin between 0 and 1, found {items} and {margin}")
    return max(1, math.ceil(_both(alpha, power) ** 2 * flip_rate / (items * margin**2)))


def items_for_variance(*, variance: float, margin: float, alpha: float, power: float = 0.8) -> int:
    """Items for scores that are not right-or-wrong, `variance` being that of an item's difference."""
    return max(2, math.ceil(_both(alpha, power) ** 2 * variance / margin**2))


def items_for_aggregates(*, rate: float, margin: float, alpha: float, power: float = 0.8) -> int:
    """Items on each side when only the two scores are known: the variance is 2 p (1 − p) instead of the flip rate."""
    return items_for_variance(variance=2 * rate * (1 - rate), margin=margin, alpha=alpha, power=power)


def _both(alpha: float, power: float) -> float:
    normal = NormalDist()
    return normal.inv_cdf(1 - alpha) + normal.inv_cdf(power)
