"""A pack from somebody else: whatever is in it is its manifest's, or refused before anything is written."""

import gzip
import io
import os
import resource
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flagrelease.adapters.evidence.reading import opened_pack
from flagrelease.domain.packed import FILES_LIMIT
from flagrelease.errors import SourceError
from tests.evidence.made import FILES, KEY, STRANGER, a_pack


def test_a_whole_pack_is_read_with_its_signer(tmp_path: Path) -> None:
    with opened_pack(a_pack(tmp_path), [KEY.public]) as pack:
        assert pack.signer == KEY.public
        for file in pack.manifest.files:
            pack.copy(file, tmp_path / "to" / file.path)
            assert (tmp_path / "to" / file.path).read_bytes() == FILES[file.path]


def test_a_stranger_s_signature_or_none_is_no_signer(tmp_path: Path) -> None:
    with opened_pack(a_pack(tmp_path), [STRANGER]) as pack:
        assert (pack.signer, pack.claimed) == (None, KEY.public.shown)
    with opened_pack(a_pack(tmp_path, signer=None, name="unsigned.tar"), [KEY.public]) as pack:
        assert (pack.signer, pack.claimed) == (None, None)


def test_the_same_evidence_gives_the_same_bytes(tmp_path: Path) -> None:
    assert a_pack(tmp_path).read_bytes() == a_pack(tmp_path, name="again.tar").read_bytes()


def put(path: Path, member: tarfile.TarInfo, data: bytes = b"") -> None:
    """Append a member, as any tool would."""
    member.size = len(data)
    with tarfile.open(path, "a") as archive:
        archive.addfile(member, io.BytesIO(data))


def of_type(name: str, kind: bytes, target: str = "") -> Callable[[Path], None]:
    def append(path: Path) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        put(path, member)

    return append


def file(name: str, mode: int = 0o644) -> Callable[[Path], None]:
    def append(path: Path) -> None:
        member = tarfile.TarInfo(name)
        member.mode = mode
        put(path, member, b"x")

    return append


def many(path: Path) -> None:
    with tarfile.open(path, "a") as archive:
        for number in range(5 * FILES_LIMIT):
            archive.addfile(tarfile.TarInfo(f"files/{number}"))


def packed(path: Path) -> None:
    path.write_bytes(gzip.compress(path.read_bytes()))


def trailing(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"more")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def huge(path: Path) -> None:
    os.truncate(path, 4 << 30)


def said_to_be_huge(path: Path) -> None:
    """The header of the last file says that it has eight gigabytes."""
    data = bytearray(path.read_bytes())
    at = data.rindex(b"manifest.sig")
    header = bytearray(data[at : at + 512])
    header[124:136] = b"77777777777\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    data[at : at + 512] = header
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (of_type("files/link", tarfile.SYMTYPE, "/etc/passwd"), "is a symlink"),
        (of_type("files/link", tarfile.LNKTYPE, "manifest.json"), "is a hardlink"),
        (of_type("files/device", tarfile.CHRTYPE), "a character device"),
        (of_type("files/pipe", tarfile.FIFOTYPE), "a fifo"),
        (of_type("elsewhere", tarfile.DIRTYPE), "a folder that no file lies in"),
        (file("/etc/passwd"), "is absolute"),
        (file("files/../../out"), "`..` part"),
        (file("files/evaluate/target/quiz.json"), "is there twice"),
        (file("manifest.json"), "is there twice"),
        (file("files/evaluate/target"), "is there twice|a file and a folder"),
        (file("files/more"), "in the archive, and not the manifest"),
        (file("README"), "in the archive, and not the manifest"),
        (file("files/setuid", 0o4755), "setuid"),
        (many, "entries, found more"),
        (packed, "compressed with gzip"),
        (trailing, "zeroes"),
        (cut, "cut"),
        (huge, "wanted a file of at most"),
        (said_to_be_huge, "is cut"),
    ],
)
def test_a_hostile_archive_is_refused(tmp_path: Path, damage: Callable[[Path], None], said: str) -> None:
    path = a_pack(tmp_path)
    damage(path)
    with pytest.raises(SourceError, match=said), opened_pack(path, [KEY.public]):
        pass


@pytest.mark.parametrize("kind", ["none", "folder", "fifo"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "pack"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    with pytest.raises(SourceError), opened_pack(path, []):
        pass


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_another_byte_anywhere_is_found_or_changes_nothing(tmp_path: Path, data: st.DataObject) -> None:
    whole = tmp_path / "whole.tar"
    if not whole.exists():
        a_pack(tmp_path, name="whole.tar")
    content = bytearray(whole.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    changed = tmp_path / "changed.tar"
    changed.write_bytes(content)
    with opened_pack(whole, [KEY.public]) as good:
        wanted = good.manifest
    try:
        with opened_pack(changed, [KEY.public]) as pack:
            assert pack.signer is None or pack.manifest == wanted
    except SourceError:
        pass


def test_a_pack_that_changes_while_it_is_read_is_not_taken(tmp_path: Path) -> None:
    path = a_pack(tmp_path)
    with opened_pack(path, [KEY.public]) as pack:
        content = path.read_bytes()
        with path.open("r+b") as stream:
            stream.seek(content.index(FILES["evaluate/target/quiz.json"]))
            stream.write(b"!")
        (quiz,) = (one for one in pack.manifest.files if one.path.endswith("quiz.json"))
        with pytest.raises(SourceError, match="was changed after it was packed"):
            pack.copy(quiz, tmp_path / "to")


def test_a_full_disk_while_packing_leaves_no_file(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    a_pack(tmp_path, name="first.tar")
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            a_pack(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir() if "evidence" in path.name] == []
