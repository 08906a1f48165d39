"""A project of its own for each test, and the command line called within this process."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flagrelease.cli.app import load
from tests.planning.project import write


class Told(NamedTuple):
    """What a command printed."""

    out: str
    err: str

    @property
    def data(self) -> Any:
        """What it printed as JSON."""
        return json.loads(self.out)


Call = Callable[..., Told]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's folder; the store is beside it, and the current folder is another."""
    monkeypatch.setenv("FLAGRELEASE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLAGRELEASE_OUT", str(tmp_path / "out"))
    root = tmp_path / "project"
    monkeypatch.setenv("FLAGRELEASE_RECIPES", str(write(root)))
    return root


@pytest.fixture
def call(project: Path) -> Call:
    """Calls a command; its errors are raised."""

    def call(name: str, *words: str) -> Told:
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            load(name).main(list(words), prog_name=name, standalone_mode=False)
        return Told(out.getvalue(), err.getvalue())

    return call
