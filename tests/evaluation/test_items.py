import contextlib
import json
import string
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flagrelease.errors import RecipeError, SourceError
from flagrelease.evaluation.items import (
    CONTEXT_WORDS,
    MAX_LINE_BYTES,
    ChoiceItem,
    Format,
    PassageItem,
    read_items,
    select,
)
from tests.evaluation.samples import choice_line, choices, passage_line

WORDS = st.lists(st.text(string.ascii_letters, min_size=1, max_size=8), min_size=1, max_size=4).map(" ".join)


def one_choice(data: bytes) -> ChoiceItem:
    (item,) = read_items("commonsense_qa", data)
    assert isinstance(item, ChoiceItem)
    return item


def choice_record(**changed: Any) -> bytes:
    record = {"question": "Where?", "answer": "A. bank", "options": "\nA. bank\nB. mall"}
    return json.dumps({**record, **changed}).encode()


@given(question=WORDS, options=st.lists(WORDS, min_size=2, max_size=5, unique=True), data=st.data())
def test_a_well_formed_line_gives_back_its_question_options_and_gold(
    question: str, options: list[str], data: st.DataObject
) -> None:
    gold = data.draw(st.integers(0, len(options) - 1))
    item = one_choice(choice_line(question, options, gold))
    assert (item.question, [text for _, text in item.options]) == (question, options)
    assert item.gold == "ABCDE"[gold]
    assert item.id == "line-1"


def test_options_that_slipped_into_the_question_are_found() -> None:
    item = one_choice(choice_record(question="What is it\nA. bank\nB. shelf", options="\nC. mall?", answer="C. mall"))
    assert item.question == "What is it"
    assert item.options == (("A", "bank"), ("B", "shelf"), ("C", "mall"))
    assert item.gold == "C"


def test_an_option_that_comes_twice_is_asked_once_and_is_right_under_either_label() -> None:
    item = one_choice(choice_record(options="\nA. bank\nB. mall\nC. bank", answer="C. bank"))
    assert item.options == (("A", "bank"), ("B", "mall"))
    assert item.gold == "A"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"\xff\xfe{}", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"[]", "a list"),
        (b'{"question": 1}', "`question`"),
        (b'{"question": "a", "question": "b"}', "a key is there twice"),
        (b'{"question": NaN}', "NaN is no JSON"),
        (b'"' + b"a" * MAX_LINE_BYTES + b'"', f"at most {MAX_LINE_BYTES} bytes"),
        (choice_record(question="bell \x07"), "printable text as `question`"),
        (choice_record(question="half \ud800"), "printable text as `question`"),
        (choice_record(question=" "), "`question`"),
        (choice_record(options="\nA. bank"), "found labels"),
        (choice_record(options="\nA. bank\nC. mall"), "found labels"),
        (choice_record(options="\nA.  \nB. mall", answer="B. mall"), "found an empty option"),
        (choice_record(options="\nA. bank\nB. ?"), "found an empty option"),
        (choice_record(answer="C. shelf"), "one of the options"),
        (choice_record(answer="bank"), "one of the options"),
        (choice_record(options="\nA. bank\nB. bank"), "two different options"),
    ],
)
def test_a_line_that_is_no_item_is_refused_by_its_number(line: bytes, found: str) -> None:
    with pytest.raises(SourceError) as refused:
        read_items("commonsense_qa", choices(1) + line + b"\n" + choices(1))
    assert "line 2 of the commonsense_qa items" in refused.value.message
    assert found in refused.value.message
    assert len(refused.value.message) < 500


@given(data=st.binary(max_size=200), format_=st.sampled_from(["commonsense_qa", "boolq_passage"]))
@example(data=b'{"passage":"a"}\n\n', format_="boolq_passage")
def test_whatever_the_bytes_are_reading_them_ends_in_items_or_a_source_error(data: bytes, format_: Format) -> None:
    with contextlib.suppress(SourceError):
        items = read_items(format_, data)
        assert len({item.id for item in items}) == len(items)


# A JSON value in place of every field.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3)
)


@given(question=JSON, options=JSON, answer=JSON)
def test_whatever_the_fields_hold_reading_them_ends_in_an_item_or_a_source_error(
    question: Any, options: Any, answer: Any
) -> None:
    data = json.dumps({"question": question, "options": options, "answer": answer}).encode()
    with pytest.raises(SourceError, match="line 1 "):
        read_items("commonsense_qa", data)


def test_a_passage_is_cut_before_the_first_plain_word_behind_the_context() -> None:
    words = [f"word{n}" for n in range(CONTEXT_WORDS)]
    (item,) = read_items("boolq_passage", passage_line(" ".join([*words, "(1999)", "``x", "Bank,", "more"])))
    assert isinstance(item, PassageItem)
    assert item.context == " ".join([*words, "(1999)", "``x"])
    assert item.gold == "Bank,"


def test_passages_that_are_short_or_come_again_are_no_items_and_keep_the_line_numbers_of_the_others() -> None:
    long = "one two " * CONTEXT_WORDS
    data = passage_line("too short") + passage_line(long) + passage_line(f" {long}") + passage_line(f"zero {long}")
    assert [item.id for item in read_items("boolq_passage", data)] == ["line-2", "line-4"]


def test_the_draw_is_the_same_for_ever() -> None:
    items = read_items("commonsense_qa", choices(40))
    assert [item.id for item in select(items, 5, seed=1)] == ["line-20", "line-39", "line-18", "line-8", "line-31"]


@given(seed=st.integers(0, 2**64), count=st.integers(0, 12), more=st.integers(0, 3), order=st.permutations(range(15)))
def test_a_draw_does_not_depend_on_the_order_of_the_file_and_a_larger_one_only_adds(
    seed: int, count: int, more: int, order: list[int]
) -> None:
    items = read_items("commonsense_qa", choices(15))
    drawn = select(items, count, seed)
    assert len(set(drawn)) == count
    assert select([items[i] for i in order], count + more, seed)[:count] == drawn


def test_more_items_than_there_are_cannot_be_drawn() -> None:
    with pytest.raises(RecipeError, match="wanted 4 items to be selected, found 3"):
        select(read_items("commonsense_qa", choices(3)), 4, seed=0)


def test_items_with_one_id_cannot_be_drawn_from() -> None:
    (item,) = read_items("commonsense_qa", choices(1))
    with pytest.raises(RecipeError, match="an id twice"):
        select([item, item], 1, seed=0)
