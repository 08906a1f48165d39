"""Data is compared key by key."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flagrelease.planning.keys import ABSENT, Change, changes, leaves, said

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def shuffled(data: Any) -> Any:
    """The same with every mapping's keys in reverse."""
    match data:
        case dict():
            return {key: shuffled(item) for key, item in reversed(data.items())}
        case list():
            return [shuffled(item) for item in data]
        case _:
            return data


@given(data=JSON)
def test_the_order_of_keys_is_no_difference(data: Any) -> None:
    assert list(changes(data, shuffled(data))) == []


@given(before=JSON, after=JSON)
def test_there_is_a_difference_exactly_where_the_two_are_spelled_otherwise(before: Any, after: Any) -> None:
    same = repr(_sorted(before)) == repr(_sorted(after))
    assert (list(changes(before, after)) == []) == same


def _sorted(data: Any) -> Any:
    match data:
        case dict():
            return sorted((key, _sorted(item)) for key, item in data.items())
        case list():
            return ["list", *map(_sorted, data)]
        case _:
            return data


def test_a_new_first_entry_of_a_list_is_one_difference() -> None:
    assert list(changes(["a", "b", "c"], ["new", "a", "b", "c"])) == [Change(path=(0,), before=ABSENT, after="new")]


def test_true_is_not_one_and_null_is_not_nothing() -> None:
    assert [c.path for c in changes({"a": True, "b": None}, {"a": 1})] == [("a",), ("b",)]


def test_a_long_list_is_compared_place_by_place_and_not_for_ever() -> None:
    long = [str(number) for number in range(20_000)]
    assert [c.path for c in changes(long, [*long, "more"])] == [(20_000,)]


def test_leaves_are_every_key_below_which_nothing_is() -> None:
    assert list(leaves({"a": {"b": 1, "c": []}, "d": ["x"]})) == [(("a", "b"), 1), (("a", "c"), []), (("d", 0), "x")]


def test_what_is_said_of_a_value_is_short_and_cannot_steer_a_terminal() -> None:
    assert said("\x1b[31m") == r'"\u001b[31m"'
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in said("a\N{RIGHT-TO-LEFT OVERRIDE}b")
    assert len(said("x" * 5000)) == 100
    assert said(ABSENT) == "not there"
