"""What lm-evaluation-harness 0.4.13 wrote is read whole: its filters, hashes and numbers of items."""

import json
import shutil
from pathlib import Path

import pytest

from flagrelease.errors import RecipeError
from tests.ingest.sides import SAMPLES, folder, one, read

FIRST = SAMPLES / "lm-eval" / "first"


def edited(tmp_path: Path, **changes: object) -> Path:
    """A copy of the first run whose results have other values at the top."""
    target = tmp_path / "run"
    shutil.copytree(FIRST, target)
    results = next(target.glob("results_*.json"))
    results.write_text(json.dumps({**json.loads(results.read_text()), **changes}))
    return target


def test_each_filter_of_a_metric_is_a_record_of_its_own() -> None:
    found = {record.facts.metric: record for record in read("lm-eval/first")}
    assert found.keys() == {"exact_match,first-word", "exact_match,strict"}
    assert {name: sum(record.answers.scores) for name, record in found.items() if record.answers} == {
        "exact_match,first-word": 6,
        "exact_match,strict": 0,
    }


def test_the_record_says_what_was_asked_and_how() -> None:
    facts = one("lm-eval/first", metric="exact_match,first-word").facts
    assert (facts.task, facts.harness.name, facts.harness.version) == ("facts_cloze", "lm-eval", "0.4.13")
    assert (facts.kind, facts.scale, facts.shots, facts.repeats) == ("proportion", 1, 0, 1)
    assert (facts.dataset.items, facts.dataset.split) == (12, "test")
    assert facts.settings["temperature"] == "0.0"
    assert facts.settings["until"] == '["\\n", "."]'
    assert facts.model == "smollm2-135m-instruct"
    assert facts.headline is not None
    assert (facts.headline.score, facts.headline.items) == (0.5, 12)
    assert [source.format for source in facts.sources] == ["lm-eval", "lm-eval"]


def test_items_are_paired_by_the_harness_s_own_ids_and_hashes() -> None:
    first, again = (one(f"lm-eval/{run}", metric="exact_match,strict").answers for run in ("first", "again"))
    assert first is not None
    assert again is not None
    assert first.ids == again.ids == [str(n) for n in range(12)]
    assert first.documents == again.documents
    assert first.prompts == again.prompts
    assert len(set(first.documents)) == 12
    assert 0 not in first.prompts


def test_a_limited_run_says_how_many_items_there_would_have_been() -> None:
    record = one("lm-eval/limit-8", metric="exact_match,strict")
    assert record.answers is not None
    assert (len(record.answers), record.facts.dataset.items) == (8, 12)
    assert record.facts.settings["limit"] == "8.0"


def test_the_results_alone_are_an_aggregate() -> None:
    results = next(FIRST.glob("results_*.json"))
    assert [record.answers for record in read(results)] == [None, None]


def test_the_samples_alone_are_items_without_a_stated_score() -> None:
    samples = next(FIRST.glob("samples_*.jsonl"))
    records = read(samples)
    assert [len(record.answers or ()) for record in records] == [12, 12]
    assert [record.facts.headline for record in records] == [None, None]
    assert "no stated score" in records[0].facts.notes[0]


def test_a_stderr_that_is_not_applicable_is_none(tmp_path: Path) -> None:
    results = json.loads(next(FIRST.glob("results_*.json")).read_text())["results"]
    results["facts_cloze"]["exact_match_stderr,strict"] = "N/A"
    headline = one(edited(tmp_path, results=results), metric="exact_match,strict").facts.headline
    assert headline is not None
    assert headline.stderr is None


def test_a_group_is_no_task(tmp_path: Path) -> None:
    results = json.loads(next(FIRST.glob("results_*.json")).read_text())["results"]
    results["all_facts"] = {"alias": "all_facts", "exact_match,strict": 0.1}
    run = edited(tmp_path, results=results, group_subtasks={"all_facts": ["facts_cloze"], "facts_cloze": []})
    assert {record.facts.task for record in read(run)} == {"facts_cloze"}


def test_a_metric_where_less_is_better_says_so(tmp_path: Path) -> None:
    run = edited(tmp_path, higher_is_better={"facts_cloze": {"exact_match": False}})
    assert not any(record.facts.higher_is_better for record in read(run))


def test_an_answer_that_never_came_is_an_error(tmp_path: Path) -> None:
    samples = next(FIRST.glob("samples_*.jsonl"))
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    for line in lines:
        line["resps"] = [[None]] if line["doc_id"] == 3 else line["resps"]
    path = folder(tmp_path, {samples.name: "\n".join(map(json.dumps, lines))})
    answers = one(path, metric="exact_match,first-word").answers
    assert answers is not None
    assert answers.count("error") == 1


def test_a_metric_that_is_no_share_of_right_answers_has_no_items(tmp_path: Path) -> None:
    line = {"doc_id": 0, "doc_hash": "a", "filter": "none", "metrics": ["word_perplexity"], "word_perplexity": [1, 2]}
    with pytest.raises(RecipeError, match="no score"):
        read(folder(tmp_path, {"samples_wiki_2026-01-01T00-00-00.0.jsonl": json.dumps(line)}))


def test_a_score_above_one_is_refused_and_never_rescaled(tmp_path: Path) -> None:
    rows = [
        {"doc_id": n, "doc_hash": str(n), "filter": "none", "metrics": ["acc"], "acc": score}
        for n, score in enumerate((1.0, 85.0))
    ]
    text = "\n".join(map(json.dumps, rows))
    with pytest.raises(RecipeError, match="item '1': wanted a score from 0 to 1, found 85"):
        read(folder(tmp_path, {"samples_a_2026-01-01T00-00-00.0.jsonl": text}))
