"""Damage in an image layout: found when it is read, mended when the image is published again."""

import os
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.value import Digest
from flagrelease.errors import PublishError, SourceError
from flagrelease.oci.layout import read_layout, write_layout
from tests.publish.conftest import an_image, blob_of, tags_of


class _LossyStore(FileStore):
    """A store whose disk keeps all but one bit."""

    def link(self, digest: Digest, to: Path) -> None:
        content = self.path(digest).read_bytes()
        to.write_bytes(bytes([content[0] ^ 1]) + content[1:])


def test_what_was_written_is_read_back_before_it_gets_a_tag(tmp_path: Path, folder: Path) -> None:
    store = _LossyStore(tmp_path / "store")
    with pytest.raises(PublishError, match="is damaged"):
        write_layout(store, an_image(store), folder, tag="r1")
    assert read_layout(folder) == ()


@pytest.mark.parametrize("index", range(4))
def test_every_damaged_blob_is_found_and_repaired_by_publishing(index: int, store: FileStore, folder: Path) -> None:
    image = an_image(store)
    write_layout(store, image, folder, tag="r1")
    blob = blob_of(folder, image.stored()[index])
    content = blob.read_bytes()
    blob.unlink()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(PublishError, match="is damaged"):
        read_layout(folder)
    assert write_layout(store, image, folder, tag="r2") == len(content)
    assert tags_of(folder) == {"r1": image.digest, "r2": image.digest}
    blob.unlink()
    with pytest.raises(PublishError, match="cannot be read"):
        read_layout(folder)
    assert write_layout(store, image, folder, tag="r1") == len(content)
    assert tags_of(folder) == {"r1": image.digest, "r2": image.digest}


@pytest.mark.parametrize("index", range(4))
def test_a_damaged_blob_below_its_own_tag_is_put_there_anew(index: int, store: FileStore, folder: Path) -> None:
    image = an_image(store)
    write_layout(store, image, folder, tag="r1")
    blob = blob_of(folder, image.stored()[index])
    content = blob.read_bytes()
    blob.unlink()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert write_layout(store, image, folder, tag="r1") == len(content)
    assert blob.read_bytes() == content
    assert tags_of(folder) == {"r1": image.digest}
    assert write_layout(store, image, folder, tag="r1") == 0


def test_a_file_that_layout_and_store_share_is_not_trusted_once_it_was_changed(store: FileStore, folder: Path) -> None:
    image = an_image(store)
    write_layout(store, image, folder, tag="r1")
    layer = image.layers[0].digest
    blob = blob_of(folder, layer)
    assert blob.samefile(store.path(layer))
    blob.chmod(0o644)
    with blob.open("r+b") as file:
        file.write(b"\xff")
    with pytest.raises(SourceError, match=f"{layer} is not in"):
        write_layout(store, image, folder, tag="r1")


class _CopyingStore(FileStore):
    """A store on another file system than the layouts: no hard links."""

    def link(self, digest: Digest, to: Path) -> None:
        to.unlink(missing_ok=True)
        to.write_bytes(self.path(digest).read_bytes())


def _change_unseen(blob: Path) -> None:
    """Change the content and nothing that stat(2) tells but the change time."""
    blob.chmod(0o644)
    before = blob.stat()
    content = blob.read_bytes()
    blob.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_copy_is_read_whatever_its_size_and_time_say(tmp_path: Path, folder: Path) -> None:
    store = _CopyingStore(tmp_path / "store")
    image = an_image(store)
    write_layout(store, image, folder, tag="r1")
    _change_unseen(blob_of(folder, image.layers[0].digest))
    assert write_layout(store, image, folder, tag="r1") == image.layers[0].size
    assert tags_of(folder) == {"r1": image.digest}


def test_the_very_file_of_the_store_is_not_read_again(store: FileStore, folder: Path) -> None:
    image = an_image(store)
    write_layout(store, image, folder, tag="r1")
    _change_unseen(blob_of(folder, image.layers[0].digest))
    assert store.has(image.layers[0].digest)
    assert write_layout(store, image, folder, tag="r1") == 0
