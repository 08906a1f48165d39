"""Patch sets against git's own floor: a generated repository of the size of Megatron-LM, a set of 77 patches.

The floor of a check is what git needs at least: read-tree, one `apply --cached` of all patches, write-tree, on an index
of its own. The floor of an apply is `git worktree add` and one `git apply`.
"""

import atexit
import contextlib
import io
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flagrelease.adapters.git.repository import repository_at
from flagrelease.adapters.patches.apply import apply_set
from flagrelease.adapters.patches.checks import CheckCache, check_set
from flagrelease.adapters.patches.sets import StoredSet
from flagrelease.cli.patch.add_command import add
from tests.patching.vendor import commit, run_git

FILES, BYTES, PATCHED = 2400, 36 << 20, 77
ROUNDS = 9


@dataclass(frozen=True)
class Ground:
    """What is measured on."""

    top: Path
    clone: Path
    base: str
    folder: Path

    @property
    def stored(self) -> StoredSet:
        """The set, not read yet."""
        return StoredSet(self.folder)


@contextmanager
def ground() -> Iterator[Ground]:
    """A repository with 2,400 files, and a set of 77 patches of one file each."""
    with tempfile.TemporaryDirectory(prefix="flagrelease-bench-") as text:
        top = Path(text)
        clone, chance = top / "clone", random.Random(7)
        words = [f"word{number}" for number in range(3000)]
        (clone / "m").mkdir(parents=True)
        run_git("init", "--quiet", at=clone)
        for number in range(FILES):
            path = clone / f"m/part{number % 60}/module{number}.py"
            path.parent.mkdir(exist_ok=True)
            lines, size = [], 0
            while size < BYTES // FILES:
                lines.append(" ".join(chance.choices(words, k=9)))
                size += len(lines[-1]) + 1
            path.write_text("\n".join(lines) + "\n")
        base = commit(clone, "base")
        run_git("gc", "--quiet", at=clone)
        for number in range(PATCHED):
            path = clone / f"m/part{number % 60}/module{number}.py"
            lines = path.read_text().splitlines()
            for at in range(10, len(lines), max(len(lines) // 6, 1)):
                lines[at : at + 2] = ["changed for the chip " + " ".join(chance.choices(words, k=9))] * 3
            path.write_text("\n".join(lines) + "\n")
            commit(clone, f"patch {number}")
        facts = {"task": ["train"], "why": "w", "owner": "o", "upstream": "none", "remove_when": "never"}
        with contextlib.redirect_stdout(io.StringIO()):
            add(component="c", repo=clone, chip="cpu", range_=f"{base}..HEAD", patches=top / "patches", **facts)  # type: ignore[arg-type]
        run_git("checkout", "--quiet", "--detach", base, at=clone)
        yield Ground(top, clone, base, top / "patches" / "c" / base[:12] / "cpu")


def in_turn(*ways: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Median seconds of each way, run in turn so that a change of the machine's speed hits all."""
    took: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds + 1):
        for way, times in zip(ways, took, strict=True):
            begin = time.perf_counter()
            way()
            times.append(time.perf_counter() - begin)
    return [statistics.median(times[1:]) for times in took]


def _git(*arguments: str, at: Path, **more: str) -> None:
    subprocess.run(["git", *arguments], cwd=at, env={**os.environ, **more}, capture_output=True, check=True)


def git_check(here: Ground) -> None:
    """The floor: three programs on an index and an object folder of their own."""
    with tempfile.TemporaryDirectory(prefix="flagrelease-bench-") as text:
        objects = Path(text) / "objects"
        objects.mkdir()
        more = {
            "GIT_INDEX_FILE": f"{text}/index",
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(here.clone / ".git/objects"),
        }
        _git("read-tree", here.base, at=here.clone, **more)
        _git("apply", "--cached", "--whitespace=nowarn", *_patches(here), at=here.clone, **more)
        _git("write-tree", at=here.clone, **more)


def _patches(here: Ground) -> list[str]:
    return [str(path) for path in sorted(here.folder.glob("*.patch"))]


def check(here: Ground) -> str:
    """A check of the set, nothing kept, against the floor."""
    clone = repository_at(here.clone)
    ours, floor = in_turn(lambda: check_set(here.stored, clone), lambda: git_check(here))
    return f"{ours * 1000:.0f} ms, budget 1.5 ×; git's floor {floor * 1000:.0f} ms: {ours / floor:.2f} ×"


def check_with_many_chips(here: Ground) -> str:
    """The same set beside fifteen others, of which nothing is read."""
    for number in range(15):
        other = here.folder.with_name(f"chip{number}")
        shutil.copytree(here.folder, other)
        text = (other / "series.yaml").read_text().replace("chip: cpu", f"chip: chip{number}")
        (other / "series.yaml").write_text(text)
    return check(here)


def check_unchanged(here: Ground) -> str:
    """A check of a set that did not change, against one git that does nothing."""
    clone, kept = repository_at(here.clone), CheckCache(here.top / "home")
    check_set(here.stored, clone, kept=kept)
    ours, theirs = in_turn(
        lambda: check_set(here.stored, clone, kept=kept),
        lambda: _git("rev-parse", f"{here.base}^{{tree}}", at=here.clone),
        rounds=31,
    )
    return f"{ours * 1000:.1f} ms, budget 3 ms; `git rev-parse` {theirs * 1000:.1f} ms: {ours / theirs:.2f} ×"


def apply(here: Ground) -> str:
    """A whole apply into a new folder, against a worktree and one `git apply`; and the bytes of both."""
    clone, out, tree = repository_at(here.clone), here.top / "out", here.top / "worktree"

    def ours() -> None:
        shutil.rmtree(out, ignore_errors=True)
        apply_set(here.stored, clone, out)

    def theirs() -> None:
        shutil.rmtree(tree, ignore_errors=True)
        _git("worktree", "prune", at=here.clone)
        _git("worktree", "add", "--detach", str(tree), here.base, at=here.clone)
        _git("apply", "--whitespace=nowarn", *_patches(here), at=tree)

    mine, floor = in_turn(ours, theirs, rounds=5)
    sizes = [sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) for folder in (out, tree)]
    text = f"{mine:.2f} s, budget 1.2 ×; worktree and one `git apply` {floor:.2f} s: {mine / floor:.2f} ×"
    return f"{text}; {sizes[0] / 1e6:.1f} MB against {sizes[1] / 1e6:.1f} MB"


def _measured(measure: Callable[[Ground], str]) -> Callable[[], str]:
    """On a ground that all of them share; it is gone when the program ends."""
    return lambda: measure(_shared())


@cache
def _shared() -> Ground:
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(ground())


BENCHMARKS: dict[str, Callable[[], str]] = {
    "patch-check": _measured(check),
    "patch-check-unchanged": _measured(check_unchanged),
    "patch-apply": _measured(apply),
    "patch-check-16-chips": _measured(check_with_many_chips),
}
