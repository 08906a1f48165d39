"""A built bundle goes to an OCI folder and to a real registry, and comes back by digest."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.e2e.project import HOLD, MODEL, Project

pytestmark = pytest.mark.slow


@pytest.fixture
def waiver(built: Project, tmp_path: Path) -> Path:
    """Few items only HOLD; a waiver for exactly this image lets them through."""
    path = tmp_path / "waiver.yaml"
    path.write_text(
        f"image: {built.image()}\nowner: the tests\nreason: twelve items a task cannot decide\nexpires: 2099-12-31\n"
    )
    return path


def test_a_hold_is_not_published_without_a_waiver(built: Project, tmp_path: Path) -> None:
    done = built.call("publish", "--to", f"oci:{tmp_path / 'layout'}")
    assert done.returncode == HOLD
    assert not (tmp_path / "layout").exists()


def test_a_waiver_for_another_image_lets_nothing_through(built: Project, tmp_path: Path, waiver: Path) -> None:
    waiver.write_text(waiver.read_text().replace(built.image(), f"sha256:{'0' * 64}"))
    done = built.call("publish", "--to", f"oci:{tmp_path / 'layout'}", "--waiver", str(waiver))
    assert done.returncode == HOLD


def test_forged_evidence_is_not_published(built: Project, tmp_path: Path, waiver: Path) -> None:
    record = built.bundle() / "8-evaluate" / "target" / "commonsense_qa.json"
    done = built.bundle() / "8-evaluate" / "done.json"
    kept = record.read_bytes(), done.read_bytes()
    try:
        done.write_text(done.read_text().replace('"decision":"HOLD"', '"decision":"GO"', 1))
        forged_verdict = built.call("publish", "--to", f"oci:{tmp_path / 'layout'}")
        done.write_bytes(kept[1])
        record.write_bytes(kept[0].replace(b'"score": 0.0', b'"score": 1.0', 1))
        forged_record = built.call("publish", "--to", f"oci:{tmp_path / 'layout'}", "--waiver", str(waiver))
    finally:
        record.write_bytes(kept[0])
        done.write_bytes(kept[1])
    assert (forged_verdict.returncode, forged_record.returncode) == (8, 8), forged_record.stderr
    assert not (tmp_path / "layout").exists()


def test_a_wrong_target_is_refused_before_anything_is_done(project: Project) -> None:
    done = project.call("publish", "--to", "/nowhere")
    assert done.returncode == 9
    assert project.events() == []


def test_a_wrong_tag_is_refused_before_anything_is_done(project: Project, tmp_path: Path) -> None:
    done = project.call("publish", "--to", f"oci:{tmp_path / 'layout'}", "--tag", "bad tag")
    assert done.returncode == 9
    assert "`bad tag` is not a tag" in done.stderr
    assert project.events() == []


def test_offline_a_registry_is_refused(built: Project, waiver: Path) -> None:
    done = built.call("publish", "--offline", "--to", "127.0.0.1:1/x", "--waiver", str(waiver))
    assert done.returncode == 9
    assert "offline" in done.stderr


def test_a_card_that_was_deleted_comes_back_with_its_references(built: Project, tmp_path: Path, waiver: Path) -> None:
    layout = tmp_path / "layout"
    assert built.call("publish", "--to", f"oci:{layout}", "--waiver", str(waiver)).returncode == 0
    (built.bundle() / "README.md").unlink()
    built.call("build")
    card = (built.bundle() / "README.md").read_text()
    assert str(layout) in card
    assert "the tests let this image through until 2099-12-31. Why: twelve items a task cannot decide" in card


def test_a_card_that_was_written_into_is_made_right_by_the_next_build(built: Project) -> None:
    path = built.bundle() / "README.md"
    card = path.read_text()
    path.write_text(card.replace("HOLD", "GO"))
    assert built.call("build").returncode == HOLD
    assert path.read_text() == card


def test_a_release_of_another_image_or_verdict_or_a_damaged_one_heads_no_card(
    built: Project, tmp_path: Path, waiver: Path
) -> None:
    assert built.call("publish", "--to", f"oci:{tmp_path / 'layout'}", "--waiver", str(waiver)).returncode == 0
    path, card = built.bundle() / "9-publish" / "release.json", built.bundle() / "README.md"
    assert "**Draft.**" not in card.read_text()
    kept = path.read_text()
    try:
        for text, why in (
            (kept.replace(built.image(), f"sha256:{'0' * 64}"), "is about another image"),
            (
                re.sub(r'"figures_sha256": "\w+"', f'"figures_sha256": "{"0" * 64}"', kept),
                "is about an earlier verdict",
            ),
            (kept[:100], "is damaged"),
        ):
            path.write_text(text)
            done = built.call("build")
            assert done.returncode == HOLD, done.stderr
            assert f"{path} {why}" in done.stderr
            assert "**Draft.**" in card.read_text()
            assert "layout" not in card.read_text().partition("## Does it answer")[0].replace("image layout", "")
    finally:
        path.write_text(kept)
    assert built.call("build").returncode == HOLD
    assert "**Draft.**" not in card.read_text()


def test_a_published_folder_holds_every_blob_by_its_digest(built: Project, tmp_path: Path, waiver: Path) -> None:
    layout = tmp_path / "layout"
    done = built.call("publish", "--to", f"oci:{layout}", "--waiver", str(waiver), "--json")
    assert done.returncode == 0, done.stderr
    release = json.loads(done.stdout)
    assert release["image"] == built.image()
    assert release["decision"] == "HOLD"
    assert [w["reason"] for w in release["waivers"]] == ["twelve items a task cannot decide"]
    published = release["published"][-1]
    assert published["reference"] == f"oci:{layout}:{published['tag']}"
    index = json.loads((layout / "index.json").read_text())
    assert index["manifests"][0]["digest"] == built.image()
    assert index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] == published["tag"]
    for blob in (layout / "blobs" / "sha256").iterdir():
        assert blob.stat().st_nlink == 1
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    card = (built.bundle() / "README.md").read_text()
    assert "**Not signed**" in card
    assert "**Draft.**" not in card
    assert "**Published by waiver**" in card
    assert f"skopeo copy oci:{layout}:{published['tag']} docker-daemon:" in card
    assert built.image() in card


def test_a_registry_takes_the_bundle_and_the_second_time_no_byte(built: Project, registry: str, waiver: Path) -> None:
    words = ("publish", "--to", f"{registry}/cpu/{MODEL}", "--waiver", str(waiver), "--json")
    first, second = built.call(*words), built.call(*words)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    published = json.loads(first.stdout)["published"][-1]
    assert published["reference"] == f"{registry}/cpu/{MODEL}@{built.image()}"
    assert published["bytes_sent"] > 200_000_000
    assert json.loads(second.stdout)["published"][-1]["bytes_sent"] == 0
