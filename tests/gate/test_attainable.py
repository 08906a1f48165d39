"""Which scores so many items can give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.gate.attainable import attainable, printed_decimals

ITEMS = st.integers(1, 20_000)


@given(items=ITEMS, data=st.data(), scale=st.sampled_from([1, 100, 1000]), decimals=st.integers(0, 4))
def test_what_so_many_right_answers_give_is_attainable_however_it_is_rounded(
    items: int, data: st.DataObject, scale: int, decimals: int
) -> None:
    right = data.draw(st.integers(0, items))
    assert attainable(round(right * scale / items, decimals), items=items, scale=scale)


@given(items=st.integers(1, 400), data=st.data(), repeats=st.integers(1, 5))
def test_a_mean_of_several_runs_is_attainable_with_their_number(items: int, data: st.DataObject, repeats: int) -> None:
    right = sum(data.draw(st.integers(0, items)) for _ in range(repeats))
    score = round(100 * right / (items * repeats), 2)
    assert attainable(score, items=items, scale=100, repeats=repeats)


@given(items=st.integers(1, 300), data=st.data())
def test_a_score_in_the_middle_between_two_numbers_of_answers_is_not(items: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, items - 1))
    # Four decimals resolve the gap of at least 1/300.
    between = round((right + 0.5) / items, 4)
    assert not attainable(between, items=items, scale=1) or printed_decimals(between) < 3


@pytest.mark.parametrize(
    ("score", "items", "possible"),
    [(24.37, 1730, False), (23.75, 1730, False), (24.37, 1719, True), (23.75, 1726, True),
     (50.98, 765, True), (50.98, 800, False), (48.33, 900, True), (85.4, 1000, True), (30.29, 1730, True)],
)  # fmt: skip
def test_the_published_scores_are_judged_as_the_facts_have_them(score: float, items: int, *, possible: bool) -> None:
    assert attainable(score, items=items, scale=100) is possible


def test_a_graded_score_has_finer_steps() -> None:
    assert not attainable(57.35, items=20, scale=100)
    assert attainable(57.35, items=517, scale=100, step=0.1)


@pytest.mark.parametrize("score", [-0.5, 100.2, 1e9])
def test_what_is_out_of_the_scale_is_not_attainable(score: float) -> None:
    assert not attainable(score, items=10, scale=100)


@pytest.mark.parametrize(("score", "decimals"), [(85.4, 1), (48.33, 2), (85.0, 0), (0.1, 1), (1e-5, 5), (1e20, 0)])
def test_decimals_are_those_of_the_shortest_spelling(score: float, decimals: int) -> None:
    assert printed_decimals(score) == decimals


def test_no_items_make_no_score() -> None:
    with pytest.raises(ValueError, match="at least one item"):
        attainable(1.0, items=0, scale=100)
