"""One layer of an image: a tree of entries written as a tar whose bytes depend on nothing but the tree."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from flagrelease.errors import BuildError
from flagrelease.oci.header import ALIGNMENT, BLOCK, Kind, Member, check_path, check_text, header
from flagrelease.ports import LayerWriter

ALIGNED_FROM_BYTES = 1 << 20
"""Payloads of at least so many bytes begin on a 4096-byte boundary, so that file systems can share their blocks."""

PARENT_MODE = 0o755
MAX_MODE = 0o7777


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """Content that is made while it is written; `chunks` may be called once and gives `size` bytes in all."""

    size: int
    chunks: Callable[[], Iterator[bytes]]


Content = bytes | Path | Stream
"""What a file holds: the bytes, a whole file of this machine, or a stream."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing in a layer.

    `path` is relative to the root of the image. `target` is what a symlink says, or the path of the file that a
    hardlink is another name of. `owner` names the package it comes from, for messages only.
    """

    path: str
    kind: Kind
    mode: int = 0o644
    content: Content = b""
    target: str = ""
    owner: str = field(default="", compare=False)


def write_layer(writer: LayerWriter, entries: Iterable[Entry], *, directories: Mapping[str, int] | None = None) -> int:
    """Write the entries as one layer: sorted by path, owner 0, time 0, each parent once and before its content.

    Args:
        writer: the blob or file under construction; nothing may have been written to it.
        entries: in any order.
        directories: modes of directories of lower layers: a parent that is not among the entries keeps the mode it
            has there. Any other parent gets 0755.

    Returns:
        The layer's size in bytes.

    Raises:
        BuildError: when two entries have one path, one lies below something that is no directory, a hardlink points
            to no file of the layer, or content is not as long as was said.
    """
    for entry in plan(entries, directories or {}):
        _write(writer, entry)
    writer.write(bytes(2 * BLOCK))
    return writer.tell()


def plan(entries: Iterable[Entry], directories: Mapping[str, int]) -> Sequence[Entry]:
    """Give the entries as they are written: checked, with their parents, in order; arguments as for `write_layer`.

    Raises:
        BuildError: as `write_layer`, but for contents.
    """
    found: dict[str, Entry] = {}
    for entry in entries:
        _check(entry)
        if entry.path in found:
            raise BuildError(
                f"{entry.path}: wanted once in a layer, but it comes {_from(entry)} and {_from(found[entry.path])}"
            )
        found[entry.path] = entry
    for path in list(found):
        for parent in parents(path):
            known = found.setdefault(
                parent, Entry(path=parent, kind="directory", mode=directories.get(parent, PARENT_MODE))
            )
            if known.kind != "directory":
                raise BuildError(f"{path} ({_from(found[path])}): {parent} is a {known.kind}, wanted a directory")
    return _with_files_before_their_links(found)


def parents(path: str) -> Iterator[str]:
    """Give the directories above a path, the nearest to the root first."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def _with_files_before_their_links(found: Mapping[str, Entry]) -> Sequence[Entry]:
    """Sort by path; of all names of one file the first holds the content, the others become links to it."""
    names: dict[str, list[str]] = {}
    for entry in found.values():
        if entry.kind == "hardlink":
            file = found.get(entry.target)
            if file is None or file.kind != "file":
                raise BuildError(
                    f"{entry.path} ({_from(entry)}): a hardlink to {entry.target!r}, which is no file here"
                )
            names.setdefault(entry.target, [entry.target]).append(entry.path)
    swapped: dict[str, Entry] = {}
    for file_path, group in names.items():
        first, *others = sorted(group)
        swapped[first] = replace(found[file_path], path=first)
        for other in others:
            swapped[other] = Entry(path=other, kind="hardlink", mode=found[file_path].mode, target=first)
    return [swapped.get(path, found[path]) for path in sorted(found)]


def _check(entry: Entry) -> None:
    where = f"an entry {_from(entry)}"
    check_path(entry.path, where)
    if not 0 <= entry.mode <= MAX_MODE:
        raise BuildError(f"{where}: the mode {entry.mode:#o} of {entry.path} is more than twelve bits")
    if entry.kind == "symlink":
        check_text(entry.target, where)


def _from(entry: Entry) -> str:
    return f"from {entry.owner}" if entry.owner else "from the recipe"


def _write(writer: LayerWriter, entry: Entry) -> None:
    size = _size(entry.content) if entry.kind == "file" else 0
    member = Member(path=entry.path, kind=entry.kind, mode=entry.mode, size=size, target=entry.target)
    writer.write(header(member, position=writer.tell(), align=size >= ALIGNED_FROM_BYTES))
    begin = writer.tell()
    assert size < ALIGNED_FROM_BYTES or begin % ALIGNMENT == 0
    if entry.kind == "file":
        match entry.content:
            case bytes() as content:
                writer.write(content)
            case Path() as file:
                writer.copy_from(file)
            case Stream() as stream:
                for chunk in stream.chunks():
                    writer.write(chunk)
    taken = writer.tell() - begin
    if taken != size:
        raise BuildError(f"{entry.path}: {size} bytes were announced, {taken} came")
    writer.write(bytes(-size % BLOCK))


def _size(content: Content) -> int:
    match content:
        case bytes():
            return len(content)
        case Path():
            return content.stat().st_size
        case Stream():
            return content.size
