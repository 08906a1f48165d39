"""Image layouts as folders: written, merged, read back, and refused when hostile."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from flagrelease.adapters.oci_folder import OciFolderTarget
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
from flagrelease.domain.value import Digest
from flagrelease.errors import FlagReleaseError, PublishError
from flagrelease.oci.layout import read_layout, write_layout
from flagrelease.oci.manifest import INDEX_TYPE
from tests.publish.conftest import an_image, blob_of, ignore, tags_of


def test_a_layout_holds_what_was_written(store: FileStore, folder: Path) -> None:
    image = an_image(store)
    target = OciFolderTarget(folder, store)
    target.check()
    assert not folder.exists()
    seen: list[tuple[int, int]] = []
    published = target.publish(image, "r1", lambda done, total: seen.append((done, total)))
    assert published.bytes_sent == sum(store.path(digest).stat().st_size for digest in image.stored())
    assert published.reference == f"oci:{folder}:r1"
    assert seen[-1][0] == seen[-1][1] == published.bytes_sent
    assert tags_of(folder) == {"r1": image.digest}
    for digest in image.stored():
        assert blob_of(folder, digest).read_bytes() == store.path(digest).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["blobs", "index.json", "oci-layout"]


def test_writing_again_writes_nothing(store: FileStore, folder: Path) -> None:
    image = an_image(store)
    target = OciFolderTarget(folder, store)
    target.publish(image, "r1", ignore)
    before = (folder / "index.json").stat()
    assert target.publish(image, "r1", ignore).bytes_sent == 0
    assert (folder / "index.json").stat().st_mtime_ns == before.st_mtime_ns


def test_other_images_stay_where_they_are(store: FileStore, folder: Path) -> None:
    first, second = an_image(store, b"first"), an_image(store, b"second")
    write_layout(store, first, folder, tag="r1")
    index = json.loads((folder / "index.json").read_bytes())
    index["annotations"] = {"who": "somebody else"}
    (folder / "index.json").write_text(json.dumps(index))
    sent = write_layout(store, second, folder, tag="r2")
    # Both share the weights.
    assert sent < second.size - second.layers[1].size + 10_000
    assert write_layout(store, second, folder, tag="r3") == 0
    assert tags_of(folder) == {"r1": first.digest, "r2": second.digest, "r3": second.digest}
    assert json.loads((folder / "index.json").read_bytes())["annotations"] == {"who": "somebody else"}


def test_a_tag_of_another_image_is_never_overwritten_in_a_layout(store: FileStore, folder: Path) -> None:
    first, second = an_image(store, b"first"), an_image(store, b"second")
    write_layout(store, first, folder, tag="r1")
    with pytest.raises(PublishError, match="a revision is never overwritten"):
        write_layout(store, second, folder, tag="r1")
    assert tags_of(folder) == {"r1": first.digest}
    assert not blob_of(folder, second.digest).exists()


class _BreakingStore(FileStore):
    """A store whose disk fails at the n-th link."""

    left = 0

    def link(self, digest: Digest, to: Path) -> None:
        if not self.left:
            (to.parent / f".{to.name}.left-behind").write_bytes(b"half")
            raise PublishError("the disk failed")
        self.left -= 1
        super().link(digest, to)


def test_wherever_writing_breaks_no_tag_lacks_a_blob_and_writing_again_completes(tmp_path: Path) -> None:
    store = _BreakingStore(tmp_path / "store")
    image = an_image(store)
    for number in range(4):
        folder = tmp_path / f"layout{number}"
        store.left = number
        with pytest.raises(PublishError, match="the disk failed"):
            write_layout(store, image, folder, tag="r1")
        assert read_layout(folder) == ()
        store.left = 4
        write_layout(store, image, folder, tag="r1")
        assert tags_of(folder) == {"r1": image.digest}
        assert len(list((folder / "blobs" / "sha256").iterdir())) == 4
    assert number == 3


def test_writers_at_once_take_turns(tmp_path: Path, folder: Path) -> None:
    stores = [FileStore(tmp_path / f"store{number}") for number in range(6)]
    images = [an_image(each, bytes([number // 2])) for number, each in enumerate(stores)]
    faults: list[FlagReleaseError] = []

    def work(store: FileStore, image: Image, tag: str) -> None:
        try:
            write_layout(store, image, folder, tag=tag)
        except FlagReleaseError as fault:
            faults.append(fault)

    jobs = [(each, image, f"r{number // 2}") for number, (each, image) in enumerate(zip(stores, images, strict=True))]
    jobs.append((stores[0], images[0], "same"))
    jobs.append((stores[5], images[5], "same"))
    threads = [threading.Thread(target=work, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(faults) == 1
    tags = tags_of(folder)
    assert tags.pop("same") in (images[0].digest, images[5].digest)
    assert tags == {"r0": images[0].digest, "r1": images[2].digest, "r2": images[4].digest}


# Hostile folders ----------------------------------------------------------------------------------


def _index(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    path = folder / "index.json"
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))


def _entry(document: dict[str, object]) -> dict[str, object]:
    manifests = document["manifests"]
    assert isinstance(manifests, list)
    entry = manifests[0]
    assert isinstance(entry, dict)
    return entry


def _linked_blob(folder: Path, image: Image) -> None:
    blob = blob_of(folder, image.config)
    blob.rename(folder / "elsewhere")
    blob.symlink_to(folder / "elsewhere")


def _pipe(folder: Path, image: Image) -> None:
    blob_of(folder, image.config).unlink()
    os.mkfifo(blob_of(folder, image.config))


def _linked_folder(folder: Path, _image: Image) -> None:
    (folder / "blobs").rename(folder.parent / "blobs")
    (folder / "blobs").symlink_to(folder.parent / "blobs")


def _linked_index(folder: Path, _image: Image) -> None:
    (folder / "index.json").rename(folder.parent / "index.json")
    (folder / "index.json").symlink_to(folder.parent / "index.json")


def _deep(folder: Path, _image: Image) -> None:
    (folder / "index.json").write_text("[" * 200_000)


def _large(folder: Path, _image: Image) -> None:
    (folder / "index.json").write_text(" " * (5 << 20) + "{}")


HOSTILE: list[tuple[Callable[[Path, Image], object], str]] = [
    (_linked_blob, "cannot be read"),
    (_pipe, "is not a plain file"),
    (_linked_folder, "cannot be read"),
    (_linked_index, "cannot be read"),
    (_deep, "is not JSON"),
    (_large, "has more than"),
    (lambda folder, _: (folder / "index.json").write_text("[]"), "is not a JSON object"),
    (lambda folder, _: (folder / "index.json").write_text('{"manifests": [], "manifests": []}'), "is not JSON"),
    (lambda folder, _: (folder / "index.json").write_bytes(b"\xff\xfe"), "is not JSON"),
    (lambda folder, _: _index(folder, lambda d: d.pop("manifests")), "holds no list"),
    (lambda folder, _: _index(folder, lambda d: d.update(schemaVersion=1)), "is not an image index"),
    (lambda folder, _: _index(folder, lambda d: _entry(d).update(digest="sha256:../../../etc/passwd")), "digest"),
    (lambda folder, _: _index(folder, lambda d: _entry(d).update(digest="sha512:" + "0" * 128)), "digest"),
    (lambda folder, _: _index(folder, lambda d: _entry(d).update(size=-1)), "size"),
    (lambda folder, _: _index(folder, lambda d: _entry(d).update(size=True)), "size"),
    (lambda folder, _: _index(folder, lambda d: _entry(d).update(size=7)), "bytes, wanted 7"),
    (lambda folder, _: _index(folder, lambda d: _entry(d).update(annotations=[])), "annotations"),
    (lambda folder, _: _index(folder, lambda d: _entry(d).update(mediaType=INDEX_TYPE)), "holds no list"),
    (lambda folder, _: (folder / "oci-layout").write_text('{"imageLayoutVersion": "2.0.0"}'), "is not of version"),
    (lambda folder, _: (folder / "oci-layout").unlink(), "cannot be read"),
]


@pytest.mark.parametrize(("spoil", "said"), HOSTILE)
def test_a_hostile_layout_is_refused(
    spoil: Callable[[Path, Image], object], said: str, store: FileStore, folder: Path
) -> None:
    image = an_image(store)
    write_layout(store, image, folder, tag="r1")
    spoil(folder, image)
    with pytest.raises(PublishError, match=said):
        read_layout(folder)


def test_indexes_below_indexes_are_read_to_a_depth(store: FileStore, folder: Path) -> None:
    image = an_image(store)
    write_layout(store, image, folder, tag="r1")
    entry = _entry(json.loads((folder / "index.json").read_bytes()))
    for depth in range(1, 7):
        content = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]}).encode()
        digest = store.add_bytes(content)
        store.link(digest, blob_of(folder, digest))
        entry = {"mediaType": INDEX_TYPE, "digest": digest, "size": len(content)}
        _index(folder, lambda document, entry=entry: document.update(manifests=[entry]))  # type: ignore[misc]
        if depth <= 3:
            assert [found.digest for found in read_layout(folder)] == [digest]
        elif depth >= 5:
            with pytest.raises(PublishError, match="below 4 others"):
                read_layout(folder)


def test_a_folder_with_something_else_in_it_is_left_alone(store: FileStore, folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").write_text("do not touch")
    target = OciFolderTarget(folder, store)
    with pytest.raises(PublishError, match="not an OCI layout"):
        target.check()
    with pytest.raises(PublishError, match="not an OCI layout"):
        target.publish(an_image(store), "r1", ignore)
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder(store: FileStore, folder: Path) -> None:
    folder.write_text("")
    target = OciFolderTarget(folder, store)
    with pytest.raises(PublishError, match="is not a folder"):
        target.check()
    with pytest.raises(PublishError, match="cannot be written"):
        target.publish(an_image(store), "r1", ignore)


def test_blobs_are_not_written_through_a_link(store: FileStore, folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "sha256").mkdir(parents=True)
    folder.mkdir()
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "blobs").symlink_to(elsewhere)
    with pytest.raises(PublishError, match="leads out of the layout"):
        write_layout(store, an_image(store), folder, tag="r1")
    assert list((elsewhere / "sha256").iterdir()) == []


def test_a_full_disk_is_said_so(store: FileStore) -> None:
    with pytest.raises(PublishError, match="cannot be written"):
        write_layout(store, an_image(store), Path("/proc/no/such/folder"), tag="r1")
