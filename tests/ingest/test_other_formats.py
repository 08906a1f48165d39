"""VLMEvalKit, OpenCompass, modeltest and plain tables: what a number is out of is stated, never guessed."""

from pathlib import Path

import pytest

from flagrelease.domain.evalrun import StatedDifference
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import pretty_json
from tests.ingest.sides import folder, one, read

KIT = "vlmevalkit/MiniCPM-o-2_6"


def test_an_answer_that_was_never_obtained_is_an_error_whatever_its_hit_says() -> None:
    record = one("vlmevalkit", task="MMStar")
    assert record.answers is not None
    assert record.answers.count("error") == 1
    assert sum(record.answers.scores) == 6
    assert record.answers.struck == 1
    assert (record.facts.model, record.facts.scale) == ("MiniCPM-o-2_6", 1)


def test_ocrbench_out_of_a_thousand_is_known_by_its_name() -> None:
    facts = one("vlmevalkit", task="OCRBench").facts
    assert facts.headline is not None
    assert (facts.scale, facts.headline.score) == (1000, 854)


@pytest.mark.parametrize(("key", "scale"), [("Final Score", 1000), ("Final Score Norm", 100)])
def test_a_small_score_of_ocrbench_keeps_its_scale(tmp_path: Path, key: str, scale: int) -> None:
    facts = one(folder(tmp_path, {"M_OCRBench_score.json": {key: 0.9}})).facts
    assert facts.headline is not None
    assert (facts.scale, facts.headline.score) == (scale, 0.9)


def test_several_splits_are_not_one_score(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="wanted the score of one split, found 2"):
        read(folder(tmp_path, {"M_MMBench_acc.csv": "split,Overall\ndev,0.5\ntest,0.6\n"}))


def test_a_spreadsheet_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="found `xlsx`") as error:
        read(folder(tmp_path, {"M_MMStar_result.xlsx": b"PK\x03\x04" + bytes(100)}))
    assert "tsv" in error.value.hint


OC = "opencompass/20261124_135435"


def details(score: float, *rows: object) -> dict[str, object]:
    return {"accuracy": score, "details": {"type": "GEN", **{str(n): row for n, row in enumerate(rows)}}}


def test_opencompass_keeps_answer_and_reference_and_an_item_is_right_where_they_are_one() -> None:
    record = one("opencompass")
    assert (record.facts.task, record.facts.metric, record.facts.scale) == ("letters", "accuracy", 100)
    assert record.facts.settings == {"prompt_version": "9b397a"}
    assert "the file has no marks" in record.facts.notes[0]
    assert record.answers is not None
    assert (len(record.answers), sum(record.answers.scores)) == (12, 6)
    assert len(set(record.answers.prompts)) == 12


def test_comparing_that_does_not_give_the_stated_score_makes_no_items(tmp_path: Path) -> None:
    rows = [{"predictions": "A", "references": "A"}, {"predictions": "one", "references": "1"}]
    assert one(folder(tmp_path, {"results/m/quiz.json": details(100.0, *rows)})).answers is None


def test_a_mark_in_the_details_counts_before_any_comparison(tmp_path: Path) -> None:
    rows = [{"pred": "B", "answer": "A", "correct": True}, {"pred": "A", "answer": "A", "correct": [False]}]
    record = one(folder(tmp_path, {"results/m/quiz.json": details(50.0, *rows)}))
    assert record.answers is not None
    assert list(record.answers.scores) == [1, 0]
    assert record.facts.notes == ()


def test_references_of_several_forms_are_not_compared(tmp_path: Path) -> None:
    rows = [{"predictions": "A", "references": ["A", "a"]}]
    assert one(folder(tmp_path, {"results/m/quiz.json": details(100.0, *rows)})).answers is None


def test_a_summary_of_opencompass_is_an_aggregate() -> None:
    record = one(f"{OC}/summary")
    assert record.answers is None
    assert record.facts.settings == {"prompt_version": "9b397a"}
    assert record.facts.headline is not None
    assert record.facts.headline.decimals == 2


