"""FlagEvalMM's refused answers come back as wrong ones, whichever version left them out."""

import json
import shutil
from pathlib import Path

import pytest

from tests.ingest.sides import SAMPLES, one


@pytest.mark.parametrize("run", ["dropped", "kept"])
def test_refused_answers_are_items_again_and_wrong(run: str) -> None:
    record = one(f"flagevalmm/{run}")
    answers, headline = record.answers, record.facts.headline
    assert answers is not None
    assert headline is not None
    assert (len(answers), sum(answers.scores)) == (12, 8)
    assert (answers.count("error"), answers.count("rejected")) == (1, 1)
    assert (headline.score, headline.items) == (80.0, 10)
    assert record.facts.dataset.items == 12
    assert "2 answers were left out" in record.facts.notes[0]


def test_without_the_answers_the_number_of_refused_ones_is_still_known(tmp_path: Path) -> None:
    run = Path(shutil.copytree(SAMPLES / "flagevalmm" / "dropped", tmp_path / "run"))
    (run / "blink_val.json").unlink()
    record = one(run)
    assert record.answers is not None
    assert (len(record.answers), record.facts.dataset.items) == (10, 12)
    assert "2 of 12 answers were refused" in record.facts.notes[0]


def test_a_complete_run_has_no_note() -> None:
    record = one("flagevalmm/reference")
    assert record.facts.notes == ()
    assert record.facts.scale == 100
    assert record.answers is not None
    assert record.answers.mean_tokens == 3


def test_marks_are_scores_too() -> None:
    assert one("flagevalmm/marks", task="ocrbench_test").facts.kind == "proportion"
    judged = one("flagevalmm/marks", task="mmvet_v2")
    assert (judged.facts.kind, judged.facts.metric) == ("judge", "judge score")
    assert judged.answers is not None
    assert sum(judged.answers.scores) == pytest.approx(4.6)


def test_the_score_of_ocrbench_has_a_third_decimal_even_when_it_is_zero() -> None:
    headline = one("flagevalmm/marks", task="ocrbench_test").facts.headline
    assert headline is not None
    assert headline.decimals == 3


def test_several_inferences_are_runs_and_questions_of_one_video_a_cluster() -> None:
    record = one("flagevalmm/several")
    assert record.facts.repeats == 2
    assert record.answers is not None
    assert (record.answers.items, len(record.answers)) == (4, 8)
    assert record.answers.clusters[:4] == ["video-1"] * 4
    assert list(record.answers.repeats) == [0, 1] * 4


def test_an_item_that_nobody_marked_was_not_judged(tmp_path: Path) -> None:
    items = [{"question_id": "1", "answer": "a", "correct": True}, {"question_id": "2", "answer": "b"}]
    (tmp_path / "t_evaluated.json").write_text(json.dumps(items))
    answers = one(tmp_path).answers
    assert answers is not None
    assert answers.count("judge_error") == 1
