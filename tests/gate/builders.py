"""Records of a task's answers, good ones unless a test says what is wrong with them."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from flagrelease.domain.answers import Record
from flagrelease.domain.evidence import DatasetRecord, EvalRun, Item, Software
from flagrelease.domain.gate import Dataset, Policy, Selection, Task, Tier
from flagrelease.domain.source import FolderSource
from flagrelease.domain.verdict import Verdict
from flagrelease.formats.canonical import pretty_json
from flagrelease.gate.decide import decide
from flagrelease.ingest.held import records_in

IMAGE = "sha256:" + "1" * 64
OTHER_IMAGE = "sha256:" + "2" * 64
POLICY_SHA256 = "3" * 64
AVAILABLE = 1200


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def a_task(
    *,
    count: int = 400,
    margin_pt: float = 3.0,
    tier: Tier = "critical",
    chance: float = 0.2,
    available: int = AVAILABLE,
) -> Task:
    return Task(
        kind="option_loglikelihood",
        format="commonsense_qa",
        dataset=Dataset(
            source=FolderSource(kind="folder", folder="items", files=("items.jsonl",)),
            split="validation",
            items_available=available,
            licence="none stated",
        ),
        selection=Selection(count=count, seed=1),
        metric="acc_norm",
        chance=chance,
        margin_pt=margin_pt,
        tier=tier,
    )


def a_policy(**tasks: Task) -> Policy:
    return Policy(schema="flagrelease.gate/v1", name="a-policy", title="A policy", tasks=tasks or {"task": a_task()})


def an_item(name: str, *, right: bool, status: Literal["ok", "rejected", "error"] = "ok") -> Item:
    return Item(
        id=name,
        item_sha256=sha(f"item {name}"),
        prompt_sha256=sha(f"prompt {name}"),
        status=status,
        score=1.0 if right and status == "ok" else 0.0,
        answer="a" if right else "b",
    )


def a_run(
    answers: Sequence[bool], *, name: str = "task", task: Task | None = None, image: str | None = IMAGE
) -> EvalRun:
    """One side's record: item n is answered rightly where `answers[n]` is true."""
    of = task or a_task(count=len(answers))
    return EvalRun(
        schema="flagrelease.evalrun/v1",
        task=name,
        kind=of.kind,
        metric=of.metric,
        dataset=DatasetRecord(
            carrier="a carrier",
            member="items.jsonl",
            sha256=sha("dataset"),
            split=of.dataset.split,
            licence="none stated",
            items_available=of.dataset.items_available,
            items_selected=of.selection.count,
            selection_seed=of.selection.seed,
        ),
        prompts_sha256=sha("prompts"),
        model="a-model",
        weights_sha256=sha("weights"),
        precision="Q4_1",
        chip="cpu",
        image=image,
        software=(Software(name="a server", version="1"),),
        score=sum(answers) / len(answers),
        items=tuple(an_item(f"q{n}", right=right) for n, right in enumerate(answers)),
        started=datetime(2030, 1, 1, tzinfo=UTC),
        finished=datetime(2030, 1, 2, tzinfo=UTC),
    )


def both_sides(
    *, lost: int, gained: int, both_right: int = 120, name: str = "task", task: Task | None = None
) -> tuple[EvalRun, EvalRun]:
    """Reference and target with so many flips; the rest is wrong on both."""
    of = task or a_task()
    both_wrong = of.selection.count - lost - gained - both_right
    assert both_wrong >= 0
    reference = [True] * both_right + [True] * lost + [False] * gained + [False] * both_wrong
    target = [True] * both_right + [False] * lost + [True] * gained + [False] * both_wrong
    return a_run(reference, name=name, task=of, image=None), a_run(target, name=name, task=of)


def record(run: EvalRun) -> Record:
    """The record as the gate reads it from the file that `evaluate` writes."""
    (found,) = records_in(f"{run.task}.json", pretty_json(run))
    return found


def decided(policy: Policy, reference: Sequence[EvalRun], target: Sequence[EvalRun]) -> Verdict:
    """The verdict on IMAGE."""
    return decide(policy, POLICY_SHA256, IMAGE, [record(run) for run in reference], [record(run) for run in target])