def test_what_did_not_finish_is_missing_from_a_summary(tmp_path: Path) -> None:
    text = "dataset,version,metric,mode,m\nquiz,1,accuracy,gen,50.00\nlost,-,-,-,-\n"
    assert [record.facts.task for record in read(folder(tmp_path, {"summary.csv": text}))] == ["quiz"]


def test_a_summary_of_two_models_wants_to_know_which(tmp_path: Path) -> None:
    path = folder(tmp_path, {"summary.csv": "dataset,version,metric,mode,a,b\nmmlu,1,accuracy,gen,50.00,60.00\n"})
    with pytest.raises(RecipeError, match="wanted the scores of one model, found a, b"):
        read(path)
    headline = one(path, column="B").facts.headline
    assert headline is not None
    assert headline.score == 60


def test_modeltest_s_drawn_grid_gives_counts_and_the_scale_follows_from_them() -> None:
    found = {record.facts.task: record.facts for record in read("modeltest/drawn")}
    assert {task: facts.scale for task, facts in found.items()} == {"boolq": 1, "gsm8k": 100}
    headline = found["boolq"].headline
    assert headline is not None
    assert (headline.right, headline.items, headline.score, headline.decimals) == (2415, 3270, 0.7385, 4)
    assert found["gsm8k"].shots == 8


def test_modeltest_s_impossible_counts_are_refused(tmp_path: Path) -> None:
    text = "Tasks,N-Shot,Total,Pass,Metric,Value\nboolq,0,10,11,acc,1.1\n"
    with pytest.raises(RecipeError, match="wanted Pass within a Total above 0, found 11 of 10"):
        read(folder(tmp_path, {"a_result.csv": text}))


def test_a_card_s_table_is_read_by_its_column() -> None:
    found = {record.facts.task: record.facts for record in read("table/card.md", column="CUDA")}
    assert len(found) == 9
    ocr = found["ocrbench_test"]
    assert ocr.headline is not None
    assert (ocr.headline.score, ocr.headline.decimals, ocr.scale) == (85.4, 1, None)


def test_a_table_of_two_columns_wants_to_know_which() -> None:
    with pytest.raises(RecipeError, match="wanted one column of scores, found cuda, flagos"):
        read("table/card.md")


def test_a_csv_may_say_how_many_items_and_how_sure() -> None:
    facts = one("table/reference.csv", task="BLINK").facts
    assert facts.headline is not None
    assert (facts.headline.items, facts.headline.stderr) == (1901, 1.14)


def test_shots_and_runs_are_read_from_a_title(tmp_path: Path) -> None:
    facts = one(folder(tmp_path, {"t.md": "| Task | score |\n|---|---|\n| GSM8K (5-shot, avg@4) | 61.5 % |\n"})).facts
    assert (facts.shots, facts.repeats, facts.scale) == (5, 4, 100)


def test_so_many_of_so_many_is_a_share(tmp_path: Path) -> None:
    facts = one(folder(tmp_path, {"t.md": "| Task | score |\n|---|---|\n| AIME | 23/30 |\n"})).facts
    assert facts.headline is not None
    assert (facts.headline.items, facts.scale) == (30, 1)


def test_a_table_on_mixed_scales_is_refused(tmp_path: Path) -> None:
    path = folder(tmp_path, {"t.csv": "task,score\nmmlu,71.5\nocr,0.85\n"})
    with pytest.raises(RecipeError, match="mixed scales: 'ocr' is at most 1"):
        read(path)


def test_a_table_with_a_scale_column_is_not_mixed(tmp_path: Path) -> None:
    path = folder(tmp_path, {"t.csv": "task,score,scale\nmmlu,71.5,100\nocr,0.85,1\n"})
    assert [record.facts.scale for record in read(path)] == [100, 1]


