"""A policy has to let an identical chip through: counted exactly, as `gate power` counts it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.recipes.cache import FILE, ParseCache
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.cli.kept_counts import kept
from flagrelease.domain.gate import FLIP_RATE, Policy
from flagrelease.gate.planned import planned
from flagrelease.gate.statistics.policy_power import policy_chances
from flagrelease.lint.power import ENOUGH, passing
from tests.lint.small import judged

ROOT = Path(__file__).parents[2]
POLICIES = Catalogue(ROOT / "recipes").everything().policies
NINE: dict[str, Any] = {
    f"policy.harness_tasks.t{number}": {
        "harness": "flageval", "benchmark": "quiz", "metric": "accuracy", "items": 1000, "margin_pt": 3.0,
    }
    for number in range(8)
}  # fmt: skip


def said(changes: dict[str, Any], rule: str = "FR503") -> list[tuple[str, str]]:
    return [(one.severity, one.found.text) for one in judged(changes) if one.rule.id == rule]


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_every_policy_of_the_catalogue_lets_an_identical_chip_through_with_80_percent(name: str) -> None:
    assert passing(POLICIES[name]).go >= ENOUGH


def test_the_count_is_the_one_that_gate_power_prints() -> None:
    policy = POLICIES["minicpm-o-2.6"]
    found = passing(policy)
    assert found.go == policy_chances(planned(policy)).go == pytest.approx(0.808, abs=0.001)
    assert found.tasks["mmmu_val"] == pytest.approx(0.948, abs=0.001)


@pytest.mark.parametrize(
    ("items", "flips", "margin", "chance"),
    [(900, 0.07, 3.0, 0.95), (1730, 0.07, 3.0, 1.0), (198, 0.25, 3.0, 0.19), (198, 0.25, 5.0, 0.40)],
)
def test_it_agrees_with_simulations_of_others(items: int, flips: float, margin: float, chance: float) -> None:
    """Facts evaluation 6.2, the rows of paired non-inferiority, at no true change, as far as the exact level allows."""
    task = {"harness": "h", "benchmark": "b", "metric": "accuracy", "items": items, "margin_pt": margin}
    facts = {"schema": "flagrelease.gate/v1", "name": "p", "title": "P", "harness_tasks": {"t": task}}
    task["flip_rate"] = flips
    assert passing(Policy.model_validate(facts)).go == pytest.approx(chance, abs=0.03)


def test_tasks_that_each_pass_with_90_percent_are_refused_when_nine_of_them_have_to() -> None:
    assert said({}) == []
    ((severity, text),) = said(NINE)
    assert severity == "error"
    assert text.startswith("an identical chip is GO with 40%, wanted 80%; least often pass `quiz` 90%")
    assert "has 1,000 items for 3 points at 10 % flips, some 1,203 pass with 95 %" in text


def test_a_measured_flip_rate_takes_the_place_of_the_default() -> None:
    measured = {f"{key}.flip_rate": 0.02 for key in (*NINE, "policy.harness_tasks.quiz")}
    sources = {f"{key}.flip_source": "a run" for key in (*NINE, "policy.harness_tasks.quiz")}
    assert said({**NINE, **measured, **sources}) == []
    assert said({**NINE, **measured, **sources}, "FR507") == []
    assert len(said({**NINE, **measured}, "FR507")) == 9


def test_a_supporting_task_that_turns_equals_away_is_a_warning_and_an_advisory_one_is_nothing() -> None:
    weak = {**NINE["policy.harness_tasks.t0"], "margin_pt": 1.0, "tier": "supporting"}
    ((severity, text),) = said({"policy.harness_tasks.weak": weak})
    assert severity == "warning"
    assert "task `weak`" in text
    assert said({"policy.harness_tasks.weak": {**weak, "tier": "advisory"}}) == []


def test_a_policy_at_its_own_stricter_level_is_counted_at_that_level() -> None:
    assert said({"policy.alpha": 0.001})[0][0] == "error"


def test_the_default_is_what_published_cards_imply() -> None:
    assert FLIP_RATE == 0.10


def test_a_policy_is_counted_once_and_anew_when_it_is_another(tmp_path: Path) -> None:
    policy = POLICIES["smollm2-135m"]
    first = kept(ParseCache(tmp_path))(policy)
    size = (tmp_path / FILE).stat().st_size
    assert kept(ParseCache(tmp_path))(policy) == first == passing(policy)
    assert (tmp_path / FILE).stat().st_size == size
    wider = policy.model_copy(update={"alpha": 0.1})
    assert kept(ParseCache(tmp_path))(wider).go > first.go


def test_a_damaged_count_is_counted_anew(tmp_path: Path) -> None:
    policy = POLICIES["smollm2-135m"]
    first = kept(ParseCache(tmp_path))(policy)
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content.replace(b'"go":0.9', b'"go":0.1'))
    assert kept(ParseCache(tmp_path))(policy) == first


def test_where_nothing_can_be_kept_it_is_still_counted(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file in the way")
    policy = POLICIES["smollm2-135m"]
    assert kept(ParseCache(tmp_path / "home"))(policy) == passing(policy)


def test_lint_of_known_policies_does_not_load_scipy(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    for name in ("patches", "dockerfiles"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name)
    environment = {**os.environ, "FLAGRELEASE_HOME": str(tmp_path / "home")}
    loaded = [
        "scipy" in subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "flagrelease", "lint"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=60,
        ).stderr
        for _ in range(2)
    ]  # fmt: skip
    assert loaded == [True, False]
