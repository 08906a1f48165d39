"""Each rule finds its bad example, and nothing in its good one."""

import re
from pathlib import Path

import pytest

from flagrelease.lint.registry import BY_ID, RULES
from flagrelease.lint.rule import Rule
from flagrelease.lint.words import table
from tests.lint.small import judged

ROOT = Path(__file__).parents[2]

RULE = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


def test_no_rule_objects_to_the_small_set() -> None:
    assert [(one.rule.id, one.found) for one in judged({})] == []


@RULE
def test_a_rule_finds_its_bad_example_and_nothing_else_is_found(rule: Rule) -> None:
    found = [one for one in judged(rule.bad) if not one.waivers]
    assert {one.rule.id for one in found} == {rule.id}, found


@RULE
def test_nothing_is_found_in_a_good_example(rule: Rule) -> None:
    assert [(one.rule.id, one.found) for one in judged(rule.good) if not one.waivers] == []


@RULE
def test_a_rule_says_what_it_finds_why_it_matters_and_what_to_do(rule: Rule) -> None:
    assert re.fullmatch(r"FR[0-9]{3}", rule.id)
    assert rule.bad
    assert rule.good
    assert rule.bad != rule.good
    assert rule.why.endswith(".")
    assert not rule.title.endswith(".")
    assert not rule.hint.endswith(".")
    assert "\n" not in rule.hint


def test_there_are_at_least_forty_rules_each_with_its_own_id() -> None:
    assert len(RULES) >= 40
    assert len(BY_ID) == len(RULES)


def test_a_file_that_cannot_be_read_and_waivers_themselves_cannot_be_waived() -> None:
    assert not BY_ID["FR001"].waivable
    assert [one.id for one in RULES if one.id.startswith("FR9") and one.waivable] == []


def test_the_document_has_every_rule_as_it_is() -> None:
    assert "\n".join(table(RULES)) in (ROOT / "docs" / "lint.md").read_text()
