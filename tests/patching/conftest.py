"""A clone, a changed checkout of it, and the commands as they are called."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.patching.flagscale_checkout import Checkout, flagscale_checkout
from tests.patching.vendor import edit, made_clone

ROOT = Path(__file__).parents[2]
FACTS = (
    "--task", "inference", "--why", "the MLU has no CUDA", "--owner", "vendor@example.com", "--upstream", "none",
    "--remove-when", "FlagScale has a plugin for the MLU",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where a test works: the clone, its base commit, the folder of sets."""

    top: Path
    clone: Path
    base: str
    patches: Path
    home: Path

    def run(
        self, *arguments: str, cwd: Path | None = None, more: Mapping[str, str] | None = None, status: int = 0
    ) -> str:
        """`flagrelease patch …` as a program of its own; returns what it printed, errors included."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            "FLAGRELEASE_HOME": str(self.home / "store"),
            "FLAGRELEASE_PATCHES": str(self.patches),
            "FLAGRELEASE_RECIPES": str(ROOT / "recipes"),
            **(more or {}),
        }
        argv = [sys.executable, "-m", "flagrelease", "patch", *arguments]
        done = subprocess.run(argv, cwd=cwd or self.top, env=environment, capture_output=True, check=False)
        told = done.stdout.decode() + done.stderr.decode()
        assert done.returncode == status, told
        return told

    def add(self, *more: str, status: int = 0) -> str:
        """`patch add` of the clone."""
        where = ("--component", "flagscale", "--repo", str(self.clone), "--chip", "cambricon_mlu")
        return self.run("add", *where, *FACTS, *more, status=status)

    def apply(self, to: Path, *more: str, status: int = 0) -> str:
        """`patch apply` of the set at the base."""
        where = ("--component", "flagscale", "--repo", str(self.clone), "--chip", "cambricon_mlu")
        return self.run("apply", *where, "--commit", self.base, "--to", str(to), *more, status=status)

    def check(self, *more: str, status: int = 0) -> str:
        """`patch check` of everything, in the clone."""
        return self.run("check", "--all", "--repo", f"flagscale={self.clone}", *more, status=status)

    @property
    def set(self) -> Path:
        """The set's folder."""
        return self.patches / "flagscale" / self.base[:12] / "cambricon_mlu"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    clone = tmp_path / "FlagScale"
    home = tmp_path / "home"
    home.mkdir()
    return Place(top=tmp_path, clone=clone, base=made_clone(clone), patches=tmp_path / "patches", home=home)


@pytest.fixture(scope="session")
def made_checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A FlagScale checkout to be copied."""
    return flagscale_checkout(tmp_path_factory.mktemp("flagscale"))


@pytest.fixture
def checkout(tmp_path: Path, made_checkout: Checkout) -> Checkout:
    """A FlagScale checkout of this test's own."""
    return made_checkout.copied(tmp_path / "fs")


@pytest.fixture
def edited(place: Place) -> Place:
    """A checkout with every kind of change, and the set that was made of it."""
    edit(place.clone)
    place.add("--base", place.base)
    return place


@pytest.fixture
def many(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A new folder each time."""
    return lambda: tmp_path_factory.mktemp("many")
