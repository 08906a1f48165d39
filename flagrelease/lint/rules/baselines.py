"""Recorded references that variants name: whether they are good, signed where that is wanted, and of what is asked."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from flagrelease.domain.gate import HarnessTask, Task
from flagrelease.gate.covered import differences, model_of, names_in
from flagrelease.lint.found import Found
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.views import BaselineView, VariantView

_SOON: Final = timedelta(days=30)
_AGAIN: Final = "record the reference again: `flagrelease baseline record … --supersedes`, then `flagrelease lock`"


def _recorded(project: Project) -> Iterator[tuple[VariantView, BaselineView]]:
    """Variants with the baseline that they name, where it can be read."""
    for one in project.variants:
        reference = one.variant.reference
        name = reference.baseline if reference and reference.kind != "switched_off" else None
        if name is not None and name in project.held:
            yield one, project.held[name]


def _found(one: VariantView, baseline: BaselineView, text: str) -> Found:
    return one.found("reference", "baseline", text=f"`{baseline.name}` {text}")


@rule(
    "FR561",
    "error",
    "a baseline that cannot be a reference",
    why=(
        "A record that is damaged, was withdrawn, or is older than it was said to be good for says nothing about what "
        "the reference answers today. Seed-OSS gained 9 points on MuSR: its reference had been broken."
    ),
    hint=_AGAIN,
    bad={"variant.reference": {"kind": "recorded", "baseline": "tiny/old.json"}},
    good={"variant.reference": {"kind": "recorded", "baseline": "tiny/beta.json"}},
)
def bad_baseline(project: Project) -> Iterator[Found]:
    """Baselines that cannot be read, were withdrawn, or have expired."""
    for one, baseline in _recorded(project):
        if baseline.fault:
            yield _found(one, baseline, baseline.fault)
        elif baseline.withdrawn_since and baseline.withdrawn_since <= project.today:
            yield _found(one, baseline, f"was withdrawn on {baseline.withdrawn_since}: {baseline.withdrawn_why}")
        elif baseline.expires and baseline.expires < project.today:
            yield _found(one, baseline, f"was good until {baseline.expires}")


@rule(
    "FR562",
    "warning",
    "a baseline that soon ends",
    why="A reference run may take days on a chip that others want, too: the last month is the time to begin.",
    hint=_AGAIN,
    bad={"variant.reference": {"kind": "recorded", "baseline": "tiny/soon.json"}},
    good={"variant.reference": {"kind": "recorded", "baseline": "tiny/beta.json"}},
)
def baseline_ends(project: Project) -> Iterator[Found]:
    """Baselines whose last day is within a month."""
    for one, baseline in _recorded(project):
        if baseline.expires and project.today <= baseline.expires <= project.today + _SOON:
            yield _found(one, baseline, f"is good until {baseline.expires} only")


@rule(
    "FR563",
    "error",
    "a baseline that nobody signed",
    why=(
        "The policy wants a reference of which it is known who measured it: whoever can change the record can make any "
        "bundle pass."
    ),
    hint="sign it with `flagrelease baseline record … --sign-with`, and commit the key's `.pub` file below `trusted/`",
    bad={
        "variant.reference": {"kind": "recorded", "baseline": "tiny/unsigned.json"}, "policy.signed_reference": True,
    },
    good={"variant.reference": {"kind": "recorded", "baseline": "tiny/beta.json"}, "policy.signed_reference": True},
)  # fmt: skip
def unsigned_baseline(project: Project) -> Iterator[Found]:
    """Baselines without a trusted signature, of bundles whose policy wants one."""
    for one, baseline in _recorded(project):
        if one.policy and one.policy.signed_reference and not baseline.signers and not baseline.fault:
            yield _found(one, baseline, f"has no signature that counts, which policy `{one.policy.name}` wants")


@rule(
    "FR564",
    "error",
    "a baseline of something else",
    why=(
        "Answers of another model, or to other items, make every task INVALID, after hours of asking. The H100 of the "
        "first card's text is the A100 of its table."
    ),
    hint="name the baseline of this model that was recorded with this policy's tasks",
    bad={"variant.reference": {"kind": "recorded", "baseline": "tiny/other.json"}},
    good={"variant.reference": {"kind": "recorded", "baseline": "tiny/beta.json"}},
)
def other_baseline(project: Project) -> Iterator[Found]:
    """Baselines of another model, dataset, metric or number of items, or without one of the policy's tasks."""
    for one, baseline in _recorded(project):
        record = baseline.record
        if record is None or one.policy is None:
            continue
        model = model_of(record)
        if model not in (None, one.cell.model):
            yield _found(one, baseline, f"is of model `{model}`")
        known = names_in(record)
        benchmarks = project.recipes.benchmarks
        for name in (*one.policy.tasks, *one.policy.harness_tasks):
            if name not in known:
                yield _found(one, baseline, f"has no record of task `{name}`")
        tasks: dict[str, Task | HarnessTask] = {**one.policy.tasks, **one.policy.harness_tasks}
        for name, task in tasks.items():
            if known.count(name) == 1:
                for key, asked, recorded in differences(name, task, record, benchmarks):
                    where = ".".join(map(str, key))
                    yield _found(one, baseline, f"has {where} {recorded} of task `{name}`, the policy {asked}")


@rule(
    "FR565",
    "warning",
    "fewer flips than a rerun showed",
    why=(
        "A policy's power rests on how many answers two equal chips give differently. When the reference alone, run "
        "once more, already differs in more, the policy passes an identical chip less often than it says."
    ),
    hint="write what was measured as the task's `flip_rate`, and look at `flagrelease gate power`",
    bad={
        "variant.reference": {"kind": "recorded", "baseline": "tiny/beta.json"},
        "policy.harness_tasks.quiz.flip_rate": 0.02, "policy.harness_tasks.quiz.flip_source": "a rerun",
    },
    good={
        "variant.reference": {"kind": "recorded", "baseline": "tiny/beta.json"},
        "policy.harness_tasks.quiz.flip_rate": 0.06, "policy.harness_tasks.quiz.flip_source": "a rerun",
    },
)  # fmt: skip
def too_few_flips(project: Project) -> Iterator[Found]:
    """Tasks whose flip rate is below that of the baseline's reruns."""
    for one, baseline in _recorded(project):
        tasks: dict[str, Task | HarnessTask] = {}
        if one.policy:
            tasks = {**one.policy.tasks, **one.policy.harness_tasks}
        for name, task in tasks.items():
            measured = baseline.flip_rates.get(name, 0.0)
            if measured > task.flip_rate:
                text = f"differs from its own rerun in {100 * measured:.2f} % of `{name}`, the policy expects "
                yield _found(one, baseline, f"{text}{100 * task.flip_rate:.2f} %")
