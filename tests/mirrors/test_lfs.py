"""Files that Git LFS keeps apart: their content in their place, checked, and never a pointer in silence."""

import random
from pathlib import Path

import pytest

from flagrelease.adapters.mirrors.pointers import pointer_of
from flagrelease.adapters.storage.store import FileStore
from flagrelease.errors import SourceError
from tests.mirrors.conftest import Forge, source, unseen

ATTRIBUTES = b"*.bin filter=lfs diff=lfs merge=lfs -text\n"
OID = "a" * 64
BIG = random.Random(3).randbytes(3_000_000)


def test_the_content_takes_the_place_of_its_pointer_and_is_no_file_of_the_store(forge: Forge, tmp_path: Path) -> None:
    pointer = forge.server.add_lfs(BIG)
    files = {".gitattributes": ATTRIBUTES, "a/big.bin": pointer, "looks-like-one.txt": pointer, "copy.bin": pointer}
    commit = forge.make("own/repo", files)
    (forge.top("own/repo") / "a/big.bin").chmod(0o755)
    commit = forge.make("own/repo", {})
    wanted = source(lfs=True)
    forge.bring(wanted, commit)
    folder = forge.written(wanted, commit, tmp_path / "out")
    assert (folder / "a/big.bin").read_bytes() == BIG
    assert (folder / "copy.bin").read_bytes() == BIG
    assert (folder / "a/big.bin").stat().st_mode & 0o777 == 0o755
    assert (folder / "looks-like-one.txt").read_bytes() == pointer
    assert len([one for one in forge.server.asked if one.path.startswith("/lfs/")]) == 1
    (folder / "a/big.bin").write_bytes(b"changed by a build")
    digest = f"sha256:{pointer_of(pointer)[0]}"  # type: ignore[index]
    assert FileStore(forge.home).verify(digest)
    forge.server.asked.clear()
    forge.bring(wanted, commit)
    assert forge.server.asked == []


def test_without_lfs_a_tree_with_pointers_is_an_error_that_names_them(forge: Forge) -> None:
    files = {".gitattributes": ATTRIBUTES, **{f"{n}.bin": forge.server.add_lfs(b"%d" % n) for n in range(7)}}
    commit = forge.make("own/repo", files)
    with pytest.raises(SourceError, match=r"0.bin, 1.bin, 2.bin, 3.bin, 4.bin and 2 more") as caught:
        forge.bring(source(), commit)
    assert "lfs: true" in caught.value.hint


def test_a_file_that_only_looks_like_a_pointer_needs_no_lfs(forge: Forge) -> None:
    commit = forge.make("own/repo", {"a.bin": forge.server.add_lfs(b"1"), ".gitattributes": b"*.txt filter=lfs\n"})
    forge.bring(source(), commit)


def test_an_object_that_was_cut_is_gone_on_with(forge: Forge) -> None:
    commit = forge.make("own/repo", {".gitattributes": ATTRIBUTES, "a.bin": forge.server.add_lfs(BIG)})
    forge.server.lfs_cuts = [2_000_000]
    forge.bring(source(lfs=True), commit)
    sent = [one for one in forge.server.asked if one.path.startswith("/lfs/")]
    assert len(sent) == 2
    assert sum(one.bytes_sent for one in sent) <= len(BIG) + 65536


def test_wrong_content_is_refused_and_a_mirror_has_the_right_one(forge: Forge, tmp_path: Path) -> None:
    pointer = forge.server.add_lfs(BIG)
    oid = pointer_of(pointer)[0]  # type: ignore[index]
    files = {".gitattributes": ATTRIBUTES, "a.bin": pointer}
    commit = forge.make("own/repo", files)
    forge.server.lfs[oid] = BIG[:-1] + b"?"
    with pytest.raises(SourceError, match="nobody gave 1 LFS objects") as caught:
        forge.bring(source(lfs=True), commit)
    assert "found sha256:" in caught.value.message
    assert forge.mirrors().missing(source(lfs=True), commit) == (
        f"own/repo: LFS object sha256:{oid} (3000000 bytes) of a.bin",
    )
    forge.make("copy/repo", files)
    kept = forge.top("copy/repo") / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    kept.parent.mkdir(parents=True)
    kept.write_bytes(BIG)
    wanted = source(lfs=True, mirrors=[{"forge": "gitee", "repository": "copy/repo"}])
    forge.mirrors(FLAGRELEASE_FORGE_GITEE=f"file://{forge.server.root}").bring(wanted, commit, unseen)
    assert forge.mirrors().missing(wanted, commit) == ()


