"""A component's files become a layer of their own, in its folder, and nothing else of an archive gets through."""

import io
import tarfile
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import PlacedSource
from flagrelease.engines.embedded.assemble import assemble
from flagrelease.errors import BuildError
from flagrelease.oci.layer import Entry, write_layer
from flagrelease.oci.unpack import unpack_layers
from tests.embedded.assemble_inputs import a_full_context

FILES = (
    Entry(path="setup.py", kind="file", content=b"one = 1\n"),
    Entry(path="tools/run.sh", kind="file", mode=0o755, content=b"#!/bin/sh\n"),
    Entry(path="large.bin", kind="file", content=bytes(3 << 20)),
    Entry(path="link", kind="symlink", mode=0o777, target="tools/run.sh"),
    Entry(path="third_party/empty", kind="directory", mode=0o755),
)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "home")


def placed(store: FileStore, path: str = "/opt/FlagScale", entries: tuple[Entry, ...] = FILES) -> PlacedSource:
    with store.writer() as writer:
        size = write_layer(writer, entries)
        return PlacedSource(path=path, archive=writer.commit(), size=size)


def test_sources_are_a_layer_between_wheels_and_files(store: FileStore, tmp_path: Path) -> None:
    context = a_full_context(store).model_copy(update={"sources": (placed(store), placed(store, "/opt/Other"))})
    image = assemble(context, store, lambda _done, _total: None)
    assert [layer.name for layer in image.layers] == ["base", "wheels", "sources", "files", "weights"]
    assert assemble(context, store, lambda _done, _total: None) == image
    unpack_layers([store.path(layer.digest) for layer in image.layers], tmp_path / "root")
    top = tmp_path / "root/opt/FlagScale"
    assert (top / "setup.py").read_bytes() == b"one = 1\n"
    assert (top / "large.bin").stat().st_size == 3 << 20
    assert [(top / name).stat().st_mode & 0o777 for name in ("setup.py", "tools/run.sh")] == [0o644, 0o755]
    assert str((top / "link").readlink()) == "tools/run.sh"
    assert (top / "third_party/empty").is_dir()
    assert (tmp_path / "root/opt/Other/setup.py").exists()


def test_two_sources_in_one_folder_are_refused(store: FileStore) -> None:
    context = a_full_context(store).model_copy(update={"sources": (placed(store), placed(store))})
    with pytest.raises(BuildError, match="wanted once in a layer"):
        assemble(context, store, lambda _done, _total: None)


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_nothing_but_files_folders_and_symlinks_gets_through(store: FileStore, kind: bytes) -> None:
    spool = io.BytesIO()
    with tarfile.open(fileobj=spool, mode="w") as archive:
        member = tarfile.TarInfo("odd")
        member.type, member.linkname = kind, "setup.py"
        archive.addfile(member)
    source = PlacedSource(path="/opt/x", archive=store.add_bytes(spool.getvalue()), size=1)
    context = a_full_context(store).model_copy(update={"sources": (source,)})
    with pytest.raises(BuildError, match="odd is neither a file, a folder nor a symlink"):
        assemble(context, store, lambda _done, _total: None)


def test_a_blob_that_is_no_archive_is_refused(store: FileStore) -> None:
    source = PlacedSource(path="/opt/x", archive=store.add_bytes(b"no archive" * 100), size=1)
    context = a_full_context(store).model_copy(update={"sources": (source,)})
    with pytest.raises(BuildError, match="no archive that can be read"):
        assemble(context, store, lambda _done, _total: None)
