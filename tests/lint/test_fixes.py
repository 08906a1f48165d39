"""What is mended in a file's text, and what is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.formats.positions import Position
from flagrelease.lint.fixes import mended
from flagrelease.lint.found import Fix, Remove, Replace, Respell

TEXT = """\
# A bundle.
chip: alpha
container:
  ipc: host # ranks share memory
  # copied from the card
  shm_gb: 512 # has no effect
  name: "tiny"
engine: sreve   # misspelt
flow: {ipc: host, shm_gb: 512, init: true}
last: [one, two]
"""


def changed(text: str, *fixes: Fix) -> str:
    return mended(text, fixes)[0]


def test_a_line_is_taken_out_and_the_comments_around_it_stay() -> None:
    after = changed(TEXT, Remove(key=("container", "shm_gb")))
    assert after == TEXT.replace("  shm_gb: 512 # has no effect\n", "")


@pytest.mark.parametrize(
    ("key", "was", "becomes"),
    [("shm_gb", "shm_gb: 512, ", ""), ("ipc", "ipc: host, ", ""), ("init", ", init: true", "")],
)
def test_an_entry_on_one_line_with_others_is_taken_out(key: str, was: str, becomes: str) -> None:
    assert changed(TEXT, Remove(key=("flow", key))) == TEXT.replace(was, becomes)


def test_a_name_is_replaced_and_quotes_and_comments_stay() -> None:
    assert changed(TEXT, Replace(key=("engine",), becomes="serve")) == TEXT.replace("sreve", "serve")
    assert changed(TEXT, Replace(key=("container", "name"), becomes="small")) == TEXT.replace('"tiny"', '"small"')
    assert changed(TEXT, Replace(key=("last", 1), becomes="three")) == TEXT.replace("two", "three")


def test_a_name_that_yaml_would_take_for_a_number_is_quoted() -> None:
    assert changed(TEXT, Replace(key=("engine",), becomes="4.5")) == TEXT.replace("sreve", '"4.5"')


def test_several_are_mended_at_once_and_each_is_told() -> None:
    fixes = (Remove(key=("container", "shm_gb")), Remove(key=("gone",)), Replace(key=("engine",), becomes="serve"))
    after, made = mended(TEXT, fixes)
    assert made == (fixes[0], fixes[2])
    assert "shm_gb: 512 #" not in after
    assert "engine: serve   # misspelt" in after


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("a:\n  b: 1\n", Remove(key=("a", "b"))),
        ("a: >-\n  long\n  text\nb: 1\n", Replace(key=("a",), becomes="x")),
        ("a: [1, 2\n", Replace(key=("a", 0), becomes="x")),
        ("a: 1\na: 2\n", Replace(key=("a",), becomes="x")),
        ("a: b\n", Replace(key=("a", "c"), becomes="x")),
        ("a: 1\n", Respell(at=Position(1, 4), was="2", becomes='"2"')),
        ("a: 12\n", Respell(at=Position(1, 4), was="1", becomes='"1"')),
        ("a: 1\n", Respell(at=Position(9, 9), was="1", becomes='"1"')),
        ("a: 1\nb: 2\n", Respell(at=Position(1, 1), was="a", becomes="b")),
    ],
)
def test_what_cannot_be_changed_for_sure_is_left_alone(text: str, fix: Fix) -> None:
    assert mended(text, [fix]) == (text, ())


@pytest.mark.parametrize(
    ("text", "fix", "after"),
    [
        ("v: 1.10 # of it\n", Respell(at=Position(1, 4), was="1.10", becomes='"1.10"'), 'v: "1.10" # of it\n'),
        ("v: {a: no, b: x}\n", Respell(at=Position(1, 8), was="no", becomes='"no"'), 'v: {a: "no", b: x}\n'),
        ("on: x\n", Respell(at=Position(1, 1), was="on", becomes='"on"'), '"on": x\n'),
        ("a: 1\nrpo: x\n", Respell(at=Position(2, 1), was="rpo", becomes="repo"), "a: 1\nrepo: x\n"),
        ('k: "wheal"\n', Respell(at=Position(1, 4), was="wheal", becomes="wheel"), 'k: "wheel"\n'),
        ("\ufeffv: 22:22\n", Respell(at=Position(1, 4), was="22:22", becomes='"22:22"'), '\ufeffv: "22:22"\n'),
        ("a: x\r\nv: no\r\n", Respell(at=Position(2, 4), was="no", becomes='"no"'), 'a: x\r\nv: "no"\r\n'),
    ],
)
def test_a_word_of_a_file_that_is_no_recipe_yet_is_spelled_right(text: str, fix: Fix, after: str) -> None:
    assert changed(text, fix) == after


@given(
    key=st.sampled_from([("chip",), ("container", "ipc"), ("container", "shm_gb"), ("flow", "init"), ("last", 0)]),
    becomes=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20),
)
def test_a_replacement_says_what_it_was_to_say_or_is_not_made(key: tuple[str | int, ...], becomes: str) -> None:
    after, made = mended(TEXT, [Replace(key=key, becomes=becomes)])
    again = mended(after, [Replace(key=key, becomes=becomes)])
    assert made or after == TEXT
    assert again[0] == after
    assert after.count("\n") == TEXT.count("\n")
    assert after.count("#") >= TEXT.count("#")
