"""Each check of records finds what it is for, weighs what its table says, and names what was wanted and found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flagrelease.domain.answers import Record
from flagrelease.domain.evalrun import DatasetFacts, Harness, Headline, Judge, ServerFacts, SourceFile, StatedDifference
from flagrelease.gate.records.checks import TITLES, table
from flagrelease.gate.records.outcome import Subject
from tests.gate.records import a_policy, a_record, a_task, answers, both, ids, judged, task_of

IMAGE = "sha256:" + "1" * 64
SCORES = [1.0] * 200 + [0.0] * 200
WEIGHTS = {name: weight for name, weight, _ in TITLES}


def reference(**changes: Any) -> Record:
    return a_record(answers(SCORES), **changes)


def target(**changes: Any) -> Record:
    return a_record(answers(SCORES), side="t", **changes)


def aggregate(score: float, *, side: str = "t", decimals: int = 2, **changes: Any) -> Record:
    return a_record(None, side=side, headline=Headline(score=score, decimals=decimals, items=400), **changes)


def headline(score: float, *, decimals: int = 2, items: int | None = 400, right: int | None = None) -> Headline:
    return Headline(score=score, decimals=decimals, items=items, right=right)


def test_two_good_records_have_nothing_against_them() -> None:
    found = task_of(reference(), target())
    assert ids(found) == set()
    assert found.decision == "PASS"


Makes = Callable[[], tuple[Record, Record]]

FOUND: list[tuple[str, str, Makes]] = [
    (
        "other-harness-version",
        "the harness's version is 1.0 on the reference and 2.0 on the target",
        lambda: (reference(), target(harness=Harness(name="own", version="2.0"))),
    ),
    (
        "other-harness-version",
        "the SHA-256 of the task's configuration",
        lambda: (
            reference(harness=Harness(name="own", config_sha256="a" * 64)),
            target(harness=Harness(name="own", config_sha256="b" * 64)),
        ),
    ),
    (
        "other-dataset",
        "the dataset's revision is abc on the reference and def on the target",
        lambda: (reference(), target(dataset=DatasetFacts(id="a/quiz", revision="def", split="test", items=400))),
    ),
    (
        "other-dataset",
        "the split is test on the reference and dev on the target",
        lambda: (reference(), target(dataset=DatasetFacts(id="a/quiz", revision="abc", split="dev", items=400))),
    ),
    (
        "other-dataset",
        "the dataset's fingerprint is x on the reference and y on the target",
        lambda: (
            aggregate(50, side="r", dataset=DatasetFacts(fingerprint="x")),
            aggregate(50, dataset=DatasetFacts(fingerprint="y")),
        ),
    ),
    (
        "item-differs",
        "item q7 has another content on the target",
        lambda: (reference(), a_record(answers(SCORES, document={7: "changed"}), side="t")),
    ),
    (
        "prompt-differs",
        "the prompts of items q7, q8 differ between the sides",
        lambda: (reference(), a_record(answers(SCORES, prompt={7: "other", 8: "words"}), side="t")),
    ),
    (
        "other-settings",
        "temperature is 0.0 on the reference and 0.6 on the target",
        lambda: (reference(), target(settings={"temperature": "0.6"})),
    ),
    (
        "other-settings",
        "limit is not set on the reference and 400 on the target",
        lambda: (reference(), target(settings={"temperature": "0.0", "limit": "400"})),
    ),
    ("other-shots", "the reference has 5 shots, the target 0", lambda: (reference(shots=5), target(shots=0))),
    (
        "other-judge",
        "the judge is gpt-5-mini on the reference and gpt-5 on the target",
        lambda: (reference(judge=Judge(model="gpt-5-mini")), target(judge=Judge(model="gpt-5"))),
    ),
    ("other-weights", "the weights' SHA-256 is aaa", lambda: (reference(), target(weights_sha256="b" * 64))),
    ("other-metric", "less is better in the target's metric", lambda: (reference(), target(higher_is_better=False))),
    ("other-precision", "the precision is fp32", lambda: (reference(precision="fp32"), target(precision="Q4_1"))),
    (
        "unstated",
        "neither side's files state the settings, the weights' SHA-256",
        lambda: (reference(settings={}, weights_sha256=None), target(settings={}, weights_sha256=None)),
    ),
    (
        "stated-by-one-side",
        "the target's files do not state the settings, the other side's do",
        lambda: (reference(), target(settings={})),
    ),
    (
        "stated-by-one-side",
        "the reference's files do not state the harness's version",
        lambda: (reference(harness=Harness(name="own")), target()),
    ),
    (
        "other-harness",
        "the policy wants the scores of own, the reference has those of another",
        lambda: (reference(harness=Harness(name="another")), target(harness=Harness(name="another"))),
    ),
    (
        "same-answers",
        "all 400 answers are the same, word for word",
        lambda: (a_record(answers(SCORES, said="Paris")), a_record(answers(SCORES, said="Paris"), side="t")),
    ),
    (
        "reference-is-target",
        "the same files, byte for byte",
        lambda: (reference(), a_record(answers(SCORES), side="r")),
    ),
    (
        "reference-is-target",
        "answered from one image",
        lambda: (reference(image=IMAGE), target(image=IMAGE)),
    ),
    (
        "same-image-switched",
        "one image answered with USE_X = 1 on the target, USE_X unset on the reference",
        lambda: (
            reference(image=IMAGE, server=ServerFacts(switches={"USE_X": None})),
            target(image=IMAGE, server=ServerFacts(switches={"USE_X": "1"})),
        ),
    ),
    (
        "other-number-of-items",
        "the task has 400 items, the target's files have 401",
        lambda: (reference(), a_record(answers([*SCORES, 1.0]), side="t")),
    ),
    (
        "other-number-of-items",
        "the sides have 401 different items of 400: item q400 on one side only",
        lambda: (reference(), a_record(answers(SCORES, first=1), side="t")),
    ),
    (
        "other-number-of-items",
        "the target says that there are 410",
        lambda: (
            reference(dataset=DatasetFacts()),
            target(dataset=DatasetFacts(items=410)),
        ),
    ),
    (
        "too-many-rejects",
        "the target has no answer to 3 of 400 items (0.75 points), more than the 0.50 points",
        lambda: (
            reference(),
            a_record(answers(SCORES, statuses={0: "rejected", 1: "error", 2: "judge_error"}), side="t"),
        ),
    ),
    (
        "too-many-rejects",
        "no answer to 10 of 400 items",
        lambda: (reference(), a_record(answers(SCORES[:390]), side="t")),
    ),
    (
        "counted-as-wrong",
        "2 of 400 items have no answer on the target and count as wrong: 2 failed",
        lambda: (reference(), a_record(answers(SCORES, statuses={0: "error", 1: "error"}), side="t")),
    ),
    (
        "headline-differs",
        "the target states 50.25 out of 100, its 400 answers give 50.0000",
        lambda: (reference(), target(headline=headline(50.25))),
    ),
    (
        "headline-differs",
        "the target states 50.25 out of 100, 200 of 400 give 50",
        lambda: (aggregate(50, side="r"), a_record(None, side="t", headline=headline(50.25, right=200))),
    ),
    (
        "unattainable",
        "the target's 50.10 out of 100 is no number of right answers out of 400 items",
        lambda: (reference(), target(headline=headline(50.1))),
    ),
    (
        "unattainable-aggregate",
        "the target's 50.10 out of 100 is no number of right answers out of 400 items",
        lambda: (aggregate(50, side="r"), aggregate(50.1)),
    ),
    ("off-scale", "the target's 854 is not within 0 and 100", lambda: (aggregate(50, side="r"), aggregate(854))),
    ("aggregate-only", "no single items of the target", lambda: (reference(), aggregate(50))),
    (
        "length-drift",
        "0.50 times as long",
        lambda: (a_record(answers(SCORES, tokens=100)), a_record(answers(SCORES, tokens=50), side="t")),
    ),
    (
        "length-drift-small",
        "0.85 times as long",
        lambda: (a_record(answers(SCORES, tokens=100)), a_record(answers(SCORES, tokens=85), side="t")),
    ),
    (
        "truncation-drift",
        "100.0 % of the target's answers, 0.0 % of the reference's end at the limit",
        lambda: (a_record(answers(SCORES, finish="stop")), a_record(answers(SCORES, finish="length"), side="t")),
    ),
    (
        "truncation-drift-small",
        "5.0 % of the target's answers",
        lambda: (
            a_record(answers(SCORES, finish="stop")),
            a_record(answers(SCORES, finish={n: "length" if n < 20 else "stop" for n in range(400)}), side="t"),
        ),
    ),
    ("put-right", "target: two answers came back", lambda: (reference(), target(notes=("two answers came back",)))),
]


@pytest.mark.parametrize(("name", "told", "makes"), FOUND, ids=[f"{name}-{n}" for n, (name, _, _) in enumerate(FOUND)])
def test_a_fault_is_found_by_its_check_and_weighs_what_the_table_says(name: str, told: str, makes: Makes) -> None:
    found = task_of(*makes())
    told_by = [finding for finding in found.findings if finding.id == name]
    assert told_by, found.findings
    assert told in told_by[0].text
    assert {finding.weight for finding in told_by} == {WEIGHTS[name]}
    expected = {"invalid": {"INVALID"}, "hold": {"INCONCLUSIVE", "INVALID"}, "note": {"PASS", "INCONCLUSIVE"}}
    assert found.decision in expected[WEIGHTS[name]]


def test_every_check_has_a_case() -> None:
    others = {
        "several-records", "several-metrics", "scored-twice", "scored-twice-differs", "graded", "copied-scores",
        "published-scores", "other-image", "unbound", "at-chance", "runs-differ", "difference-only",
        # Of tasks that are asked here, in test_integrity.
        "subset", "partial-scores", "scored-without-answer",
        # Of planned looks, in test_sequential_verdict.
        "order-unknown", "not-the-order",
    }  # fmt: skip
    assert {name for name, _, _ in TITLES} == {name for name, _, _ in FOUND} | others


def test_the_document_has_the_table() -> None:
    text = (Path(__file__).parents[2] / "docs" / "gate.md").read_text()
    assert "\n".join(table()) in text


def test_the_ids_are_unique() -> None:
    assert len(WEIGHTS) == len(TITLES)


def test_answers_of_another_image_are_invalid_and_unbound_ones_hold() -> None:
    subject = Subject(image=IMAGE)
    other = task_of(reference(), target(image="sha256:" + "2" * 64), subject=subject)
    unbound = task_of(reference(), target(), subject=subject)
    bound = task_of(reference(), target(image=IMAGE), subject=subject)
    assert "other-image" in ids(other)
    assert other.decision == "INVALID"
    assert (ids(unbound), unbound.decision) == ({"unbound"}, "INCONCLUSIVE")
    assert (ids(bound), bound.decision) == (set(), "PASS")


def test_a_side_at_chance_shows_nothing() -> None:
    scores = [1.0] * 100 + [0.0] * 300
    policy = a_policy(harness_tasks={"quiz": a_task(chance=0.25)})
    found = task_of(a_record(answers(scores)), a_record(answers(scores), side="t"), policy=policy)
    assert "at-chance" in ids(found)
    assert found.decision == "INCONCLUSIVE"


def test_runs_that_failed_do_not_vanish_in_a_mean() -> None:
    uneven = answers(SCORES)
    for item in range(399):
        uneven.add(f"q{item}", 1.0, repeat=1)
    found = task_of(reference(repeats=2), a_record(uneven, side="t", repeats=2))
    assert "the target has 2 runs, and fewer of item q399" in [one.text for one in found.findings]


def test_several_records_of_a_task_are_not_chosen_from() -> None:
    (found,) = judged(reference(), [target(), target()]).tasks
    assert "several-records" in ids(found)
    assert found.decision == "INVALID"


def test_scoring_the_same_answers_twice_gives_the_same_or_is_invalid() -> None:
    said = {n: f"answer {n}" for n in range(400)}
    first, same = (a_record(answers(SCORES, said=said), side="t") for _ in range(2))
    moved = a_record(answers([*SCORES[:-1], 1.0], said=said), side="t")
    (good,) = judged(reference(), [first, same]).tasks
    (bad,) = judged(reference(), [first, moved]).tasks
    assert (ids(good), good.decision) == ({"scored-twice"}, "PASS")
    assert "2 times with the same result" in good.findings[0].text
    assert (ids(bad), bad.decision) == ({"scored-twice-differs"}, "INVALID")
    assert "item q399 differently" in bad.findings[0].text


def test_several_filters_want_the_policy_to_name_one() -> None:
    sides = [[a_record(answers(SCORES), side=side, metric=f"acc,{name}") for name in ("a", "b")] for side in "rt"]
    (unclear,) = judged(*sides).tasks
    policy = a_policy(harness_tasks={"quiz": a_task(metric="acc,b")})
    (clear,) = judged(*sides, policy=policy).tasks
    assert "several-metrics" in ids(unclear)
    assert unclear.decision == "INVALID"
    assert (ids(clear), clear.decision) == (set(), "PASS")


def test_a_mean_of_several_runs_is_attainable_in_smaller_steps() -> None:
    policy = a_policy(harness_tasks={"quiz": a_task(repeats=4)})
    found = task_of(aggregate(50.06, side="r", repeats=4), aggregate(50.06, repeats=4), policy=policy)
    assert "unattainable-aggregate" not in ids(found)


def test_what_a_harness_gave_to_an_answer_that_failed_is_in_its_own_score_only() -> None:
    failed = answers(SCORES, statuses={0: "error"})
    found = task_of(reference(), a_record(failed, side="t", headline=headline(50.0)))
    assert "headline-differs" not in ids(found)
    assert found.target_score == 199 / 400


def test_a_drift_within_a_tenth_is_none() -> None:
    found = task_of(a_record(answers(SCORES, tokens=100)), a_record(answers(SCORES, tokens=109), side="t"))
    assert ids(found) == set()


def test_a_missing_answer_is_wrong_and_its_worst_case_is_shown() -> None:
    before, after = both(lost=0, gained=0)
    found = task_of(a_record(answers(before[:399])), a_record(answers(after, statuses={0: "error"}), side="t"))
    assert (found.reference_score, found.target_score) == (200 / 400, 199 / 400)
    assert found.worst == pytest.approx(199 / 400 - 201 / 400)
    assert (found.lost, found.gained) == (1, 0)


@pytest.mark.parametrize("off", [{"USE_X": "1"}, {"USE_Y": None}, {}])
def test_one_image_shows_nothing_unless_the_same_switch_was_on_and_off(
    off: dict[str, str | None],
) -> None:
    before = reference(image=IMAGE, server=ServerFacts(switches=off))
    found = task_of(before, target(image=IMAGE, server=ServerFacts(switches={"USE_X": "1"})))
    assert "reference-is-target" in ids(found)
    assert "same-image-switched" not in ids(found)


def test_a_source_named_in_one_file_of_two_sides_is_not_the_same_file() -> None:
    source = SourceFile(path="t.csv", sha256="9" * 64, format="table")
    found = task_of(aggregate(50, side="r", sources=(source,)), aggregate(50, sources=(source,)))
    assert "reference-is-target" not in ids(found)


def test_what_a_record_says_cannot_steer_a_terminal() -> None:
    found = task_of(reference(settings={"a\x1b[2J": "1"}), target(settings={"a\x1b[2J": "2\x1b[2J"}))
    (text,) = [one.text for one in found.findings if one.id == "other-settings"]
    assert text == "a [2J is 1 on the reference and 2 [2J on the target"


def stated(score: float, *, is_signed: bool = False, decimals: int = 2) -> tuple[Record, Record]:
    given = StatedDifference(score=score, decimals=decimals, is_signed=is_signed)
    one, other = (a_record(None, side=side, difference=given, kind="difference_only") for side in "rt")
    return one, other


def test_a_difference_alone_is_held_with_its_worst_sign_and_says_what_to_measure() -> None:
    found = judged(*stated(1.5))
    (task,) = found.tasks
    assert (found.decision, task.decision, task.difference) == ("HOLD", "INCONCLUSIVE", -0.015)
    assert "difference-only" in ids(task)
    assert "aggregate-only" not in ids(task)
    assert task.interval is not None
    assert task.interval[0] < -0.05 < 0.02 < task.interval[1]
    assert found.settle == ("quiz: both sides' scores with the record of each item, 400 items each",)


@pytest.mark.parametrize(("score", "shown"), [(1.5, 0.015), (-1.5, -0.015)])
def test_a_sign_that_is_written_is_kept_and_decides_as_little(score: float, shown: float) -> None:
    task = task_of(*stated(score, is_signed=True))
    assert (task.decision, task.difference) == ("INCONCLUSIVE", shown)


@pytest.mark.parametrize(("score", "said"), [(1.5, 1), (1.49, 1), (1.4, 2)])
def test_a_difference_that_no_numbers_of_right_answers_have_is_said(score: float, said: int) -> None:
    assert len([one for one in task_of(*stated(score)).findings if one.id == "difference-only"]) == said


def test_a_difference_of_a_thousand_points_is_no_interval_and_no_verdict() -> None:
    task = task_of(*stated(1000.0))
    assert (task.decision, task.interval) == ("INCONCLUSIVE", None)
