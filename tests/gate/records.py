"""Records of a made-up task: good ones, unless a test says what is wrong with them."""

from collections.abc import Mapping, Sequence
from typing import Any

from flagrelease.domain.answers import Answers, Record
from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.comparison import Comparison, SideFiles
from flagrelease.domain.evalrun import DatasetFacts, Harness, Headline, RunFacts, SourceFile, Status
from flagrelease.domain.gate import HarnessTask, Policy
from flagrelease.domain.verdict import TaskVerdict
from flagrelease.gate.records.compare import compare
from flagrelease.gate.records.outcome import Subject

FILES = SideFiles(path="results", harness="own", records=1, sources=())
BENCHMARK = Benchmark(
    schema="flagrelease.benchmark/v1",
    name="quiz",
    title="Quiz",
    aliases=("The Quiz",),
    items=400,
    metric="accuracy",
    scale=100,
    source="made up",
)


def a_task(**changes: Any) -> HarnessTask:
    given = {"harness": "own", "benchmark": "quiz", "metric": "accuracy", "items": 400, "margin_pt": 3.0}
    return HarnessTask(**{**given, **changes})


def a_policy(**changes: Any) -> Policy:
    given = {"schema": "flagrelease.gate/v1", "name": "a-policy", "title": "A policy"}
    return Policy(**{**given, "harness_tasks": {"quiz": a_task()}, **changes})


def answers(
    scores: Sequence[float], *, statuses: Mapping[int, Status] | None = None, first: int = 0, **columns: Any
) -> Answers:
    """Item n is called `q<n>`; a column is one value for all items, or a mapping from some items."""
    found = Answers()
    for n, score in enumerate(scores, start=first):
        more = {key: value.get(n) if isinstance(value, dict) else value for key, value in columns.items()}
        given: dict[str, Any] = {"document": f"document {n}", "prompt": f"prompt {n}", **more}
        found.add(f"q{n}", score, status=(statuses or {}).get(n, "ok"), **given)
    return found


def a_record(found: Answers | None, *, side: str = "r", **changes: Any) -> Record:
    """A side's record; its headline is what its items give."""
    headline = None
    if found is not None:
        score = 100 * (sum(found.scores) + found.struck) / len(found)
        headline = Headline(score=round(score, 2), decimals=2, items=len(found))
    given: dict[str, Any] = {
        "task": "quiz",
        "harness": Harness(name="own", version="1.0"),
        "dataset": DatasetFacts(id="a/quiz", revision="abc", split="test", items=400),
        "weights_sha256": "a" * 64,
        "settings": {"temperature": "0.0"},
        "metric": "accuracy",
        "kind": "proportion",
        "scale": 100,
        "headline": headline,
        "sources": (SourceFile(path="run", sha256=("1" if side == "r" else "2") * 64, format="own"),),
    }
    return Record(RunFacts(**{**given, **changes}), found)


def both(*, lost: int = 0, gained: int = 0, right: int = 200, items: int = 400) -> tuple[list[float], list[float]]:
    """Scores of both sides with so many flips."""
    wrong = items - lost - gained - right
    before = [1.0] * right + [1.0] * lost + [0.0] * gained + [0.0] * wrong
    after = [1.0] * right + [0.0] * lost + [1.0] * gained + [0.0] * wrong
    return before, after


def judged(
    reference: Record | Sequence[Record],
    target: Record | Sequence[Record],
    *,
    policy: Policy | None = None,
    subject: Subject | None = None,
) -> Comparison:
    """The whole comparison."""
    sides = [(FILES, [one] if isinstance(one, Record) else list(one)) for one in (reference, target)]
    return compare(
        policy or a_policy(),
        policy_sha256="3" * 64,
        benchmarks={"quiz": BENCHMARK},
        reference=sides[0],
        target=sides[1],
        subject=subject or Subject(),
    )


def task_of(reference: Record, target: Record, **given: Any) -> TaskVerdict:
    """The one task."""
    return judged(reference, target, **given).tasks[0]


def ids(found: TaskVerdict) -> set[str]:
    """The ids of what was found."""
    return {finding.id for finding in found.findings}
