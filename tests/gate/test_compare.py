"""Two sides' records become a verdict: the same statistics as a bundle's, and none where there are no items."""

from typing import Any

import pytest

from flagrelease.domain.answers import Record
from flagrelease.domain.evalrun import DatasetFacts, Harness, Headline
from flagrelease.errors import RecipeError
from flagrelease.gate.records.words import table
from flagrelease.report.gate.fill import page_of
from flagrelease.report.gate.markdown import markdown
from tests.gate.builders import a_policy as own_policy
from tests.gate.builders import a_task as own_task
from tests.gate.builders import both_sides, decided
from tests.gate.records import a_policy, a_record, a_task, answers, both, ids, judged, task_of


def sides(*, lost: int = 0, gained: int = 0, right: int = 200, **changes: Any) -> tuple[Record, Record]:
    before, after = both(lost=lost, gained=gained, right=right)
    return a_record(answers(before), **changes), a_record(answers(after), side="t", **changes)


@pytest.mark.parametrize(
    ("lost", "gained", "decision", "bundle"),
    [
        (0, 0, "PASS", "GO"),
        (6, 0, "PASS_WARN", "GO"),
        (60, 4, "FAIL", "NO-GO"),
        (26, 10, "INCONCLUSIVE", "HOLD"),
        (32, 10, "FAIL", "NO-GO"),
        (4, 60, "ANOMALY", "NO-GO"),
        (28, 28, "INCONCLUSIVE", "HOLD"),
    ],
)
def test_flips_decide(lost: int, gained: int, decision: str, bundle: str) -> None:
    found = judged(*sides(lost=lost, gained=gained, right=150))
    assert (found.tasks[0].decision, found.decision) == (decision, bundle)


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (6, 0), (60, 4), (26, 10), (4, 60), (28, 28), (20, 12)])
def test_the_figures_are_those_of_a_bundle_s_own_tasks(lost: int, gained: int) -> None:
    reference, target = both_sides(lost=lost, gained=gained)
    own = decided(own_policy(task=own_task(chance=0.0)), [reference], [target]).tasks[0]
    task = task_of(*sides(lost=lost, gained=gained, right=120))
    assert (task.difference, task.interval, task.p_damage, task.decision, task.items_needed) == (
        own.difference, own.interval, own.p_damage, own.decision, own.items_needed,
    )  # fmt: skip


def test_damage_is_corrected_for_the_number_of_tasks() -> None:
    policy = a_policy(harness_tasks={name: a_task(benchmark=name) for name in ("one", "two")})
    before, after = both(lost=6)
    reference = [a_record(answers(before), task=name) for name in ("one", "two")]
    target = [a_record(answers(after if name == "one" else before), side="t", task=name) for name in ("one", "two")]
    task = judged(reference, target, policy=policy).tasks[0]
    assert task.p_damage_adjusted == pytest.approx(2 * (task.p_damage or 0))


def test_aggregates_never_decide_however_equal() -> None:
    one, other = (a_record(None, side=side, headline=Headline(score=50.0, decimals=2, items=400)) for side in "rt")
    found = judged(one, other)
    assert found.decision == "HOLD"
    assert found.tasks[0].interval == pytest.approx((-0.0581, 0.0581), abs=1e-4)
    assert found.tasks[0].p_margin is None
    assert (found.tasks[0].reference_score, found.tasks[0].difference) == (0.5, 0)
    assert found.tasks[0].reason.endswith("an aggregate is shown and decides nothing")
    assert "aggregate-only" in found.reasons[1]
    assert "quiz: the record of each item on both sides" in found.settle[0]


def test_an_aggregate_on_another_scale_is_rescaled_by_what_it_states() -> None:
    one = a_record(None, headline=Headline(score=50.0, decimals=2), scale=100)
    other = a_record(None, side="t", headline=Headline(score=500, decimals=0), scale=1000)
    assert task_of(one, other).difference == 0


def test_an_unstated_scale_is_the_policy_s_and_never_guessed() -> None:
    one, other = (a_record(None, side=side, headline=Headline(score=0.85, decimals=2), scale=None) for side in "rt")
    assert task_of(one, other).reference_score == pytest.approx(0.0085)


