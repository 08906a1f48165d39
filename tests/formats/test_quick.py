"""The quick way of reading YAML never decides otherwise than the tree: the same value, or the tree's own words."""

from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import Field, JsonValue

from flagrelease.domain.chip import Chip
from flagrelease.domain.gate import Policy
from flagrelease.domain.value import Name, Text, Value
from flagrelease.errors import RecipeError
from flagrelease.formats.inherit import extend_within
from flagrelease.formats.inherit_quick import extend_plain_within
from flagrelease.formats.positions import UnreadableError, plain
from flagrelease.formats.quick import DoubtfulError, quick_plain, quick_value
from flagrelease.formats.strict import decode_yaml, decode_yaml_by_tree
from flagrelease.formats.yaml_tree import YamlTree
from tests.formats.documents import GOOD, HEAD, Document

RECIPES = Path(__file__).parents[2] / "recipes"


class Odd(Value):
    """Every kind of place that a scalar can be misread at."""

    number: int | None = None
    ratio: float | None = None
    switch: bool | None = None
    word: Text | None = None
    choice: Literal["on", "off", "1"] | None = None
    scale: Literal[1, 100] | None = None
    scales: tuple[Literal[1, 100], ...] = ()
    day: date | None = None
    days: dict[Name, date] = Field(default_factory=dict)
    any: JsonValue = None
    option: str | int | float | bool | None = None
    inner: "Odd | None" = None
    more: tuple["Odd", ...] = ()
    named: dict[Name, "Odd"] = Field(default_factory=dict)


class Undated(Value):
    """No place for a date."""

    word: Text | None = None
    option: str | int | float | bool | None = None
    any: JsonValue = None


SCALARS = [
    "1", "0", "100", "-1", "1.0", "1e3", "1_0", "0x10", "0o17", "0123456", "22:22", ".5", ".nan", "-.inf", "1e999",
    "9" * 101, "57637057", "1.10", "true", "false", "True", "yes", "no", "on", "off", "y", "null", "~", "Null", "",
    "2030-12-31", "2030-1-1", "2030-12-31T10:00:00Z", "2030-12-31 10:00", "20301231", "x", "a b", "a: b", "a #b", "<<",
    "=", "'1'", "'0'", "'no'", "'2030-12-31'", "'2030-12-32'", '"x"', '"\\x07"', '"\\u202e"', '"\\N"', '"\\t"', "''",
    "&a x", "*a", "!!str 1", "!x y", "! z", "é", "中文", "\u202e", "\u200b", "a\u0085b", "\ufeff", "{}", "[]", "{a}",
    "[a: b]", "{a: }", "[1, no]", "{? a : b}", "|\n  text\n", ">-\n  text\n", "'a\n  b'", "- x", "? x", "%x", "`x",
]  # fmt: skip
KEYS = [*Odd.model_fields, "extends", "<<", "no", "1", "2030-12-31", "~", "'no'", '"any"', "? any", "a b", "é"]


@st.composite
def mappings(draw: Any, indent: int = 0) -> str:
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        key = draw(st.sampled_from(KEYS))
        if indent < 8 and draw(st.integers(0, 4)) == 0:
            inner = draw(mappings(indent + 2))
            dash = draw(st.booleans())
            inner = f"{' ' * indent}- {inner[indent + 2 :]}" if dash else inner
            lines.append(f"{' ' * indent}{key}:\n{inner}")
        else:
            scalar = draw(st.sampled_from(SCALARS)).replace("\n", f"\n{' ' * indent}")
            lines.append(f"{' ' * indent}{key}: {scalar}")
    return "\n".join(lines) + "\n"


def outcome(read: Any, text: str | bytes, kind: type[Value]) -> str:
    """Types and all: 1, 1.0 and True are equal to Python."""
    try:
        return repr(read(text, kind, source="r.yaml"))
    except RecipeError as refused:
        return refused.message


def same(text: str | bytes, kind: type[Value]) -> None:
    assert outcome(decode_yaml, text, kind) == outcome(decode_yaml_by_tree, text, kind)


def is_quick(text: str | bytes, kind: type[Value]) -> bool:
    try:
        quick_value(quick_plain(text, kind), kind)
    except DoubtfulError:
        return False
    return True


def _chopped(text: str, at: int, length: int, put: str) -> str:
    return text[:at] + put + text[at + length :]


@pytest.mark.slow
@settings(max_examples=400)
@given(mappings())
def test_documents_of_doubtful_scalars_are_read_alike(text: str) -> None:
    same(text, Odd)


@given(st.sampled_from(list(Odd.model_fields)), st.sampled_from(SCALARS))
def test_each_scalar_is_read_alike_at_each_kind_of_place(key: str, scalar: str) -> None:
    for text in (f"{key}: {scalar}", f"{key}: [{scalar}]", f"{key}: {{a: {scalar}}}", f"inner: {{{key}: {scalar}}}"):
        same(text, Odd)
        same(text, Undated)