@pytest.mark.parametrize("cell", ["+0.33", "about 50", "50,1", "nan"])
def test_what_is_no_score_is_refused_with_its_task(tmp_path: Path, cell: str) -> None:
    path = folder(tmp_path, {"t.md": f"| Task | score |\n|---|---|\n| MMLU | {cell} |\n"})
    with pytest.raises(RecipeError, match="'MMLU': wanted a score"):
        read(path)


@pytest.mark.parametrize("head", ["Difference", "Diff (%)", "Δ", "|Δ|", "delta", "Gap"])
def test_a_table_of_differences_alone_has_no_score(tmp_path: Path, head: str) -> None:
    path = folder(tmp_path, {"t.csv": f'Metrics,"{head}"\nMMMU,1.44%\nBLINK,-0.3\n'})
    mmmu, blink = (record.facts for record in read(path))
    assert (mmmu.kind, mmmu.headline, mmmu.scale) == ("difference_only", None, 100)
    assert mmmu.difference == StatedDifference(score=1.44, decimals=2)
    assert blink.difference == StatedDifference(score=-0.3, decimals=1, is_signed=True)


def test_differences_beside_scores_are_passed_over(tmp_path: Path) -> None:
    path = folder(tmp_path, {"t.md": "| Task | score | Diff |\n|---|---|---|\n| MMLU | 60.0 | 1.0 |\n"})
    (found,) = read(path)
    assert found.facts.difference is None
    assert found.facts.headline is not None


@pytest.mark.parametrize("cell", ["about 1", "±0.3", "nan", "1/3"])
def test_what_is_no_difference_is_refused_with_its_task(tmp_path: Path, cell: str) -> None:
    path = folder(tmp_path, {"t.md": f"| Task | Difference |\n|---|---|\n| MMLU | {cell} |\n"})
    with pytest.raises(RecipeError, match="'MMLU': wanted a difference"):
        read(path)


def test_a_record_of_a_difference_is_read_as_it_was_written(tmp_path: Path) -> None:
    (found,) = read(folder(tmp_path, {"t.md": "| Task | Difference |\n|---|---|\n| MMLU | 0.30 |\n"}))
    again = tmp_path / "again"
    again.mkdir()
    (again / "record.json").write_bytes(pretty_json(found.as_file()))
    (second,) = read(again)
    assert second.facts.difference == found.facts.difference


def test_shots_and_runs_are_read_from_the_headers_too(tmp_path: Path) -> None:
    path = folder(tmp_path, {"t.md": "| Metrics(avg@4) | Score 5-shot |\n|---|---|\n| MMMU ↑ | 1.44% |\n"})
    facts = one(path).facts
    assert (facts.task, facts.shots, facts.repeats) == ("MMMU", 5, 4)


def test_every_table_with_that_column_is_read(tmp_path: Path) -> None:
    text = "| Metric | CUDA |\n|---|---|\n| MMLU | 50.0 |\n\nmore\n\n| Task | CUDA |\n|---|---|\n| AIME | 40.0 |\n"
    other = "\n| Task | link |\n|---|---|\n| AIME | here |\n"
    assert [record.facts.task for record in read(folder(tmp_path, {"t.md": text + other}))] == ["MMLU", "AIME"]


def test_a_score_to_be_done_is_no_record(tmp_path: Path) -> None:
    path = folder(tmp_path, {"t.md": "| Task | score |\n|---|---|\n| MMLU | TBD |\n| AIME | 50.0 |\n"})
    assert [record.facts.task for record in read(path)] == ["AIME"]


def test_a_readme_beside_a_harness_s_files_is_no_table_of_its_own(tmp_path: Path) -> None:
    files = {"README.md": "| Task | score |\n|---|---|\n| MMLU | 50 |\n", "M_OCRBench_score.json": {"Final Score": 854}}
    assert [record.facts.harness.name for record in read(folder(tmp_path, files))] == ["vlmevalkit"]
