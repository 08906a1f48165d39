"""The gate on the committed recipes, whole: the bundle as it is passes, and one that answers worse does not.

Each is the other's control: same policy, same items, same reference, and only the weights differ.
"""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from flagrelease.adapters.storage.store import FileStore
from tests.e2e.project import HOLD, MODEL, Project, make_project
from tests.evaluation.noisy import noisy_copy

pytestmark = pytest.mark.slow

NO_GO = 8
SIGMA = 0.1
"""See the table in tests/evaluation/noisy.py: both tasks lose far more than their margin."""


def test_the_committed_recipes_reach_go_and_are_published_without_a_waiver(shared_home: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", shared_home, items=None)
    done = project.call("build")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("GO  ")
    layout = tmp_path / "layout"
    published = project.call("publish", "--to", f"oci:{layout}", "--json")
    assert published.returncode == 0, published.stderr
    assert json.loads(published.stdout)["image"] == project.image()
    index = json.loads((layout / "index.json").read_text())
    assert [entry["digest"] for entry in index["manifests"]] == [project.image()]
    card = (project.bundle() / "README.md").read_text()
    assert "**GO**" in card
    assert str(layout) in card
    for word in ("HOLD", "NO-GO", "**Draft.**", "waiver"):
        assert word not in card
    assert project.call("build").returncode == 0, "it stays GO, and nothing is done again"


def test_a_model_whose_tensors_carry_noise_is_no_go_and_not_published(shared_home: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "noisy", shared_home, items=None)
    make_noisy(project)
    done = project.call("build")
    assert done.returncode == NO_GO, done.stdout + done.stderr
    tasks = project.done("evaluate")["value"]["verdict"]["tasks"]
    assert {task["task"]: task["decision"] for task in tasks} == {"boolq_next_word": "FAIL", "commonsense_qa": "FAIL"}
    assert "NO-GO" in (project.bundle() / "README.md").read_text()
    refused = project.call("publish", "--to", f"oci:{tmp_path / 'layout'}")
    assert refused.returncode == NO_GO
    assert not (tmp_path / "layout").exists()


def test_at_planned_looks_a_noisy_model_is_left_after_a_part_of_the_items_and_is_not_published(
    shared_home: Path, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "noisy", shared_home, items=None)
    policy = project.recipes / "gates" / "smollm2-135m.yaml"
    policy.write_text(policy.read_text().replace("\ntasks:", "\nsequential: true\ntasks:", 1))
    assert project.call("lock").returncode == 0
    make_noisy(project)
    done = project.call("build")
    # So early a look may fail it, or find that not even an identical model would pass any more.
    assert done.returncode in {NO_GO, HOLD}, done.stdout + done.stderr
    tasks = {task["task"]: task for task in project.done("evaluate")["value"]["verdict"]["tasks"]}
    for name, all_items in (("commonsense_qa", 400), ("boolq_next_word", 200)):
        record = json.loads((project.bundle() / "8-evaluate" / "target" / f"{name}.json").read_text())
        assert len(record["items"]) == tasks[name]["items"] < all_items
        assert tasks[name]["sequential"]["step"] in {"FAIL", "FUTILE"}
    assert re.search(r"(decided at|open after) look \d+ of", (project.bundle() / "README.md").read_text())
    again = project.call("build")
    assert (again.returncode, "[8/9] evaluate: started" in again.stderr) == (done.returncode, False)
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
    noisy_copy(FileStore(project.home).path(f"sha256:{weights['sha256']}"), noisy, sigma=SIGMA)
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
