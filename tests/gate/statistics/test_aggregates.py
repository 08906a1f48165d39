"""Two scores without items: other software, published examples, and what must hold whatever the scores."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]
from statsmodels.stats.proportion import (  # type: ignore[import-untyped]
    confint_proportions_2indep,
)
from statsmodels.stats.proportion import (
    test_proportions_2indep as proportions_test,
)

from flagrelease.gate.statistics.aggregates import (
    Score,
    means_not_worse,
    miettinen_nurminen_interval,
    newcombe_interval,
    not_worse,
    score_statistic,
)


@st.composite
def scores(draw: st.DrawFn) -> Score:
    items = draw(st.integers(2, 3000))
    return Score(right=draw(st.integers(0, items)), items=items)


def inner(score: Score) -> bool:
    return 0 < score.right < score.items


@given(scores(), scores())
def test_newcombes_interval_is_that_of_other_software(reference: Score, target: Score) -> None:
    theirs = confint_proportions_2indep(
        target.right, target.items, reference.right, reference.items, method="newcomb", compare="diff", alpha=0.1
    )
    assert newcombe_interval(reference, target, confidence=0.9) == pytest.approx(theirs, abs=1e-9)


def likelihood_statistic(reference: Score, target: Score, difference: float) -> float:
    """By definition: a numeric maximum of the likelihood under the difference.

    statsmodels 0.15 has another number of the reference in its cubic where the difference is not 0, so it is no oracle.
    """

    def cost(rate: float) -> float:
        sides = ((reference, rate), (target, rate + difference))
        return -sum(
            part * math.log(max(chance, 1e-300))
            for side, p in sides
            for part, chance in ((side.right, p), (side.items - side.right, 1 - p))
            if part
        )

    between = (max(0.0, -difference), 1 - max(0.0, difference))
    low = float(minimize_scalar(cost, bounds=between, method="bounded", options={"xatol": 1e-12}).x)
    both = reference.items + target.items
    high = low + difference
    variance = (high * (1 - high) / target.items + low * (1 - low) / reference.items) * both / (both - 1)
    return (target.rate - reference.rate - difference) / math.sqrt(variance)


EXAMPLES = [
    ((56, 70), (48, 80)),
    ((9, 10), (3, 10)),
    ((435, 900), (430, 900)),
    ((5, 56), (1, 29)),
    ((703, 3040), (686, 3040)),
]


@pytest.mark.parametrize(("target", "reference"), EXAMPLES)
@pytest.mark.parametrize("difference", [-0.2, -0.05, 0.01, 0.1, 0.3])
def test_the_score_is_taken_at_the_most_likely_rates(
    target: tuple[int, int], reference: tuple[int, int], difference: float
) -> None:
    before, after = (Score(right=right, items=items) for right, items in (reference, target))
    expected = likelihood_statistic(before, after, difference)
    assert score_statistic(before, after, difference=difference) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@given(scores(), scores())
def test_without_a_margin_the_test_is_that_of_other_software(reference: Score, target: Score) -> None:
    if not (inner(reference) and inner(target)):
        return
    theirs = proportions_test(
        target.right,
        target.items,
        reference.right,
        reference.items,
        method="score",
        compare="diff",
        alternative="larger",
    )
    ours = not_worse(reference, target, margin=0)
    assert ours.z == pytest.approx(theirs.statistic, rel=1e-7, abs=1e-9)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)


@given(scores(), scores(), st.floats(0.005, 0.2))
def test_the_margin_passes_where_the_interval_clears_it(reference: Score, target: Score, margin: float) -> None:
    low, _ = miettinen_nurminen_interval(reference, target, confidence=0.9)
    if abs(low + margin) > 1e-9:
        assert (low > -margin) == (not_worse(reference, target, margin=margin).p < 0.05)


def test_the_intervals_are_the_published_ones() -> None:
    # R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, examples (a) and (c), methods 10 and 5.
    target, reference = Score(right=56, items=70), Score(right=48, items=80)
    newcombe = newcombe_interval(reference, target, confidence=0.95)
    assert [round(bound, 4) for bound in newcombe] == [0.0524, 0.3339]
    score = miettinen_nurminen_interval(reference, target, confidence=0.95)
    assert [round(bound, 4) for bound in score] == [0.0528, 0.3382]
    few = newcombe_interval(Score(right=3, items=10), Score(right=9, items=10), confidence=0.95)
    assert [round(bound, 4) for bound in few] == [0.1705, 0.8090]


@given(scores(), scores(), st.integers(-900, 900))
def test_exchanging_the_sides_turns_the_statistic_round(reference: Score, target: Score, points: int) -> None:
    difference = points / 1000
    here = score_statistic(reference, target, difference=difference)
    there = score_statistic(target, reference, difference=-difference)
    assert there == pytest.approx(-here, rel=1e-4, abs=1e-5)


@given(scores(), scores())
def test_exchanging_the_sides_turns_both_intervals_round(reference: Score, target: Score) -> None:
    for interval in (newcombe_interval, miettinen_nurminen_interval):
        low, high = interval(reference, target, confidence=0.9)
        assert interval(target, reference, confidence=0.9) == pytest.approx((-high, -low), abs=1e-12)
        assert -1 - 1e-9 <= low <= target.rate - reference.rate + 1e-12
        assert target.rate - reference.rate - 1e-12 <= high <= 1 + 1e-9


def test_the_published_seed_scores_pass_five_points_in_seven_of_nine_tasks() -> None:
    # MiniCPM-o 2.6 on CUDA and on another chip, (right of reference, right of target, items); MM-Vet's are sums of
    # tenths and mmmu_pro_vision's are rounded.
    table = [(435, 435, 900), (686, 703, 3040), (854, 850, 1000), (1043, 1050, 1901), (305.4, 296.5, 517)]
    table += [(421.6, 410.9, 1730), (532, 524, 1730), (352, 347, 900), (390, 380, 765)]
    p = [not_worse(Score(right=a, items=n), Score(right=b, items=n), margin=0.05).p for a, b, n in table]
    assert [value <= 0.05 for value in p] == [True, True, True, True, False, True, True, True, False]
    assert (round(p[4], 2), round(p[8], 2)) == (0.14, 0.07)


def test_means_with_standard_errors_are_compared_by_their_z() -> None:
    found = means_not_worse(difference=-0.01, reference_stderr=0.003, target_stderr=0.004, margin=0.02)
    assert found.z == pytest.approx(2)
    assert found.p == pytest.approx(0.02275, abs=1e-5)


def test_means_without_an_error_decide_nothing() -> None:
    with pytest.raises(ValueError, match="standard error above 0"):
        means_not_worse(difference=0, reference_stderr=0, target_stderr=0, margin=0.02)


@pytest.mark.parametrize(("right", "items"), [(-1, 10), (11, 10), (0, 0), (math.nan, 10)])
def test_scores_that_cannot_be_are_refused(right: float, items: int) -> None:
    with pytest.raises(ValueError, match="wanted right answers within"):
        Score(right=right, items=items)
