"""A waiver silences what it names, where it names it, until its date."""

from datetime import timedelta

import pytest

from flagrelease.lint.rule import EXAMPLE_DAY
from tests.lint.small import Changes, Data, judged

DAY = (EXAMPLE_DAY + timedelta(days=30)).isoformat()
PRIVILEGED: Data = {"variant.container.privileged": True}


def waiver(rule: str, **more: str) -> dict[str, str]:
    return {"rule": rule, "reason": "the vendor's daemon", "owner": "somebody", "expires": DAY} | more


def left(changes: Changes) -> list[str]:
    return [one.rule.id for one in judged(changes) if not one.waivers]


def test_a_finding_without_a_waiver_stands() -> None:
    assert left(PRIVILEGED) == ["FR221"]


@pytest.mark.parametrize("at", [None, "container", "container.privileged", "variants.serve.container"])
def test_a_waiver_silences_what_is_at_its_key_or_below(at: str | None) -> None:
    more = {"at": at} if at else {}
    assert left(PRIVILEGED | {"variant.waivers": [waiver("FR221", **more)]}) == []


@pytest.mark.parametrize("at", ["contain", "container.priv", "serving", "variants.other.container", "env.container"])
def test_a_waiver_of_another_key_silences_nothing_and_is_told(at: str) -> None:
    assert left(PRIVILEGED | {"variant.waivers": [waiver("FR221", at=at)]}) == ["FR221", "FR902"]


def test_a_waiver_holds_on_its_last_day_and_not_on_the_next() -> None:
    last, over = EXAMPLE_DAY.isoformat(), (EXAMPLE_DAY - timedelta(days=1)).isoformat()
    assert left(PRIVILEGED | {"variant.waivers": [waiver("FR221", expires=last)]}) == []
    assert left(PRIVILEGED | {"variant.waivers": [waiver("FR221", expires=over)]}) == ["FR221", "FR901"]


def test_what_is_said_of_a_shared_recipe_is_silent_when_every_variant_that_uses_it_waives_it() -> None:
    one: Data = {"variant.waivers": [waiver("FR101", at="sdks.one.base")], "sdk.base.tag": None}
    assert left(one) == []
    of_another = judged(one | {"bundle.variants.other": _other(waivers=[])})
    assert [found.rule.id for found in of_another if not found.waivers] == ["FR101", "FR902"]
    assert left(one | {"bundle.variants.other": _other(waivers=[waiver("FR101")])}) == []


def _other(**more: object) -> Data:
    basis: Data = {
        "revision": "r1", "sdk": "one", "weights": "plain", "engine": "serve",
        "script": {"command": ["ask"], "source": "an example"},
    }  # fmt: skip
    return basis | more


def test_what_no_bundle_uses_is_only_noted() -> None:
    sdk = {"title": "Two", "base": {"kind": "image", "image": "registry.example/two", "os": "Ubuntu"}}
    found = judged({"chip.sdks.two": sdk})
    assert [(one.rule.id, one.severity) for one in found] == [("FR101", "note")]


def test_a_rule_that_cannot_be_waived_is_not_silenced() -> None:
    assert left({"chip.memory_probe": "smy", "variant.waivers": [waiver("FR001")]}) == ["FR001", "FR904"]