@pytest.mark.parametrize("href", ["file:///etc/passwd", "ftp://127.0.0.1/x", "/etc/passwd"])
def test_an_object_is_fetched_by_http_alone(forge: Forge, href: str) -> None:
    commit = forge.make("own/repo", {".gitattributes": ATTRIBUTES, "a.bin": forge.server.add_lfs(b"1")})
    forge.server.lfs_action = {"href": href}
    with pytest.raises(SourceError, match="it sends us to"):
        forge.bring(source(lfs=True), commit)


def test_an_object_that_the_server_has_not_got_is_named(forge: Forge) -> None:
    commit = forge.make("own/repo", {".gitattributes": ATTRIBUTES, "a.bin": forge.server.add_lfs(b"1")})
    forge.server.lfs.clear()
    with pytest.raises(SourceError, match=r"of a.bin\n.*it has no LFS object sha256:[0-9a-f]+ \(404\)"):
        forge.bring(source(lfs=True), commit)


def test_offline_lists_the_objects_that_are_not_here(forge: Forge) -> None:
    commit = forge.make("own/repo", {".gitattributes": ATTRIBUTES, "a.bin": forge.server.add_lfs(b"1")})
    with pytest.raises(SourceError, match="LFS keeps apart"):
        forge.bring(source(), commit)
    with pytest.raises(SourceError, match=r"LFS object sha256:[0-9a-f]+ \(1 bytes\) of a.bin"):
        forge.mirrors(offline=True).bring(source(lfs=True), commit, unseen)


def test_a_pointer_that_a_patch_changed_is_left_alone(forge: Forge, tmp_path: Path) -> None:
    pointer = forge.server.add_lfs(b"1")
    commit = forge.make("own/repo", {".gitattributes": ATTRIBUTES, "a.bin": pointer})
    wanted = source(lfs=True)
    forge.bring(wanted, commit)
    outside = tmp_path / "outside"
    outside.write_bytes(pointer)
    changed, link = tmp_path / "changed", tmp_path / "link"
    changed.mkdir()
    link.mkdir()
    (changed / "a.bin").write_bytes(pointer + b"more\n")
    (link / "a.bin").symlink_to(outside)
    for folder in (changed, link):
        forge.mirrors().fill(wanted, commit, folder)
    assert (changed / "a.bin").read_bytes() == pointer + b"more\n"
    assert outside.read_bytes() == pointer
    assert (link / "a.bin").is_symlink()


def spelled(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


V1 = "version https://git-lfs.github.com/spec/v1"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (spelled(V1, f"oid sha256:{OID}", "size 12"), (OID, 12)),
        (spelled(V1, "ext-0-x sha256:1", f"oid sha256:{OID}", "size 12"), (OID, 12)),
        (spelled(V1, f"oid sha256:{OID}", "size 12")[:-1], None),
        (spelled(V1, "size 12", f"oid sha256:{OID}"), None),
        (spelled(f"oid sha256:{OID}", V1, "size 12"), None),
        (spelled(V1, f"oid sha256:{OID[:-1]}", "size 12"), None),
        (spelled(V1, f"oid sha256:{OID}", "size -12"), None),
        (spelled(V1, f"oid sha256:{OID}", "size " + "9" * 19), None),
        (spelled(V1, f"oid sha256:{OID}", f"oid sha256:{OID}", "size 12"), None),
        (spelled("version https://git-lfs.github.com/spec/v2", f"oid sha256:{OID}", "size 12"), None),
        (spelled(V1, f"oid sha256:{OID}", "size 12") + b"x" * 1000, None),
        (b"", None),
    ],
)
def test_a_pointer_is_read_as_its_specification_says(content: bytes, found: tuple[str, int] | None) -> None:
    assert pointer_of(content) == found
