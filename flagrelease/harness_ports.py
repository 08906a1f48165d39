"""What a stage needs of harnesses, as Protocols and the values that go through them: a part of `ports`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from flagrelease.domain.harness import PinnedHarness
from flagrelease.domain.value import Sha256

Progress = Callable[[int, int], None]
"""Called with (done, total) as work goes on; total 0 means unknown."""


class Results(Protocol):
    """What a harness left: its files, by relative names with `/`. `title` is what people call the folder."""

    title: str
    names: Sequence[str]

    def open(self, name: str) -> BinaryIO:
        """The bytes of one of `names`."""


@dataclass(frozen=True, kw_only=True)
class WorkPlace:
    """Where a harness works on one task of one side: its files, its results, what it keeps for another try.

    `resumed` says whether an earlier run has left something that it goes on from.
    """

    tasks: Path
    output: Path
    cache: Path
    resumed: bool


@dataclass(frozen=True, kw_only=True)
class HarnessOrder:
    """One task for one side.

    `key` is the hash of all that decides the answers: what was kept of a run with the same key goes on. `argv` follows
    the environment's Python. `files` are laid out in the place's `tasks`.
    """

    harness: PinnedHarness
    key: Sha256
    argv: tuple[str, ...]
    env: Mapping[str, str]
    files: Mapping[str, bytes]
    items: int
    judged: bool
    log: Path


@dataclass(frozen=True, kw_only=True)
class HarnessResult:
    """What it left, how often it was started until it came to its end, and whether kept work was thrown away before."""

    results: Results
    starts: int
    is_fresh: bool = False


class Harnesses(Protocol):
    """Runs harnesses, each in an environment of its own; what they keep outlives a kill of this program."""

    def bring(self, harness: PinnedHarness, progress: Progress) -> None:
        """Make its environment, which is then used offline. Raises SourceError, ToolError."""

    def check(self, harness: PinnedHarness, *, judged: bool) -> None:
        """Raise ToolError when a key that it needs is not there. Costs nothing."""

    def place(self, harness: PinnedHarness, key: Sha256) -> WorkPlace:
        """Where it works on the task of this key."""

    def run(self, order: HarnessOrder, progress: Progress) -> HarnessResult:
        """Run it to its end, or take what a run with this key has left. Raises ToolError when it fails."""

    def kept(self, key: Sha256) -> Path:
        """A folder for the answers to a task of our own, by the hash of all that decides them; it is there."""

    def supplied(self, folder: Path) -> Results | None:
        """What a person brought into a folder; None while there is nothing."""

    def tidy(self) -> None:
        """Remove the work of every task that this program has run: its records are written."""
