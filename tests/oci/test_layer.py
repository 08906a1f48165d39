import hashlib
import io
import itertools
import os
import random
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flagrelease.errors import BuildError
from flagrelease.oci.header import Kind
from flagrelease.oci.layer import ALIGNED_FROM_BYTES, Entry, Stream, parents, write_layer
from flagrelease.oci.unpack import unpack_layers
from tests.oci.tars import MemoryWriter

Tree = dict[str, tuple[str, int, str]]
"""Path to kind, mode (of a symlink 0777) and hash of the content or the link's target."""

NAMES = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/"), min_size=1, max_size=60
).filter(lambda name: name not in {".", ".."} and len(name.encode()) <= 255 and not name.startswith(".wh."))
LONG_NAMES = st.integers(90, 250).map(lambda length: "n" * length)
PATHS = st.lists(NAMES | LONG_NAMES, min_size=1, max_size=4).map("/".join)
MODES = st.integers(0, 0o777).map(lambda mode: mode | 0o700)
TARGETS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=150)


@st.composite
def trees(draw: st.DrawFn) -> list[Entry]:
    found: dict[str, Entry] = {}
    for path in draw(st.lists(PATHS, max_size=12, unique=True)):
        blocked = any(found[parent].kind != "directory" for parent in parents(path) if parent in found)
        if blocked or any(other.startswith(f"{path}/") for other in found):
            continue
        files = [entry.path for entry in found.values() if entry.kind == "file"]
        kinds: list[Kind] = ["file", "directory", "symlink", *(["hardlink"] if files else [])]  # type: ignore[list-item]
        kind = draw(st.sampled_from(kinds))
        content = draw(st.binary(max_size=1500)) if kind == "file" else b""
        target = draw(TARGETS) if kind == "symlink" else draw(st.sampled_from(files)) if kind == "hardlink" else ""
        found[path] = Entry(path=path, kind=kind, mode=draw(MODES), content=content, target=target)
    return list(found.values())


def layer(entries: list[Entry], directories: dict[str, int] | None = None) -> bytes:
    writer = MemoryWriter()
    size = write_layer(writer, entries, directories=directories)
    assert size == len(writer.buffer.getvalue())
    return writer.buffer.getvalue()


def wanted(entries: list[Entry]) -> Tree:
    by_path = {entry.path: entry for entry in entries}
    tree: Tree = {}
    for entry in entries:
        for parent in parents(entry.path):
            tree.setdefault(parent, ("directory", by_path[parent].mode if parent in by_path else 0o755, ""))
        real = by_path[entry.target] if entry.kind == "hardlink" else entry
        match real.kind:
            case "file":
                assert isinstance(real.content, bytes)
                tree[entry.path] = ("file", real.mode, hashlib.sha256(real.content).hexdigest())
            case "symlink":
                tree[entry.path] = ("symlink", 0o777, real.target)
            case _:
                tree[entry.path] = ("directory", real.mode, "")
    return tree


def read_by_tarfile(content: bytes) -> Tree:
    tree: Tree = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        for member in archive:
            assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", 0)
            assert member.name not in tree
            if member.issym():
                tree[member.name] = ("symlink", 0o777, member.linkname)
            elif member.isdir():
                tree[member.name] = ("directory", member.mode, "")
            else:
                file = archive.extractfile(member)
                assert file is not None
                tree[member.name] = ("file", member.mode, hashlib.sha256(file.read()).hexdigest())
    return tree


def read_folder(root: Path) -> Tree:
    tree: Tree = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_symlink():
            tree[name] = ("symlink", 0o777, os.readlink(path))  # noqa: PTH115 - a Path would be another spelling
        elif path.is_dir():
            tree[name] = ("directory", path.stat().st_mode & 0o7777, "")
        else:
            tree[name] = ("file", path.stat().st_mode & 0o7777, hashlib.sha256(path.read_bytes()).hexdigest())
    return tree


