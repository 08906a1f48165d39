"""What a policy asks of each task, and which records answer it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flagrelease.domain.answers import Record
from flagrelease.domain.benchmark import Benchmark, Scale
from flagrelease.domain.evalrun import selection_of
from flagrelease.domain.gate import HarnessTask, Policy, Task, Tier

_SAME_METRIC: Final = {"acc": "accuracy", "score": "judge score"}
_PLAIN: Final = re.compile(r"[^a-z0-9]+")


OWN: Final = "flagrelease"
"""The harness of the tasks that are asked here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One task of a policy. `margin` is a fraction; `step` none where an item's score may be anything."""

    name: str
    harness: str
    own: Task | None
    items: int
    metric: str
    scale: Scale
    step: float | None
    chance: float
    margin: float
    tier: Tier
    shots: int | None
    repeats: int
    judged: bool
    flip_rate: float
    spellings: frozenset[str]

    @property
    def seed(self) -> int:
        """What the fixed order of its items is drawn by."""
        return self.own.selection.seed if self.own is not None else 0

    @property
    def selection(self) -> str:
        """Which items were drawn, of a task that is asked here; empty for a harness's, which asks them all."""
        if self.own is None:
            return ""
        drawn = self.own.selection
        return selection_of(drawn.count, self.own.dataset.items_available, drawn.seed)


def asked_of(policy: Policy, benchmarks: Mapping[str, Benchmark]) -> tuple[Asked, ...]:
    """Every task of the policy, its own ones first."""
    own = (_own(name, task) for name, task in policy.tasks.items())
    of_harness = (_harness(name, task, benchmarks.get(task.benchmark)) for name, task in policy.harness_tasks.items())
    return (*own, *of_harness)


def _own(name: str, task: Task) -> Asked:
    return Asked(
        name=name,
        harness=OWN,
        own=task,
        items=task.selection.count,
        metric=task.metric,
        scale=task.scale,
        step=1.0,
        chance=task.chance,
        margin=task.margin_pt / 100,
        tier=task.tier,
        shots=None,
        repeats=1,
        judged=False,
        flip_rate=task.flip_rate,
        spellings=frozenset({plain(name)}),
    )


def _harness(name: str, task: HarnessTask, benchmark: Benchmark | None) -> Asked:
    words = [name, task.benchmark]
    if benchmark:
        words += [benchmark.title, *benchmark.aliases]
        words += [path.rpartition("/")[2].removesuffix(".py") for path in benchmark.tasks.values()]
    step = benchmark.step if benchmark else None
    # An unknown benchmark may have graded answers, unless its metric says that each is right or wrong.
    if benchmark is None and canonical_metric(task.metric) in ("accuracy", "exact_match"):
        step = 1.0
    return Asked(
        name=name,
        harness=task.harness,
        own=None,
        items=task.items,
        metric=task.metric,
        scale=task.scale,
        step=step,
        chance=task.chance,
        margin=task.margin_pt / 100,
        tier=task.tier,
        shots=task.shots,
        repeats=task.repeats,
        judged=task.judge is not None and "judge" in task.metric,
        flip_rate=task.flip_rate,
        spellings=frozenset(map(plain, words)),
    )


def plain(text: str) -> str:
    """Letters and digits, so that `MMMU_Pro vision` and `mmmu-pro-vision` are one name."""
    return _PLAIN.sub("", text.lower())


def canonical_metric(metric: str) -> str:
    """The metric without lm-eval's filter where that is `none`, and with one word for accuracy."""
    name = metric.strip().lower().removesuffix(",none")
    return _SAME_METRIC.get(name, name)


def answering(asked: Asked, records: Iterable[Record]) -> tuple[list[Record], list[str]]:
    """The records of this task with its metric, and the other metrics that there are of it.

    A metric without a filter fits one with any filter; a record that states no metric fits.
    """
    of_task = [record for record in records if _is_named(asked, record)]
    wanted = canonical_metric(asked.metric)
    fitting = [one for one in of_task if one.facts.metric is None or canonical_metric(one.facts.metric) == wanted]
    if not fitting:
        fitting = [
            one
            for one in of_task
            if one.facts.metric and canonical_metric(one.facts.metric.partition(",")[0]) == wanted
        ]
    others = sorted({one.facts.metric for one in of_task if one.facts.metric} - {one.facts.metric for one in fitting})
    return fitting, others


def _is_named(asked: Asked, record: Record) -> bool:
    return plain(record.facts.task) in asked.spellings


def unasked(asked: Sequence[Asked], records: Iterable[Record]) -> list[str]:
    """Tasks that the policy does not ask for."""
    known = frozenset().union(*(one.spellings for one in asked)) if asked else frozenset()
    return sorted({one.facts.task for one in records if plain(one.facts.task) not in known})
