import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.engines.embedded.deb import debian_base, join_packages
from flagrelease.errors import BuildError
from flagrelease.oci.layer import Entry, Stream
from tests.embedded.assemble_inputs import a_deb, a_link, a_member, locked_deb

Members = Sequence[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "home")


def content(entry: Entry) -> bytes:
    if isinstance(entry.content, Stream):
        return b"".join(entry.content.chunks())
    assert isinstance(entry.content, bytes)
    return entry.content


def joined(store: FileStore, debs: dict[str, bytes]) -> dict[str, tuple[Entry, bytes]]:
    packages = [locked_deb(store, name, deb) for name, deb in debs.items()]
    with tempfile.TemporaryFile() as spool:
        files = [(package, store.path(f"sha256:{package.sha256}")) for package in packages]
        trees = [entries for _, entries in debian_base(files, spool)]
        return {entry.path: (entry, content(entry)) for entry in join_packages(trees)}


def one(store: FileStore, *members: tuple[tarfile.TarInfo, bytes]) -> dict[str, tuple[Entry, bytes]]:
    return joined(store, {"tiny": a_deb("tiny", members)})


def test_usr_is_merged_and_its_links_are_added_once(store: FileStore) -> None:
    tree = one(
        store,
        a_member("bin/"),
        a_member("bin/sh", b"shell", mode=0o755),
        a_link("bin/bash", "./bin/sh", hard=True),
        a_member("lib/x86_64-linux-gnu/libc.so.6", b"libc"),
        a_link("lib64/ld.so", "/lib/x86_64-linux-gnu/ld.so"),
        a_member("usr/bin/env", b"env"),
    )
    assert tree["usr/bin/sh"][1] == b"shell"
    assert tree["usr/bin/bash"][0].target == "usr/bin/sh"
    assert tree["usr/lib64/ld.so"][0].target == "/lib/x86_64-linux-gnu/ld.so"
    for name in ("bin", "lib", "lib64"):
        assert (tree[name][0].kind, tree[name][0].target) == ("symlink", f"usr/{name}")
    assert "sbin" not in tree
    assert "lib32" not in tree


def test_links_of_a_base_that_is_merged_already_are_kept(store: FileStore) -> None:
    tree = one(store, a_link("bin", "usr/bin"), a_member("usr/bin/sh", b"shell"))
    assert tree["bin"][0].target == "usr/bin"


def test_what_maintainer_scripts_would_copy_is_made_from_the_masters(store: FileStore) -> None:
    tree = one(
        store,
        a_member("usr/share/base-passwd/passwd.master", b"root:*:0:0:root:/root:/bin/bash\n"),
        a_member("usr/share/base-passwd/group.master", b"root:*:0:\n"),
    )
    assert tree["etc/passwd"][1] == b"root:*:0:0:root:/root:/bin/bash\n"
    assert tree["etc/group"][1] == b"root:*:0:\n"
    assert tree["etc/group"][0].mode == 0o644


def test_the_folders_that_a_container_mounts_on_are_there(store: FileStore) -> None:
    tree = one(store, a_member("usr/x", b""))
    assert {name: tree[name][0].mode for name in ("dev", "proc", "run", "sys", "tmp")} == {
        "dev": 0o755, "proc": 0o755, "run": 0o755, "sys": 0o755, "tmp": 0o1777,
    }  # fmt: skip


def test_documents_are_left_out_but_for_licences(store: FileStore) -> None:
    tree = one(
        store,
        a_member("usr/share/doc/tiny/"),
        a_member("usr/share/doc/tiny/copyright", b"Apache-2.0"),
        a_member("usr/share/doc/tiny/changelog.gz", b"x"),
        a_link("usr/share/doc/libtiny", "tiny"),
        a_member("usr/share/man/man1/tiny.1.gz", b"x"),
        a_member("usr/share/locale/de/LC_MESSAGES/tiny.mo", b"x"),
        a_member("usr/share/info/tiny.info", b"x"),
        a_member("usr/share/manual", b"not a manual page"),
    )
    assert "usr/share/doc/tiny/copyright" in tree
    assert tree["usr/share/doc/libtiny"][0].kind == "symlink"
    assert "usr/share/manual" in tree
    gone = ("changelog.gz", "man1", "locale", "info")
    assert not [path for path in tree if any(name in path for name in gone)]


