"""An export from somebody else: what is taken of it is what its digests say, or it is refused by name."""

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flagrelease.adapters.exports.naming import blob_name
from flagrelease.adapters.exports.reading import opened_export
from flagrelease.adapters.exports.weights import weights_of_layer
from flagrelease.adapters.storage.store import FileStore
from flagrelease.errors import SourceError
from tests.exports.made import (
    FILES,
    KEPT,
    WEIGHTS,
    Edit,
    a_bundle,
    digest_of,
    forged,
    members_of,
    with_file,
    written,
)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.tar"
    a_bundle(tmp_path).write(path)
    return path


def taken(path: Path, folder: Path) -> tuple[list[str], dict[str, bytes]]:
    """Everything of an export: the blobs of a new store, and the files of the stages."""
    store = FileStore(folder / "home")
    with opened_export(path) as export:
        for digest in (*export.image_blobs, *export.kept):
            export.keep(digest, store, lambda _count: None)
        for file in export.exported.files:
            export.copy(file, folder / "files" / file.path)
    files = {name: (folder / "files" / name).read_bytes() for name in FILES}
    return list(store.blobs()), files


def test_a_whole_export_gives_every_blob_and_every_file(whole: Path, tmp_path: Path) -> None:
    made = a_bundle(tmp_path)
    blobs, files = taken(whole, tmp_path / "there")
    assert files == FILES
    assert blobs == sorted({*made.image.blobs(), digest_of(KEPT)})


def test_weights_lie_once_in_an_export_and_come_out_of_their_layer(whole: Path, tmp_path: Path) -> None:
    made = a_bundle(tmp_path)
    assert blob_name(digest_of(WEIGHTS)) not in members_of(whole)
    taken(whole, tmp_path / "there")
    store = FileStore(tmp_path / "there" / "home")
    weights_of_layer(store, made.image)
    assert store.path(digest_of(WEIGHTS)).read_bytes() == WEIGHTS


def test_a_layer_with_other_weights_is_refused_and_they_are_not_kept(tmp_path: Path) -> None:
    made = a_bundle(tmp_path, weights=b"others " * 1000)
    with pytest.raises(SourceError, match=r"no model/weights\.gguf with the content"):
        weights_of_layer(made.store, made.image)
    assert not made.store.has(digest_of(b"others " * 1000))


def of_type(name: str, kind: bytes, target: str = "") -> Callable[[Path], None]:
    def append(path: Path) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        with tarfile.open(path, "a") as archive:
            archive.addfile(member)

    return append


def file(name: str) -> Callable[[Path], None]:
    def append(path: Path) -> None:
        member = tarfile.TarInfo(name)
        member.size = 1
        with tarfile.open(path, "a") as archive:
            archive.addfile(member, io.BytesIO(b"x"))

    return append


