"""Environments of harnesses: one a lock, made by pip from its hashes, kept in the store, used offline from then on."""

import json
import platform
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from flagrelease.adapters.process import run_program
from flagrelease.adapters.storage.disk import remove, sync_folder, writing
from flagrelease.adapters.storage.locks import hold, unique
from flagrelease.domain.harness import Environment
from flagrelease.domain.value import Sha256
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import sha256_of
from flagrelease.formats.durable import write_durably
from flagrelease.formats.requirements import Pin

FOLDER: Final = "harnesses"
"""In the home folder; `gc` knows it."""

_MAKING: Final = ".making-"
_WITHIN_S: Final = 3600.0
_HAS: Final = ("Collecting ", "Processing ", "Requirement already satisfied", "Ignoring ")
"""How the line begins that pip says of each package."""
Progress = Callable[[int, int], None]


class Environments:
    """Below `home`: a folder for each lock and Python. `environ` is pip's: its settings are the host's."""

    def __init__(self, home: Path, *, environ: Mapping[str, str], offline: bool, say: Callable[[str], None]) -> None:
        self._home = home
        self._environ = environ
        self._offline = offline
        self._say = say

    def python(self, name: str, wanted: Environment, sha256: Sha256, pins: Sequence[Pin], progress: Progress) -> Path:
        """The Python of the environment, which is made first where it is not there.

        Args:
            name: What people call the harness.
            wanted: What has to be there first, and what is built from source.
            sha256: The hash of the lock's bytes.
            pins: What the lock says.
            progress: Called with how many of the packages pip has.

        Raises:
            SourceError: It is not there and the network may not be used, or a package is not what the lock says.
            ToolError: This machine's Python cannot make environments, or the disk is full.
        """
        place = self._home / FOLDER / f"{sha256}-{_interpreter()}"
        if not _is_whole(place, wanted):
            self._make(name, place, wanted, pins, progress)
        return place / "bin" / "python"

    def _make(self, name: str, place: Path, wanted: Environment, pins: Sequence[Pin], progress: Progress) -> None:
        with self._alone(place):
            if _is_whole(place, wanted):
                return
            if self._offline:
                raise SourceError(
                    f"the environment of {name} is not in the store, and the network may not be used",
                    hint="run the same command once without --offline",
                )
            self._say(f"making the environment of {name}: {len(pins)} packages")
            # A name of its own until it is whole: whatever is called `place` can be used.
            made = place.with_name(f"{place.name}{_MAKING}{unique()}")
            try:
                self._fill(name, made, wanted, pins, progress)
                write_durably(made / "made.json", json.dumps(_record(wanted)).encode())
                remove(place)
                made.rename(place)
                sync_folder(place.parent)
            finally:
                remove(made)

    @contextmanager
    def _alone(self, place: Path) -> Iterator[None]:
        locks = self._home / "locks"
        for folder in (place.parent, locks):
            with writing(folder, 0):
                folder.mkdir(parents=True, exist_ok=True)
        with hold(locks, f"harness {place.name}", on_wait=self._say, shown="the environment of a harness"):
            for left in place.parent.glob(f"{place.name}{_MAKING}*"):
                # The lock is ours, so whoever made it is gone.
                remove(left)
            yield

    def _fill(self, name: str, made: Path, wanted: Environment, pins: Sequence[Pin], progress: Progress) -> None:
        log = self._home / FOLDER / f"{made.name.partition(_MAKING)[0]}.log"
        log.unlink(missing_ok=True)
        self._run([sys.executable, "-I", "-m", "venv", str(made)], log, f"{name}: no environment can be made", _NO_VENV)
        first = [pin for pin in pins if pin.name in wanted.build]
        heard = _counted(len(first) + len(pins), progress)
        for number, (part, sources) in enumerate(((first, ()), (pins, wanted.sources))):
            if part:
                file = made / f"requirements-{number}.txt"
                file.write_text("".join(pin.lines() for pin in part), encoding="ascii")
                self._run(_pip(made, file, sources), log, f"{name}: pip cannot install its lock", _NO_PIP, heard)

    def _run(
        self, argv: Sequence[str], log: Path, what: str, hint: str, heard: Callable[[str], None] | None = None
    ) -> None:
        done = run_program(
            argv, log=log, timeout_s=_WITHIN_S, env=self._environ, heard=heard or (lambda _: None), tethered=True
        )
        if done.returncode != 0:
            said = [line for line in done.tail.splitlines() if line.strip()]
            lines = "".join(f"\n  {line.strip()[:300]}" for line in said[-4:])
            raise SourceError(f"{what}: status {done.returncode}{lines}", hint=hint, log=log)


_NO_VENV: Final = "Debian's python3-venv has what is missing"
_NO_PIP: Final = "`pip config list` says where pip looks; a hash that differs is another file than the one locked"


def _pip(made: Path, file: Path, sources: Sequence[str]) -> list[str]:
    """Pip as it installs a lock: from wheels, but for what has none, and with nothing looked up beyond it."""
    return [
        str(made / "bin" / "python"), "-I", "-m", "pip", "install", "--require-hashes", "--no-deps",
        "--no-build-isolation", "--no-compile", "--no-input", "--disable-pip-version-check", "--progress-bar", "off",
        "--only-binary", ":all:", *(["--no-binary", ",".join(sources)] if sources else []), "-r", str(file),
    ]  # fmt: skip


def _counted(total: int, progress: Progress) -> Callable[[str], None]:
    done = 0

    def heard(line: str) -> None:
        nonlocal done
        if line.startswith(_HAS):
            done = min(done + 1, total)
            progress(done, total)

    return heard


def _interpreter() -> str:
    """What wheels are chosen by: an environment of another Python is another one."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", f"{sys.implementation.cache_tag}-{platform.machine()}")


def _record(wanted: Environment) -> dict[str, str]:
    return {"environment": sha256_of(wanted)}


def _is_whole(place: Path, wanted: Environment) -> bool:
    """Whether it was made to its end, as it is wanted, and the Python that it stands on is still there."""
    try:
        made = json.loads((place / "made.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    return made == _record(wanted) and (place / "bin" / "python").exists()
