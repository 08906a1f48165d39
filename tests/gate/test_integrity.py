"""Each way a record can be unfit to compare is found under its own name."""

from collections.abc import Callable
from typing import Any

import pytest

from flagrelease.domain.evidence import EvalRun, Item
from flagrelease.domain.verdict import Finding
from flagrelease.errors import RecipeError
from tests.gate.builders import IMAGE, OTHER_IMAGE, a_policy, a_run, a_task, both_sides, decided, sha

TASK = a_task()
POLICY = a_policy(task=TASK)
REFERENCE, TARGET = both_sides(lost=4, gained=3)


def findings(reference: EvalRun = REFERENCE, target: EvalRun = TARGET) -> dict[str, Finding]:
    """What is found of the one task, each id once."""
    return {finding.id: finding for finding in decided(POLICY, [reference], [target]).tasks[0].findings}


def with_items(run: EvalRun, change: Callable[[int, Item], Item | None]) -> EvalRun:
    """The record with items changed or, for None, left out; its score is that of the items again."""
    changed = (change(n, item) for n, item in enumerate(run.items))
    items = tuple(item for item in changed if item is not None)
    score = sum(item.score for item in items if item.status == "ok") / len(items)
    return run.model_copy(update={"items": items, "score": score})


def with_item(run: EvalRun, index: int, **update: Any) -> EvalRun:
    return with_items(run, lambda n, item: item.model_copy(update=update) if n == index else item)


def with_dataset(run: EvalRun, **update: Any) -> EvalRun:
    return run.model_copy(update={"dataset": run.dataset.model_copy(update=update)})


def test_two_good_records_raise_only_a_note_about_the_subset() -> None:
    assert findings() == {
        "subset": Finding(id="subset", weight="note", text="400 of 1,200 items were asked, drawn with seed 1")
    }


def test_a_full_benchmark_raises_nothing() -> None:
    task = a_task(available=400)
    reference, target = both_sides(lost=4, gained=3, task=task)
    policy = a_policy(task=task)
    assert decided(policy, [reference], [target]).tasks[0].findings == ()


@pytest.mark.parametrize(
    ("target", "expected", "told"),
    [
        (TARGET.model_copy(update={"kind": "next_word"}), {"other-settings"}, "the policy wants the kind option_log"),
        (with_dataset(TARGET, split="test"), {"other-dataset"}, "the policy wants the split validation, the target"),
        (with_dataset(TARGET, items_available=1300), {"other-dataset"}, "the target has 400 of 1300, seed 1"),
        (with_dataset(TARGET, selection_seed=2), {"other-dataset"}, "the policy draws 400 of 1200, seed 1, the target"),
        (
            with_dataset(TARGET, items_selected=399),
            {"other-dataset", "other-number-of-items"},
            "the target says that there are 399",
        ),
        (with_dataset(TARGET, sha256=sha("another")), {"other-dataset"}, "the dataset's revision is"),
        (with_dataset(TARGET, carrier="another"), {"other-dataset"}, "the dataset is a carrier: items.jsonl on"),
        (TARGET.model_copy(update={"prompts_sha256": sha("another")}), {"other-settings"}, "prompts_sha256 is"),
        (TARGET.model_copy(update={"model": "another"}), {"other-settings"}, "model is a-model on the reference"),
        (TARGET.model_copy(update={"weights_sha256": sha("another")}), {"other-weights"}, "the weights' SHA-256 is"),
        (with_item(TARGET, 7, item_sha256=sha("another")), {"item-differs"}, "item q7 has another content"),
        (with_item(TARGET, 7, prompt_sha256=sha("another")), {"prompt-differs"}, "the prompts of item q7 differ"),
        (with_item(TARGET, 7, score=0.5), {"partial-scores"}, "the target scores item q7 neither right nor wrong"),
        (
            with_item(TARGET, 0, status="error"),
            {"scored-without-answer", "headline-differs"},
            "the target gives 1 points to answers that it does not have",
        ),
        (TARGET.model_copy(update={"score": TARGET.score + 0.0025}), {"headline-differs"}, "the target states 0.31"),
        (with_item(TARGET, 7, id="z"), {"other-number-of-items"}, "the sides have 401 different items of 400: item z"),
        (with_items(TARGET, lambda n, item: item if n else None), {"other-number-of-items"}, "files have 399"),
        (TARGET.model_copy(update={"image": OTHER_IMAGE}), {"other-image"}, f"answers are of {OTHER_IMAGE}, the verdi"),
        (TARGET.model_copy(update={"image": None}), {"other-image"}, "the target's answers are of no image, the"),
    ],
)
def test_a_tampered_target_is_invalid_for_just_that_reason(target: EvalRun, expected: set[str], told: str) -> None:
    verdict = decided(POLICY, [REFERENCE], [target])
    (task,) = verdict.tasks
    assert {finding.id for finding in task.findings if finding.weight == "invalid"} == expected
    assert told in " ".join(finding.text for finding in task.findings)
    assert (task.decision, verdict.decision) == ("INVALID", "NO-GO")


