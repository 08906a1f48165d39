"""Captions rated by open_clip: the judge by its weights' digest, images by seed and hash, each image a pair."""

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flagrelease.errors import RecipeError
from tests.ingest.sides import SAMPLES, folder, one, read

RATED = SAMPLES / "open_clip" / "rated" / "scores.json"
SCRIPT = Path(__file__).parents[2] / "recipes" / "harnesses" / "open_clip" / "rate.py"
PYTHON = os.environ.get("OPEN_CLIP_PYTHON", "")


def edited(root: Path, **changes: Any) -> Path:
    return folder(root, {"scores.json": {**json.loads(RATED.read_text()), **changes}})


def script() -> Any:
    spec = importlib.util.spec_from_file_location("rate", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_record_names_the_judge_by_its_weights_and_the_images_by_seed_and_hash() -> None:
    record = one(RATED, column="NPU")
    facts, stated = record.facts, json.loads(RATED.read_text())
    assert (facts.task, facts.metric, facts.kind) == (
        "coco_caption_clip", "mean cosine of image and caption", "bounded_mean",
    )  # fmt: skip
    assert facts.judge is not None
    assert facts.judge.version == f"sha256:{stated['judge']['weights_sha256']}"
    assert facts.dataset.fingerprint == "10 of 14, seed 5"
    assert (facts.dataset.items, facts.dataset.revision) == (10, stated["selection"]["sha256"])
    assert facts.settings["context_length"] == "77"
    assert facts.headline is not None
    assert facts.headline.score == stated["mean"]["NPU"]


def test_both_sides_pair_image_by_image() -> None:
    gpu, npu = (one(RATED, column=side).answers for side in ("GPU", "NPU"))
    assert gpu is not None
    assert npu is not None
    assert gpu.ids == npu.ids
    assert gpu.documents == npu.documents
    assert 0 not in gpu.documents
    assert gpu.said != npu.said
    assert sum(gpu.scores) / 10 == pytest.approx(json.loads(RATED.read_text())["mean"]["GPU"])


def test_a_file_of_two_sides_wants_to_know_which() -> None:
    with pytest.raises(RecipeError, match="wanted the scores of one side, found GPU, NPU"):
        read(RATED)
    with pytest.raises(RecipeError, match="wanted the scores of TPU, found GPU, NPU"):
        read(RATED, column="TPU")


@pytest.mark.parametrize("captions", [{"1.jpg": "a cat"}, {"GPU": {"1.jpg": "a cat"}, "NPU": {"1.jpg": "a dog"}}])
def test_captions_alone_are_no_scores(tmp_path: Path, captions: Any) -> None:
    with pytest.raises(RecipeError, match="found captions alone") as error:
        read(folder(tmp_path, {"GPU_NPU_result_example.json": captions}))
    assert "rate them first" in error.value.hint


@pytest.mark.parametrize("judge", [{}, {"model": "ViT-H-14"}, {"model": "ViT-H-14", "weights_sha256": "abc"}])
def test_a_judge_without_a_digest_is_none(tmp_path: Path, judge: dict[str, str]) -> None:
    with pytest.raises(RecipeError, match="wanted the judge's `model` and `weights_sha256`"):
        read(edited(tmp_path, judge=judge), column="NPU")


def test_a_cosine_below_nothing_counts_as_nothing_and_the_mean_is_not_taken_from_the_file(tmp_path: Path) -> None:
    images = {"1.jpg": {"NPU": {"caption": "a", "score": -0.5}}, "2.jpg": {"NPU": {"caption": "b", "score": 0.5}}}
    record = one(edited(tmp_path, images=images))
    assert record.answers is not None
    assert list(record.answers.scores) == [0, 0.5]
    assert record.facts.headline is None
    assert "1 cosines are below 0" in record.facts.notes[0]


def test_an_image_without_a_caption_has_failed(tmp_path: Path) -> None:
    images = {"1.jpg": {"NPU": {"score": None}}, "2.jpg": {"NPU": {"caption": "b", "score": 0.5}}}
    record = one(edited(tmp_path, images=images))
    assert record.answers is not None
    assert record.answers.count("error") == 1


@pytest.mark.parametrize("score", [1.5, -2, 30.1, "high", True, None])
def test_what_is_no_cosine_is_refused(tmp_path: Path, score: Any) -> None:
    images = {"1.jpg": {"NPU": {"caption": "a", "score": score}}}
    with pytest.raises(RecipeError, match=r"item '1\.jpg': wanted a"):
        read(edited(tmp_path, images=images))


def test_the_same_folder_gives_the_same_images_whatever_else_is_in_it(tmp_path: Path) -> None:
    rate = script()
    for n in range(20):
        (tmp_path / f"{n}.jpg").write_bytes(bytes([n]))
    first, said = rate.selected(tmp_path, count=5, seed=1)
    (tmp_path / "notes.txt").write_text("no image")
    again, told = rate.selected(tmp_path, count=5, seed=1)
    other, _ = rate.selected(tmp_path, count=5, seed=2)
    assert (first, said) == (again, told)
    assert first.keys() != other.keys()
    next(iter(tmp_path.glob(next(iter(first))))).write_bytes(b"changed")
    assert rate.selected(tmp_path, count=5, seed=1)[1]["sha256"] != said["sha256"]


def test_too_few_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="wanted at least 5 images, found 0"):
        script().selected(tmp_path, count=5, seed=1)


MAKE = """
import sys, torch, open_clip
from pathlib import Path
from PIL import Image
here = Path(sys.argv[1])
torch.manual_seed(3)
open_clip.add_model_config(here / "tiny.json")
torch.save(open_clip.create_model("tiny").state_dict(), here / "tiny.bin")
(here / "images").mkdir()
for n in range(6):
    Image.new("RGB", (40, 30), (40 * n, 10, 20)).save(here / "images" / f"{n}.png")
"""


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON, reason="wants OPEN_CLIP_PYTHON, a Python with torch and open_clip_torch")
def test_the_script_rates_by_whatever_weights_it_is_given(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "open_clip" / "task" / "tiny.json", tmp_path)
    subprocess.run([PYTHON, "-c", MAKE, tmp_path], check=True, capture_output=True)
    captions = {"one": {f"{n}.png": "a picture" for n in range(6)}, "other": {"0.png": "a dog"}}
    folder(tmp_path, {"captions.json": captions})
    words = ("--model", "tiny", "--model-config", "tiny.json", "--weights", "tiny.bin", "--count", "4", "--seed", "9")
    files = ("--captions", "captions.json", "--images", "images", "--out", "scores.json")
    subprocess.run([PYTHON, SCRIPT, *words, *files], check=True, capture_output=True, cwd=tmp_path)
    record = one(tmp_path / "scores.json", column="one")
    assert record.answers is not None
    assert len(record.answers) == 4
    other = one(tmp_path / "scores.json", column="other").answers
    assert other is not None
    assert other.count("error") >= 3
