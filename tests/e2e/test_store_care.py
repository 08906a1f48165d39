"""`fsck` and `gc` on the store of a real bundle."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
from tests.e2e.project import HOLD, Project, make_project

pytestmark = pytest.mark.slow


@pytest.fixture
def apart(shared_home: Path, tmp_path: Path) -> Project:
    """A project, built as far as its image, whose store is its own: only the downloads are taken over."""
    shutil.copytree(shared_home / "blobs", tmp_path / "home" / "blobs", dirs_exist_ok=True)
    project = make_project(tmp_path / "project", tmp_path / "home")
    done = project.call("build", "--until", "build")
    assert done.returncode == 0, done.stderr
    return project


def image_of(project: Project) -> Image:
    return Image.model_validate(project.done("build")["value"], strict=False)


def blob_of(project: Project, digest: str) -> Path:
    return project.home / "blobs" / "sha256" / digest[7:9] / digest[9:]


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def layout(project: Project) -> dict[str, str]:
    """Every blob of the bundle's OCI layout: its name, and the hash of what it holds."""
    folder = project.bundle() / "5-build" / "image" / "blobs" / "sha256"
    return {blob.name: hashlib.sha256(blob.read_bytes()).hexdigest() for blob in folder.iterdir()}


def test_damage_in_the_store_is_found_named_and_mended(apart: Project) -> None:
    deb = apart.done("fetch")["value"]["debs"][3]
    damage(blob_of(apart, deb))
    found = apart.call("fsck")
    assert found.returncode == 5
    assert f"{deb}: damaged; used by {apart.bundle()}\n" in found.stdout
    mended = apart.call("fsck", "--repair")
    assert mended.returncode == 0, mended.stderr
    assert "fetched again" in mended.stdout
    assert apart.call("fsck").returncode == 0


def test_damage_that_cannot_be_mended_without_network_is_told_with_what_can_be_done(apart: Project) -> None:
    deb, wheel = apart.done("fetch")["value"]["debs"][3], apart.done("fetch")["value"]["wheels"][0]
    damage(blob_of(apart, deb))
    blob_of(apart, wheel).unlink()
    argv = ["unshare", "--net", *apart.argv("fsck", "--repair")]
    done = subprocess.run(argv, env=apart.env(), cwd=apart.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert f"{deb}: could not be fetched: " in done.stdout
    assert f"{wheel}: could not be fetched: " in done.stdout
    assert "2 of 2 damaged or missing things" in done.stderr
    assert "lock --upgrade" not in done.stderr


def test_a_layout_that_links_a_damaged_blob_is_laid_out_anew_by_the_next_build(apart: Project) -> None:
    image = image_of(apart)
    before = layout(apart)
    assert set(before) == {digest.removeprefix("sha256:") for digest in image.blobs()}
    damage(blob_of(apart, image.layers[0].digest))
    blob_of(apart, image.config).unlink()
    assert layout(apart) != before
    mended = apart.call("fsck", "--repair")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert mended.stdout.count("the next build of its bundles makes it anew") == 2
    assert apart.call("fsck").returncode == 0
    done = apart.call("build", "--until", "build", "--offline")
    assert done.returncode == 0, done.stderr
    assert image_of(apart) == image
    assert layout(apart) == {name: name for name in before}
    assert apart.call("fsck").returncode == 0


def test_a_damaged_file_of_an_unpacked_image_is_found_and_mended(apart: Project) -> None:
    assert apart.call("build", "--until", "smoke_serving").returncode == 0
    unpacked = apart.home / "rootfs" / f"{apart.image().removeprefix('sha256:')}.without-weights"
    program = unpacked / "usr" / "bin" / "cat"
    program.chmod(0o755)
    program.write_bytes(program.read_bytes()[:-1] + b"!")
    found = apart.call("fsck")
    assert found.returncode == 5
    assert f"unpacked /usr/bin/cat: damaged; used by {apart.bundle()}\n" in found.stdout
    assert apart.call("fsck", "--repair").returncode == 0
    assert apart.call("fsck").returncode == 0


def test_gc_keeps_what_a_bundle_names_and_drops_what_no_bundle_does(built: Project) -> None:
    store = FileStore(built.home)
    stray = store.add_bytes(b"nobody names me")
    done = built.call("gc")
    assert done.returncode == 0, done.stderr
    assert not store.has(stray)
    assert all(store.has(digest) for digest in image_of(built).stored())
    before = len(built.events())
    assert built.call("build", "--offline").returncode in {0, HOLD}
    assert {event["kind"] for event in built.events()[before:]} == {"reused"}


def test_gc_all_after_a_build_leaves_nothing_but_an_empty_home(apart: Project) -> None:
    assert apart.call("build", "--until", "smoke_serving").returncode == 0
    blob_of(apart, image_of(apart).digest).unlink()
    assert apart.call("fsck", "--repair").returncode == 0
    done = apart.call("gc", "--all")
    assert done.returncode == 0, done.stderr
    assert list(apart.home.iterdir()) == []
