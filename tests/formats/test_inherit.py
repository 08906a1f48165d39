"""What a document that extends another becomes, and that each part remembers where it was written."""

import json

import pytest

from flagrelease.formats.inherit import MAX_CHAIN, extend, extend_within, merged, size_of
from flagrelease.formats.inherit_quick import extend_plain, size_of_plain
from flagrelease.formats.lookup import entry_at, path_of
from flagrelease.formats.positions import Node, Position, Scalar, UnreadableError, plain, stamped
from flagrelease.formats.yaml_tree import YamlTree


def tree(text: str, source: str = "") -> Node:
    return stamped(YamlTree().read(text), source)


def extended(**texts: str) -> Node:
    """The first of these documents on top of what it extends."""
    trees = {name: tree(text, name) for name, text in texts.items()}
    first = next(iter(trees))

    def read(name: str, _asked_by: Scalar) -> Node:
        return trees[name]

    return extend(trees[first], first, read)


BASE = "a: 1\nb: {c: [1, 2], d: {e: x}}\nf: {g: 1}\n"


@pytest.mark.parametrize(
    ("over", "becomes"),
    [
        ("a: 2", {"a": 2, "b": {"c": [1, 2], "d": {"e": "x"}}, "f": {"g": 1}}),
        ("b: {c: [3]}", {"a": 1, "b": {"c": [3], "d": {"e": "x"}}, "f": {"g": 1}}),
        ("b: {d: {e: null, h: 1}}", {"a": 1, "b": {"c": [1, 2], "d": {"e": None, "h": 1}}, "f": {"g": 1}}),
        ("f: x", {"a": 1, "b": {"c": [1, 2], "d": {"e": "x"}}, "f": "x"}),
        ("a: {x: 1}", {"a": {"x": 1}, "b": {"c": [1, 2], "d": {"e": "x"}}, "f": {"g": 1}}),
        ("new: 1\nb: {new: 2}", {
            "a": 1, "b": {"c": [1, 2], "d": {"e": "x"}, "new": 2}, "f": {"g": 1}, "new": 1,
        }),
    ],
)  # fmt: skip
def test_mappings_are_merged_and_everything_else_is_replaced(over: str, becomes: dict[str, object]) -> None:
    found = plain(extended(over=f"extends: base\n{over}", base=BASE))
    quick = extend_plain(plain(tree(f"extends: base\n{over}")), "over", lambda _: plain(tree(BASE)))
    for one in (found, quick):
        # The order counts as well.
        assert json.dumps(one) == json.dumps(becomes)


def test_each_key_remembers_its_file_and_what_it_took_the_place_of() -> None:
    found = extended(over="extends: base\nb: {c: [3]}\n", base=BASE)
    entry = entry_at(found, path_of("b.c"))
    assert entry is not None
    assert entry.key_at == Position(2, 5, "over")
    assert entry.beneath is not None
    assert entry.beneath.key_at == Position(2, 5, "base")
    assert plain(entry.beneath.node) == [1, 2]
    kept = entry_at(found, path_of("b.d.e"))
    assert kept is not None
    assert kept.key_at == Position(2, 20, "base")
    assert kept.beneath is None


def test_a_chain_of_documents_is_followed_to_its_end_and_no_further_than_is_sane() -> None:
    def chain(length: int) -> dict[str, str]:
        links = {f"d{n}": f"extends: d{n + 1}\nk{n}: {n}\n" for n in range(length)}
        return {**links, f"d{length}": "last: true\n"}

    assert plain(extended(**chain(MAX_CHAIN))) == {
        "last": True, **{f"k{n}": n for n in reversed(range(MAX_CHAIN))},
    }  # fmt: skip
    with pytest.raises(UnreadableError, match=f"wanted at most {MAX_CHAIN} that extend one another"):
        extended(**chain(MAX_CHAIN + 1))


def test_what_extends_leaves_no_trace_of_the_word() -> None:
    found = extended(a="extends: b\n", b="extends: c\nx: 1\n", c="y: {extends: not a word of ours here}\n")
    assert plain(found) == {"y": {"extends": "not a word of ours here"}, "x": 1}


def test_variants_extend_each_other_in_any_order() -> None:
    text = "variants:\n  late: {extends: early, a: 2}\n  early: {extends: first, b: 1}\n  first: {a: 1}\n"
    assert plain(extend_within(tree(text), "variants")) == {
        "variants": {"late": {"a": 2, "b": 1}, "early": {"a": 1, "b": 1}, "first": {"a": 1}}
    }


@pytest.mark.parametrize("text", ["a: 1", "variants: x", "variants: [a]", "[]"])
def test_a_document_without_such_a_mapping_stays_as_it_is(text: str) -> None:
    assert plain(extend_within(tree(text), "variants")) == plain(tree(text))


def test_trees_are_not_changed_by_being_extended() -> None:
    base, over = tree(BASE), tree("b: {c: 1, d: {e: y}}")
    merged(base, over)
    assert plain(base) == plain(tree(BASE))


@pytest.mark.parametrize("text", ["x", "[]", "{}", "a: {b: [1, {c: d}], e: f}", BASE])
def test_size_is_counted_alike(text: str) -> None:
    found = tree(text)
    assert size_of(found, 100) == size_of_plain(plain(found), 100)
    assert (size_of(found, 2) > 2) == (size_of(found, 100) > 2)
