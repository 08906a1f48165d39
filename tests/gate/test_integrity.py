"""Each way a record can be unfit to compare is found under its own name."""

from collections.abc import Callable
from typing import Any

import pytest

from flagrelease.domain.evidence import EvalRun, Item
from flagrelease.domain.verdict import Finding
from flagrelease.gate.integrity import check_integrity
from tests.gate.builders import IMAGE, OTHER_IMAGE, a_policy, a_run, a_task, both_sides, sha

TASK = a_task()
POLICY = a_policy(task=TASK)
REFERENCE, TARGET = both_sides(lost=4, gained=3)


def findings(reference: EvalRun = REFERENCE, target: EvalRun = TARGET) -> dict[str, Finding]:
    found = check_integrity(reference, target, TASK, name="task", policy=POLICY, image=IMAGE)
    return {finding.id: finding for finding in found}


def with_items(run: EvalRun, change: Callable[[int, Item], Item | None]) -> EvalRun:
    """The record with items changed or, for None, left out; its score is that of the items again."""
    changed = (change(n, item) for n, item in enumerate(run.items))
    items = tuple(item for item in changed if item is not None)
    score = sum(item.score for item in items if item.status == "ok") / TASK.selection.count
    return run.model_copy(update={"items": items, "score": score})


def with_item(run: EvalRun, index: int, **update: Any) -> EvalRun:
    return with_items(run, lambda n, item: item.model_copy(update=update) if n == index else item)


def with_dataset(run: EvalRun, **update: Any) -> EvalRun:
    return run.model_copy(update={"dataset": run.dataset.model_copy(update=update)})


def test_two_good_records_raise_only_a_note_about_the_subset() -> None:
    assert findings() == {
        "subset": Finding(id="subset", weight="note", text="400 of 1200 items were asked, drawn with seed 1")
    }


def test_a_full_benchmark_raises_nothing() -> None:
    task = a_task(available=400)
    reference, target = both_sides(lost=4, gained=3, task=task)
    policy = a_policy(task=task)
    assert check_integrity(reference, target, task, name="task", policy=policy, image=IMAGE) == ()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (TARGET.model_copy(update={"task": "another"}), {"target-other-task"}),
        (TARGET.model_copy(update={"kind": "next_word"}), {"target-other-kind"}),
        (TARGET.model_copy(update={"metric": "exact_match"}), {"target-other-metric"}),
        (with_dataset(TARGET, split="test"), {"target-other-split", "other-split"}),
        (with_dataset(TARGET, items_available=1300), {"target-other-dataset", "other-dataset"}),
        (with_dataset(TARGET, selection_seed=2), {"target-other-selection", "other-selection"}),
        (with_dataset(TARGET, items_selected=399), {"target-other-selection", "other-selection"}),
        (with_dataset(TARGET, sha256=sha("another")), {"other-dataset"}),
        (TARGET.model_copy(update={"prompts_sha256": sha("another")}), {"other-prompts"}),
        (TARGET.model_copy(update={"model": "another"}), {"other-model"}),
        (TARGET.model_copy(update={"weights_sha256": sha("another")}), {"other-weights"}),
        (with_item(TARGET, 7, item_sha256=sha("another")), {"item-differs"}),
        (with_item(TARGET, 7, prompt_sha256=sha("another")), {"prompt-differs"}),
        (with_item(TARGET, 7, score=0.5), {"target-partial-scores"}),
        (with_item(TARGET, 0, status="error"), {"target-scored-without-answer"}),
        (TARGET.model_copy(update={"score": TARGET.score + 0.0025}), {"target-score-differs"}),
        (with_item(TARGET, 7, id="q8"), {"target-duplicate-items", "target-missing-items", "other-number-of-items"}),
        (with_item(TARGET, 7, id="z"), {"target-missing-items", "reference-missing-items", "other-number-of-items"}),
        (with_items(TARGET, lambda n, item: item if n else None), {"target-missing-items"}),
        (TARGET.model_copy(update={"image": OTHER_IMAGE}), {"other-image"}),
        (TARGET.model_copy(update={"image": None}), {"other-image"}),
    ],
)
def test_a_tampered_target_is_invalid_for_just_that_reason(target: EvalRun, expected: set[str]) -> None:
    found = findings(target=target)
    # An item that both sides number differently is one more than were selected.
    allowed = expected | {"subset"}
    assert {name for name, finding in found.items() if finding.weight == "invalid"} <= expected
    assert set(found) <= allowed
    assert expected - {"other-number-of-items"} <= set(found)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (REFERENCE.model_copy(update={"kind": "next_word"}), "reference-other-kind"),
        (REFERENCE.model_copy(update={"score": 0.9}), "reference-score-differs"),
        (with_item(REFERENCE, 7, id="q8"), "reference-duplicate-items"),
        (with_item(REFERENCE, 7, score=0.5), "reference-partial-scores"),
        (with_items(REFERENCE, lambda n, item: item if n else None), "reference-missing-items"),
    ],
)
def test_a_tampered_reference_is_invalid_too(reference: EvalRun, expected: str) -> None:
    assert findings(reference=reference)[expected].weight == "invalid"


def test_a_few_rejected_items_are_wrong_answers_and_no_more() -> None:
    target = with_items(TARGET, lambda n, i: i.model_copy(update={"status": "rejected", "score": 0.0}) if n < 2 else i)
    assert set(findings(target=target)) == {"subset"}


def test_more_rejected_items_than_allowed_are_a_broken_run() -> None:
    target = with_items(TARGET, lambda n, i: i.model_copy(update={"status": "error", "score": 0.0}) if n < 3 else i)
    finding = findings(target=target)["target-too-many-rejects"]
    assert finding.weight == "invalid"
    assert finding.text == (
        "the target has no answer to 3 of 400 items (0.75 points), more than the 0.50 points the policy allows"
    )


def test_items_left_out_count_as_rejected() -> None:
    found = findings(target=with_items(TARGET, lambda n, item: item if n > 2 else None))
    assert {"target-too-many-rejects", "target-missing-items"} <= set(found)


def test_a_side_at_chance_holds_the_task() -> None:
    reference, target = both_sides(lost=4, gained=3, both_right=80)
    found = findings(reference, target)
    assert found["reference-at-chance"].weight == "hold"
    assert found["target-at-chance"].weight == "hold"
    assert "scores 21.00 points where a guesser scores 20.00" in found["reference-at-chance"].text


def test_a_reference_from_the_judged_image_holds_the_task() -> None:
    reference = REFERENCE.model_copy(update={"image": IMAGE})
    assert findings(reference=reference)["reference-is-target"].weight == "hold"


def test_a_record_with_long_or_odd_texts_still_gives_a_finding() -> None:
    found = findings(target=TARGET.model_copy(update={"precision": "x\n" * 900}))
    assert len(found["other-precision"].text) < 400
    assert found["other-precision"].text.isprintable()


def test_another_precision_of_the_same_weights_is_told_and_allowed() -> None:
    finding = findings(reference=REFERENCE.model_copy(update={"precision": "fp32"}))["other-precision"]
    assert finding.weight == "note"
    assert finding.text == "the reference computes in fp32, the target in Q4_1"


def test_what_the_policy_does_not_ask_for_may_differ() -> None:
    target = a_run([item.score == 1 for item in TARGET.items], task=TASK).model_copy(
        update={"chip": "another chip", "settings": {"threads": "2"}}
    )
    assert set(findings(target=target)) == {"subset"}
