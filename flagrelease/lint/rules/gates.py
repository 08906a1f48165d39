"""Gate policies: what they ask, of how many items, and whether that can decide anything."""

from collections.abc import Iterator
from typing import Final

from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.gate import HarnessTask, Policy, Task
from flagrelease.gate.statistics.sample_size import items_for_margin
from flagrelease.lint.found import Found, Severity
from flagrelease.lint.power import power_of
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule

_ENOUGH: Final = 0.8
_COIN: Final = 0.5
_LEAST_FLIPS: Final = 1e-9


def _policies(project: Project) -> Iterator[tuple[str, Policy]]:
    yield from project.recipes.policies.items()


def _found(project: Project, policy: str, *key: str, text: str, severity: Severity | None = None) -> Found:
    file = f"gates/{policy}.yaml"
    return Found(file=file, key=key, text=text, severity=severity, cells=project.users(file))


def _tasks(project: Project) -> Iterator[tuple[str, Policy, str, HarnessTask, Benchmark | None]]:
    for name, policy in _policies(project):
        for task, asked in policy.harness_tasks.items():
            yield name, policy, task, asked, project.recipes.benchmarks.get(asked.benchmark)


@rule(
    "FR501",
    "error",
    "a task on another scale than its benchmark",
    why=(
        "0.85, 85.4 and 854 are all scores of OCRBench, and cards mix them: 0.697 beside 78.28. A margin of 3 points "
        "on the wrong scale lets everything pass, or nothing."
    ),
    hint="write the benchmark's `scale`",
    bad={"policy.harness_tasks.quiz.scale": 1},
    good={"policy.harness_tasks.quiz.scale": 100},
)
def task_scale(project: Project) -> Iterator[Found]:
    """Tasks of a harness, and tasks that are asked here under a benchmark's name."""
    for name, _, task, asked, benchmark in _tasks(project):
        if benchmark and asked.scale != benchmark.scale:
            text = f"task `{task}` is out of {asked.scale}, `{benchmark.name}` out of {benchmark.scale}"
            yield _found(project, name, "harness_tasks", task, "scale", text=text)
    for name, policy in _policies(project):
        for task, own in policy.tasks.items():
            benchmark = project.recipes.benchmarks.get(task)
            if benchmark and own.scale != benchmark.scale:
                text = f"task `{task}` is out of {own.scale}, `{benchmark.name}` out of {benchmark.scale}"
                yield _found(project, name, "tasks", task, "scale", text=text)


@rule(
    "FR502",
    "error",
    "a task of another number of items than its benchmark has",
    why=(
        "CII-Bench has 765 test items; 800 counts the development items as well. Scores over different numbers of "
        "items are no pair, and a harness that drops items raises the score by its own failures."
    ),
    hint="write the benchmark's `items`; a part of them on purpose is a reason for a waiver",
    bad={"policy.harness_tasks.quiz.items": 1035},
    good={"policy.harness_tasks.quiz.items": 1000},
)
def task_items(project: Project) -> Iterator[Found]:
    """More than there are is an error, fewer is a warning."""
    for name, _, task, asked, benchmark in _tasks(project):
        if benchmark and asked.items != benchmark.items:
            text = f"task `{task}` has {asked.items:,} items, `{benchmark.name}` has {benchmark.items:,}"
            severity: Severity | None = "warning" if asked.items < benchmark.items else None
            yield _found(project, name, "harness_tasks", task, "items", text=text, severity=severity)
    for name, policy in _policies(project):
        for task, own in policy.tasks.items():
            yield from _own_items(project, name, task, own)


def _own_items(project: Project, policy: str, name: str, task: Task) -> Iterator[Found]:
    count, there = task.selection.count, task.dataset.items_available
    if count > there:
        text = f"task `{name}` selects {count:,} of {there:,} items"
        yield _found(project, policy, "tasks", name, "selection", "count", text=text)
    benchmark = project.recipes.benchmarks.get(name)
    if benchmark and there != benchmark.items:
        text = f"task `{name}` finds {there:,} items in its data, `{benchmark.name}` has {benchmark.items:,}"
        yield _found(project, policy, "tasks", name, "dataset", "items_available", text=text, severity="warning")


