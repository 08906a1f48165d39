"""Runs a harness as a program of its own: its work outlives a kill of this one, and the program does not."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from flagrelease.adapters.harnesses.environments import Environments
from flagrelease.adapters.harnesses.secrets import secrets_for, strike_out, without_secrets
from flagrelease.adapters.process import run_program
from flagrelease.adapters.result_files import ResultFiles
from flagrelease.adapters.storage.disk import remove, writing
from flagrelease.adapters.storage.locks import hold
from flagrelease.domain.harness import Environment, PinnedHarness
from flagrelease.domain.value import Sha256
from flagrelease.errors import ToolError
from flagrelease.formats.durable import write_durably
from flagrelease.formats.requirements import read_requirements
from flagrelease.harness_ports import HarnessOrder, HarnessResult, Results, WorkPlace
from flagrelease.ports import Progress

FOLDER: Final = "evaluations"
"""In the home folder; `gc` knows it."""

_PASSED_ON: Final = (
    "PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",
)  # fmt: skip
"""What a harness gets of the caller's environment: how the network is reached. No keys, no settings."""

_LOOPBACK: Final = "127.0.0.1,localhost"
_LONGEST_LINE: Final = 2000
_FINISHED: Final = "finished.json"
_STARTS: Final = "starts"


class Pinned(Protocol):
    """Where the locks of environments are read from."""

    def harness_file(self, path: str, *, sha256: str) -> bytes:
        """The bytes of a file that the lock pins."""


