"""What a plan of looks does to a system whose true difference and share of flips are known.

Counted over every path of flips, look by look: neither simulated nor approximated.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr  # type: ignore[import-untyped]

from flagrelease.gate.statistics.exact_margin import scores, variances
from flagrelease.gate.statistics.power import fewest_for
from flagrelease.gate.statistics.sequential import SUSPICIOUS, Plan

Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

_WIDTH: Final = 8.0
"""Standard deviations of the flips that are followed: what is left out is below 1e-13."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Chances of three ends, and the expected share of the items asked, when advice to stop is followed."""

    passes: float
    fails: float
    anomaly: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What `sequential.look` says of many counts at once; at most one is true of each."""

    passes: Flags
    fails: Flags
    anomaly: Flags
    futile: Flags


def count_paths(plan: Plan, *, flip_rate: float, difference: float = 0.0) -> Outcome:
    """Of a system with this true difference. Raises ValueError for a flip rate that is none."""
    if not 0 < flip_rate <= 1 or not -1 <= difference <= 1:
        raise ValueError(f"wanted a flip rate above 0 and a difference within 1, found {flip_rate} and {difference}")
    flips = max(flip_rate, abs(difference))
    rates = ((flips - difference) / 2, (flips + difference) / 2)
    total = plan.items[-1]
    most = [min(total, math.ceil(total * rate + _WIDTH * math.sqrt(total * rate) + _WIDTH)) for rate in rates]
    state: Floats = np.ones((1, 1))
    passes = fails = anomaly = share = 0.0
    before = 0
    for number, seen in enumerate(plan.items):
        new = _trinomial(seen - before, rates, most)
        state = _added(state, new)[: most[0] + 1, : most[1] + 1]
        lost, gained = (np.ravel(axis) for axis in np.indices(state.shape))
        steps = look_at_once(plan, number, lost, gained)
        weights = state.ravel()
        ended = steps.passes | steps.fails | steps.anomaly | steps.futile | np.bool_(seen == total)
        passes += float(weights @ steps.passes)
        fails += float(weights @ steps.fails)
        anomaly += float(weights @ steps.anomaly)
        share += float(weights @ ended) * seen / total
        state, before = np.where(ended.reshape(state.shape), 0.0, state), seen
    return Outcome(passes=passes, fails=fails, anomaly=anomaly, share=share)


def look_at_once(plan: Plan, number: int, lost: Counts, gained: Counts) -> Steps:
    """`sequential.look` of many counts; those that do not fit into the look's items are decided somehow."""
    seen, total, margin = plan.items[number], plan.items[-1], plan.margin
    z = scores(lost, gained, items=seen, difference=-margin)
    flips, every = np.minimum(lost + gained, seen), np.arange(seen + 1)
    gain = -scores(gained, lost, items=seen, difference=-margin)
    anomaly = (gain >= plan.passing[number]) & (gained >= fewest_for(every, plan.anomaly)[flips])
    reached = z >= plan.passing[number]
    is_waiting = (gained - lost > margin * seen + 1e-9) & (gained >= fewest_for(every, SUSPICIOUS)[flips])
    passes = reached & ~anomaly & ~(is_waiting & (seen < total))
    is_worse = lost - gained > margin * seen + 1e-9
    fails = is_worse & (lost >= fewest_for(every, plan.failing)[flips]) & ~reached & ~anomaly
    if seen == total:
        return Steps(passes=passes, fails=fails, anomaly=anomaly, futile=np.zeros(len(z), np.bool_))
    share = seen / total
    drift = margin * np.sqrt(total / variances(lost, gained, items=seen, difference=-margin))
    at_end = (z * math.sqrt(share) + drift * (1 - share) - plan.passing[-1]) / math.sqrt(1 - share)
    futile = (ndtr(at_end) < plan.futility) & ~reached & ~fails & ~anomaly
    return Steps(passes=passes, fails=fails, anomaly=anomaly, futile=futile)


def _trinomial(items: int, rates: tuple[float, float], most: list[int]) -> Floats:
    """Chances of new losses and gains among a look's new items."""
    lost, gained = np.indices((min(items, most[0]) + 1, min(items, most[1]) + 1))
    rest = items - lost - gained
    is_possible, rest = rest >= 0, np.maximum(rest, 0)
    log = gammaln(items + 1) - gammaln(lost + 1) - gammaln(gained + 1) - gammaln(rest + 1)
    for counts, rate in ((lost, rates[0]), (gained, rates[1]), (rest, 1 - sum(rates))):
        log = log + np.where(counts > 0, counts * math.log(max(rate, 1e-300)), 0.0)
    found: Floats = np.where(is_possible, np.exp(log), 0.0)
    return found


def _added(state: Floats, new: Floats) -> Floats:
    """The distribution of the sum: a convolution, by Fourier transform."""
    shape = [a + b - 1 for a, b in zip(state.shape, new.shape, strict=True)]
    fast = [1 << (size - 1).bit_length() for size in shape]
    product = np.fft.rfft2(state, fast) * np.fft.rfft2(new, fast)
    found: Floats = np.maximum(np.fft.irfft2(product, fast)[: shape[0], : shape[1]], 0.0)
    return found
