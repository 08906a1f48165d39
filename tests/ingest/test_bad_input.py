"""Whatever is wrong with somebody's files ends in an error that says where, and in no record."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flagrelease.adapters import result_files
from flagrelease.errors import RecipeError
from flagrelease.ingest import items, sources
from tests.ingest.sides import SAMPLES, folder, one, read

HEAD = {"schema": "flagrelease.evalrun/v2", "task": "quiz", "harness": {"name": "own"}, "metric": "acc", "scale": 1}
RIGHT = {"id": "a", "score": 1}


def lines(*rows: object) -> str:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in (HEAD, *rows))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([RIGHT, '{"id": "b", "sco'], "line 3: not valid JSON"),
        ([RIGHT, '{"id": "b", "score": NaN}'], "line 3: NaN is no number"),
        ([RIGHT, '{"id": "b", "score": Infinity}'], "line 3: Infinity is no number"),
        ([RIGHT, '{"id": "b", "score": 1e999}'], "wanted a score from 0 to 1"),
        ([RIGHT, '{"id": "b", "score": 0, "score": 1}'], "line 3: a key is there twice"),
        ([RIGHT, RIGHT], "item 'a' is there twice"),
        ([{**RIGHT, "repeat": 1}, {**RIGHT, "repeat": 1}], "item 'a' is there twice in run 2"),
        ([RIGHT, {"id": "b", "score": 85}], "wanted a score from 0 to 1, found 85"),
        ([{"id": "b", "score": -0.1}], "wanted a score from 0 to 1"),
        ([{"id": "b", "score": "1"}], "wanted a number as score, found '1'"),
        ([{"id": "b", "score": None}], "wanted a number as score"),
        ([{"id": "", "score": 1}], "wanted an id of 1 to 500 characters"),
        ([{"id": "x" * 501, "score": 1}], "wanted an id of 1 to 500 characters"),
        ([{"id": 1.5, "score": 1}], "wanted an id"),
        ([{"id": "a\x1b[2J", "score": 1}], "wanted an id without control characters"),
        ([{"id": ["a"], "score": 1}], "wanted an id"),
        ([{**RIGHT, "repeat": 10**30}], "wanted a run from 0 to 9,999"),
        ([{**RIGHT, "status": "fine"}], "wanted an object with a status"),
        (["[1]"], "line 2: wanted an object, found list"),
        (["[" * 100_000], "line 2: "),
        ([], "found no item of quiz"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, rows: list[object], told: str) -> None:
    with pytest.raises(RecipeError) as error:
        read(folder(tmp_path, {"quiz.jsonl": lines(*rows)}))
    assert told in error.value.message
    assert str(tmp_path) in error.value.message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"results": {"a": {"acc,none": 0.5', "not valid JSON"),
        (b'{"results": {"a": {"acc,none": NaN}}, "configs": {}}', "NaN is no number"),
        (b'{"results": {}, "results": {}, "configs": {}}', "a key is there twice"),
        (b"[" * 100_000, "nested more than"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "nested more than"),
        ('{"results": {}}'.encode("utf-16"), "not UTF-8"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b'{"results": {"a": {"acc,none": 0.5}}, "configs": {}, "n": ' + b"9" * 5000 + b"}", "too many digits"),
    ],
)
def test_a_bad_document_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(RecipeError) as error:
        read(folder(tmp_path, {"results_x.json": content}))
    assert told in error.value.message
    assert "results_x.json" in error.value.message


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b'"text"'])
def test_what_no_harness_writes_is_refused_with_what_is_known(tmp_path: Path, content: bytes) -> None:
    path = folder(tmp_path, {"file.json": content})
    with pytest.raises(RecipeError) as error:
        read(path)
    assert "lm-evaluation-harness" in error.value.message or "not valid JSON" in error.value.message


def test_an_empty_folder_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="found no file"):
        read(tmp_path)
    with pytest.raises(RecipeError, match="found none"):
        read(tmp_path / "nowhere")


def test_a_suite_without_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="found no score"):
        read(folder(tmp_path, {"results_x.json": {"results": {}, "configs": {}}}))


def test_two_harnesses_on_one_side_are_refused(tmp_path: Path) -> None:
    samples = next((SAMPLES / "lm-eval" / "first").glob("results_*.json"))
    files = {samples.name: samples.read_bytes(), "M_OCRBench_score.json": {"Final Score": 854}}
    with pytest.raises(RecipeError, match=r"wanted the results of one harness, found lm-eval.* and VLME"):
        read(folder(tmp_path, files))


def test_a_row_of_another_length_is_named(tmp_path: Path) -> None:
    text = "index\tprediction\thit\n1\tA\t1\n2\tB\n"
    with pytest.raises(RecipeError, match="row 3: wanted 3 cells, found 2"):
        read(folder(tmp_path, {"M_D_result.tsv": text}))


def test_a_hit_that_is_no_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="item '1': wanted a number as `hit`, found 'nan'"):
        read(folder(tmp_path, {"M_D_result.tsv": "index\tprediction\thit\n1\tA\tnan\n"}))


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    target = folder(tmp_path / "elsewhere", {"M_OCRBench_score.json": {"Final Score": 854}})
    run = folder(tmp_path / "run", {"t.csv": "task,score\nmmlu,50.0\n"})
    (run / "M_OCRBench_score.json").symlink_to(target / "M_OCRBench_score.json")
    (run / "more").symlink_to(target)
    assert one(run).facts.harness.name == "table"


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_files, "FILE_LIMIT", 2)
    with pytest.raises(RecipeError, match="wanted at most 2 files"):
        read(folder(tmp_path, {f"{n}.json": {} for n in range(3)}))


def test_too_many_items_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "ITEM_LIMIT", 3)
    with pytest.raises(RecipeError, match="wanted at most 3 answers of one task, found more"):
        read(folder(tmp_path, {"quiz.jsonl": lines(*({"id": str(n), "score": 1} for n in range(4)))}))


def test_a_line_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LINE_LIMIT", 100_000)
    with pytest.raises(RecipeError, match="line 2: wanted at most 100,000 bytes"):
        read(folder(tmp_path, {"quiz.jsonl": lines('{"id": "' + "x" * 3_000_000)}))


def test_a_bad_line_far_behind_is_named_by_its_number(tmp_path: Path) -> None:
    rows = [{"id": str(n), "score": 1, "prompt": "x" * 200} for n in range(20_000)]
    with pytest.raises(RecipeError, match="line 20002: not valid JSON"):
        read(folder(tmp_path, {"quiz.jsonl": lines(*rows, "{")}))


def test_control_characters_of_a_file_do_not_reach_a_record(tmp_path: Path) -> None:
    path = folder(tmp_path, {"results_x.json": json.dumps({"results": {"a\x1b[2J": {"acc,none": 0.5}}, "configs": {}})})
    assert one(path).facts.task == "a [2J"


def test_a_sheet_as_a_bomb_is_never_opened(tmp_path: Path) -> None:
    path = folder(tmp_path, {"M_D_result.xlsx": b"PK\x03\x04"})
    with pytest.raises(RecipeError, match="found `xlsx`"):
        read(path / "M_D_result.xlsx")


JUNK: tuple[Any, ...] = (None, True, -1, 1e308, "", "x\x1b", [], {}, [[]], [None], {"a": 1}, 10**30)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a document, the root left out."""
    keys = list(value) if isinstance(value, dict) else range(min(len(value), 5)) if isinstance(value, list) else []
    return [place for key in keys for place in ((*path, key), *_places(value[key], (*path, key)))]


