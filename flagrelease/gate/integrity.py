"""Whether two records may be compared at all. Looked at before any figure."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from flagrelease.domain.evidence import EvalRun
from flagrelease.domain.gate import Policy, Task
from flagrelease.domain.value import Digest
from flagrelease.domain.verdict import Finding
from flagrelease.gate.pairs import right_items
from flagrelease.gate.statistics.chance import p_above_chance

_SCORE_TOLERANCE: Final = 1e-9
_EXAMPLES: Final = 3
"""Item ids that a finding names."""

_LONGEST_VALUE: Final = 120

_SAME: Final[tuple[tuple[str, str, Callable[[EvalRun], str]], ...]] = (
    ("other-dataset", "the dataset's SHA-256", lambda run: run.dataset.sha256),
    ("other-split", "the split", lambda run: run.dataset.split),
    ("other-selection", "the selection's seed", lambda run: str(run.dataset.selection_seed)),
    ("other-selection", "the number of selected items", lambda run: str(run.dataset.items_selected)),
    ("other-dataset", "the number of available items", lambda run: str(run.dataset.items_available)),
    ("other-prompts", "the prompts' SHA-256", lambda run: run.prompts_sha256),
    ("other-model", "the model", lambda run: run.model),
    ("other-weights", "the weights' SHA-256", lambda run: run.weights_sha256),
)


def check_integrity(
    reference: EvalRun, target: EvalRun, task: Task, *, name: str, policy: Policy, image: Digest
) -> tuple[Finding, ...]:
    """What speaks against comparing these two records of the policy's task `name`, about this image."""
    return (
        *_against_policy("reference", reference, name, task),
        *_against_policy("target", target, name, task),
        *_between(reference, target),
        *_precision(reference, target),
        *_items("reference", reference, task, policy),
        *_items("target", target, task, policy),
        *_pairing(reference, target),
        *_image(reference, target, image),
        *_chance(reference, target, task, policy),
        *_subset(target),
    )


def _invalid(finding: str, text: str) -> Finding:
    return Finding(id=finding, weight="invalid", text=text)


def _against_policy(side: str, run: EvalRun, name: str, task: Task) -> Iterator[Finding]:
    wanted_and_found = (
        ("other-task", "the task", name, run.task),
        ("other-kind", "the kind", task.kind, run.kind),
        ("other-metric", "the metric", task.metric, run.metric),
        ("other-split", "the split", task.dataset.split, run.dataset.split),
        ("other-dataset", "the number of available items", task.dataset.items_available, run.dataset.items_available),
        ("other-selection", "the number of selected items", task.selection.count, run.dataset.items_selected),
        ("other-selection", "the selection's seed", task.selection.seed, run.dataset.selection_seed),
    )
    for finding, what, wanted, found in wanted_and_found:
        if wanted != found:
            yield _invalid(f"{side}-{finding}", f"the policy wants {what} {wanted}, the {side} has {_cut(found)}")


def _between(reference: EvalRun, target: EvalRun) -> Iterator[Finding]:
    for finding, what, read in _SAME:
        if read(reference) != read(target):
            before, after = _cut(read(reference)), _cut(read(target))
            yield _invalid(finding, f"{what} is {before} on the reference and {after} on the target")


def _precision(reference: EvalRun, target: EvalRun) -> Iterator[Finding]:
    """From the same weights file a reference may well compute in more bits; the reader has to know."""
    if reference.precision != target.precision:
        before, after = _cut(reference.precision), _cut(target.precision)
        text = f"the reference computes in {before}, the target in {after}"
        yield Finding(id="other-precision", weight="note", text=text)


