"""The same faults in every reader's files: each ends in an error that names the file, and in no record."""

import csv
import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.result_files import ResultFiles
from flagrelease.errors import RecipeError
from flagrelease.ingest.sources import Sources
from tests.ingest.sides import SAMPLES, folder, one, read

LM = "lm-eval/first"


def grid(*rows: str) -> str:
    return "\n".join(("Tasks,N-Shot,Total,Pass,Metric,Value", *rows)) + "\n"


ITEMS: dict[str, tuple[str, str]] = {
    "lm-eval": (LM, "samples_*.jsonl"),
    "lmms-eval": ("lmms-eval/first", "*_samples_*.jsonl"),
    "evalscope": ("evalscope/first", "general_mcq_letters.jsonl"),
    "flagevalmm": ("flagevalmm/kept", "*_evaluated.json"),
    "opencompass": ("opencompass/20260101_120000", "letters.json"),
    "vlmevalkit": ("vlmevalkit/MiniCPM-o-2_6", "*_result.tsv"),
    "modeltest": ("modeltest/marked", "*_debug_info.csv"),
    "open_clip": ("open_clip/rated", "scores.json"),
    "flageval": ("flageval/result", "flageval_result.json"),
    "table": ("table", "reference.csv"),
    "own": ("own", "own.jsonl"),
}
OWN = {"schema": "flagrelease.evalrun/v2", "task": "quiz", "harness": {"name": "own"}, "metric": "acc", "scale": 1}
COLUMN = {"open_clip": "GPU", "table": "score"}


def run_of(root: Path, reader: str) -> tuple[Path, Path]:
    """A copy of the reader's sample, and the file of its items."""
    run, pattern = ITEMS[reader]
    here = root / "run"
    if reader == "own":
        rows = [OWN, *({"id": str(n), "score": n % 2} for n in range(4))]
        folder(here, {"own.jsonl": "\n".join(map(json.dumps, rows))})
    elif reader == "table":
        folder(here, {"reference.csv": "task,score\nmmlu,71.5\naime,40.0\n"})
    elif reader == "opencompass":
        details = {str(n): {"pred": "A", "answer": "A", "correct": bool(n % 2)} for n in range(4)}
        folder(here, {"results/m/letters.json": {"accuracy": 50.0, "details": details}})
    else:
        shutil.copytree(SAMPLES / run, here)
    return here, next(here.rglob(pattern))


def refused(here: Path, reader: str) -> str:
    with pytest.raises(RecipeError) as error:
        read(here, column=COLUMN.get(reader, ""))
    assert error.value.exit_code == 3
    assert str(here) in error.value.message
    return error.value.message


@pytest.mark.parametrize("reader", sorted(ITEMS))
def test_a_whole_file_is_read(tmp_path: Path, reader: str) -> None:
    assert read(run_of(tmp_path, reader)[0], column=COLUMN.get(reader, ""))


@pytest.mark.parametrize("reader", sorted(ITEMS))
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, reader: str) -> None:
    here, items = run_of(tmp_path, reader)
    text = items.read_text().rstrip()
    # A table is cut where its last row has lost a cell.
    items.write_text(text[: max(text.rfind(","), text.rfind("\t")) if items.suffix in (".csv", ".tsv") else -9])
    refused(here, reader)


def spoilt(items: Path, reader: str, value: str) -> None:
    """The first item's score is `value`, as it is spelled."""
    text = items.read_text()
    old = {
        "lm-eval": '"exact_match": ', "lmms-eval": '"score": ', "evalscope": '"acc": ', "flagevalmm": '"correct": ',
        "opencompass": '"correct": ', "open_clip": '"score": ', "flageval": '"accuracy": ', "own": '"score": ',
    }.get(reader)  # fmt: skip
    if old is None:
        comma = "\t" if items.suffix == ".tsv" else ","
        rows = list(csv.reader(text.splitlines(), delimiter=comma))
        header = [cell.lower() for cell in rows[0]]
        rows[1][next(header.index(name) for name in ("hit", "pass", "score") if name in header)] = value
        with items.open("w", newline="") as stream:
            csv.writer(stream, delimiter=comma).writerows(rows)
        return
    start = text.find(old)
    if start < 0:
        old = next(word for word in ('"accuracy": ', '"mean_acc": ', '"acc": ', '"score": ') if word in text)
        start = text.index(old)
    start += len(old)
    end = min(place for mark in ",}\n" if (place := text.find(mark, start)) > 0)
    items.write_text(text[:start] + value + text[end:])


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
@pytest.mark.parametrize("reader", sorted(ITEMS))
def test_what_is_no_number_is_refused(tmp_path: Path, reader: str, value: str) -> None:
    here, items = run_of(tmp_path, reader)
    spoilt(items, reader, value)
    refused(here, reader)


@pytest.mark.parametrize("reader", sorted(set(ITEMS) - {"table", "flageval"}))
def test_an_item_on_another_scale_is_refused(tmp_path: Path, reader: str) -> None:
    here, items = run_of(tmp_path, reader)
    spoilt(items, reader, "85")
    refused(here, reader)


