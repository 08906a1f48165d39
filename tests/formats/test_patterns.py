"""No message shows a regular expression to somebody who writes a recipe."""

from collections.abc import Iterator

import pytest

from flagrelease.adapters.recipes.catalogue import KINDS
from flagrelease.domain.value import Value
from flagrelease.formats.patterns import pattern_words


def patterns(schema: object) -> Iterator[str]:
    """Every regular expression of a JSON schema."""
    match schema:
        case dict():
            if isinstance(schema.get("pattern"), str):
                yield schema["pattern"]
            yield from schema.get("patternProperties", ())
            for inner in schema.values():
                yield from patterns(inner)
        case list():
            for inner in schema:
                yield from patterns(inner)
        case _:
            pass


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_what_a_text_has_to_match_has_words(kind: type[Value]) -> None:
    asked = set(patterns(kind.model_json_schema()))
    assert asked
    assert [pattern for pattern in asked if pattern_words(pattern).startswith("text that matches")] == []