@rule(
    "FR503",
    "error",
    "a margin that is a coin flip",
    why=(
        "With 50 questions of GPQA and a margin of 5 points, an identical chip passes in 78 of 100 runs by one rule "
        "and in 18 by another. A MiniCPM-o gate of vllm-omni sat one item above its own mean: 3 of 7 nightly runs were "
        "red, until somebody lowered the number."
    ),
    hint="ask more items or repeat them, or write the wider margin that the items do resolve",
    bad={"policy.harness_tasks.quiz.margin_pt": 1.0},
    good={"policy.harness_tasks.quiz.margin_pt": 3.0},
)
def coin_flip(project: Project) -> Iterator[Found]:
    """Power for an identical chip below 80 % at the task's flip rate; below 50 % is an error, else a warning.

    Advisory tasks decide nothing. A task that is asked here has no flip rate, so it is held against none at all.
    """
    for name, policy, task, asked, benchmark in _tasks(project):
        if asked.tier == "advisory":
            continue
        items, margin = asked.items * asked.repeats, asked.margin_pt / 100
        power = power_of(items=items, flip_rate=asked.flip_rate, margin=margin, alpha=policy.alpha)
        needed = items_for_margin(flip_rate=asked.flip_rate, margin=margin, alpha=policy.alpha)
        if power < _ENOUGH:
            text = f"task `{task}`: an identical chip passes with {power:.0%} only: {_wanted(asked, needed)}"
            severity: Severity = "error" if power < _COIN else "warning"
            yield _found(project, name, "harness_tasks", task, "margin_pt", text=text, severity=severity)
        elif needed > items and benchmark and benchmark.step == 1:
            text = f"task `{task}`: the interval is wider than the margin without any flip: {_wanted(asked, needed)}"
            yield _found(project, name, "harness_tasks", task, "margin_pt", text=text)
    for name, policy in _policies(project):
        for task, own in policy.tasks.items():
            margin, count = own.margin_pt / 100, own.selection.count
            needed = items_for_margin(flip_rate=_LEAST_FLIPS, margin=margin, alpha=policy.alpha)
            if own.tier != "advisory" and needed > count:
                text = f"task `{task}`: {count} items cannot show {own.margin_pt:g} points; wanted at least {needed}"
                yield _found(project, name, "tasks", task, "margin_pt", text=text)


def _wanted(asked: HarnessTask, needed: int) -> str:
    found = f"{asked.items:,} items" + (f" × {asked.repeats}" if asked.repeats > 1 else "")
    return f"wanted {needed:,} items for {asked.margin_pt:g} points, found {found}"


@rule(
    "FR504",
    "error",
    "a judged task whose judge is not named",
    why=(
        "MM-Vet v2 is scored by a language model. Another judge, or another version of it, moves scores more than a "
        "chip does, and the published tables do not say which it was."
    ),
    hint="write the judge, with its version, as the task's `judge`",
    bad={"policy.harness_tasks.essay": {
        "harness": "flageval", "benchmark": "essay", "metric": "judge score", "items": 500, "margin_pt": 5.0,
    }},
    good={"policy.harness_tasks.essay": {
        "harness": "flageval", "benchmark": "essay", "metric": "judge score", "items": 500, "margin_pt": 5.0,
        "judge": "a judge, version 1",
    }},
)  # fmt: skip
def no_judge(project: Project) -> Iterator[Found]:
    """Tasks of benchmarks that a judge scores."""
    for name, _, task, asked, benchmark in _tasks(project):
        if benchmark and benchmark.judge and asked.judge is None:
            text = f"task `{task}` is scored by a judge ({benchmark.judge}), and does not say which"
            yield _found(project, name, "harness_tasks", task, text=text)


@rule(
    "FR505",
    "error",
    "a policy that nothing could fail",
    why="Only critical tasks can stop a release. A policy without one is never GO, and the bundle waits for ever.",
    hint="make the task that matters `tier: critical`",
    bad={"policy.harness_tasks.quiz.tier": "supporting"},
    good={"policy.harness_tasks.quiz.tier": "critical"},
)
def no_critical_task(project: Project) -> Iterator[Found]:
    """Policies whose tasks are all supporting or advisory."""
    for name, policy in _policies(project):
        tiers = {*(t.tier for t in policy.tasks.values()), *(t.tier for t in policy.harness_tasks.values())}
        if "critical" not in tiers:
            yield _found(project, name, "name", text="no task is critical")


@rule(
    "FR506",
    "warning",
    "a metric of another benchmark",
    why="ANLS, accuracy and a judge's score of one benchmark are three numbers; a gate compares only equal ones.",
    hint="write the benchmark's `metric`, or correct the benchmark",
    bad={"policy.harness_tasks.quiz.metric": "ANLS"},
    good={"policy.harness_tasks.quiz.metric": "accuracy"},
)
def other_metric(project: Project) -> Iterator[Found]:
    """The task's metric against the benchmark's; one may say it more exactly than the other."""
    for name, _, task, asked, benchmark in _tasks(project):
        if benchmark and not _alike(asked.metric, benchmark.metric):
            text = f"task `{task}` has the metric {asked.metric}, `{benchmark.name}` has {benchmark.metric}"
            yield _found(project, name, "harness_tasks", task, "metric", text=text)


def _alike(one: str, other: str) -> bool:
    words = [set(text.lower().replace("-", " ").replace("_", " ").split()) for text in (one, other)]
    return bool(words[0] & words[1])