def test_a_table_on_two_scales_is_refused(tmp_path: Path) -> None:
    here, items = run_of(tmp_path, "table")
    spoilt(items, "table", "0.85")
    assert "mixed scales" in refused(here, "table")


@pytest.mark.parametrize("reader", ["lm-eval", "lmms-eval", "evalscope", "vlmevalkit", "modeltest", "own"])
def test_an_item_that_is_there_twice_is_refused(tmp_path: Path, reader: str) -> None:
    here, items = run_of(tmp_path, reader)
    lines = items.read_text().rstrip("\n").split("\n")
    items.write_text("\n".join([*lines, lines[-1]]))
    assert "is there twice" in refused(here, reader)


@pytest.mark.parametrize("reader", ["flagevalmm", "opencompass", "open_clip"])
def test_an_item_that_is_there_twice_in_a_document_is_refused(tmp_path: Path, reader: str) -> None:
    here, items = run_of(tmp_path, reader)
    document = json.loads(items.read_text())
    if isinstance(document, list):
        items.write_text(json.dumps([*document, document[0]]))
    else:
        below = json.dumps(document["details" if reader == "opencompass" else "images"])
        first = below[1 : below.index("}") + (2 if reader == "open_clip" else 1)]
        text = json.dumps(document).replace(below, "{" + first.rstrip(",") + ", " + below[1:])
        items.write_text(text)
    assert "twice" in refused(here, reader) or "not valid JSON" in refused(here, reader)


@pytest.mark.parametrize("reader", sorted(set(ITEMS) - {"lm-eval"}))
def test_two_harnesses_on_one_side_are_refused(tmp_path: Path, reader: str) -> None:
    here, _ = run_of(tmp_path, reader)
    shutil.copytree(SAMPLES / LM, here / "other")
    if reader == "table":
        # A folder of results may well have a table beside it.
        assert {record.facts.harness.name for record in read(here)} == {"lm-eval"}
        return
    assert "wanted the results of one harness" in refused(here, reader)


EMPTY: dict[str, dict[str, Any]] = {
    "lm-eval": {"results_x.json": {"results": {}, "configs": {}}},
    "lmms-eval": {"20260101_000000_results.json": {"results": {}, "lmms_eval_version": "0.7"}},
    "evalscope": {"reports/m/d.json": {"schema_version": 2, "dataset_name": "d", "metrics": []}},
    "flagevalmm": {"t_evaluated.json": []},
    "opencompass": {"results/m/d.json": {"details": {}}},
    "vlmevalkit": {"M_D_result.tsv": "index\tprediction\thit\n"},
    "modeltest": {"a_result.csv": grid()},
    "open_clip": {"s.json": {"schema": "flagrelease.captions/v1", "images": {}}},
    "flageval": {"flageval_result.json": {"request_id": "a", "eval_results": {"m": {"status": "S", "details": []}}}},
    "table": {"t.csv": "task,score\n"},
    "own": {"own.jsonl": json.dumps(OWN)},
}


@pytest.mark.parametrize("reader", sorted(EMPTY))
def test_an_empty_suite_is_refused(tmp_path: Path, reader: str) -> None:
    refused(folder(tmp_path / "run", EMPTY[reader]), reader)


def test_half_of_a_character_in_an_id_is_refused(tmp_path: Path) -> None:
    rows = [OWN, {"id": "\ud800", "score": 1}]
    with pytest.raises(RecipeError, match="wanted an id without control characters"):
        read(folder(tmp_path, {"own.jsonl": "\n".join(map(json.dumps, rows))}))


def test_a_score_of_four_hundred_digits_is_refused(tmp_path: Path) -> None:
    rows = [OWN, {"id": "a", "score": 10**400}]
    with pytest.raises(RecipeError, match="wanted a score from 0 to 1"):
        read(folder(tmp_path, {"own.jsonl": "\n".join(map(json.dumps, rows))}))


def test_what_a_file_says_reaches_no_terminal_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as error:
        read(folder(tmp_path, {"a_result.csv": grid("boolq,0,10,\x1b[2J,acc,1\x00")}))
    assert not any(character in error.value.message for character in "\x1b\x00")


def test_a_file_that_nobody_read_is_named_with_its_hash_too() -> None:
    sources = Sources(ResultFiles(SAMPLES / LM))
    name = sources.names[0]
    assert sources.source(name, "lm-eval").sha256 == sha256((SAMPLES / LM / name).read_bytes()).hexdigest()


def test_a_metric_without_a_name_has_one(tmp_path: Path) -> None:
    here = Path(shutil.copytree(SAMPLES / "evalscope" / "shorter", tmp_path / "run"))
    report = next(here.rglob("general_mcq.json"))
    document = json.loads(report.read_text())
    document["metrics"][0]["identity"] = {"name": ""}
    report.write_text(json.dumps(document))
    assert "unnamed" in {record.facts.metric for record in read(here)}
    assert [record.as_file() for record in read(here)]
    assert one(here, metric="unnamed").facts.headline is not None
