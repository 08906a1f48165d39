"""A small set of recipes, results of a harness for its one task, keys, and the commands called in this process."""

import contextlib
import io
import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flagrelease.adapters.sealed.key_files import make_key
from flagrelease.cli.app import load
from flagrelease.domain.answers import Record
from flagrelease.domain.evalrun import DatasetFacts, Harness
from flagrelease.domain.evidence import Software
from flagrelease.formats.canonical import pretty_json
from tests.gate.records import a_record, answers
from tests.lint.small import written

NAME = "tiny/cuda"
ITEMS = 1000


class Told(NamedTuple):
    """What a command printed."""

    out: str
    err: str

    @property
    def data(self) -> Any:
        """What it printed as JSON."""
        return json.loads(self.out)


Call = Callable[..., Told]


def a_run(scores: Sequence[float], **changes: Any) -> Record:
    """One run of the task `quiz` by the harness that the policy names."""
    given: dict[str, Any] = {
        "harness": Harness(name="flageval", version="1.0", config_sha256="c" * 64),
        "dataset": DatasetFacts(id="a/quiz", revision="abc", split="test", items=ITEMS),
        "software": (Software(name="vllm", version="0.9"),),
        "sources": (),
    }
    return a_record(answers(scores), **{**given, **changes})


def right(count: int, *, flipped: Sequence[int] = ()) -> list[float]:
    """The first `count` of a thousand are right, but for the flipped ones."""
    return [float((n < count) != (n in flipped)) for n in range(ITEMS)]


class Place:
    """A project's recipes and files around them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.recipes = written(root / "project", {})
        self.folder = self.recipes / "baselines"

    @property
    def statement(self) -> Path:
        return self.folder / f"{NAME}.json"

    @property
    def beside(self) -> Path:
        return self.folder / NAME

    def results(self, name: str, record: Record) -> Path:
        """A file of results."""
        path = self.root / name
        path.write_bytes(pretty_json(record.as_file()))
        return path

    def key(self, name: str) -> Path:
        """A private key of a person."""
        make_key(self.root / "keys", name, None)
        return self.root / "keys" / f"{name}.key"

    def trust(self, key: Path) -> None:
        """Commit the public half."""
        folder = self.folder / "trusted"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{key.stem}.pub").write_bytes(key.with_suffix(".pub").read_bytes())

    def files(self) -> dict[str, bytes]:
        """Everything below the baselines."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def call(self, command: str, *words: str | Path) -> Told:
        """A command of the group; its errors are raised."""
        argv = [command, *map(str, words), "--recipes", str(self.recipes)]
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            load("baseline").main(argv, prog_name="baseline", standalone_mode=False)
        return Told(out.getvalue(), err.getvalue())

    def record(self, results: Path, *words: str | Path, by: str = "the tests") -> Told:
        """Record results as the baseline."""
        return self.call("record", NAME, "--from", results, "--policy", "quick", "--by", by, *words)

    def first(self, *words: str | Path, scores: Sequence[float] | None = None) -> Told:
        """The baseline that most tests begin with."""
        return self.record(
            self.results("first.json", a_run(scores or right(600), finished="2030-01-01")), "--chip", "beta",
            "--hardware", "Beta 100", "--switch", "USE_X=0", "--switch", "USE_Y", "--expires", "2031-01-31", *words,
        )  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FLAGRELEASE_HOME", str(tmp_path / "home"))
    return Place(tmp_path)


TODAY = date(2030, 6, 1)
DAY = ("--today", TODAY.isoformat())
