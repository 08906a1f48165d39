"""JSON is read as strictly as YAML, and says as well where it is wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import canonical_json, pretty_json
from flagrelease.formats.strict import decode_json, decode_yaml
from tests.formats.documents import GOOD, Document


def refusal(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        decode_json(text.encode(), Document, source="l.json")
    return caught.value.message


def test_what_was_written_is_read_back() -> None:
    document = decode_yaml(GOOD, Document, source="r.yaml")
    assert decode_json(canonical_json(document), Document, source="l.json") == document
    assert decode_json(pretty_json(document), Document, source="l.json") == document


def test_faults_are_told_with_their_places() -> None:
    text = '{\n  "schema": "flagrelease.document/v1",\n  "name": 12,\n  "titel": "x",\n  "parts": {\n    "one": {}}\n}'
    assert refusal(text) == (
        "l.json:3:11: name: wanted a string, found the number 12: quote it\n"
        "l.json:4:3: titel: unknown key; did you mean 'title'?\n"
        "l.json:6:5: parts.one.source: the key is missing"
    )


def test_a_key_that_is_there_twice_is_refused_even_when_the_last_one_is_good() -> None:
    text = '{"schema": "flagrelease.document/v1",\n "name": "a",\n "name": "b", "title": "t"}'
    assert refusal(text) == "l.json:3:2: name: the key is there twice; the first is on line 2"


def test_places_are_right_behind_escapes_and_nested_values() -> None:
    text = '{"env": {"a": "\\"}{[", "b": [1, {"c": null}]},\n "name": [true, -1.5e3], "title": 1}'
    assert refusal(text) == (
        "l.json:1:1: schema: the key is missing\n"
        "l.json:1:29: env.b: wanted a string, found a list\n"
        "l.json:2:10: name: wanted a string, found a list\n"
        "l.json:2:35: title: wanted a string, found the number 1: quote it"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON, st.sampled_from([None, 1, "\t"]))
def test_any_json_is_read_or_refused_but_never_something_else(data: object, indent: int | str | None) -> None:
    text = json.dumps(data, indent=indent)
    # No such data is a document, so each is refused.
    assert all(line.startswith("l.json:") for line in refusal(text).splitlines())
