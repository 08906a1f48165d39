"""Mean differences, sign flips and judges' noise: other software, published examples, and what must always hold."""

import math
from itertools import product

import numpy as np
import pytest
import statsmodels.api as sm  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test, ttest_1samp  # type: ignore[import-untyped]

from flagrelease.gate.statistics.judged import judge_noise, repeats_needed
from flagrelease.gate.statistics.means import item_differences, mean_difference, mean_not_worse
from flagrelease.gate.statistics.paired_binary import p_damage, tango_interval
from flagrelease.gate.statistics.sign_flip import sign_flip

tenths = st.lists(st.integers(-10, 10).map(lambda k: k / 10), min_size=2, max_size=60)


def noise(seed: int, items: int, scale: float = 0.1) -> list[float]:
    return [float(v) for v in np.clip(np.random.default_rng(seed).normal(0, scale, items), -1, 1)]


@pytest.mark.parametrize("seed", range(4))
def test_the_t_interval_is_that_of_other_software(seed: int) -> None:
    values = noise(seed, 400, scale=0.3)
    found = mean_difference(values, confidence=0.9)
    theirs = ttest_1samp(values, 0).confidence_interval(0.9)
    assert found.interval == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert mean_not_worse(found, margin=0.02) == pytest.approx(
        ttest_1samp(values, -0.02, alternative="greater").pvalue, rel=1e-6
    )


def test_the_t_interval_is_the_published_one() -> None:
    # Darwin's fifteen pairs of maize in eighths of an inch, R. A. Fisher, The Design of Experiments, section 17:
    # mean 20.93, t 2.148 with 14 degrees.
    darwin = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    found = mean_difference(darwin, confidence=0.95, span=75)
    assert (round(found.difference, 2), found.degrees) == (20.93, 14)
    assert round(found.difference / found.stderr, 3) == 2.148


def test_fishers_own_count_of_sign_patterns_is_met() -> None:
    # The same pairs: 863 of 32,768 patterns reach the sum, as he counted in section 21.
    darwin = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    found = sign_flip(darwin)
    assert (found.method, found.p_gain) == ("exact", 863 / 32768)


@pytest.mark.parametrize("seed", range(4))
def test_the_clustered_error_is_that_of_other_software(seed: int) -> None:
    values, clusters = noise(seed, 300), [f"video{k // 3}" for k in range(300)]
    found = mean_difference(values, confidence=0.9, clusters=clusters)
    theirs = sm.OLS(values, np.ones(300)).fit(cov_type="cluster", cov_kwds={"groups": [int(c[5:]) for c in clusters]})
    assert found.stderr == pytest.approx(theirs.bse[0], rel=1e-9)
    assert (found.degrees, found.clusters, found.items) == (99, 100, 300)