def packed(path: Path) -> None:
    path.write_bytes(gzip.compress(path.read_bytes()))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_at_a_block(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // 512 * 512)


def trailing(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"more")


def rewritten(edit: Callable[[dict[str, bytes]], dict[str, bytes]]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        written(edit(members_of(path)), path)

    return damage


def documents(**edits: Edit) -> Callable[[Path], None]:
    return rewritten(lambda members: forged(members, **edits))


def without(name: str) -> Callable[[Path], None]:
    return rewritten(lambda members: {key: data for key, data in members.items() if key != name})


def longer(members: dict[str, bytes]) -> dict[str, bytes]:
    return {**members, blob_name(digest_of(KEPT)): KEPT + b"!"}


def second_image(index: dict[str, Any]) -> None:
    index["manifests"].append(index["manifests"][0])


def tagged(tag: str) -> Edit:
    return lambda index: index["manifests"][0]["annotations"].update({"org.opencontainers.image.ref.name": tag})


def of_other_image(config: dict[str, Any]) -> None:
    config["image"] = "sha256:" + "0" * 64


def renamed(path: str) -> Edit:
    def edit(config: dict[str, Any]) -> None:
        config["files"][-1]["path"] = path

    return edit


def other_size(config: dict[str, Any]) -> None:
    config["files"][0]["size"] += 1


def forgotten(config: dict[str, Any]) -> None:
    config["kept"] = []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (of_type("blobs/sha256/link", tarfile.SYMTYPE, "/etc/passwd"), "is a symlink"),
        (of_type("blobs/sha256/link", tarfile.LNKTYPE, "index.json"), "is a hardlink"),
        (of_type("blobs/device", tarfile.CHRTYPE), "a character device"),
        (of_type("blobs/pipe", tarfile.FIFOTYPE), "a fifo"),
        (of_type("elsewhere", tarfile.DIRTYPE), "a folder that no file lies in"),
        (file("/etc/passwd"), "is absolute"),
        (file("blobs/../../out"), "`..` part"),
        (file("index.json"), "is there twice"),
        (file(f"blobs/sha256/{'0' * 64}"), "there, and no manifest names it"),
        (file("README"), "there, and no manifest names it"),
        (packed, "compressed with gzip"),
        (cut, "cut|no tar header"),
        (cut_at_a_block, "cut|no tar header"),
        (trailing, "zeroes"),
        (without("oci-layout"), "oci-layout is missing"),
        (without("index.json"), "no index.json"),
        (without(blob_name(digest_of(KEPT))), "wanted and not there"),
        (rewritten(longer), "wanted 7 bytes of .* found 8"),
        (documents(index=second_image), "lists 2 images"),
        (documents(index=tagged("r2")), "its tag is not the revision"),
        (documents(index=lambda index: index.update(more=1)), "index.json is not as an export has it"),
        (
            documents(index=lambda index: index["manifests"][0].update(size=1)),
            "two sizes",
        ),
        (documents(artifact=lambda found: found.update(more=1)), "manifest of the stages is not as"),
        (documents(artifact=lambda found: found["subject"].update(digest="sha256:" + "0" * 64)), "several images"),
        (documents(artifact=lambda found: found["layers"].reverse()), "other blobs than its configuration"),
        (documents(artifact=lambda found: found.update(layers={})), "holds no list"),
        (documents(config=of_other_image), "several images"),
        (documents(config=renamed("../../etc/passwd")), "path"),
        (documents(config=renamed("5-build/done.json/more")), "is a file and a folder"),
        (documents(config=renamed(f"5-build/{'x' * 256}")), "more than 255 bytes"),
        (documents(config=other_size), "a file has two sizes"),
        (documents(config=forgotten), "other blobs than its configuration"),
        (documents(config=lambda found: found.update(more=1)), "more"),
    ],
)
def test_a_hostile_archive_is_refused(whole: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(whole)
    with pytest.raises(SourceError, match=said), opened_export(whole):
        pass


def test_an_image_of_compressed_layers_is_refused(whole: Path) -> None:
    """What a layer unpacks to is not what its digest is of."""

    def edit(members: dict[str, bytes]) -> dict[str, bytes]:
        (name,) = (name for name, data in members.items() if data.startswith(b'{"annotations":{},"config"'))
        manifest = members.pop(name).replace(b"v1.tar", b"v1.tar+gzip")
        digest, size = digest_of(manifest), len(manifest)
        made = forged(
            members,
            config=lambda found: found.update(image=digest),
            artifact=lambda found: found["subject"].update(digest=digest, size=size),
            index=lambda found: found["manifests"][0].update(digest=digest, size=size),
        )
        return {**made, blob_name(digest): manifest}

    rewritten(edit)(whole)
    with pytest.raises(SourceError, match="mediaType"), opened_export(whole):
        pass


@pytest.mark.parametrize("kind", ["none", "folder", "fifo"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "export"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    with pytest.raises(SourceError), opened_export(path):
        pass


def test_a_changed_blob_is_not_kept_and_a_changed_file_not_believed(whole: Path, tmp_path: Path) -> None:
    for content in (KEPT, FILES["5-build/logs/build.log"]):
        data = bytearray(members_of(whole)[blob_name(digest_of(content))])
        data[0] ^= 1
        changed = tmp_path / "changed.tar"
        written({**members_of(whole), blob_name(digest_of(content)): bytes(data)}, changed)
        with pytest.raises(SourceError, match="was changed: its content is sha256:"):
            taken(changed, tmp_path / f"from-{len(content)}")
        assert digest_of(bytes(data)) not in FileStore(tmp_path / f"from-{len(content)}" / "home").blobs()


def test_a_file_that_fits_everywhere_is_taken_as_it_is(whole: Path, tmp_path: Path) -> None:
    """What it means is for the stages to say; here it is only what its digest says."""
    changed = written(with_file(members_of(whole), "5-build/done.json", b"other"), tmp_path / "changed.tar")
    with opened_export(changed) as export:
        (record,) = (one for one in export.exported.files if one.path == "5-build/done.json")
        assert export.read(record) == b"other"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_another_byte_anywhere_is_refused_or_changes_nothing(tmp_path: Path, data: st.DataObject) -> None:
    whole = tmp_path / "whole.tar"
    if not whole.exists():
        a_bundle(tmp_path).write(whole)
    content = bytearray(whole.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    changed = tmp_path / "changed.tar"
    changed.write_bytes(content)
    with opened_export(whole) as good:
        exported, blobs = good.exported, {**good.image_blobs, **good.kept}
    try:
        with opened_export(changed) as export:
            assert export.exported == exported
            assert {**export.image_blobs, **export.kept} == blobs
            for file in exported.files:
                assert export.read(file) == FILES[file.path]
    except SourceError:
        pass


def test_a_manifest_of_too_many_blobs_is_refused_in_time(whole: Path, tmp_path: Path) -> None:
    layer = {"mediaType": "application/octet-stream", "digest": "sha256:" + "0" * 64, "size": 1}
    many = forged(members_of(whole), artifact=lambda found: found.update(layers=[layer] * 20_000))
    assert max(map(len, many.values())) < 4 << 20
    with pytest.raises(SourceError, match="no list of at most"), opened_export(written(many, tmp_path / "many.tar")):
        pass
