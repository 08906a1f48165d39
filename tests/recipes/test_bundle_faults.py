"""Faults of bundles at places that only a bundle has."""

import pytest

from flagrelease.domain.bundle import Bundle
from flagrelease.errors import RecipeError
from flagrelease.formats.strict import decode_yaml

BUNDLE = """\
schema: flagrelease.bundle/v2
chip: c
model: m
default_variant: v
variants:
  v:
    revision: r1
    sdk: s
    weights: w
    engine: e
    reference:
      baseline: x.json
"""


def test_a_reference_that_does_not_say_its_kind_is_asked_for_it() -> None:
    with pytest.raises(RecipeError) as caught:
        decode_yaml(BUNDLE, Bundle, source="b.yaml")
    wanted = "the key 'kind' is missing; wanted 'recorded', 'switched_off' or 'other_chip'"
    assert f"b.yaml:12:7: variants.v.reference: {wanted}" in caught.value.message
