"""Values written into a YAML text are read back as they were, whatever they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.formats.characters import refused_character
from flagrelease.formats.placeholders import is_placeholder
from flagrelease.formats.positions import Listing, Mapping, plain
from flagrelease.formats.yaml_text import comment, sentence, spelled, spelled_key
from flagrelease.formats.yaml_tree import YamlTree

TEXTS = st.text() | st.sampled_from([
    "", " ", "a ", "- a", "? a", "a: b", "a:", "a #b", "#a", "no", "on", "~", "null", "1.10", "57637057", "22:22",
    "1e3", "0x1f", "2030-12-31", "<<", "*a", "&a", "!a", "|", ">", "'a'", '"a"', "{a}", "[a", "a, b", "%a", "@a", "`a`",
    "---", "...", "a\nb", "a\tb", "\x85", "\u2028", "\ufeff", "\ud800", "--network host", "a]", "x" * 3000,
])  # fmt: skip


def readable(text: str) -> str:
    """The text with a mark for every character that no recipe may have."""
    return "".join("\N{REPLACEMENT CHARACTER}" if refused_character(c) else c for c in text)


@given(TEXTS)
def test_a_text_is_read_back_equal(text: str) -> None:
    wanted = readable(text)
    tree = YamlTree()
    root = tree.read(f"k: {spelled(text)}\nl: [{spelled(text, in_flow=True)}, {spelled(text, in_flow=True)}]\n")
    assert tree.faults == []
    assert plain(root) == {"k": wanted, "l": [wanted, wanted]}


@given(TEXTS.filter(lambda text: len(text) < 90))
def test_a_key_is_read_back_equal(text: str) -> None:
    wanted = readable(text)
    tree = YamlTree()
    root = tree.read(f"{spelled_key(text)}: 1\n")
    assert tree.faults == []
    assert isinstance(root, Mapping)
    assert list(root.entries) == [wanted]


@given(st.integers(-(10**80), 10**80) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_back_equal(value: float) -> None:
    root = YamlTree().read(f"[{spelled(value)}, true, null]")
    assert isinstance(root, Listing)
    assert plain(root) == [value, True, None]
    assert [spelled(word) for word in (True, False, None)] == ["true", "false", "null"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("4.2.1rc0", "4.2.1rc0"),
        ("1.10", '"1.10"'),
        ("57637057", '"57637057"'),
        ("no", '"no"'),
        ("MiniCPM-o 2.6, served", "MiniCPM-o 2.6, served"),
        ("a: b", '"a: b"'),
        ("寒武纪", "寒武纪"),
        ("a\tb", '"a\\u0009b"'),
        ("a\x1b[2J", '"a\N{REPLACEMENT CHARACTER}[2J"'),
    ],
)
def test_a_text_has_quotes_only_where_it_needs_them(text: str, written: str) -> None:
    assert spelled(text) == written


@given(st.text())
def test_a_comment_and_a_sentence_are_one_line_that_disturbs_no_terminal(text: str) -> None:
    for line in (comment(text), sentence(text)):
        assert line.isprintable()
        assert len(line) <= 2000
    assert comment(text).startswith("# ")


def test_what_is_to_be_filled_in_is_known_by_its_mark() -> None:
    assert all(map(is_placeholder, ["TODO", "TODO: why", "todo", "todo/todo", "/dev/todo", "/dev/todo{die}"]))
    assert not any(map(is_placeholder, ["TODOs", "a TODO", "todos", "methodology", "/srv/todo-app", "", None, 1]))