@settings(max_examples=60, deadline=None)
@given(trees())
def test_any_tree_is_read_back_by_tarfile_by_gnu_tar_and_by_unpack(entries: list[Entry]) -> None:
    content = layer(entries)
    assert read_by_tarfile(content) == wanted(entries)
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        (here / "layer.tar").write_bytes(content)
        (here / "gnu").mkdir()
        tar = ["tar", "-x", "-p", "--no-same-owner", "-f", str(here / "layer.tar"), "-C", str(here / "gnu")]
        done = subprocess.run(tar, check=False, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert read_folder(here / "gnu") == wanted(entries)
        unpack_layers([here / "layer.tar"], here / "ours")
        assert read_folder(here / "ours") == wanted(entries)


@settings(max_examples=60, deadline=None)
@given(trees(), st.randoms(use_true_random=False))
def test_the_order_of_the_entries_does_not_change_a_byte(entries: list[Entry], source: random.Random) -> None:
    shuffled = list(entries)
    source.shuffle(shuffled)
    assert layer(shuffled) == layer(entries)


def test_paths_are_sorted_and_each_parent_is_there_once() -> None:
    entries = [Entry(path=path, kind="file") for path in ("b/c/d", "a", "b/c/a", "b-c")]
    with tarfile.open(fileobj=io.BytesIO(layer(entries)), mode="r:") as archive:
        assert archive.getnames() == ["a", "b", "b-c", "b/c", "b/c/a", "b/c/d"]


def test_a_parent_keeps_the_mode_it_has_in_a_lower_layer() -> None:
    content = layer([Entry(path="tmp/a", kind="file")], {"tmp": 0o1777})
    assert read_by_tarfile(content)["tmp"] == ("directory", 0o1777, "")


@pytest.mark.parametrize("depth", [1, 97, 99, 100, 101, 150, 154, 155, 156, 253])
def test_names_of_every_length_around_the_fields_of_ustar_are_read_back(depth: int) -> None:
    entries = [
        Entry(path=path, kind="file") for path in ("f" * depth, f"{'d' * depth}/{'f' * 100}", f"x/{'d' * depth}/f")
    ]
    entries.append(Entry(path="link", kind="symlink", target="t" * depth))
    assert read_by_tarfile(layer(entries)) == wanted(entries)


def test_pax_is_used_only_where_ustar_cannot_say_it() -> None:
    plain = [
        Entry(path=f"{'d' * 75}/{'e' * 75}/{'f' * 100}", kind="file"),
        Entry(path="a", kind="symlink", target="t" * 100),
    ]
    assert b"PaxHeader" not in layer(plain)
    for entry in (Entry(path="ü", kind="file"), Entry(path="f" * 101, kind="file")):
        assert layer([entry]).count(b"PaxHeader") == 1


def test_of_all_names_of_a_file_the_first_holds_the_content() -> None:
    entries = [
        Entry(path="z", kind="file", mode=0o755, content=b"content"),
        Entry(path="a", kind="hardlink", target="z"),
        Entry(path="m", kind="hardlink", target="z"),
    ]
    with tarfile.open(fileobj=io.BytesIO(layer(entries)), mode="r:") as archive:
        assert [(member.name, member.type, member.linkname) for member in archive] == [
            ("a", tarfile.REGTYPE, ""),
            ("m", tarfile.LNKTYPE, "a"),
            ("z", tarfile.LNKTYPE, "a"),
        ]


def payload_offsets(content: bytes) -> dict[str, int]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        return {member.name: member.offset_data for member in archive}


@pytest.mark.parametrize("name", ["weights", "ü" * 50, "w" * 200, f"{'w' * 200}/{'ü' * 100}"])
@pytest.mark.parametrize("before", [0, 1, 2, 3, 4, 5, 6, 7])
def test_large_payloads_begin_on_a_block_that_file_systems_can_share(name: str, before: int) -> None:
    large = b"x" * ALIGNED_FROM_BYTES
    entries = [Entry(path=f"a{number}", kind="symlink", target="x") for number in range(before)]
    entries += [Entry(path=name, kind="file", content=large), Entry(path=f"{name}-2", kind="file", content=large[1:])]
    content = layer(entries)
    offsets = payload_offsets(content)
    assert offsets[name] % 4096 == 0
    assert offsets[f"{name}-2"] > offsets[name] + len(large) - 1
    assert read_by_tarfile(content) == wanted(entries)


def test_gnu_tar_reads_an_aligned_archive_without_a_word(tmp_path: Path) -> None:
    content = layer(
        [Entry(path=f"{'w' * number}", kind="file", content=bytes(1 << 20)) for number in range(1, 200, 20)]
    )
    assert all(offset % 4096 == 0 for offset in payload_offsets(content).values())
    (tmp_path / "layer.tar").write_bytes(content)
    done = subprocess.run(["tar", "-tf", tmp_path / "layer.tar"], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert len(done.stdout.split()) == 10


def test_a_file_of_more_than_eight_gibibytes_has_its_size_in_pax(tmp_path: Path) -> None:
    class Counting(MemoryWriter):
        """Takes content of any size without keeping it."""

        position = 0

        def write(self, data: bytes) -> int:
            self.position += len(data)
            return super().write(data)

        def copy_from(self, source: Path) -> int:
            self.position += source.stat().st_size
            return source.stat().st_size

        def tell(self) -> int:
            return self.position

    with (tmp_path / "weights").open("wb") as file:
        file.truncate(9 << 30)
    writer = Counting()
    write_layer(writer, [Entry(path="weights", kind="file", content=tmp_path / "weights")])
    with tarfile.open(fileobj=io.BytesIO(writer.buffer.getvalue()), mode="r:") as archive:
        member = archive.next()
    assert member is not None
    assert (member.size, member.offset_data % 4096) == (9 << 30, 0)


def test_neither_the_time_nor_the_mode_nor_the_place_of_a_source_changes_a_byte(tmp_path: Path) -> None:
    layers = []
    umask = os.umask(0)
    try:
        for mode, (mask, time) in zip((0o600, 0o755), itertools.pairwise((0o77, 1, 0)), strict=True):
            os.umask(mask)
            source = tmp_path / str(mode) / "source"
            source.parent.mkdir()
            source.write_bytes(b"content")
            source.chmod(mode)
            os.utime(source, (time, time))
            layers.append(layer([Entry(path="opt/file", kind="file", content=source)]))
    finally:
        os.umask(umask)
    assert layers[0] == layers[1]


def stream_of(*chunks: bytes, size: int) -> Stream:
    make: Callable[[], Iterator[bytes]] = lambda: iter(chunks)  # noqa: E731
    return Stream(size=size, chunks=make)


def test_a_stream_is_written_chunk_by_chunk() -> None:
    content = layer([Entry(path="a", kind="file", content=stream_of(b"ab", b"cd", size=4))])
    assert read_by_tarfile(content)["a"][2] == hashlib.sha256(b"abcd").hexdigest()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            [Entry(path="a", kind="file", owner="one"), Entry(path="a", kind="file", owner="two")],
            "from two and from one",
        ),
        ([Entry(path="a", kind="file"), Entry(path="a/b", kind="file")], "a is a file, wanted a directory"),
        ([Entry(path="a", kind="symlink", target="x"), Entry(path="a/b/c", kind="file")], "a is a symlink"),
        ([Entry(path="a", kind="hardlink", target="b")], "no file here"),
        ([Entry(path="a", kind="hardlink", target="b"), Entry(path="b", kind="directory")], "no file here"),
        ([Entry(path="/a", kind="file")], "absolute"),
        ([Entry(path="a/../b", kind="file")], "part"),
        ([Entry(path="a\nb", kind="file")], "control character"),
        ([Entry(path="a", kind="symlink", target="")], "empty"),
        ([Entry(path="a", kind="file", mode=0o100644)], "twelve bits"),
        ([Entry(path="a", kind="file", content=stream_of(b"ab", size=3))], "3 bytes were announced, 2 came"),
    ],
)
def test_entries_that_make_no_tree_are_refused(entries: list[Entry], message: str) -> None:
    with pytest.raises(BuildError, match=message):
        layer(entries)