@pytest.mark.parametrize("update", [{"task": "another"}, {"metric": "exact_match"}])
def test_a_record_of_another_task_or_metric_is_no_record_of_this_one(update: dict[str, str]) -> None:
    verdict = decided(POLICY, [REFERENCE], [TARGET.model_copy(update=update)])
    assert (verdict.decision, verdict.tasks) == ("NO-GO", ())
    assert "there is no record of the target" in verdict.reasons[1]


@pytest.mark.parametrize("side", [0, 1])
def test_an_item_that_is_there_twice_makes_no_record_and_no_verdict(side: int) -> None:
    sides = [REFERENCE, TARGET]
    sides[side] = with_item(sides[side], 7, id="q8")
    with pytest.raises(RecipeError, match="item 'q8' is there twice"):
        decided(POLICY, sides[:1], sides[1:])


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (REFERENCE.model_copy(update={"kind": "next_word"}), "other-settings"),
        (REFERENCE.model_copy(update={"score": 0.9}), "headline-differs"),
        (with_item(REFERENCE, 7, score=0.5), "partial-scores"),
        (with_items(REFERENCE, lambda n, item: item if n else None), "other-number-of-items"),
    ],
)
def test_a_tampered_reference_is_invalid_too(reference: EvalRun, expected: str) -> None:
    assert findings(reference=reference)[expected].weight == "invalid"


def test_a_side_without_a_right_answer_shows_nothing_whatever_a_guesser_scores() -> None:
    task = a_task(chance=0.0)
    sides = [a_run([False] * 400, task=task, image=image) for image in (None, IMAGE)]
    (found,) = decided(a_policy(task=task), sides[:1], sides[1:]).tasks
    assert (found.decision, found.p_above_chance) == ("INCONCLUSIVE", 1.0)
    assert "at-chance" in {finding.id for finding in found.findings}


def test_a_few_rejected_items_are_wrong_answers_and_no_more() -> None:
    target = with_items(TARGET, lambda n, i: i.model_copy(update={"status": "rejected", "score": 0.0}) if n < 2 else i)
    assert set(findings(target=target)) == {"subset", "counted-as-wrong"}


def test_more_rejected_items_than_allowed_are_a_broken_run() -> None:
    target = with_items(TARGET, lambda n, i: i.model_copy(update={"status": "error", "score": 0.0}) if n < 3 else i)
    finding = findings(target=target)["too-many-rejects"]
    assert finding.weight == "invalid"
    assert finding.text == (
        "the target has no answer to 3 of 400 items (0.75 points), more than the 0.50 points the policy allows: "
        "3 failed, any others missing"
    )


def test_items_left_out_count_as_rejected() -> None:
    found = findings(target=with_items(TARGET, lambda n, item: item if n > 2 else None))
    assert {"too-many-rejects", "other-number-of-items"} <= set(found)


def test_a_side_at_chance_holds_the_task() -> None:
    reference, target = both_sides(lost=4, gained=3, both_right=80)
    found = findings(reference, target)
    assert found["at-chance"].weight == "hold"
    texts = [one.text for one in decided(POLICY, [reference], [target]).tasks[0].findings if one.id == "at-chance"]
    assert [text.partition(" scores ")[0] for text in texts] == ["the reference", "the target"]
    assert "scores 21.00 points where a guesser scores 20.00" in texts[0]


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
    assert finding.text == "the precision is fp32 on the reference and Q4_1 on the target"


def test_what_the_policy_does_not_ask_for_may_differ() -> None:
    target = a_run([item.score == 1 for item in TARGET.items], task=TASK).model_copy(
        update={"chip": "another chip", "settings": {"threads": "2"}}
    )
    assert set(findings(target=target)) == {"subset"}
