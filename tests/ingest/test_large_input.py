"""Ten million items end in an error, soon and in little memory; a million are read."""

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flagrelease.adapters.result_files import ResultFiles
from flagrelease.errors import RecipeError
from flagrelease.ingest import evalscope, sources
from flagrelease.ingest.recognise import records_of
from flagrelease.ingest.sources import Sources

HEAD = '{"schema":"flagrelease.evalrun/v2","task":"big","harness":{"name":"own"},"metric":"accuracy","scale":1}\n'
READ = """
import sys
from pathlib import Path
from flagrelease.adapters.result_files import ResultFiles
from flagrelease.errors import RecipeError
from flagrelease.ingest.recognise import records_of
from flagrelease.ingest.sources import Sources
try:
    print(len(records_of(Sources(ResultFiles(Path(sys.argv[1]))))[0].answers))
except RecipeError as error:
    print(error.message)
"""


def read_apart(path: Path) -> tuple[str, float]:
    """What reading says, and the processor's seconds, which no neighbour adds to, in a process that may use 1 GiB."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    argv = [sys.executable, "-c", READ, str(path)]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=True, preexec_fn=limit, cwd=Path(__file__).parents[2]
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout.strip(), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def written(path: Path, count: int) -> Path:
    with path.open("w") as stream:
        stream.write(HEAD)
        for first in range(0, count, 10_000):
            stream.write("".join(f'{{"id":"item-{n}","score":{n % 2}}}\n' for n in range(first, first + 10_000)))
    return path


@pytest.mark.slow
def test_ten_million_items_are_refused_within_half_a_minute_and_a_gibibyte(tmp_path: Path) -> None:
    said, seconds = read_apart(written(tmp_path / "big.jsonl", 10_000_000))
    assert "wanted at most 1,000,000 answers of one task, found more" in said
    assert seconds < 30


@pytest.mark.slow
def test_a_document_of_ten_million_objects_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    with (tmp_path / "big.json").open("w") as stream:
        stream.write("[")
        for _ in range(1000):
            stream.write('{"a":1},' * 10_000)
        stream.write('{"a":1}]')
    said, seconds = read_apart(tmp_path)
    assert "wanted at most 2,500,000 objects and lists, found 10,000,002" in said
    assert seconds < 30


def test_objects_in_a_text_are_no_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "OBJECT_LIMIT", 4)
    text = '{"schema": "flagrelease.evalrun/v2", "task": "[[[{\\"[{", "harness": {"name": "own"}, "items": []}'
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RecipeError, match="found no item"):
        records_of(Sources(ResultFiles(tmp_path)))
    monkeypatch.setattr(sources, "OBJECT_LIMIT", 2)
    with pytest.raises(RecipeError, match="wanted at most 2 objects and lists, found 3"):
        records_of(Sources(ResultFiles(tmp_path)))


def test_a_text_without_an_end_takes_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "OBJECT_LIMIT", 4)
    (tmp_path / "run.json").write_text('["' + '{\\"' * 200_000)
    started = time.monotonic()
    with pytest.raises(RecipeError, match="not valid JSON"):
        records_of(Sources(ResultFiles(tmp_path)))
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("t.csv", "task," + ",".join(f"c{n}" for n in range(300)) + "\n", "wanted at most 200 columns, found 301"),
        ("t.md", "| task |" + "a|" * 300 + "\n|---|\n| x | 1 |\n", "wanted a table of at most 200 columns"),
    ],
)
def test_a_table_of_too_many_columns_is_refused(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text + "x,1\n")
    with pytest.raises(RecipeError, match=told):
        records_of(Sources(ResultFiles(tmp_path)))


def test_too_many_metrics_of_one_task_are_refused(tmp_path: Path) -> None:
    row = '{{"doc_id": 0, "doc_hash": "", "filter": "f{}", "metrics": ["acc"], "acc": 1}}'
    lines = "\n".join(row.format(n) for n in range(300))
    (tmp_path / "samples_t_2026-01-01T00-00-00.0.jsonl").write_text(lines)
    with pytest.raises(RecipeError, match="wanted at most 200 metrics of one task"):
        records_of(Sources(ResultFiles(tmp_path)))


def test_too_many_predictions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evalscope, "ITEM_LIMIT", 3)
    report = '{"schema_version": 2, "dataset_name": "d", "metrics": [{"identity": {"name": "acc"}, "score": 0.5}]}'
    for name, content in (("reports/m/d.json", report), ("predictions/m/d_s.jsonl", '{"index": 1}\n' * 2)):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(content)
    lines = "\n".join(f'{{"index": {n}}}' for n in range(5))
    (tmp_path / "predictions/m/d_s.jsonl").write_text(lines)
    with pytest.raises(RecipeError, match="wanted at most 3 answers of one task"):
        records_of(Sources(ResultFiles(tmp_path)))


@pytest.mark.slow
def test_a_million_items_are_read_within_a_gibibyte(tmp_path: Path) -> None:
    said, _ = read_apart(written(tmp_path / "big.jsonl", 1_000_000))
    assert said == "1000000"