def test_the_control_record_is_kept_where_scanners_look(store: FileStore) -> None:
    assert b"Package: tiny" in one(store)["var/lib/dpkg/status.d/tiny"][1]


def test_setuid_and_setgid_bits_are_taken_away(store: FileStore) -> None:
    tree = one(store, a_member("usr/bin/su", b"", mode=0o6755), a_member("var/local/", mode=0o2775))
    assert tree["usr/bin/su"][0].mode == 0o755
    assert tree["var/local"][0].mode == 0o775


def test_two_packages_with_one_file_are_both_named(store: FileStore) -> None:
    debs = {name: a_deb(name, [a_member("usr/bin/same", b"")]) for name in ("one", "two")}
    with pytest.raises(BuildError, match=r"/usr/bin/same is in the packages one 1\.0 and two 1\.0"):
        joined(store, debs)


def test_two_packages_conflict_across_the_merge_of_usr(store: FileStore) -> None:
    debs = {"one": a_deb("one", [a_member("bin/x", b"")]), "two": a_deb("two", [a_member("usr/bin/x", b"")])}
    with pytest.raises(BuildError, match="/usr/bin/x is in the packages"):
        joined(store, debs)


def test_a_folder_of_several_packages_is_no_conflict(store: FileStore) -> None:
    debs = {name: a_deb(name, [a_member("usr/lib/"), a_member(f"usr/lib/{name}", b"")]) for name in ("one", "two")}
    tree = joined(store, debs)
    assert {"usr/lib/one", "usr/lib/two"} < tree.keys()


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (a_member("../etc/passwd", b""), r"`\.\.` part"),
        (a_member("usr/../../x", b""), r"`\.\.` part"),
        (a_member("x", name="/etc/passwd"), "absolute"),
        (a_member("a\nb", b""), "control character"),
        (a_member("dev/null", type=tarfile.CHRTYPE), "no file, directory or link"),
        (a_member("run/pipe", type=tarfile.FIFOTYPE), "no file, directory or link"),
        (a_link("x", "../../etc/passwd", hard=True), r"`\.\.` part"),
    ],
)
def test_a_package_with_something_hostile_is_refused(
    store: FileStore, member: tuple[tarfile.TarInfo, bytes], message: str
) -> None:
    with pytest.raises(BuildError, match=message) as raised:
        one(store, member)
    assert "the package tiny 1.0" in raised.value.message


@pytest.mark.parametrize(
    "control",
    [
        "Package: other\nVersion: 1.0\nArchitecture: amd64\n",
        "Package: tiny\nVersion: 1.1\nArchitecture: amd64\n",
        "Package: tiny\nVersion: 1.0\nArchitecture: arm64\n",
        "nothing",
    ],
)
def test_a_package_that_is_not_the_locked_one_is_refused(store: FileStore, control: str) -> None:
    with pytest.raises(BuildError, match="the lock says"):
        joined(store, {"tiny": a_deb("tiny", [], control=control)})


class Broken(tarfile.TarInfo):
    """A member whose header has a wrong checksum."""

    def tobuf(self, *_: object, **__: object) -> bytes:
        return super().tobuf().replace(b"ustar", b"ustax")


BROKEN = (Broken("x"), b"")


def damaged() -> dict[str, bytes]:
    whole = a_deb("tiny", [a_member("usr/x", b"content" * 100)])
    return {
        "a line end": b"\n",
        "with data cut in the middle": whole[:-150],
        "with a broken header in its data": a_deb("tiny", [BROKEN, a_member("y", b"y")]),
        "no archive": b"#!/bin/sh\n" * 100,
        "cut in its header": whole[:80],
        "cut in its data": whole[:-60],
        "of another format": whole.replace(b"data.tar.xz ", b"data.tar.exe"),
        "with a broken member header": whole.replace(b"`\n", b"xx"),
        "without data": whole[: whole.index(b"data.tar.xz")],
        "with data that is no xz": whole[: whole.index(b"data.tar.xz") + 60] + bytes(400),
    }


@pytest.mark.parametrize("kind", damaged())
def test_a_file_that_is_no_package_is_refused_by_name(store: FileStore, kind: str) -> None:
    with pytest.raises(BuildError, match=r"the package tiny 1\.0"):
        joined(store, {"tiny": damaged()[kind]})
