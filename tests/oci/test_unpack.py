import multiprocessing
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from flagrelease.errors import BuildError
from flagrelease.oci.unpack import unpack_layers
from tests.oci.hostile import HOSTILE, Layers
from tests.oci.tars import END, file, folder, hardlink, pax, symlink, untouched


def unpack_and_delete_as_nobody(layer: Path, to: Path) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    unpack_layers([layer], to)
    shutil.rmtree(to)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder_ = tmp_path / "outside"
    folder_.mkdir(mode=0o750)
    (folder_ / "canary").write_text("alive")
    return folder_


def layers_of(tmp_path: Path, *contents: bytes) -> list[Path]:
    paths = []
    for number, content in enumerate(contents):
        paths.append(tmp_path / f"layer-{number}")
        paths[-1].write_bytes(content)
    return paths


def names(folder_: Path) -> list[str]:
    return sorted(path.name for path in folder_.iterdir())


@pytest.mark.parametrize(("layers", "message"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_a_hostile_archive_never_touches_what_lies_outside(
    tmp_path: Path, outside: Path, layers: Layers, message: str
) -> None:
    archives = layers_of(tmp_path, *layers(str(outside).encode()))
    root = tmp_path / "root"
    with untouched(outside):
        if message:
            with pytest.raises(BuildError, match=message) as raised:
                unpack_layers(archives, root)
            assert re.search(r"the layer layer-\d", raised.value.message)
            assert not root.exists()
            assert not (tmp_path / "root.partial").exists()
        else:
            unpack_layers(archives, root)
            assert root.is_dir()


def test_there_are_enough_hostile_archives() -> None:
    assert len(HOSTILE) >= 40
    assert len({name for name, _, _ in HOSTILE}) == len(HOSTILE)


def test_a_tree_is_unpacked_with_its_modes_and_links(tmp_path: Path) -> None:
    layer = b"".join(
        (
            folder(b"./"),
            folder(b"tmp/", mode=b"0001777\0"),
            folder(b"closed/", mode=b"0000555\0"),
            file(b"closed/run", b"#!", mode=b"0000755\0"),
            hardlink(b"closed/same", b"closed/run"),
            symlink(b"link", b"/closed/run"),
            file(b"no/parent/here", b"x" * 3000),
        )
    )
    root = tmp_path / "root"
    unpack_layers(layers_of(tmp_path, layer + END), root)
    assert stat.S_IMODE((root / "tmp").stat().st_mode) == 0o1777
    assert stat.S_IMODE((root / "closed").stat().st_mode) == 0o755
    assert stat.S_IMODE((root / "closed/run").stat().st_mode) == 0o755
    assert (root / "closed/same").stat().st_ino == (root / "closed/run").stat().st_ino
    assert (root / "link").readlink() == Path("/closed/run")
    assert (root / "no/parent/here").read_bytes() == b"x" * 3000
    assert not (tmp_path / "root.partial").exists()


def test_an_empty_folder_may_be_there_already(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    unpack_layers(layers_of(tmp_path, file(b"a") + END), root)
    assert (root / "a").is_file()
    with pytest.raises(BuildError, match="there already"):
        unpack_layers(layers_of(tmp_path, file(b"a") + END), root)


def test_a_link_in_place_of_the_folder_is_refused(tmp_path: Path, outside: Path) -> None:
    root = tmp_path / "root"
    root.symlink_to(outside)
    with untouched(outside), pytest.raises(BuildError, match="there already"):
        unpack_layers(layers_of(tmp_path, file(b"a") + END), root)


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "root.partial/deep").mkdir(parents=True)
    (tmp_path / "root.partial/deep/old").write_text("old")
    unpack_layers(layers_of(tmp_path, file(b"a") + END), tmp_path / "root")
    assert names(tmp_path / "root") == ["a"]


def test_whiteouts_hide_lower_layers_only_wherever_they_stand(tmp_path: Path) -> None:
    lower = folder(b"d/") + file(b"d/old") + file(b"gone") + folder(b"tree/") + file(b"tree/a") + file(b"kept")
    upper = folder(b"d/") + file(b"d/new") + file(b"d/.wh..wh..opq") + file(b".wh.gone") + file(b".wh.tree")
    upper += file(b"gone", b"back") + file(b".wh.never-there") + file(b"never/.wh.there")
    root = tmp_path / "root"
    unpack_layers(layers_of(tmp_path, lower + END, upper + END), root)
    assert names(root) == ["d", "gone", "kept"]
    assert names(root / "d") == ["new"]
    assert (root / "gone").read_text() == "back"


def test_an_upper_layer_replaces_a_file_without_writing_into_its_other_names(tmp_path: Path) -> None:
    lower = file(b"a", b"old") + hardlink(b"b", b"a")
    root = tmp_path / "root"
    unpack_layers(layers_of(tmp_path, lower + END, file(b"a", b"new") + END), root)
    assert ((root / "a").read_text(), (root / "b").read_text()) == ("new", "old")


def test_a_folder_and_a_file_may_change_places_between_layers(tmp_path: Path) -> None:
    lower = folder(b"a/") + file(b"a/x") + file(b"b")
    upper = file(b"a") + folder(b"b/") + file(b"b/x")
    root = tmp_path / "root"
    unpack_layers(layers_of(tmp_path, lower + END, upper + END), root)
    assert (root / "a").is_file()
    assert (root / "b/x").is_file()


def test_entries_and_bytes_of_all_layers_together_are_limited(tmp_path: Path) -> None:
    layers = layers_of(tmp_path, file(b"a", b"12345") + END, file(b"b", b"12345") + END)
    with pytest.raises(BuildError, match="layer-1: b is one entry more"):
        unpack_layers(layers, tmp_path / "root", max_entries=1)
    with pytest.raises(BuildError, match="layer-1: with b there are more bytes"):
        unpack_layers(layers, tmp_path / "root", max_bytes=9)
    unpack_layers(layers, tmp_path / "root", max_entries=2, max_bytes=10)


def test_an_ordinary_user_unpacks_and_deletes_what_has_closed_folders() -> None:
    layer = folder(b"closed/", mode=b"0000500\0") + file(b"closed/x", b"1", mode=b"0000400\0")
    # Not below tmp_path, whose parents are closed to other users.
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        home.chmod(0o777)
        (home / "layer").write_bytes(layer + END)
        # Forked, since another user need not be able to start this Python.
        process = multiprocessing.get_context("fork").Process(
            target=unpack_and_delete_as_nobody, args=(home / "layer", home / "root")
        )
        process.start()
        process.join(30)
        assert process.exitcode == 0
        assert names(home) == ["layer"]


@pytest.mark.slow
def test_any_flipped_byte_is_refused_or_does_no_harm(tmp_path: Path, outside: Path) -> None:
    layer = folder(b"a/") + file(b"a/b", b"content") + symlink(b"a/l", b"../../outside/canary")
    layer += pax((b"path", "a/ü".encode())) + file(b"x", b"1") + hardlink(b"a/z", b"a/b") + END
    with untouched(outside):
        for place in range(0, len(layer), 3):
            flipped = bytearray(layer)
            flipped[place] ^= 0x41
            (tmp_path / "layer").write_bytes(flipped)
            try:
                unpack_layers([tmp_path / "layer"], tmp_path / "root")
            except BuildError:
                assert names(tmp_path) == ["layer", "outside"]
            else:
                shutil.rmtree(tmp_path / "root")
