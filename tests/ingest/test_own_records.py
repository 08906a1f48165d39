"""flagrelease's own records: what `evaluate` wrote, baselines, and evalrun/v2 in both spellings."""

import json
from pathlib import Path

import jsonschema
import pytest

from flagrelease.domain.answers import Record
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import pretty_json
from tests.gate.builders import a_run
from tests.ingest.sides import SAMPLES, folder, one, read

ROOT = Path(__file__).parents[2]
HEAD = {"schema": "flagrelease.evalrun/v2", "task": "quiz", "harness": {"name": "own"}, "metric": "acc", "scale": 1}


def items(record: Record) -> list[object]:
    assert record.answers is not None
    answers = record.answers
    columns = (answers.ids, answers.repeats, answers.scores, answers.statuses, answers.finishes, answers.tokens)
    more = (answers.documents, answers.prompts, answers.said, answers.clusters)
    return [[*column] for column in (*columns, *more)]


@pytest.mark.parametrize(
    "run", ["lm-eval/first", "lmms-eval/first", "evalscope/first", "flagevalmm/several", "vlmevalkit", "opencompass"]
)
def test_a_record_that_was_written_reads_back_as_the_same(tmp_path: Path, run: str) -> None:
    for record in read(run):
        (tmp_path / "record.json").write_bytes(pretty_json(record.as_file()))
        again = one(tmp_path)
        assert again.facts.sources[:-1] == record.facts.sources
        assert again.facts.model_copy(update={"sources": ()}) == record.facts.model_copy(update={"sources": ()})
        assert (again.answers is None) == (record.answers is None)
        if record.answers is not None:
            assert items(again) == items(record)
            assert again.answers is not None
            assert again.answers.struck == record.answers.struck


def test_a_written_record_is_what_its_schema_says() -> None:
    schema = json.loads((ROOT / "recipes" / "schema" / "evalrun.json").read_text())
    for record in read("evalscope/two-failed"):
        jsonschema.validate(json.loads(pretty_json(record.as_file())), schema)


def test_lines_are_a_record_too(tmp_path: Path) -> None:
    rows = [HEAD, {"id": "a", "score": 1}, {"id": "b", "score": 0, "status": "error"}]
    record = one(folder(tmp_path, {"quiz.jsonl": "\n".join(map(json.dumps, rows))}))
    assert record.answers is not None
    assert (record.answers.ids, list(record.answers.scores), record.answers.count("error")) == (["a", "b"], [1, 0], 1)


def test_a_record_of_evaluate_is_lifted_with_its_hashes(tmp_path: Path) -> None:
    run = a_run([True, False, True])
    (tmp_path / "run.json").write_bytes(pretty_json(run))
    record = one(tmp_path)
    assert (record.facts.task, record.facts.image, record.facts.chip) == ("task", run.image, "cpu")
    assert record.facts.weights_sha256 == run.weights_sha256
    assert record.facts.software == run.software
    assert record.answers is not None
    assert (len(record.answers), sum(record.answers.scores)) == (3, 2)
    assert len(set(record.answers.documents)) == 3


def test_the_committed_baseline_is_read() -> None:
    found = {record.facts.task: record for record in read(ROOT / "recipes" / "baselines" / "smollm2-135m-instruct")}
    assert {task: len(record.answers or ()) for task, record in found.items()} == {
        "commonsense_qa": 400,
        "boolq_next_word": 200,
    }


def test_a_fault_of_a_record_s_head_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="`scale`: "):
        read(folder(tmp_path, {"run.json": {**HEAD, "scale": 10, "items": [{"id": "a", "score": 1}]}}))


def test_the_samples_say_how_they_were_made() -> None:
    text = (SAMPLES / "README.md").read_text()
    made = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())
    assert [name for name in made if f"`{name}/`" not in text] == []


@pytest.mark.parametrize("items", [1, "all", {"a": 1}])
def test_items_that_are_no_list_are_named(tmp_path: Path, items: object) -> None:
    with pytest.raises(RecipeError, match="`items`: wanted a list"):
        read(folder(tmp_path, {"run.json": {**HEAD, "items": items}}))


def test_a_record_from_elsewhere_cannot_have_a_million_decimals(tmp_path: Path) -> None:
    headline = {"score": 0.5, "decimals": 1_000_000, "items": 3}
    with pytest.raises(RecipeError, match=r"`headline\.decimals`"):
        read(folder(tmp_path, {"run.json": {**HEAD, "headline": headline}}))
