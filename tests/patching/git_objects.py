"""Git's objects, written and named without git: what its own ids are held against, and quick to make by hundreds."""

import hashlib
import os
import stat
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

MODES = {"file": b"100644", "program": b"100755", "symlink": b"120000"}


class Node(NamedTuple):
    """A file of a tree: its kind and content, which is a symlink's target."""

    kind: str
    content: bytes


Tree = Mapping[str, Node]


class Objects:
    """Names objects, and keeps them where it was given a folder to."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def put(self, kind: str, data: bytes) -> str:
        """An object's id."""
        whole = b"%b %d\0" % (kind.encode(), len(data)) + data
        name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        if self._folder is not None and not (path := self._folder / name[:2] / name[2:]).exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(zlib.compress(whole, 1))
        return name

    def tree(self, files: Tree) -> str:
        """The tree of these files."""
        entries: dict[bytes, bytes] = {}
        below: dict[str, dict[str, Node]] = {}
        for path, node in files.items():
            first, slash, rest = path.partition("/")
            if slash:
                below.setdefault(first, {})[rest] = node
            else:
                entries[first.encode()] = MODES[node.kind] + b" %b\0" % first.encode() + self._id("blob", node.content)
        for first, more in below.items():
            # Git sorts a folder as if its name ended in a slash.
            entries[first.encode() + b"/"] = b"40000 %b\0" % first.encode() + bytes.fromhex(self.tree(more))
        return self.put("tree", b"".join(entry for _, entry in sorted(entries.items())))

    def _id(self, kind: str, data: bytes) -> bytes:
        return bytes.fromhex(self.put(kind, data))

    def commit(self, files: Tree, parent: str | None, message: str) -> str:
        """A commit of these files."""
        who = "Vendor Person <person@vendor.example> 1740276000 +0800"
        lines = [f"tree {self.tree(files)}", *([f"parent {parent}"] if parent else []), f"author {who}"]
        return self.put("commit", "\n".join([*lines, f"committer {who}", "", message, ""]).encode())


def files_of(folder: Path, *, without: str = "") -> Tree:
    """What lies in a folder, as git would see it."""
    found = {}
    for here, folders, names in os.walk(folder):
        for name in [*names, *(one for one in folders if Path(here, one).is_symlink())]:
            path = Path(here, name)
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                node = Node("symlink", os.fsencode(path.readlink()))
            else:
                node = Node("program" if mode & stat.S_IXUSR else "file", path.read_bytes())
            found[str(path.relative_to(folder))] = node
    found.pop(without, None)
    return found
