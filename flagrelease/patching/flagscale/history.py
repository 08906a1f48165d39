"""`patch_history.yaml`: which commit of FlagScale has a device's patches for a task and a set of backends."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flagrelease.formats.positions import Listing, Node, found, quoted
from flagrelease.formats.positions import Mapping as Keys
from flagrelease.patching.flagscale.diff_yaml import Tell, word, yaml_keys
from flagrelease.patching.flagscale.findings import Findings

HISTORY: Final = "patch_history.yaml"
_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}\Z")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One commit of a list. `is_newest`: it is what FlagScale's tool takes when no commit is named."""

    device: str
    task: str
    backends: tuple[str, ...]
    commit: str
    line: int
    is_newest: bool

    @property
    def words(self) -> str:
        """How people call it."""
        return f"{self.device} {self.task} {'+'.join(self.backends)} {self.commit[:10]}"


def read_history(data: bytes, findings: Findings) -> list[Entry]:
    """Every entry, but for those of one backend that an entry of several has with the same commit."""

    def tell(id_: str, what: str, line: int) -> None:
        findings.tell(id_, HISTORY, what, line=line)

    root = yaml_keys(data, "bad-history", tell)
    entries = list(_entries(root, tell)) if root else []
    in_sets = {(*_which(one), backend) for one in entries if len(one.backends) > 1 for backend in one.backends}
    return [one for one in entries if len(one.backends) > 1 or (*_which(one), *one.backends) not in in_sets]


def _which(one: Entry) -> tuple[str, str, str]:
    return (one.device, one.task, one.commit)


def _entries(root: Keys, tell: Tell) -> Iterator[Entry]:
    for device, below in root.entries.items():
        for task, sets in _keys(below.node, f"of {quoted(device)}", tell):
            for key, commits in _keys(sets, f"of {quoted(device)} {quoted(task)}", tell):
                if not isinstance(commits, Listing):
                    tell("bad-history", f"{found(commits)} of {quoted(key)}", commits.at.line)
                    continue
                for number, item in enumerate(commits.items, start=1):
                    commit = word(item)
                    if not commit or not _COMMIT.match(commit):
                        tell("bad-history", quoted(commit or found(item)), item.at.line)
                        continue
                    yield Entry(
                        device=device,
                        task=task,
                        backends=tuple(key.split("+")),
                        commit=commit,
                        line=item.at.line,
                        is_newest=number == len(commits.items),
                    )


def _keys(node: Node, whose: str, tell: Tell) -> Iterator[tuple[str, Node]]:
    if isinstance(node, Keys):
        yield from ((key, entry.node) for key, entry in node.entries.items())
    else:
        tell("bad-history", f"no mapping {whose}", node.at.line)