def _items(side: str, run: EvalRun, task: Task, policy: Policy) -> Iterator[Finding]:
    selected = task.selection.count
    twice = [item for item, times in Counter(item.id for item in run.items).items() if times > 1]
    if twice:
        yield _invalid(f"{side}-duplicate-items", f"the {side} has {_named(twice)} more than once")
    if partial := [item.id for item in run.items if item.score not in (0, 1)]:
        yield _invalid(f"{side}-partial-scores", f"the {side} scores {_named(partial)} neither right nor wrong")
    if scored := [item.id for item in run.items if item.status != "ok" and item.score]:
        yield _invalid(
            f"{side}-scored-without-answer", f"the {side} gives points for {_named(scored)} without an answer"
        )
    score = math.fsum(item.score for item in run.items if item.status == "ok") / selected
    if not math.isclose(score, run.score, rel_tol=0, abs_tol=_SCORE_TOLERANCE):
        text = f"the {side} states a score of {100 * run.score:.2f} points, its items give {100 * score:.2f}"
        yield _invalid(f"{side}-score-differs", text)
    answered = sum(item.status == "ok" for item in run.items)
    lacking = max(0, selected - answered)
    if lacking / selected > policy.max_reject_rate:
        text = (
            f"the {side} has no answer to {lacking} of {selected} items ({100 * lacking / selected:.2f} points), "
            f"more than the {100 * policy.max_reject_rate:.2f} points the policy allows"
        )
        yield _invalid(f"{side}-too-many-rejects", text)


def _pairing(reference: EvalRun, target: EvalRun) -> Iterator[Finding]:
    before = {item.id: item for item in reference.items}
    after = {item.id: item for item in target.items}
    for side, here, there in (("reference", before, after), ("target", after, before)):
        if lacking := sorted(there.keys() - here.keys()):
            yield _invalid(f"{side}-missing-items", f"the {side} lacks {_named(lacking)} of the other side")
    selected = max(reference.dataset.items_selected, target.dataset.items_selected)
    if len(before.keys() | after.keys()) != selected:
        text = f"{selected} items are said to be selected, the records hold {len(before.keys() | after.keys())}"
        yield _invalid("other-number-of-items", text)
    both = sorted(before.keys() & after.keys())
    if changed := [item for item in both if before[item].item_sha256 != after[item].item_sha256]:
        yield _invalid("item-differs", f"{_named(changed)} differ between the sides")
    if changed := [item for item in both if before[item].prompt_sha256 != after[item].prompt_sha256]:
        yield _invalid("prompt-differs", f"the prompts of {_named(changed)} differ between the sides")


def _image(reference: EvalRun, target: EvalRun, image: Digest) -> Iterator[Finding]:
    if target.image != image:
        found = target.image or "no image"
        yield _invalid("other-image", f"the target's answers are of {found}, the verdict is about {image}")
    if reference.image == image:
        text = "the reference's answers are of the very image that is judged, so they show nothing about it"
        yield Finding(id="reference-is-target", weight="hold", text=text)


def _chance(reference: EvalRun, target: EvalRun, task: Task, policy: Policy) -> Iterator[Finding]:
    for side, run in (("reference", reference), ("target", target)):
        p = side_p_above_chance(run, task)
        if p >= policy.alpha:
            text = (
                f"the {side} scores {100 * len(right_items(run)) / task.selection.count:.2f} points where a guesser "
                f"scores {100 * task.chance:.2f} (p {p:.3g}), so the task shows nothing about it"
            )
            yield Finding(id=f"{side}-at-chance", weight="hold", text=text)


def side_p_above_chance(run: EvalRun, task: Task) -> float:
    """How often a guesser does at least as well as this side over the selected items."""
    right = len(right_items(run))
    return p_above_chance(right=right, items=max(right, task.selection.count), chance=task.chance)


def _subset(target: EvalRun) -> Iterator[Finding]:
    selected, available = target.dataset.items_selected, target.dataset.items_available
    if selected < available:
        text = f"{selected} of {available} items were asked, drawn with seed {target.dataset.selection_seed}"
        yield Finding(id="subset", weight="note", text=text)


def _named(items: list[str]) -> str:
    named = ", ".join(_cut(item) for item in items[:_EXAMPLES])
    rest = f" and {len(items) - _EXAMPLES} more" if len(items) > _EXAMPLES else ""
    return f"{'item' if len(items) == 1 else 'items'} {named}{rest}"


def _cut(value: object) -> str:
    """On one line and of a sane length, whatever a record says."""
    line = " ".join(str(value).split())
    return line if len(line) <= _LONGEST_VALUE else f"{line[: _LONGEST_VALUE - 1]}…"
