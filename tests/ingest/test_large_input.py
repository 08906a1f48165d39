"""Ten million items end in an error, soon and in little memory; a million are read."""

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
    """What reading says, and the seconds it took, in a process that may use 1 GiB."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    started = time.monotonic()
    argv = [sys.executable, "-c", READ, str(path)]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=True, preexec_fn=limit, cwd=Path(__file__).parents[2]
    )
    return done.stdout.strip(), time.monotonic() - started


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
def test_a_million_items_are_read_within_a_gibibyte(tmp_path: Path) -> None:
    said, _ = read_apart(written(tmp_path / "big.jsonl", 1_000_000))
    assert said == "1000000"
