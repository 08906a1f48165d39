"""What is published into a folder is the folder's own: no file of it is shared with the store."""

import os
import resource
from pathlib import Path

import pytest

from flagrelease.adapters.oci_folder import OciFolderTarget
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
from flagrelease.errors import PublishError
from flagrelease.oci.layout import read_layout, write_layout
from tests.publish.conftest import an_image, blob_of, ignore, tags_of


def _flip(blob: Path) -> None:
    """Change one byte in place and nothing that stat(2) tells but the change time."""
    before = blob.stat()
    blob.chmod(0o644)
    content = blob.read_bytes()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    blob.chmod(before.st_mode)
    os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))


def _links(folder: Path, image: Image) -> set[int]:
    return {blob_of(folder, digest).stat().st_nlink for digest in image.stored()}


def test_a_published_folder_shares_no_file_with_the_store(store: FileStore, folder: Path) -> None:
    image = an_image(store)
    sizes = sum(store.path(digest).stat().st_size for digest in image.stored())
    seen: list[tuple[int, int]] = []
    sent = OciFolderTarget(folder, store).publish(image, "r1", lambda *now: seen.append(now)).bytes_sent
    assert _links(folder, image) == {1}
    assert sent == sizes
    assert seen == sorted(seen)
    assert seen[-1] == (sizes, sizes)
    assert {blob_of(folder, digest).stat().st_mode & 0o777 for digest in image.stored()} == {0o444}


@pytest.mark.parametrize("index", range(4))
def test_a_byte_that_changes_in_the_store_changes_in_no_published_folder(
    index: int, store: FileStore, folder: Path
) -> None:
    image = an_image(store)
    OciFolderTarget(folder, store).publish(image, "r1", ignore)
    _flip(store.path(image.stored()[index]))
    assert tags_of(folder) == {"r1": image.digest}


def test_a_folder_that_shares_its_files_gets_files_of_its_own(store: FileStore, folder: Path) -> None:
    image = an_image(store)
    write_layout(store, image, folder, tag="r1")
    assert 1 not in _links(folder, image)
    target = OciFolderTarget(folder, store)
    assert target.publish(image, "r1", ignore).bytes_sent > image.size
    assert _links(folder, image) == {1}
    assert target.publish(image, "r1", ignore).bytes_sent == 0
    assert tags_of(folder) == {"r1": image.digest}


def test_a_blob_that_changed_unseen_in_the_store_is_not_published(store: FileStore, folder: Path) -> None:
    image = an_image(store)
    layer = image.layers[1].digest
    _flip(store.path(layer))
    assert store.has(layer)
    with pytest.raises(PublishError, match=f"{layer} is damaged") as refused:
        OciFolderTarget(folder, store).publish(image, "r1", ignore)
    assert "flagrelease fsck" in refused.value.hint
    assert not blob_of(folder, layer).exists()
    assert read_layout(folder) == ()


def test_a_copy_that_breaks_off_leaves_no_tag_and_no_piece_and_publishing_again_completes(
    store: FileStore, folder: Path
) -> None:
    image = an_image(store)
    target = OciFolderTarget(folder, store)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (image.layers[1].size // 2, before[1]))
    try:
        with pytest.raises(PublishError, match=f"{folder} cannot be written"):
            target.publish(image, "r1", ignore)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    blobs = folder / "blobs" / "sha256"
    assert [path.name for path in blobs.iterdir()] == [blob_of(folder, image.layers[0].digest).name]
    assert read_layout(folder) == ()
    target.publish(image, "r1", ignore)
    assert tags_of(folder) == {"r1": image.digest}


def test_what_a_killed_writer_left_is_swept_away(store: FileStore, folder: Path) -> None:
    image = an_image(store)
    target = OciFolderTarget(folder, store)
    target.publish(image, "r1", ignore)
    orphan = blob_of(folder, image.config).with_name(".half.123")
    orphan.write_bytes(b"half")
    target.publish(image, "r1", ignore)
    assert not orphan.exists()