def test_graded_answers_decide_by_the_mean_of_their_differences() -> None:
    worse = task_of(a_record(answers([0.5] * 400)), a_record(answers([0.4] * 400), side="t"))
    assert (worse.evidence, worse.decision) == ("graded", "FAIL")
    assert worse.difference == pytest.approx(-0.1)
    same = task_of(a_record(answers([0.5] * 400)), a_record(answers([0.5] * 400), side="t"))
    assert (same.evidence, same.decision, same.lost) == ("graded", "PASS", None)


def test_graded_answers_that_do_not_decide_say_how_many_items_would() -> None:
    before = [0.5 + 0.5 * (item % 2) for item in range(400)]
    after = [0.5 + 0.5 * ((item + 1) % 2) for item in range(400)]
    task = task_of(a_record(answers(before)), a_record(answers(after), side="t"))
    assert (task.evidence, task.decision) == ("graded", "INCONCLUSIVE")
    assert task.items_needed
    assert task.items_needed > 1000


def test_graded_answers_of_one_cluster_alone_are_held() -> None:
    one, other = answers([0.5] * 400), answers([0.5] * 400)
    one.clusters = ["video"] * 400
    task = task_of(a_record(one), a_record(other, side="t"))
    assert task.decision == "INCONCLUSIVE"
    assert "graded" in ids(task)


def test_items_of_few_clusters_know_less_than_as_many_items_alone() -> None:
    scores = [0.5 + 0.1 * (item % 7 - 3) / 3 for item in range(400)]
    alone, grouped = answers(scores), answers(scores)
    grouped.clusters = [f"video {item % 7}" for item in range(400)]
    flat = a_record(answers([0.5] * 400), side="t")
    wide, narrow = task_of(a_record(grouped), flat).interval, task_of(a_record(alone), flat).interval
    assert wide
    assert narrow
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


def test_runs_are_averaged_item_by_item() -> None:
    twice = answers([1.0] * 200 + [0.0] * 200)
    for item in range(400):
        twice.add(f"q{item}", 0.0, repeat=1)
    task = task_of(a_record(twice, repeats=2), a_record(answers([1.0] * 400), side="t"))
    assert task.reference_score == 0.25


def test_an_item_that_the_target_lacks_altogether_is_lost() -> None:
    before, after = both()
    task = task_of(a_record(answers(before)), a_record(answers(after[1:], first=1), side="t"))
    assert (task.lost, task.gained, task.target_score) == (1, 0, 199 / 400)
    assert task.worst == pytest.approx(-1 / 400)


def test_a_task_that_a_side_lacks_is_no_go() -> None:
    policy = a_policy(harness_tasks={"quiz": a_task(), "essay": a_task(benchmark="essay")})
    found = judged(*sides(), policy=policy)
    assert found.decision == "NO-GO"
    assert "essay: the policy asks for it with metric `accuracy`" in found.reasons[1]


def test_a_task_that_is_there_with_another_metric_says_which() -> None:
    policy = a_policy(harness_tasks={"quiz": a_task(), "essay": a_task(benchmark="essay")})
    reference, target = sides()
    more = a_record(None, task="essay", metric="f1", headline=Headline(score=1, decimals=0))
    found = judged([reference, more], [target, more], policy=policy)
    assert "no record of the reference and the target, only with f1" in found.reasons[1]


def test_no_common_task_at_all_is_an_error_and_no_verdict() -> None:
    with pytest.raises(RecipeError, match=r"wanted quiz \(accuracy\) on both sides; found other \(accuracy\)"):
        judged(*sides(task="other"))


def test_two_harnesses_are_an_error_and_no_verdict() -> None:
    reference, target = sides()
    other = Record(target.facts.model_copy(update={"harness": Harness(name="another")}), target.answers)
    with pytest.raises(RecipeError, match="found own on the reference and another on the target"):
        judged(reference, other)


def test_a_table_may_stand_against_a_harness_since_it_does_not_say_which_it_is_of() -> None:
    card = a_record(None, harness=Harness(name="table"), headline=Headline(score=50.0, decimals=2))
    assert judged(card, sides()[1]).decision == "HOLD"


