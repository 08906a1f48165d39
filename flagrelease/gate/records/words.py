"""The verdict in sentences, and as a table. Figures are in points: hundredths of the share of right answers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from flagrelease.domain.comparison import Comparison
from flagrelease.domain.verdict import Decision, Stop, SuiteVerdict, TaskVerdict, Waiver
from flagrelease.gate.phrases import decided, not_shown, points, shortened, signed

_LONGEST: Final = 2000
_ITEMS: Final[Mapping[str, str]] = {
    "lm-eval": "run lm-eval with `--log_samples` and give its output folder",
    "lmms-eval": "run lmms-eval with `--log_samples` and give its output folder",
    "evalscope": "give EvalScope's whole output folder, with `reviews/`",
    "flagevalmm": "give `<task>_evaluated.json` beside `<task>_result.json`",
    "vlmevalkit": "give `*_result.tsv` beside the score",
    "opencompass": "run OpenCompass with `--dump-eval-details` and give `results/`",
}
"""How each harness is made to keep its items."""


def task_words(task: TaskVerdict) -> str:
    """One task: its decision, its figures, and why."""
    figures = f"{task.task} ({task.tier}): {task.decision}"
    if task.reference_score is not None and task.target_score is not None and task.difference is not None:
        figures += (
            f": {points(task.target_score)} points against {points(task.reference_score)} of the reference over "
            f"{task.items:,} items, difference {signed(task.difference)}{_interval(task)}"
        )
    if task.lost is not None:
        figures += f", {task.lost} lost and {task.gained} gained"
    if task.sequential is not None:
        figures += f"; {look_words(task.sequential)}"
    if task.repeats is not None and task.repeats_share is not None:
        figures += f"; {repeats_words(task.repeats, task.repeats_share)}"
    text = f"{figures}; {_why(task)}"
    return shortened(text)


def bundle_words(decision: Decision, tasks: Sequence[TaskVerdict]) -> str:
    """What the decision means."""
    critical = [task for task in tasks if task.tier == "critical"]
    passed = sum(task.decision in ("PASS", "PASS_WARN") for task in critical)
    shown = f"{passed} of {len(critical)} critical tasks passed"
    match decision:
        case "GO":
            return f"GO: {shown}"
        case "HOLD":
            return f"HOLD: the evidence does not decide; {shown}"
        case "NO-GO":
            return f"NO-GO: the target is not shown to answer as well as its reference; {shown}, of those with a record"


def look_words(stop: Stop) -> str:
    """How far a task at planned looks came."""
    verb = "decided at" if stop.step in {"PASS", "FAIL", "ANOMALY"} else "open after"
    return (
        f"{verb} look {stop.look} of {len(stop.looks)}, {stop.looks[stop.look - 1]:,} of {stop.looks[-1]:,} items: it "
        f"lies {stop.score:.2f} standard errors above the margin, a pass needs {stop.needed:.2f}"
    )


def repeats_words(repeats: int, share: float) -> str:
    """How much of the noise is that of doing it again."""
    of_it = f"{100 * share:.0f} % of the variance is that of answering or judging again"
    return f"with {repeats} repeats of each item, {of_it}"


def suite_words(suite: SuiteVerdict) -> str:
    """All tasks together, in a sentence."""
    mean = f"the mean difference is {signed(suite.difference)}, at least {signed(suite.low)}"
    text = f"suite: over {suite.tasks} {'task' if suite.tasks == 1 else 'tasks'} {mean}"
    if suite.margin is not None:
        shown = "within" if suite.is_shown else "not shown to be within"
        text += f", {shown} the {points(suite.margin)} that the policy allows"
    if suite.p_damage is not None:
        found = "damage that no single task need show" if suite.is_damaged else "no damage found"
        text += (
            f"; {found}: pooled p {suite.p_pooled:.3g}, largest drop p {suite.p_max_drop:.3g}, Fisher's p "
            f"{suite.p_fisher:.3g}, the smallest times three {suite.p_damage:.3g}"
        )
    return shortened(text)


def settle_words(tasks: Sequence[TaskVerdict], harnesses: Mapping[str, str]) -> tuple[str, ...]:
    """What would turn a HOLD into an answer, each once."""
    wanted: dict[str, list[str]] = {}
    for task in tasks:
        if task.decision == "INCONCLUSIVE":
            for text in (*_settling(task, harnesses.get(task.task, "")), *_more(task)):
                wanted.setdefault(text, []).append(task.task)
    return tuple(f"{', '.join(names)}: {text}"[:_LONGEST] for text, names in wanted.items())


def _settling(task: TaskVerdict, harness: str) -> Iterator[str]:
    ids = {finding.id for finding in task.findings}
    if "aggregate-only" in ids:
        yield _ITEMS.get(harness, "the record of each item on both sides, as a harness keeps it")
    if "difference-only" in ids:
        yield f"both sides' scores with the record of each item, {task.items:,} items each"
    if "unattainable-aggregate" in ids:
        yield "how many items were scored, and how many runs were averaged"
    if "stated-by-one-side" in ids:
        yield "the whole output of the side that leaves it out"
    if "at-chance" in ids:
        yield "a task that the model answers better than a guesser"
    if ids & {"length-drift", "truncation-drift"}:
        yield "why answers end earlier or later: the stop strings, the limit of tokens, the chat template"
    if "reference-is-target" in ids:
        yield "a reference that is another run"
    if "unbound" in ids:
        yield "answers of the image that is judged, as `flagrelease evaluate` records them"


def _more(task: TaskVerdict) -> Iterator[str]:
    if task.sequential is not None and task.sequential.next_items is not None:
        yield f"the items up to {task.sequential.next_items:,} of the order, which `flagrelease gate order` prints"
    if task.items_needed is not None:
        yield f"about {task.items_needed:,} items{_or_repeats(task)}"


def _or_repeats(task: TaskVerdict) -> str:
    """How many answers to each item are as good as more items, where that is known or may be supposed."""
    if task.repeats_share is not None:
        if task.repeats_needed is None:
            return "; more repeats of each do not decide, since the items themselves differ too much"
        return f", or {task.repeats_needed} repeats of each of its {task.items:,} on both sides"
    runs = -(-(task.items_needed or 0) // task.items)
    return f", or {runs} runs of its {task.items:,} on each side" if runs > 1 else ""


def waiver_words(waiver: Waiver) -> str:
    """Who let a HOLD through, until when, and why."""
    return f"Let through by waiver of {waiver.owner} until {waiver.expires}, for {waiver.image} only: {waiver.reason}"


def table(one: Comparison) -> Iterator[str]:
    """One row a task, in Markdown that reads as a table on a terminal too."""
    rows: list[tuple[str, ...]] = [
        ("task", "n", "reference", "target", "difference [CI]", "flips b/c", "margin", "verdict")
    ]
    rows += [_row(task) for task in one.tasks]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        if number == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"


def _row(task: TaskVerdict) -> tuple[str, ...]:
    scores = [task.reference_score, task.target_score]
    difference = "-" if task.difference is None else f"{signed(task.difference)}{_interval(task, confidence=False)}"
    return (
        task.task,
        f"{task.items:,}",
        *("-" if score is None else points(score) for score in scores),
        difference,
        "-" if task.lost is None else f"{task.lost}/{task.gained}",
        points(task.margin),
        task.decision,
    )


def _interval(task: TaskVerdict, *, confidence: bool = True) -> str:
    if task.interval is None:
        return ""
    low, high = task.interval
    at = f" at {100 * task.confidence:.4g} %" if confidence else ""
    return f" [{signed(low)}, {signed(high)}]{at}"


def _why(task: TaskVerdict) -> str:
    if task.decision == "INVALID":
        return _findings(task, "invalid")
    if task.decision != "INCONCLUSIVE":
        p_damage = 0.0 if task.p_damage_adjusted is None else task.p_damage_adjusted
        return decided(task.decision, margin=task.margin, interval=task.interval, p_damage=p_damage)
    return "; ".join(filter(None, (_findings(task, "hold"), _too_few(task))))


def _too_few(task: TaskVerdict) -> str:
    """Nothing of aggregates: their interval decides nothing, however many items there are."""
    if task.sequential is not None:
        return open_words(task.sequential)
    if task.interval is None or task.p_margin is None:
        return ""
    text = not_shown(
        margin=task.margin,
        interval=task.interval,
        confidence=task.confidence,
        p_margin=task.p_margin,
        p_damage=1.0 if task.p_damage_adjusted is None else task.p_damage_adjusted,
        items_needed=task.items_needed,
    )
    if text and task.items_needed is not None and task.items_available is not None:
        text += f", {task.items_available:,} are available"
    return text


def open_words(stop: Stop) -> str:
    """Why a look leaves a task open, and how to go on."""
    if stop.step == "END":
        return "all items are in, and the loss is not shown to be within the margin"
    if stop.step == "FUTILE":
        chance = f"{100 * stop.chance_to_pass:.0f} %"
        return (
            f"an identical system would pass in the end with {chance} only: stop here undecided, or ask up to item "
            f"{stop.next_items:,} of the order"
        )
    return f"ask up to item {stop.next_items:,} of the order" if stop.next_items is not None else ""


def _findings(task: TaskVerdict, weight: str) -> str:
    return "; ".join(f"{finding.id}: {finding.text}" for finding in task.findings if finding.weight == weight)
