"""A publishing of a real bundle that is killed: nothing is half published, and the same command completes it."""

import json
from pathlib import Path

import pytest

from flagrelease.oci.layout import read_layout, tag_of
from tests.e2e.killed_build import TAG
from tests.e2e.project import MODEL, Project
from tests.publish.docker_registry import docker_registry

pytestmark = pytest.mark.slow

# By a waiver the stage says three things: who let it through, what it begins, and that it is done, before that is
# written down.
KILLS = (("started", 1), ("said", 2), ("progress", 1), ("progress", 3), ("progress", 6), ("said", 3))


@pytest.fixture
def waiver(built: Project, tmp_path: Path) -> str:
    """Few items only HOLD."""
    path = tmp_path / "waiver.yaml"
    path.write_text(f"image: {built.image()}\nowner: the tests\nreason: twelve items\nexpires: 2099-12-31\n")
    return str(path)


def finish(built: Project, to: str, waiver: str) -> None:
    """The same command goes on, and finds everything there: only the record was missing."""
    assert not any(each["target"] == to for each in recorded(built)), "killed before it was written down"
    done = built.call("publish", "--to", to, "--tag", TAG, "--waiver", waiver, "--json")
    assert done.returncode == 0, done.stderr
    release = json.loads(done.stdout)
    assert release["image"] == built.image()
    (published,) = (each for each in release["published"] if each["target"] == to)
    assert (published["digest"], published["bytes_sent"]) == (built.image(), 0)
    assert published in recorded(built)


def recorded(built: Project) -> list[dict[str, object]]:
    """Where the bundle is said to be."""
    path = built.bundle() / "9-publish" / "release.json"
    found: list[dict[str, object]] = json.loads(path.read_text())["published"] if path.exists() else []
    return found


def test_a_folder_has_no_tag_without_its_blobs_and_the_next_run_completes_it(
    built: Project, tmp_path: Path, waiver: str
) -> None:
    layout = tmp_path / "layout"
    for kind, nth in KILLS:
        built.kill_at("publish", kind, nth, publishing=(f"oci:{layout}", waiver))
        # Every blob of the layout is read and compared with its name.
        tags = (
            {tag_of(entry): entry.digest for entry in read_layout(layout)} if (layout / "index.json").exists() else {}
        )
        assert tags == ({TAG: built.image()} if (kind, nth) == KILLS[-1] else {})
    finish(built, f"oci:{layout}", waiver)


def test_a_registry_has_no_tag_without_its_blobs_and_the_next_run_completes_it(
    built: Project, tmp_path: Path, waiver: str
) -> None:
    repository = f"cpu/{MODEL}"
    with docker_registry(tmp_path / "registry") as registry:
        for kind, nth in KILLS:
            built.kill_at("publish", kind, nth, publishing=(f"{registry.address}/{repository}", waiver))
            tagged = registry.tag_digest(repository, TAG)
            assert tagged == (built.image() if (kind, nth) == KILLS[-1] else None)
        manifest = json.loads(registry.blob(built.image()).read_bytes())
        blobs = [manifest["config"], *manifest["layers"]]
        assert [registry.blob(blob["digest"]).stat().st_size for blob in blobs] == [blob["size"] for blob in blobs]
        finish(built, f"{registry.address}/{repository}", waiver)
