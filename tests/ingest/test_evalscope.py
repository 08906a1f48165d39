"""What EvalScope 1.14.1 wrote is read whole: what it leaves out of its mean comes back."""

import json
import shutil
from pathlib import Path

import pytest

from flagrelease.errors import RecipeError
from tests.ingest.sides import SAMPLES, one, read


def copy(tmp_path: Path, run: str = "first") -> Path:
    return Path(shutil.copytree(SAMPLES / "evalscope" / run, tmp_path / run))


def report_of(run: Path) -> Path:
    return next((run / "reports").rglob("general_mcq.json"))


def test_the_record_says_what_was_asked_and_how() -> None:
    record = one("evalscope/first", task="general_mcq")
    facts, answers = record.facts, record.answers
    assert (facts.harness.name, facts.harness.version, facts.metric) == ("evalscope", "1.14.1", "accuracy")
    assert (facts.scale, facts.kind, facts.dataset.items, facts.shots) == (1, "proportion", 12, 0)
    assert facts.settings["max_tokens"] == "24"
    assert answers is not None
    assert len(answers) == 12
    assert answers.ids[0] == "general_mcq_letters:0"
    assert answers.mean_tokens == pytest.approx(268 / 12)
    assert answers.truncated == pytest.approx(11 / 12)
    assert 0 not in answers.prompts


def test_a_metric_with_another_name_in_its_report_is_found_by_being_the_main_one() -> None:
    records = [record for record in read("evalscope/first") if record.facts.task == "general_qa"]
    assert len(records) == 13
    with_items = [record.facts.metric for record in records if record.answers]
    assert with_items == ["rouge,statistic=recall,variant=l"]


def test_requests_that_failed_are_missing_from_the_items_and_told() -> None:
    record = one("evalscope/two-failed")
    assert record.answers is not None
    assert record.facts.headline is not None
    assert (len(record.answers), record.facts.dataset.items, record.facts.headline.items) == (10, 12, 10)
    assert "2 of 12 requests failed" in record.facts.notes[0]


def test_an_answer_that_could_not_be_scored_is_an_error(tmp_path: Path) -> None:
    run = copy(tmp_path)
    reviews = next((run / "reviews").rglob("general_mcq_*.jsonl"))
    lines = [json.loads(line) for line in reviews.read_text().splitlines()]
    lines[0]["sample_score"]["score"]["status"] = "failed"
    reviews.write_text("\n".join(map(json.dumps, lines)))
    answers = one(run, task="general_mcq").answers
    assert answers is not None
    assert answers.count("error") == 1


def test_a_run_on_another_machine_s_folder_is_of_the_same_dataset(tmp_path: Path) -> None:
    run = copy(tmp_path)
    config = run / "configs" / "task_config.yaml"
    config.write_text(config.read_text().replace("/data/", "/somewhere/else/"))
    assert one(run, task="general_mcq").facts.dataset == one("evalscope/first", task="general_mcq").facts.dataset


def test_the_macro_score_is_not_the_score(tmp_path: Path) -> None:
    run = copy(tmp_path)
    report = json.loads(report_of(run).read_text())
    report["metrics"][0]["macro_score"] = 0.9
    report_of(run).write_text(json.dumps(report))
    headline = one(run, task="general_mcq").facts.headline
    assert headline is not None
    assert headline.score == 0.1667


def test_items_of_a_longer_name_are_not_of_the_shorter_one(tmp_path: Path) -> None:
    run = copy(tmp_path)
    longer = report_of(run).with_name("general.json")
    report = json.loads(report_of(run).read_text())
    longer.write_text(json.dumps({**report, "dataset_name": "general"}))
    assert one(run, task="general").answers is None
    assert one(run, task="general_mcq").answers is not None


def test_a_report_of_an_older_version_is_refused(tmp_path: Path) -> None:
    run = copy(tmp_path)
    report = json.loads(report_of(run).read_text())
    report_of(run).write_text(json.dumps({**report, "schema_version": 1}))
    with pytest.raises(RecipeError, match="wanted a report of schema version 2, found 1"):
        read(run)


def test_a_configuration_with_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    run = copy(tmp_path)
    (run / "configs" / "task_config.yaml").write_text("a: &a [1, 1]\nb: [*a, *a]\n")
    with pytest.raises(RecipeError, match=r"task_config\.yaml"):
        read(run)


def test_a_judge_s_one_metric_is_found_where_neither_report_nor_item_names_a_main_one(tmp_path: Path) -> None:
    """As the tool writes it with a judge: the report says `accuracy`, each item `acc`, and nobody names a main one."""
    run = copy(tmp_path)
    path = report_of(run)
    report = json.loads(path.read_text())
    path.write_text(json.dumps(report | {"primary_metric_identity": None, "metrics": report["metrics"][:1]}))
    reviews = next((run / "reviews").rglob("general_mcq_*.jsonl"))
    rows = [json.loads(line) for line in reviews.read_text().splitlines()]
    for row in rows:
        row["sample_score"]["score"].pop("main_score_name", None)
    reviews.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = run / "configs" / "task_config.yaml"
    models = '  models: [{"model_id": "judge-one", "api_url": "http://127.0.0.1:4711/v1"}]'
    config.write_text(config.read_text().replace("  models: []", models))
    (record,) = [one for one in read(run) if one.facts.task == "general_mcq"]
    assert record.facts.metric == "accuracy"
    assert record.answers is not None
    assert len(record.answers) == 12
    assert record.facts.judge is not None
    assert record.facts.judge.model == "judge-one", "where its API is is each machine's own business"
