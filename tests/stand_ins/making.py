"""What tests of stand-ins share: one that makes them, a Python to install into, the calls that were written down."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flagrelease.adapters.stand_ins.stand_ins import HostStandIns
from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.origins import WebOrigins
from flagrelease.adapters.supply.supplier import HostSupplier
from flagrelease.domain.engine_build import Call
from flagrelease.engines.embedded.assemble import assemble
from flagrelease.formats.calls import read_calls

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "recipes"
KEPT = ROOT / ".cache" / "stand-ins"
"""A store of the tests' own, so that the packages of the base are fetched once."""


def making(home: Path, recipes: Path = RECIPES, *, offline: bool = True) -> tuple[HostStandIns, FileStore]:
    """What makes stand-ins, and its store."""
    store = FileStore(home)
    origins = WebOrigins(store, environ=os.environ)
    supplier = HostSupplier(store, recipes=recipes, offline=offline, origins=lambda: origins)
    return HostStandIns(store, recipes, supplier=supplier, assemble=assemble), store


@dataclass(frozen=True)
class Place:
    """A folder with a Python of its own, and the file that stand-ins write their calls to."""

    folder: Path

    @property
    def calls_file(self) -> Path:
        return self.folder / "calls" / "calls.jsonl"

    def calls(self) -> tuple[Call, ...]:
        content = self.calls_file.read_bytes() if self.calls_file.exists() else b""
        return read_calls(content, str(self.calls_file))

    def called(self) -> list[list[str]]:
        return [list(call.argv) for call in self.calls()]

    def run(
        self, *argv: str | Path, at: Path | None = None, env: Mapping[str, str] | None = None, wanted: int = 0
    ) -> str:
        """Run something, with nothing of this machine's but PATH, and no index for pip."""
        clean = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PIP_NO_INDEX": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "FLAGRELEASE_STAND_IN_CALLS": str(self.calls_file),
        }
        done = subprocess.run(
            [*map(str, argv)],
            cwd=at or self.folder,
            env=clean | dict(env or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == wanted, done.stdout + done.stderr
        return done.stdout

    @property
    def python(self) -> Path:
        """A Python of its own; only pip is in it."""
        venv = self.folder / "venv"
        if not venv.exists():
            self.run(sys.executable, "-m", "venv", venv)
        return venv / "bin" / "python"

    def pip(self, *argv: str | Path, env: Mapping[str, str] | None = None) -> str:
        return self.run(self.python, "-m", "pip", *argv, env=env)

    def asks(self, expression: str, *modules: str) -> Any:
        """What Python there says to an expression."""
        code = f"import json; import {', '.join(modules)}; print(json.dumps({expression}))"
        return json.loads(self.run(self.python, "-c", code).splitlines()[-1])
