"""Whether a baseline holds what a policy asks, without reading its answers."""

from collections.abc import Iterator, Mapping

from flagrelease.domain.baseline import BaselineStatement, BaselineTask
from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.evalrun import selection_of
from flagrelease.domain.evidence import Baseline, EvalRun
from flagrelease.domain.gate import HarnessTask, Task
from flagrelease.formats.positions import Path as Key
from flagrelease.formats.positions import quoted
from flagrelease.gate.records.asked import canonical_metric

Difference = tuple[Key, object, object]
"""A key of a task, what the policy says, and what was recorded."""


def names_in(record: Baseline | BaselineStatement) -> list[str]:
    """The tasks of a baseline, by the name that policies ask for them."""
    if isinstance(record, Baseline):
        return [run.task for run in record.runs]
    return [task.name for task in record.tasks]


def model_of(record: Baseline | BaselineStatement) -> str | None:
    """The model that answered; None where a baseline of version 1 is of several."""
    if isinstance(record, BaselineStatement):
        return record.answered.model
    models = {run.model for run in record.runs}
    return models.pop() if len(models) == 1 else None


def differences(
    name: str,
    task: Task | HarnessTask,
    record: Baseline | BaselineStatement,
    benchmarks: Mapping[str, Benchmark] | None = None,
) -> Iterator[Difference]:
    """Where the policy's task is not what was recorded, of a task that is recorded once."""
    if isinstance(record, Baseline):
        run = next(run for run in record.runs if run.task == name)
        if isinstance(task, Task):
            yield from _of_run(task, run)
        return
    recorded = next(one for one in record.tasks if one.name == name)
    yield from _own(task, recorded) if isinstance(task, Task) else _by_harness(task, recorded, benchmarks or {})


def _of_run(task: Task, run: EvalRun) -> Iterator[Difference]:
    dataset = run.dataset
    compared = (
        (("kind",), quoted(task.kind), quoted(run.kind)),
        (("metric",), quoted(task.metric), quoted(run.metric)),
        (("dataset", "split"), quoted(task.dataset.split), quoted(dataset.split)),
        (("dataset", "items_available"), task.dataset.items_available, dataset.items_available),
        (("selection", "count"), task.selection.count, min(dataset.items_selected, len(run.items))),
        (("selection", "seed"), task.selection.seed, dataset.selection_seed),
    )
    yield from (one for one in compared if one[1] != one[2])


def _own(task: Task, recorded: BaselineTask) -> Iterator[Difference]:
    facts, chosen = recorded.facts, task.selection
    drawn = selection_of(chosen.count, task.dataset.items_available, chosen.seed)
    compared = (
        (("metric",), quoted(task.metric), quoted(facts.metric or "")),
        (("dataset", "split"), quoted(task.dataset.split), quoted(facts.dataset.split or "")),
        (("selection",), quoted(drawn), quoted(facts.dataset.fingerprint or "")),
        (("selection", "count"), chosen.count, recorded.record.answers),
    )
    yield from (one for one in compared if one[1] != one[2])


def _by_harness(task: HarnessTask, recorded: BaselineTask, benchmarks: Mapping[str, Benchmark]) -> Iterator[Difference]:
    """What a harness does not state cannot differ."""
    facts = recorded.facts
    metric = facts.metric or task.metric
    if canonical_metric(metric) != canonical_metric(task.metric) and not metric.startswith(f"{task.metric},"):
        yield ("metric",), quoted(task.metric), quoted(metric)
    if facts.harness.name != task.harness:
        yield ("harness",), quoted(task.harness), quoted(facts.harness.name)
    items = facts.dataset.items
    if items is not None and items != task.items:
        yield ("items",), task.items, items
    if task.shots is not None and facts.shots is not None and facts.shots != task.shots:
        yield ("shots",), task.shots, facts.shots
    known = benchmarks.get(task.benchmark)
    if known is not None and items is not None and items > known.items:
        yield ("benchmark",), f"{known.items:,} items", f"{items:,}"
