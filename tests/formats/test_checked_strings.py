"""The strings that are checked once and then trusted: names, digests and paths."""

from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from flagrelease.domain.value import AbsolutePath, Digest, Name, RelativePath, Sha256, Text


def is_good(kind: Any, text: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        (Name, "a-name.1"),
        (Sha256, "a" * 64),
        (Digest, "sha256:" + "a" * 64),
        (RelativePath, "a"),
        (RelativePath, "a/.b/..c/..."),
        (AbsolutePath, "/a"),
        (AbsolutePath, "/a/b.c"),
    ],
)
def test_a_good_string_is_taken_but_not_with_a_line_end_behind_it(kind: object, good: str) -> None:
    assert is_good(kind, good)
    assert not is_good(kind, f"{good}\n")


@given(st.text(alphabet="ab./\\\n\0 ", max_size=8))
def test_a_path_is_good_when_it_is_its_own_plain_form(text: str) -> None:
    is_plain = not set(text) & set("\\\n\0") and ".." not in text.split("/") and str(PurePosixPath(text)) == text
    assert is_good(RelativePath, text) == (is_plain and text not in ("", ".") and not text.startswith("/"))
    assert is_good(AbsolutePath, text) == (
        is_plain and text.startswith("/") and not text.startswith("//") and text != "/"
    )


def test_text_for_people_has_no_control_characters() -> None:
    assert is_good(Text, "two\nlines and a\ttab")
    assert not is_good(Text, "\x1b[2J")