@pytest.mark.parametrize("name", ["quiz", "The Quiz", "QUIZ", "the-quiz"])
def test_a_task_is_known_by_its_names(name: str) -> None:
    assert judged(*sides(task=name)).decision == "GO"


def test_a_policy_without_a_critical_task_speaks_for_nothing() -> None:
    policy = a_policy(harness_tasks={"quiz": a_task(tier="supporting")})
    assert judged(*sides(), policy=policy).decision == "NO-GO"


def test_one_bad_supporting_task_holds() -> None:
    policy = a_policy(harness_tasks={"quiz": a_task(), "essay": a_task(benchmark="essay", tier="supporting")})
    (good, same), (before, after) = sides(), sides(lost=60, gained=4, right=150, task="essay")
    assert judged([good, before], [same, after], policy=policy).decision == "HOLD"


def test_records_that_nobody_asks_for_are_named() -> None:
    reference, target = sides()
    more = a_record(None, task="essay", headline=Headline(score=1, decimals=0))
    found = judged([reference, more], target)
    assert found.decision == "GO"
    assert found.reasons[-1] == "essay: the policy does not ask for it, its records are not used"


def test_own_tasks_are_compared_with_the_items_that_the_policy_draws() -> None:
    policy = own_policy(task=own_task(count=400, chance=0.0))
    given: dict[str, Any] = {"task": "task", "metric": "acc_norm", "harness": Harness(name="flagrelease")}
    drawn, other = (DatasetFacts(split="validation", fingerprint=f"400 of 1200, seed {seed}") for seed in (1, 2))
    before, after = both()
    right = judged(
        a_record(answers(before), dataset=drawn, **given),
        a_record(answers(after), side="t", dataset=drawn, **given),
        policy=policy,
    )
    wrong = judged(
        a_record(answers(before), dataset=other, **given),
        a_record(answers(after), side="t", dataset=other, **given),
        policy=policy,
    )
    assert (right.decision, wrong.decision) == ("GO", "NO-GO")
    assert "the policy draws 400 of 1200, seed 1, the reference has 400 of 1200, seed 2" in wrong.reasons[1]


def test_what_would_settle_it_is_a_number_of_items_or_of_runs() -> None:
    found = judged(*sides(lost=28, gained=28, right=120))
    assert found.settle == ("quiz: about 962 items, or 3 runs of its 400 on each side",)


def test_the_table_has_a_row_a_task() -> None:
    head, rule, row = table(judged(*sides(lost=6)))
    assert [cell.strip() for cell in head.strip("|").split("|")] == [
        "task", "n", "reference", "target", "difference [CI]", "flips b/c", "margin", "verdict",
    ]  # fmt: skip
    assert set(rule) == {"|", "-"}
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "quiz", "400", "51.50", "50.00", "-1.50 [-2.87, -0.78]", "6/0", "3.00", "PASS_WARN",
    ]  # fmt: skip


def test_what_has_an_answer_is_counted_on_each_side() -> None:
    before, after = both(lost=1)
    reference = a_record(answers(before))
    target = a_record(answers(after, statuses={0: "error", 1: "rejected"}), side="t")
    assert task_of(reference, target).scored == (400, 398)
    assert "| quiz | 400 and 398 / 400 |" in markdown(page_of(judged(reference, target)))


def test_the_report_holds_what_was_found_and_what_it_rests_on() -> None:
    reference, target = sides(notes=("a | b",))
    text = markdown(page_of(judged(reference, target)))
    assert text.startswith("# GO: shown to answer as well as its reference, within the margins\n")
    assert "results against results. 1 of 1 critical tasks with records passed." in text
    assert "| quiz | `put-right` | note | target: a \\| b |" in text
    assert f"- policy: a-policy, sha256 {'3' * 64}" in text


def test_a_verdict_does_not_depend_on_the_order_of_items() -> None:
    before, after = both(lost=6)
    turned = answers(after)
    turned.ids.reverse()
    for column in (turned.scores, turned.documents, turned.prompts):
        column.reverse()
    assert task_of(a_record(answers(before)), a_record(turned, side="t")).lost == 6