@pytest.mark.slow
@settings(max_examples=300)
@given(
    st.integers(0, len(GOOD) - 1),
    st.integers(0, 3),
    st.sampled_from([*"xX0:{}[]\"'&*!|>#%@`- \n\t~<?,\\", "---\n", "\r"]),
)
@example(0, 0, "\ufeff")
@example(0, 0, "%YAML 1.1\n---\n")
@example(0, 0, "---\n")
def test_a_good_document_with_a_change_is_read_alike(at: int, length: int, put: str) -> None:
    same(_chopped(GOOD, at, length, put), Document)
    same(_chopped(GOOD, at, length, put).encode(), Document)


@given(st.text(alphabet="ab:-? \n\t[]{},&*!|>'\"%@#~10\\.", max_size=40))
def test_any_text_is_read_alike(text: str) -> None:
    same(HEAD + "env: " + text, Document)
    same(text, Odd)


@given(st.binary(max_size=40))
def test_any_bytes_are_read_alike(data: bytes) -> None:
    same(data, Odd)
    same(HEAD.encode() + data, Document)


CHIP, GATE = ((RECIPES / path).read_text() for path in ("chips/cpu.yaml", "gates/smollm2-135m.yaml"))


@given(
    st.integers(0, 3000),
    st.integers(0, 4),
    st.sampled_from(["", "x", " ", "\n", ": ", "1", "no", "'", "- ", "2030-12-31"]),
)
def test_a_recipe_with_a_change_is_read_alike(at: int, length: int, put: str) -> None:
    for text, kind in ((CHIP, Chip), (GATE, Policy)):
        same(_chopped(text, at % len(text), length, put), kind)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from(["a", "b", "c", "d", "e", "no", "1", "[]", ""])), max_size=5
    )
)
def test_entries_that_extend_each_other_are_read_alike(pairs: list[tuple[str, str]]) -> None:
    lines = [f"  {name}: {{extends: {other}, {other or 'x'}: {{k: {name}}}}}" for name, other in pairs]
    text = "\n".join(["named:", *lines, "  d: {x: {k: 1}}"])
    try:
        quick = extend_plain_within(quick_plain(text, Odd), "named")
    except DoubtfulError:
        return
    assert quick == plain(extend_within(YamlTree().read(text), "named"))


def test_good_recipes_take_the_quick_way() -> None:
    assert is_quick(GOOD, Document)
    assert is_quick(CHIP, Chip)
    assert is_quick(GATE, Policy)
    assert is_quick("word: R&D, at last!", Odd)
    assert is_quick('word: "a\\tb"', Odd)
    assert is_quick("inner: {day: 2030-12-31}", Odd)
    assert is_quick("option: 2030", Odd)


@pytest.mark.parametrize("depth", [62, 63, 64, 65, 66, 400])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ("{a: ", "}")])
def test_depth_is_limited_alike(depth: int, opened: str, closed: str) -> None:
    same(f"any: {opened * depth}1{closed * depth}", Odd)


@pytest.mark.slow
@pytest.mark.parametrize("count", [9_990, 19_990, 19_997, 19_998, 19_999, 20_001])
def test_the_number_of_values_is_limited_alike(count: int) -> None:
    same(f"any: [{'1,' * count}]", Odd)
    same("any: {" + ",".join(f"k{n}: 1" for n in range(count // 2)) + "}", Odd)


def test_a_date_is_no_number_of_seconds() -> None:
    assert outcome(decode_yaml, "day: '0'", Odd) == (
        "r.yaml:1:6: day: wanted a date such as 2030-12-31, found the string '0'"
    )


def test_a_place_for_any_json_takes_no_other_spelling() -> None:
    assert outcome(decode_yaml, "any: [010, no]", Odd) == (
        "r.yaml:1:7: any[0]: found the unquoted 010, which YAML reads as a number: quote it, or spell it as JSON does\n"
        "r.yaml:1:12: any[1]: found the unquoted no, which YAML reads as a boolean: quote it, or spell it as JSON does"
    )


def test_null_stands_where_a_choice_may_be_left_out() -> None:
    assert decode_yaml("choice: null\nscale: null", Odd, source="r.yaml") == Odd()


def test_every_entry_that_extends_a_large_one_counts() -> None:
    entries = ", ".join(f"k{n}: 1" for n in range(2_000))
    extending = "\n".join(f"  v{n}: {{extends: base}}" for n in range(20))
    text = f"named:\n  base: {{{entries}}}\n{extending}"
    with pytest.raises(UnreadableError, match="more than 20,000 values with what is extended"):
        extend_within(YamlTree().read(text), "named")
    with pytest.raises(DoubtfulError):
        extend_plain_within(quick_plain(text, Odd), "named")
