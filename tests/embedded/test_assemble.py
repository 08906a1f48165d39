import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import BuildContext, Image
from flagrelease.engines.embedded.assemble import assemble
from flagrelease.errors import BuildError, SourceError
from flagrelease.oci.manifest import parse_config, parse_manifest
from flagrelease.oci.unpack import unpack_layers
from tests.embedded.assemble_inputs import a_context, a_full_context, a_link, a_member

AGAIN = """
import os, sys
from pathlib import Path
os.umask(int(sys.argv[2], 8))
from flagrelease.adapters.storage.store import FileStore
from flagrelease.engines.embedded.assemble import assemble
from tests.embedded.assemble_inputs import a_full_context
store = FileStore(Path(sys.argv[1]))
context = a_full_context(store)
for blob in store.blobs():
    os.utime(store.path(blob), (int(sys.argv[3]),) * 2)
print(assemble(context, store, lambda done, total: None).digest)
"""


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "home")


def built(context: BuildContext, store: FileStore) -> Image:
    return assemble(context, store, lambda _done, _total: None)


def tree(image: Image, store: FileStore, to: Path) -> Path:
    unpack_layers([store.path(layer.digest) for layer in image.layers], to)
    return to


def test_an_image_has_a_layer_for_each_kind_of_part(store: FileStore, tmp_path: Path) -> None:
    image = built(a_full_context(store), store)
    assert [layer.name for layer in image.layers] == ["base", "wheels", "files", "weights"]
    root = tree(image, store, tmp_path / "root")
    assert (root / "etc/os-release").read_text() == "ID=tiny\n"
    assert (root / "bin").readlink() == Path("usr/bin")
    assert (root / "usr/bin/alias").stat().st_ino == (root / "usr/bin/tool").stat().st_ino
    assert (root / "opt/bundle/python/engine/__init__.py").read_text() == "one = 1\n"
    assert (root / "opt/bundle/serve.py").stat().st_mode & 0o777 == 0o755
    assert (root / "opt/bundle/weights/model.gguf").read_bytes() == b"GGUF" * 400_000
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777


def test_the_manifest_and_the_config_say_what_was_built(store: FileStore) -> None:
    context = a_full_context(store)
    image = built(context, store)
    content = store.path(image.digest).read_bytes()
    assert image.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert image.manifest_size == len(content)
    manifest = parse_manifest(content)
    assert manifest.annotations == context.labels
    assert manifest.config.digest == image.config
    assert [(layer.name, layer.digest, layer.size) for layer in manifest.layers] == [
        (layer.name, layer.digest, layer.size) for layer in image.layers
    ]
    config = parse_config(store.path(image.config).read_bytes())
    assert config.rootfs.diff_ids == tuple(layer.digest for layer in image.layers)
    assert config.config.entrypoint == context.entrypoint
    assert config.config.environment() == context.env
    for layer in image.layers:
        assert store.path(layer.digest).stat().st_size == layer.size


@pytest.mark.parametrize(
    ("umask", "time", "environment"),
    [
        ("022", "1", {"TZ": "UTC", "LC_ALL": "C"}),
        ("077", "1700000000", {"TZ": "Asia/Shanghai", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}),
        ("000", "2000000000", {"TZ": "America/St_Johns", "LC_ALL": "POSIX", "PYTHONHASHSEED": "77"}),
    ],
)
def test_equal_contexts_give_equal_digests_in_any_surroundings(
    store: FileStore, tmp_path: Path, umask: str, time: str, environment: dict[str, str]
) -> None:
    here = tmp_path / "elsewhere"
    here.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, str(here / "another home"), umask, time],
        cwd=here,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])} | environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == built(a_full_context(store), store).digest


def test_building_twice_into_one_store_adds_nothing(store: FileStore) -> None:
    first = built(a_full_context(store), store)
    blobs = list(store.blobs())
    assert built(a_full_context(store), store) == first
    assert list(store.blobs()) == blobs


def test_images_with_the_same_weights_share_their_layer(store: FileStore) -> None:
    weights = {"/opt/bundle/weights/model.gguf": b"weights"}
    one = built(a_context(store, weights=weights, files={"/opt/a": b"1"}), store)
    other = built(a_context(store, weights=weights, files={"/opt/b": b"2"}), store)
    assert one.digest != other.digest
    assert one.layers[-1] == other.layers[-1]


def test_an_upper_layer_leaves_the_modes_of_lower_folders_alone(store: FileStore, tmp_path: Path) -> None:
    members = [a_member("opt/", mode=0o711), a_member("etc/", mode=0o750)]
    context = a_context(store, debs={"base-files": members}, files={"/opt/a/b": b"", "/etc/hosts": b""})
    root = tree(built(context, store), store, tmp_path / "root")
    assert (root / "opt").stat().st_mode & 0o777 == 0o711
    assert (root / "etc").stat().st_mode & 0o777 == 0o750


def test_a_file_of_the_recipe_may_replace_a_file_of_the_base(store: FileStore, tmp_path: Path) -> None:
    context = a_context(store, debs={"base-files": [a_member("etc/hosts", b"old")]}, files={"/etc/hosts": b"new"})
    assert (tree(built(context, store), store, tmp_path / "root") / "etc/hosts").read_text() == "new"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/lib/x.conf", "below /lib, a symlink of a lower layer"),
        ("/etc/hosts/x", "below /etc/hosts, a file of a lower layer"),
        ("/etc", "is a file in the layer files and a directory in a lower layer"),
    ],
)
def test_a_file_that_would_replace_a_part_of_the_base_is_refused(store: FileStore, path: str, message: str) -> None:
    members = [a_member("etc/"), a_member("etc/hosts", b""), a_member("lib/x", b"")]
    with pytest.raises(BuildError, match=message):
        built(a_context(store, debs={"base-files": members}, files={path: b""}), store)


def test_weights_of_another_size_than_announced_are_refused(store: FileStore) -> None:
    context = a_context(store, weights={"/opt/weights": b"weights"})
    weight = context.weights[0].model_copy(update={"size": 8})
    with pytest.raises(BuildError, match="wanted 8 bytes"):
        built(context.model_copy(update={"weights": (weight,)}), store)


def test_a_part_that_is_not_in_the_store_is_named(store: FileStore) -> None:
    context = a_full_context(store)
    store.remove(f"sha256:{context.wheels[0].sha256}")
    with pytest.raises(SourceError, match=context.wheels[0].sha256):
        built(context, store)


def test_an_image_of_nothing_is_refused(store: FileStore) -> None:
    with pytest.raises(BuildError, match="at least one"):
        built(a_context(store), store)


def test_progress_ends_at_its_total(store: FileStore) -> None:
    seen: list[tuple[int, int]] = []
    context = a_full_context(store)
    assemble(context, store, lambda done, total: seen.append((done, total)))
    assert len({total for _, total in seen}) == 1
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 1_600_000


def test_layers_are_plain_tars_without_time_or_owner(store: FileStore) -> None:
    for layer in built(a_full_context(store), store).layers:
        with tarfile.open(store.path(layer.digest), mode="r:") as archive:
            for member in archive:
                assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
    assert json.loads(store.path(built(a_full_context(store), store).config).read_bytes())["created"].startswith("1970")


def test_a_link_of_a_package_cannot_lead_a_layer_out_of_the_image(store: FileStore) -> None:
    debs = {"evil": [a_link("opt", "/etc")]}
    with pytest.raises(BuildError, match="below /opt, a symlink"):
        built(a_context(store, debs=debs, weights={"/opt/weights": b"w"}), store)
