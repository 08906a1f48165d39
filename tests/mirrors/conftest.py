"""A forge with repositories, the store's mirrors of them, and what was said meanwhile."""

import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flagrelease.adapters.git.index import temporary_index
from flagrelease.adapters.mirrors.mirrors import Mirrors
from flagrelease.domain.component import GitSource
from tests.mirrors.server import GitServer
from tests.patching.vendor import commit, run_git, write


def unseen(_done: int, _total: int) -> None:
    pass


@dataclass
class Forge:
    """Repositories below `/own/` and `/other/` of a server, and a store that mirrors them."""

    server: GitServer
    home: Path
    said: list[str] = field(default_factory=list)

    def make(self, path: str, files: dict[str, bytes], *, subject: str = "one") -> str:
        """A repository with a commit of these files, or a further commit of it; returns the commit."""
        top = self.top(path)
        if not top.exists():
            top.mkdir(parents=True)
            run_git("init", "--quiet", "--initial-branch=main", at=top)
            run_git("config", "uploadpack.allowFilter", "true", at=top)
        write(top, files)
        return commit(top, subject)

    def top(self, path: str) -> Path:
        return self.server.root / f"{path}.git"

    def link(self, path: str, at: str, to: str, *, modules: str | None = None) -> str:
        """A commit with a submodule at `at`, which is `to`, and this .gitmodules."""
        top = self.top(path)
        if modules is not None:
            (top / ".gitmodules").write_text(modules)
            run_git("add", ".gitmodules", at=top)
        run_git("update-index", "--add", "--cacheinfo", f"160000,{to},{at}", at=top)
        run_git("commit", "--quiet", "-m", f"with {at}", at=top)
        return run_git("rev-parse", "HEAD", at=top)

    def environ(self, **more: str) -> dict[str, str]:
        forges = {f"FLAGRELEASE_FORGE_{name}": self.server.url for name in ("GITHUB", "GITEE", "GITCODE")}
        return {**os.environ, **forges, **more}

    def mirrors(self, *, offline: bool = False, stall_s: int = 5, **more: str) -> Mirrors:
        return Mirrors(
            self.home,
            environ=self.environ(**more),
            offline=offline,
            say=self.said.append,
            stall_s=stall_s,
            pause_s=0.01,
        )

    def bring(self, source: GitSource, commit: str) -> None:
        self.mirrors().bring(source, commit, unseen)

    def written(self, source: GitSource, commit: str, folder: Path) -> Path:
        """The commit's tree as files, filled."""
        folder.mkdir()
        with temporary_index(self.mirrors(offline=True).repository(source, commit)) as index:
            index.read(commit)
            index.run("checkout-index", "--all", f"--prefix={folder}/")
        self.mirrors(offline=True).fill(source, commit, folder)
        return folder


def source(path: str = "own/repo", **more: object) -> GitSource:
    return GitSource.model_validate_json(json.dumps({"kind": "git", "repository": path, **more}))


def many(count: int = 700, size: int = 2000, seed: int = 1) -> dict[str, bytes]:
    """Files that do not compress."""
    numbers = random.Random(seed)
    return {f"folder{number % 7}/file{number}": numbers.randbytes(size) for number in range(count)}


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    (tmp_path / "served").mkdir()
    with GitServer(tmp_path / "served").running() as server:
        yield Forge(server, tmp_path / "home")
