"""A verdict says in one sentence why the figures do or do not decide."""

from typing import Any

from flagrelease.gate.phrases import not_shown, shortened, signed


def told(**changes: Any) -> str:
    given: dict[str, Any] = {
        "margin": 0.03, "interval": (-0.04, 0.02), "confidence": 0.9, "p_margin": 0.2, "p_damage": 0.3,
        "items_needed": 1031,
    }  # fmt: skip
    return not_shown(**{**given, **changes})


def test_an_interval_that_reaches_past_the_margin_names_the_items_that_would_decide() -> None:
    assert told() == "the interval reaches past -3.00; about 1,031 items are needed"


def test_an_interval_below_the_margin_that_chance_over_all_tasks_explains_is_called_so() -> None:
    assert told(interval=(-0.09, -0.031), p_margin=1.0, p_damage=0.02) == (
        "the interval is below -3.00, but chance over all tasks may do that (p 0.02); about 1,031 items are needed"
    )


def test_an_interval_within_the_margin_whose_exact_level_is_too_high_says_how_high() -> None:
    assert told(interval=(-0.0299, 0.02), p_margin=0.0534).startswith(
        "worse by 3.00, it would do as well in 5.34 % of all cases"
    )


def test_without_a_number_of_items_more_of_them_are_no_help() -> None:
    assert told(items_needed=None).endswith("the difference sits on it, so more items do not decide")


def test_nothing_is_said_where_the_figures_show_enough() -> None:
    assert told(interval=(-0.01, 0.01), p_margin=0.01) == ""


def test_a_reason_is_never_longer_than_it_may_be_and_zero_has_no_minus() -> None:
    assert len(shortened("x" * 3000)) == 2000
    assert signed(-0.00001) == "+0.00"
