"""Gate policies: what they ask, of how many items, and whether that can decide anything."""

from collections.abc import Iterator
from typing import Final

from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.gate import FLIP_RATE, HarnessTask, Policy, Task
from flagrelease.gate.statistics.sample_size import items_for_margin
from flagrelease.lint.found import Found, Severity
from flagrelease.lint.power import ENOUGH
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule

_ALONE: Final = 0.95
"""What one of several tasks should pass an identical chip with, so that all at once may."""


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
        there = asked.asked.dataset.items_available if asked.asked else asked.items
        if benchmark and there != benchmark.items:
            text = f"task `{task}` has {there:,} items, `{benchmark.name}` has {benchmark.items:,}"
            severity: Severity | None = "warning" if there < benchmark.items else None
            yield _found(project, name, "harness_tasks", task, "items", text=text, severity=severity)
        if asked.items > there:
            text = f"task `{task}` selects {asked.items:,} of {there:,} items"
            yield _found(project, name, "harness_tasks", task, "items", text=text)
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
    "a policy that turns an identical chip away",
    why=(
        "A chip that answers exactly as well as its reference still flips some answers, and too few items under a "
        "narrow margin then give HOLD. Nine tasks that each pass it with 88 % let it through with 32 %. A gate of "
        "vllm-omni sat one item above its own mean: 3 of 7 nightly runs were red, until somebody lowered the number."
    ),
    hint=(
        "ask more items or repeat them, write the wider margin that the items do resolve, or name the `flip_rate` that "
        "was measured; `flagrelease gate power --policy NAME` counts"
    ),
    bad={"policy.harness_tasks.quiz.margin_pt": 2.5},
    good={"policy.harness_tasks.quiz.margin_pt": 3.0},
)
def turns_equals_away(project: Project) -> Iterator[Found]:
    """GO for an identical chip below 80 %, at the flip rates that the tasks name; it is counted, not approximated.

    A supporting task that passes it less often is a warning; advisory tasks decide nothing.
    """
    for name, policy in _policies(project):
        tiers = {task: one.tier for task, one in policy.tasks.items()}
        tiers |= {task: one.tier for task, one in policy.harness_tasks.items()}
        critical = [task for task, tier in tiers.items() if tier == "critical"]
        if not critical:
            # FR505 says so, and there is no chance of GO to speak of.
            continue
        found = project.passing(policy)
        weakest = sorted(critical, key=lambda task: found.tasks[task])
        if found.go < ENOUGH:
            named = ", ".join(f"`{task}` {found.tasks[task]:.0%}" for task in weakest[:3])
            wanted = _wanted(policy, weakest[0])
            text = (
                f"an identical chip is GO with {found.go:.0%}, wanted {ENOUGH:.0%}; least often pass {named}: {wanted}"
            )
            yield _found(project, name, *_margin_of(policy, weakest[0]), text=text)
        for task, tier in tiers.items():
            if tier == "supporting" and found.tasks[task] < ENOUGH:
                text = f"task `{task}`: an identical chip passes with {found.tasks[task]:.0%}: {_wanted(policy, task)}"
                yield _found(project, name, *_margin_of(policy, task), text=text, severity="warning")


def _margin_of(policy: Policy, task: str) -> tuple[str, str, str]:
    return ("tasks" if task in policy.tasks else "harness_tasks", task, "margin_pt")


def _wanted(policy: Policy, name: str) -> str:
    """What a task has, and what it would need to pass an identical chip alone."""
    own, asked = policy.tasks.get(name), policy.harness_tasks.get(name)
    task = own or asked
    assert task is not None, name
    items, repeats = (own.selection.count, 1) if own else (asked.items, asked.repeats) if asked else (0, 1)
    has = f"{items:,} items" + (f" × {repeats}" if repeats > 1 else "")
    rate, margin = task.flip_rate, task.margin_pt / 100
    needed = items_for_margin(flip_rate=rate, margin=margin, alpha=policy.alpha, power=_ALONE)
    return f"`{name}` has {has} for {task.margin_pt:g} points at {100 * rate:g} % flips, some {needed:,} pass with 95 %"


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


@rule(
    "FR508",
    "error",
    "a task that its harness cannot ask",
    why=(
        "A harness that runs here asks what it is handed: without items, a judged task without the judge's address, or "
        "a name without a recipe, `evaluate` would stop after minutes of building. A harness that runs in the chip's "
        "image is handed nothing, and its task would never be asked as the policy says."
    ),
    hint="write the task's `asked`, as docs/evaluate.md has it, or name a harness that runs where the chip is",
    bad={"policy.harness_tasks.quiz.harness": "local"},
    good={"policy.harness_tasks.quiz.harness": "flageval"},
)
def not_askable(project: Project) -> Iterator[Found]:
    """Tasks of harnesses that have an environment here without items, and with items where it has none."""
    for name, _, task, asked, _ in _tasks(project):
        harness = project.recipes.harnesses.get(asked.harness)
        if harness is None:
            continue
        is_here = harness.runs.kind == "environment"
        if is_here and asked.asked is None:
            text = f"task `{task}` hands {harness.title} no items"
            yield _found(project, name, "harness_tasks", task, "harness", text=text)
        elif not is_here and asked.asked is not None:
            text = f"{harness.title} does not run here, so it is handed nothing"
            yield _found(project, name, "harness_tasks", task, "asked", text=text)
        elif asked.asked and asked.judge and asked.asked.judge_url is None:
            text = f"task `{task}` has a judge and does not say at which `judge_url`"
            yield _found(project, name, "harness_tasks", task, "asked", text=text)


def _alike(one: str, other: str) -> bool:
    words = [set(text.lower().replace("-", " ").replace("_", " ").split()) for text in (one, other)]
    return bool(words[0] & words[1])


@rule(
    "FR507",
    "error",
    "a flip rate below the default without its source",
    why=(
        "How many answers two equal chips give differently decides how likely a policy lets one pass. Below the 10 % "
        "that published cards imply, a rate is a claim: a policy could be made to look likely by naming a small one."
    ),
    hint="write where it was measured as the task's `flip_source`, or leave `flip_rate` out",
    bad={"policy.harness_tasks.quiz.flip_rate": 0.03},
    good={"policy.harness_tasks.quiz.flip_rate": 0.03, "policy.harness_tasks.quiz.flip_source": "a measured run"},
)
def unsourced_flip_rate(project: Project) -> Iterator[Found]:
    """Tasks of either kind, advisory ones too."""
    for name, policy in _policies(project):
        asked_of = [("tasks", task, asked.flip_rate, asked.flip_source) for task, asked in policy.tasks.items()]
        asked_of += [("harness_tasks", task, a.flip_rate, a.flip_source) for task, a in policy.harness_tasks.items()]
        for kind, task, rate, source in asked_of:
            if rate < FLIP_RATE and source is None:
                rates = f"{100 * rate:g} % of flips, below {100 * FLIP_RATE:g} %"
                text = f"task `{task}` names {rates}, without `flip_source`"
                yield _found(project, name, kind, task, "flip_rate", text=text)