class HostHarnesses:
    """Fulfils `ports.Harnesses` on this machine. `environ` is the caller's environment, keys and all.

    With `fresh`, what an earlier run kept is thrown away before a task is begun.
    """

    def __init__(
        self,
        home: Path,
        pinned: Pinned,
        *,
        environ: Mapping[str, str],
        offline: bool,
        say: Callable[[str], None],
        fresh: bool = False,
    ) -> None:
        self._home = home
        self._fresh = fresh
        self._begun: set[Sha256] = set()
        self._pinned = pinned
        self._environ = environ
        self._say = say
        self._made = Environments(home, environ=without_secrets(environ), offline=offline, say=say)

    def bring(self, harness: PinnedHarness, progress: Progress) -> None:
        """Make its environment where it is not there."""
        if isinstance(harness.harness.runs, Environment):
            self._python(harness, progress)

    def check(self, harness: PinnedHarness, *, judged: bool) -> None:
        """Raise ToolError when a key that it needs is not there."""
        secrets_for(harness.harness, self._environ, judged=judged)

    def place(self, harness: PinnedHarness, key: Sha256) -> WorkPlace:
        """Where it works on the task of this key."""
        top, resume = self._begin(key), harness.harness.resume
        kept = resume is not None and resume.begun is not None and (top / resume.keeps / resume.begun).is_file()
        return WorkPlace(tasks=top / "tasks", output=top / "output", cache=top / "cache", resumed=kept)

    def run(self, order: HarnessOrder, progress: Progress) -> HarnessResult:
        """Run it to its end, or take what a run with this key has left.

        Raises:
            SourceError: its environment is not there and cannot be made.
            ToolError: it failed, did not end in time, or lacks a key.
        """
        top = self._home / FOLDER / order.key
        secrets = secrets_for(order.harness.harness, self._environ, judged=order.judged)
        python = self._python(order.harness, progress)
        with writing(top, 0):
            top.mkdir(parents=True, exist_ok=True)
        locks = self._home / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with hold(locks, f"evaluation {order.key}", on_wait=self._say, shown="the same task"):
            if not (top / _FINISHED).is_file():
                self._act(order, top, python, secrets, progress)
            return HarnessResult(results=ResultFiles(top / "output"), starts=_starts(top), is_fresh=self._fresh)

    def kept(self, key: Sha256) -> Path:
        """A folder for the answers to a task of our own."""
        top = self._begin(key)
        with writing(top, 0):
            top.mkdir(parents=True, exist_ok=True)
        return top

    def _begin(self, key: Sha256) -> Path:
        top = self._home / FOLDER / key
        if self._fresh and key not in self._begun:
            remove(top)
        self._begun.add(key)
        return top

    def supplied(self, folder: Path) -> Results | None:
        """What a person brought into a folder; None while there is nothing."""
        there = folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))
        return ResultFiles(folder) if there else None

    def tidy(self) -> None:
        """Remove the work of every task that this program has run: its records are written."""
        for key in self._begun:
            remove(self._home / FOLDER / key)
        self._begun.clear()

    def _python(self, pinned: PinnedHarness, progress: Progress) -> Path:
        runs = pinned.harness.runs
        assert isinstance(runs, Environment)
        assert pinned.requirements_sha256
        data = self._pinned.harness_file(runs.requirements, sha256=pinned.requirements_sha256)
        pins = read_requirements(data, source=runs.requirements)
        return self._made.python(pinned.harness.title, runs, pinned.requirements_sha256, pins, progress)

    def _act(
        self, order: HarnessOrder, top: Path, python: Path, secrets: Mapping[str, str], progress: Progress
    ) -> None:
        harness, values = order.harness.harness, tuple(secrets.values())
        _laid_out(order, self.place(order.harness, order.key))
        starts = _starts(top) + 1
        write_durably(top / _STARTS, json.dumps(starts).encode())
        if starts > 1:
            self._say(f"{harness.title}: going on with what an earlier run left")
        try:
            done = run_program(
                [str(python), "-P", *order.argv],
                log=order.log,
                timeout_s=harness.within_s,
                env=self._env(order, top, secrets),
                cwd=top,
                heard=_followed(harness.progress, order.items, progress),
                secrets=values,
                tethered=True,
            )
        finally:
            for name in strike_out(top, values):
                self._say(f"{harness.title}: a key was struck out of `{name}`, where the harness wrote it")
        if done.returncode != 0:
            lines = [line.strip() for line in done.tail.splitlines() if line.strip()]
            told = "".join(f"\n  {line[:300]}" for line in lines[-4:])
            raise ToolError(
                f"{harness.title} ended with status {done.returncode}{told}",
                hint="what it has answered is kept: the same command goes on from there",
                log=order.log,
            )
        write_durably(top / _FINISHED, json.dumps({"starts": starts}).encode())

    def _env(self, order: HarnessOrder, top: Path, secrets: Mapping[str, str]) -> dict[str, str]:
        home, scratch = top / "home", top / "tmp"
        for folder in (home, scratch):
            folder.mkdir(exist_ok=True)
        passed = {name: self._environ[name] for name in _PASSED_ON if name in self._environ}
        known = [self._environ[name] for name in ("no_proxy", "NO_PROXY") if self._environ.get(name)]
        direct = ",".join([*known[:1], _LOOPBACK])
        own = {"HOME": str(home), "TMPDIR": str(scratch), "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}
        return {**passed, "no_proxy": direct, "NO_PROXY": direct, **own, **order.env, **secrets}


def _laid_out(order: HarnessOrder, place: WorkPlace) -> None:
    """The task's files, and the folders: what the harness cannot go on with is emptied, what it can is made whole."""
    resume = order.harness.harness.resume
    emptied = {"tasks", "output", "cache"} - ({resume.keeps} if resume else set())
    for name, folder in (("tasks", place.tasks), ("output", place.output), ("cache", place.cache)):
        if name in emptied:
            remove(folder)
        folder.mkdir(exist_ok=True)
    for path, content in order.files.items():
        file = place.tasks / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    if resume:
        kept = place.cache if resume.keeps == "cache" else place.output
        for pattern in resume.lines:
            for file in kept.glob(pattern):
                _end_with_a_line(file)


def _end_with_a_line(file: Path) -> None:
    """Cut off what stands behind the last line end: the harness was killed while it wrote that."""
    with file.open("r+b") as stream:
        content = stream.read()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            stream.truncate(whole)


def _starts(top: Path) -> int:
    try:
        found = json.loads((top / _STARTS).read_bytes())
    except (FileNotFoundError, ValueError):
        return 0
    return found if isinstance(found, int) else 0


def _followed(patterns: Sequence[str], items: int, progress: Progress) -> Callable[[str], None]:
    """Tells of progress by the lines that show it. A run that goes on counts what is left only."""
    known = [re.compile(pattern) for pattern in patterns]

    def heard(line: str) -> None:
        for pattern in known:
            if found := pattern.search(line[:_LONGEST_LINE]):
                groups = found.groupdict()
                total = int(groups.get("total") or items)
                done = int(groups["done"]) + max(0, items - total)
                progress(min(done, items), items)

    return heard
