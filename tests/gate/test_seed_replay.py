"""The tables that the seeds publish decide nothing, and the rules of others say of them what the facts have."""

from functools import cache

import pytest

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.domain.everything import Everything
from flagrelease.domain.published import Published
from tests.gate.seed_replay import (
    DOCUMENT,
    ROOT,
    document,
    judged,
    policy_of,
    replayed,
    runs_of,
    with_margin,
)

FIRST = ("cambricon_mlu", "minicpm-o-2.6.flagscale")
SECOND = ("nvidia_cuda", "minicpm-o-4.5.vllm")


@cache
def everything() -> Everything:
    return Catalogue(ROOT / "recipes").everything()


def table(key: tuple[str, str]) -> Published:
    return everything().published[key]


def rules(*keys: tuple[str, str]) -> dict[str, str]:
    runs = [run for key in keys for run in runs_of(table(key), policy_of(everything(), table(key)))]
    return replayed(runs)


def test_the_document_is_what_the_gate_says_of_the_tables() -> None:
    assert DOCUMENT.read_text() == document(), "run `python -m tests.gate.seed_replay --update`"


@pytest.mark.parametrize("key", sorted(everything().published), ids="/".join)
@pytest.mark.parametrize("points", [None, 5.0, 3.0])
def test_no_table_decides_at_any_margin(key: tuple[str, str], points: float | None) -> None:
    policy = policy_of(everything(), table(key))
    found = judged(everything(), table(key), policy if points is None else with_margin(policy, points))
    assert found.decision == "HOLD"
    assert {task.decision for task in found.tasks} == {"INCONCLUSIVE"}
    assert len(found.tasks) == len(table(key).scores.rows)
    assert found.settle


def test_the_first_table_by_the_rules_that_the_facts_replayed() -> None:
    """Facts evaluation 6.1, in the order of the card."""
    found = rules(FIRST)
    whole = "P" * 9
    assert found["drop ≤ 1 point"] == "PPPPFPPPF"
    assert {found[f"drop ≤ {n} points"] for n in (2, 3)} == {whole}
    assert found["drop ≤ 5 points (what the cards call no difference)"] == whole
    assert found["drop ≤ 1 % of the reference; MLPerf: ≥ 99 % of it"].count("F") == 5
    assert found["drop ≤ 2 % of the reference"].count("F") == 3
    assert found["MLPerf: ≥ 99.9 %"].count("F") == 6
    for rule in ("drop ≤ 3 % of the reference", "z test: p > .05", "TensorRT-LLM: α .05, σ 50"):
        assert found[rule] == whole
    assert found["shown within 7 points, two scores"] == whole
    assert found["shown within 5 points, two scores"] == "PPPP?PPP?"
    assert found["shown within 3 points, two scores"] == "?P?P?????"
    counts = [
        found[f"shown within {n}, paired-like"].count("P") for n in ("5 points", "3 points", "2 points", "1 point")
    ]
    assert counts == [9, 7, 6, 2]


def test_the_second_table_with_its_worst_sign() -> None:
    """Facts evaluation 6.1: 9 of 11 pass at 5 points as two scores, the others are MMMU and MM-Vet."""
    found = rules(SECOND, ("nvidia_cuda", "minicpm-o-4.5.transformers"))
    assert found["shown within 5 points, two scores"] == "P?PP?PPPPPP"
    assert found["shown within 5 points, paired-like"] == "P" * 11
    assert found["shown within 3 points, paired-like"] == "P?PPPPPP?PP"
    assert found["drop ≤ 2 points"] == "P" * 11


def test_four_of_the_second_table_s_differences_are_none_of_right_answers() -> None:
    """Facts evaluation 4."""
    found = judged(everything(), table(SECOND), policy_of(everything(), table(SECOND)))
    assert [task.task for task in found.tasks if "none of right answers" in str(task.findings)] == [
        "cmmmu_val", "mmmu_pro_standard_test", "mmmu_pro_vision_test", "math_vision_test",
    ]  # fmt: skip


def test_the_first_table_under_another_name_is_told_and_is_no_go() -> None:
    other = table(FIRST).model_copy(update={"chip": "nvidia_cuda", "model": "minicpm-o-4.5"})
    found = judged(everything(), other, policy_of(everything(), table(FIRST)))
    assert found.decision == "NO-GO"
    assert [one.id for one in found.findings] == ["copied-scores"]