def test_clusters_that_answer_alike_count_once() -> None:
    alone = mean_difference(noise(1, 50), confidence=0.9)
    thrice = mean_difference(
        [value for value in noise(1, 50) for _ in range(3)], confidence=0.9, clusters=[str(k // 3) for k in range(150)]
    )
    assert thrice.interval == pytest.approx(alone.interval)


@given(tenths)
def test_exchanging_the_sides_turns_the_mean_and_its_p_values_round(values: list[float]) -> None:
    here, there = (mean_difference([sign * v for v in values], confidence=0.9) for sign in (1, -1))
    assert there.interval == pytest.approx((-here.interval[1], -here.interval[0]))
    flipped, back = sign_flip(values), sign_flip([-v for v in values])
    assert (flipped.p_damage, flipped.p_gain) == pytest.approx((back.p_gain, back.p_damage))


@given(tenths, st.sampled_from([0.01, 3.0, 100.0, 1000.0]))
def test_the_scale_of_the_scores_does_not_matter(values: list[float], scale: float) -> None:
    here = mean_difference(values, confidence=0.9)
    there = mean_difference([v * scale for v in values], confidence=0.9, span=scale)
    assert [bound / scale for bound in there.interval] == pytest.approx(here.interval, abs=1e-9)
    assert sign_flip([v * scale for v in values]).p_damage == pytest.approx(sign_flip(values).p_damage, abs=1e-9)


@given(tenths, st.integers(1, 50))
def test_equal_items_change_no_sign_flip_p(values: list[float], equal: int) -> None:
    assert sign_flip([*values, *[0.0] * equal]) == sign_flip(values)


def test_scores_that_happen_to_be_equal_prove_no_equality() -> None:
    found = mean_difference([0.0] * 40, confidence=0.9)
    assert found.interval == pytest.approx(tango_interval(lost=0, gained=0, items=40, confidence=0.9))
    assert mean_not_worse(found, margin=0.05) > 0.05


@given(tenths, st.floats(0.01, 0.3))
def test_the_p_of_the_margin_agrees_with_the_interval(values: list[float], margin: float) -> None:
    found = mean_difference(values, confidence=0.9)
    if abs(found.interval[0] + margin) > 1e-9:
        assert (found.interval[0] > -margin) == (mean_not_worse(found, margin=margin) < 0.05)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_right_or_wrong_items_make_the_sign_flip_mcnemars_test(lost: int, gained: int, equal: int) -> None:
    values = [-1.0] * lost + [1.0] * gained + [0.0] * (equal + 2)
    found = sign_flip(values)
    assert found.p_damage == pytest.approx(p_damage(lost=lost, gained=gained), rel=1e-9)
    assert found.p_gain == pytest.approx(p_damage(lost=gained, gained=lost), rel=1e-9)


@settings(max_examples=40)
@given(st.lists(st.floats(-1, 1).filter(lambda v: abs(v) > 1e-3), min_size=2, max_size=9))
def test_few_differences_are_counted_pattern_by_pattern(values: list[float]) -> None:
    sums = [
        sum(s * abs(v) for s, v in zip(signs, values, strict=True)) for signs in product((1, -1), repeat=len(values))
    ]
    expected = sum(total <= sum(values) + 1e-9 for total in sums) / len(sums)
    assert sign_flip(values).p_damage == pytest.approx(expected, abs=1e-9)


def test_many_odd_differences_are_drawn_and_the_floor_is_told() -> None:
    values = [-abs(v) for v in noise(3, 60)]
    found = sign_flip(values, draws=4999)
    assert (found.method, found.floor, found.p_damage) == ("monte-carlo", 1 / 5000, 1 / 5000)
    assert found.p_gain == pytest.approx(1)


def test_drawn_p_values_are_those_of_other_software() -> None:
    values = [v - 0.02 for v in noise(5, 80)]
    theirs = permutation_test(
        (values,), np.mean, permutation_type="samples", alternative="less", n_resamples=9999, rng=1
    ).pvalue
    assert sign_flip(values).p_damage == pytest.approx(theirs, abs=0.012)


def test_a_seed_gives_the_same_p_everywhere() -> None:
    values = [round(math.sin(k) * 0.3, 9) for k in range(1, 70)]
    assert sign_flip(values, draws=999, seed=7) == sign_flip(values, draws=999, seed=7)
    assert sign_flip(values, draws=999, seed=7).p_damage == pytest.approx(0.478)


def test_repeats_of_an_item_are_averaged_before_anything_else() -> None:
    found = item_differences([[0.0, 1.0], [1.0, 1.0]], [[1.0, 1.0, 0.4], [1.0, 1.0, 1.0]])
    assert found == pytest.approx([0.3, 0.0])


@pytest.mark.parametrize(
    ("reference", "target", "told"),
    [
        ([[1.0]], [[1.0], [0.0]], "the same items"),
        ([], [], "the same items"),
        ([[1.0], [1.0, 0.0]], [[1.0], [0.0]], "as many repeats of each item on the reference"),
        ([[1.0]], [[]], "as many repeats of each item on the target"),
        ([[math.nan]], [[1.0]], "finite scores on the reference"),
    ],
)
def test_scores_that_are_no_table_are_refused(
    reference: list[list[float]], target: list[list[float]], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        item_differences(reference, target)


@pytest.mark.parametrize("values", [[], [0.5], [0.5, 1.5], [0.5, math.inf]])
def test_differences_that_cannot_be_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="wanted"):
        mean_difference(values, confidence=0.9)


def test_one_cluster_has_no_variance() -> None:
    with pytest.raises(ValueError, match="at least two independent items or clusters, found 1"):
        mean_difference([0.1, 0.2], confidence=0.9, clusters=["one", "one"])


def test_a_judges_noise_is_told_apart_from_the_items() -> None:
    rng = np.random.default_rng(2)
    items = rng.normal(0.5, 0.05, (20000, 1))
    reference = items + rng.normal(0, 0.10, (20000, 3))
    target = items + rng.normal(0, 0.03, (20000, 1)) + rng.normal(0, 0.10, (20000, 3))
    found = judge_noise(reference.tolist(), target.tolist())
    assert found.repeat_variance == pytest.approx(0.02, rel=0.03)
    assert found.item_variance == pytest.approx(0.0009, rel=0.2)
    assert found.share_of_repeats == pytest.approx(0.88, abs=0.03)
    assert found.stderr_at(3) == pytest.approx(math.sqrt(found.difference_variance / 20000), rel=1e-6)


def test_repeats_help_up_to_what_the_items_differ_by_themselves() -> None:
    rng = np.random.default_rng(3)
    reference = np.full((100, 4), 0.5) + rng.normal(0, 0.2, (100, 4))
    found = judge_noise(reference.tolist(), (reference + rng.normal(0, 0.2, (100, 4))).tolist())
    needed = repeats_needed(found, margin=0.05, alpha=0.05)
    assert needed is not None
    assert 2.4865 * found.stderr_at(needed) <= 0.05 < 2.4865 * found.stderr_at(max(1, needed - 1)) or needed == 1
    apart = judge_noise([[0.0, 0.01], [1.0, 0.99]] * 20, [[1.0, 0.99], [0.0, 0.01]] * 20)
    assert repeats_needed(apart, margin=0.05, alpha=0.05) is None


def test_one_repeat_says_nothing_about_repeats() -> None:
    with pytest.raises(ValueError, match="two items and two repeats, found 2 and 1"):
        judge_noise([[1.0], [0.0]], [[1.0], [0.0]])
