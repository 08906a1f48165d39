"""A built bundle goes to an OCI folder and to a real registry, and comes back by digest."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import yaml

from flagrelease.adapters.storage.store import FileStore
from tests.e2e.project import HOLD, MODEL, Project, make_project
from tests.evaluation.noisy import noisy_copy

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


def test_offline_a_registry_is_refused(built: Project, waiver: Path) -> None:
    done = built.call("publish", "--offline", "--to", "127.0.0.1:1/x", "--waiver", str(waiver))
    assert done.returncode == 9
    assert "offline" in done.stderr


def test_a_card_that_was_deleted_comes_back_with_its_references(built: Project, tmp_path: Path, waiver: Path) -> None:
    layout = tmp_path / "layout"
    assert built.call("publish", "--to", f"oci:{layout}", "--waiver", str(waiver)).returncode == 0
    (built.bundle() / "README.md").unlink()
    built.call("build")
    assert str(layout) in (built.bundle() / "README.md").read_text()


def test_a_published_folder_holds_every_blob_by_its_digest(built: Project, tmp_path: Path, waiver: Path) -> None:
    layout = tmp_path / "layout"
    done = built.call("publish", "--to", f"oci:{layout}", "--waiver", str(waiver), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["image"] == built.image()
    index = json.loads((layout / "index.json").read_text())
    assert index["manifests"][0]["digest"] == built.image()
    for blob in (layout / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    card = (built.bundle() / "README.md").read_text()
    assert "**Not signed**" in card
    assert "**Draft.**" not in card
    assert built.image() in card


def test_a_registry_takes_the_bundle_and_the_second_time_no_byte(built: Project, registry: str, waiver: Path) -> None:
    words = ("publish", "--to", f"{registry}/cpu/{MODEL}", "--waiver", str(waiver), "--json")
    first, second = built.call(*words), built.call(*words)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    published = json.loads(first.stdout)["published"][-1]
    assert published["reference"] == f"{registry}/cpu/{MODEL}@{built.image()}"
    assert published["bytes_sent"] > 200_000_000
    assert json.loads(second.stdout)["published"][-1]["bytes_sent"] == 0


def test_a_model_whose_tensors_carry_noise_is_not_published(shared_home: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "noisy", shared_home, items=120)
    make_noisy(project)
    done = project.call("build")
    assert done.returncode in {8, HOLD}, done.stderr
    assert "NO-GO" in done.stdout or "HOLD" in done.stdout
    assert (project.bundle() / "README.md").is_file()
    refused = project.call("publish", "--to", f"oci:{tmp_path / 'layout'}")
    assert refused.returncode == done.returncode
    assert not (tmp_path / "layout").exists()


def make_noisy(project: Project) -> None:
    """Lock a model of its own whose weights are the real ones with noise, against the same reference."""
    lock = project.recipes / "bundles" / "cpu" / f"{MODEL}.lock.json"
    (weights,) = json.loads(lock.read_text())["variants"]["llamacpp"]["weights"]["files"]
    assert project.call("build", "--until", "fetch").returncode == 0
    noisy = project.recipes / "noisy" / "noisy.gguf"
    noisy.parent.mkdir()
    noisy_copy(FileStore(project.home).path(f"sha256:{weights['sha256']}"), noisy, sigma=0.08)
    model = yaml.safe_load((project.recipes / "models" / f"{MODEL}.yaml").read_text())
    model["name"] = "noisy"
    model["weights"]["q4_1"]["source"] = {"kind": "folder", "folder": "noisy", "files": ["noisy.gguf"]}
    (project.recipes / "models" / "noisy.yaml").write_text(yaml.safe_dump(model))
    bundle = (project.recipes / "bundles" / "cpu" / f"{MODEL}.yaml").read_text()
    bundle = bundle.replace(f"model: {MODEL}", "model: noisy", 1)
    (project.recipes / "bundles" / "cpu" / "noisy.yaml").write_text(bundle)
    # The reference counts as one of the noisy model, so that it is the answers that decide and not the hash.
    (record,) = project.recipes.glob("baselines/*/*.json")
    noise = hashlib.sha256(noisy.read_bytes()).hexdigest()
    record.write_text(
        record.read_text().replace(weights["sha256"], noise).replace(f'"model": "{MODEL}"', '"model": "noisy"')
    )
    shutil.rmtree(project.out)
    project.model = "noisy"
    done = project.call("lock")
    assert done.returncode == 0, done.stderr
