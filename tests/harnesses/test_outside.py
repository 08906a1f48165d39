"""Harnesses that run elsewhere: the stage says what to run, and takes what is brought, of the image that it named."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.result_files import ResultFiles
from flagrelease.domain.evalrun import EvalRunFile
from flagrelease.domain.gate import HarnessTask, Policy
from flagrelease.domain.harness import PinnedHarness
from flagrelease.domain.lock import Lock
from flagrelease.errors import GateError, HoldError, RecipeError
from flagrelease.evaluation.ask import Side
from flagrelease.evaluation.by_harness import Asked, Question, record_of
from flagrelease.evaluation.outside import brought, orders_of
from flagrelease.harness_ports import Results

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "ingest" / "samples"
IMAGE, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
CATALOGUE = Catalogue(ROOT / "recipes")


class Supplied:
    """The part of `Tools` that this needs."""

    class harnesses:  # noqa: N801
        @staticmethod
        def supplied(folder: Path) -> Results | None:
            return ResultFiles(folder) if any(path.is_file() for path in folder.rglob("*")) else None


TOOLS: Any = Supplied()


def a_lock(**tasks: HarnessTask) -> Lock:
    """The small bundle's, with these tasks."""
    locks = CATALOGUE.lock_file("cpu", "smollm2-135m-instruct")
    assert locks is not None
    (lock,) = locks.variants.values()
    assert isinstance(lock, Lock)
    policy = Policy(schema="flagrelease.gate/v1", name="elsewhere", title="Elsewhere", harness_tasks=tasks)
    names = dict.fromkeys(task.harness for task in tasks.values())
    pinned = tuple(PinnedHarness(harness=CATALOGUE.harness(name), called={"blink_val": "b.py"}) for name in names)
    return lock.model_copy(update={"policy": policy, "harnesses": pinned})


def a_task(harness: str, *, metric: str = "accuracy", items: int = 12, **more: Any) -> HarnessTask:
    return HarnessTask(harness=harness, benchmark="quiz", metric=metric, items=items, margin_pt=3.0, **more)


def test_a_hold_says_where_to_run_what_and_where_to_put_it(tmp_path: Path) -> None:
    lock = a_lock(blink_val=a_task("flagevalmm"), boolq=a_task("modeltest"))
    orders = orders_of(lock, IMAGE, tmp_path, "target", {"USE_FLAGGEMS": "1"})
    with pytest.raises(HoldError) as caught:
        brought(TOOLS, orders)
    told = caught.value.message
    for words in (
        "2 tasks",
        "FlagEvalMM",
        "--tasks b.py",
        IMAGE,
        "USE_FLAGGEMS = 1",
        "mm_run.sh",
        "LCCL_DETERMINISTIC=1",
        "pip install -e .",
        "in ITEMS/textvqa_val.jsonl, on every line set image = ",
        "requested_max_input_length = 20000",
    ):
        assert words in told
    assert str(tmp_path / "target" / "blink_val" / "results") in told
    order = json.loads((tmp_path / "target" / "blink_val" / "order.json").read_text())
    assert (order["image"], order["side"], order["harness"]) == (IMAGE, "target", "flagevalmm")


def test_evidence_beside_the_order_of_another_image_is_refused(tmp_path: Path) -> None:
    lock = a_lock(boolq=a_task("modeltest"))
    with pytest.raises(HoldError):
        brought(TOOLS, orders_of(lock, OTHER, tmp_path, "target", {}))
    shutil.copytree(SAMPLES / "modeltest" / "plain", tmp_path / "target" / "boolq" / "results", dirs_exist_ok=True)
    assert set(brought(TOOLS, orders_of(lock, OTHER, tmp_path, "target", {}))) == {"boolq"}
    with pytest.raises(GateError, match="not made for this"):
        brought(TOOLS, orders_of(lock, IMAGE, tmp_path, "target", {}))
    with pytest.raises(GateError, match="not made for this"):
        brought(TOOLS, orders_of(lock, OTHER, tmp_path, "target", {"USE_FLAGGEMS": "1"}))


def record(harness: str, folder: Path, **task: Any) -> EvalRunFile:
    side = Side(model="m", weights_sha256="3" * 64, precision="p", chip="cpu", software=(), image=IMAGE)
    who = Asked(base_url="http://127.0.0.1:1", served_name="m", side=side)
    pinned = PinnedHarness(harness=CATALOGUE.harness(harness))
    question = Question(name="quiz", task=a_task(harness, **task), harness=pinned, dataset=None)
    return record_of(question, who, ResultFiles(folder))


@pytest.mark.parametrize(
    ("harness", "folder", "metric"),
    [
        ("flagevalmm", "flagevalmm/reference", "accuracy"),
        ("modeltest", "modeltest/plain", None),
        ("opencompass", "opencompass", None),
        ("lm-eval", "lm-eval/first", "exact_match,strict"),
        ("lm-eval", "lm-eval/first", "exact_match,first-word"),
        ("evalscope", "evalscope/shorter", None),
    ],
)
def test_recorded_output_of_each_harness_becomes_a_record_of_the_task_and_the_image(
    harness: str, folder: str, metric: str | None
) -> None:
    if metric is None:
        with pytest.raises(RecipeError) as caught:
            record(harness, SAMPLES / folder, metric="no such metric")
        metric = caught.value.message.rpartition("there are: ")[2].split(", ")[0]
    found = record(harness, SAMPLES / folder, metric=metric)
    assert (found.task, found.image, found.weights_sha256) == ("quiz", IMAGE, "3" * 64)
    assert found.metric is not None
    assert found.software[-1].name == CATALOGUE.harness(harness).title


def test_recorded_output_of_vlmevalkit_becomes_a_record_where_it_is_of_one_task(tmp_path: Path) -> None:
    for path in (SAMPLES / "vlmevalkit" / "MiniCPM-o-2_6").glob("*_MMStar_*"):
        shutil.copy(path, tmp_path)
    found = record("vlmevalkit", tmp_path)
    assert (found.task, found.image, found.software[-1].name) == ("quiz", IMAGE, "VLMEvalKit")
    assert found.items


def test_a_metric_without_its_filter_is_refused_where_there_are_several() -> None:
    with pytest.raises(RecipeError, match=r"found 2; there are: exact_match,first-word, exact_match,strict"):
        record("lm-eval", SAMPLES / "lm-eval" / "first", metric="exact_match")


def test_the_output_of_another_harness_is_refused() -> None:
    with pytest.raises(RecipeError, match="wanted the output of EvalScope, found that of lm-eval"):
        record("evalscope", SAMPLES / "lm-eval" / "first")
