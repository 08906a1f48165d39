"""Equal values have one spelling and one hash."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.formats.canonical import canonical_json, pretty_json, sha256_of
from flagrelease.formats.strict import decode_yaml
from tests.formats.documents import GOOD, HEAD, Document

WHOLE_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WHOLE_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WHOLE_TEXT, inner, max_size=4),
    max_leaves=15,
)


def _shuffled(data: Any) -> Any:
    """The same data with the keys the other way round."""
    if isinstance(data, dict):
        return {key: _shuffled(data[key]) for key in reversed(data)}
    return [_shuffled(item) for item in data] if isinstance(data, list) else data


@given(JSON)
def test_what_is_spelled_reads_back_equal(data: Any) -> None:
    assert json.loads(canonical_json(data)) == data
    assert json.loads(pretty_json(data)) == data


@given(JSON)
def test_the_order_of_keys_does_not_count(data: Any) -> None:
    assert canonical_json(_shuffled(data)) == canonical_json(data)
    assert pretty_json(_shuffled(data)) == pretty_json(data)


@given(JSON)
def test_the_hash_is_that_of_the_canonical_bytes(data: Any) -> None:
    assert sha256_of(data) == hashlib.sha256(canonical_json(data)).hexdigest()


@given(JSON, JSON)
def test_different_data_has_different_hashes(one: Any, other: Any) -> None:
    assert (sha256_of(one) == sha256_of(other)) == (canonical_json(one) == canonical_json(other))


def test_the_spelling_is_compact_sorted_utf8() -> None:
    assert canonical_json({"b": [1, 1.0, None, True], "a": "ä"}) == '{"a":"ä","b":[1,1.0,null,true]}'.encode()


def test_the_committed_spelling_ends_with_a_line_feed() -> None:
    assert pretty_json({"b": 1, "a": ()}) == b'{\n  "a": [],\n  "b": 1\n}\n'


def test_a_value_is_spelled_with_the_keys_of_its_file_and_its_defaults() -> None:
    spelled = json.loads(canonical_json(decode_yaml(HEAD, Document, source="r.yaml")))
    assert spelled["schema"] == "flagrelease.document/v1"
    assert spelled["scale"] == 100


def test_comments_and_key_order_of_a_file_do_not_change_its_hash() -> None:
    lines = HEAD.splitlines()
    other = "# a remark\n" + "\n".join(reversed(lines)) + "\nscale: 100\n"
    one = decode_yaml(HEAD, Document, source="r.yaml")
    assert sha256_of(decode_yaml(other, Document, source="r.yaml")) == sha256_of(one)
    assert sha256_of(decode_yaml(GOOD, Document, source="r.yaml")) != sha256_of(one)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_does_not_have_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": number})
    with pytest.raises(ValueError, match="not JSON compliant"):
        pretty_json([number])


def test_what_json_would_change_in_silence_is_refused() -> None:
    keys: Any = {1: "a"}
    with pytest.raises(TypeError, match="wanted strings as keys, found 1"):
        canonical_json(keys)
    data: Any = [b"bytes"]
    with pytest.raises(TypeError, match="bytes"):
        canonical_json(data)