def _spoilt(text: str, data: st.DataObject) -> str:
    document = json.loads(text)
    places = _places(document)
    if not places:
        return text
    *path, last = data.draw(st.sampled_from(places))
    at = document
    for key in path:
        at = at[key]
    at[last] = data.draw(st.sampled_from(JUNK))
    return json.dumps(document)


def _refusal(path: Path) -> str | None:
    """Why there is no record of it, or None where there is one that can be written."""
    try:
        for record in read(path):
            record.as_file()
    except RecipeError as error:
        return error.message
    return None


RUNS = sorted(
    path
    for kind in (
        "lm-eval",
        "lmms-eval",
        "evalscope",
        "flagevalmm",
        "vlmevalkit",
        "opencompass",
        "modeltest",
        "flageval",
        "open_clip",
    )
    for path in (SAMPLES / kind).iterdir()
    if path.is_dir() and path.name != "task"
)


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_whatever_stands_in_a_file_is_a_record_or_an_error_that_names_the_folder(data: st.DataObject) -> None:
    run = data.draw(st.sampled_from(RUNS))
    with tempfile.TemporaryDirectory() as there:
        here = Path(shutil.copytree(run, Path(there) / "run"))
        path = data.draw(st.sampled_from(sorted(one for one in here.rglob("*") if one.is_file())))
        content = path.read_bytes()
        if path.suffix == ".json" and data.draw(st.booleans()):
            path.write_text(_spoilt(content.decode(), data))
        elif path.suffix == ".jsonl" and data.draw(st.booleans()):
            first, *others = content.decode().splitlines()
            path.write_text("\n".join([_spoilt(first, data), *others]))
        else:
            path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        said = _refusal(here)
        assert said is None or str(here) in said
