"""The report's value, filled from what the gate says of two sides' files."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from flagrelease.domain.comparison import Comparison
from flagrelease.domain.gate import Policy
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock
from flagrelease.domain.verdict import Evaluation, Judged, TaskVerdict, Waiver
from flagrelease.gate.phrases import decided, not_shown
from flagrelease.gate.records.words import look_words, open_words, waiver_words
from flagrelease.report.gate.page import Curve, Page, Row, Source, Told

_DROPS: Final = (*(quarter / 400 for quarter in range(20)), *(whole / 100 for whole in range(5, 11)))
"""0 to 10 points: by quarters to 5, where chances change."""

_BAD: Final = ("FAIL", "INVALID", "ANOMALY")


def page_of(found: Comparison, policy: Policy | None = None) -> Page:
    """The page of a comparison of files; the curve is there where the policy is given, and takes tenths of a second."""
    facts = [
        ("policy", f"{found.policy}, sha256 {found.policy_sha256}"),
        ("image", found.image or "not named: the verdict is about the files"),
    ]
    both = (("reference", found.reference), ("target", found.target))
    facts += [(side, f"{files.path}: {files.records:,} records of {files.harness}") for side, files in both]
    sources = [
        Source(side=side, path=source.path, kind=source.format, sha256=source.sha256)
        for side, files in both
        for source in files.sources
    ]
    title = f"{found.target.path} against {found.reference.path}"
    return _page(found, title, facts=facts, sources=sources, policy=policy, waiver=found.waiver)


def page_of_bundle(lock: Lock, image: Image, evaluation: Evaluation) -> Page:
    """The page of a built bundle, with the curve of the policy in its lock."""
    facts = [
        ("bundle", f"{lock.bundle} {lock.revision}"),
        ("image", image.digest),
        ("policy", f"{lock.policy.name}, sha256 {evaluation.verdict.policy_sha256}"),
        ("reference", evaluation.reference),
    ]
    for side in ("reference", "target"):
        software = [f"{one.name} {one.version}" for f in evaluation.evidence if f.side == side for one in f.software]
        if software:
            facts.append((f"answers of the {side} by", ", ".join(dict.fromkeys(software))))
    sources = [
        Source(side=one.side, path=one.path, kind=f"flagrelease, {one.task}", sha256=one.sha256)
        for one in evaluation.evidence
    ]
    title = f"{lock.weights.title} on {lock.chip_title}"
    return _page(evaluation.verdict, title, facts=facts, sources=sources, policy=lock.policy)


def _page(
    found: Judged,
    title: str,
    *,
    facts: Sequence[tuple[str, str]],
    sources: Sequence[Source],
    policy: Policy | None,
    waiver: Waiver | None = None,
) -> Page:
    before, after = _split(found)
    return Page(
        title=title,
        decision=found.decision,
        summary=_summary(found.tasks),
        reasons=(*(Told(text=text) for text in before), *_reasons(found.tasks), *_of_suite(found)),
        rows=rows_of(found),
        confidence=found.tasks[0].confidence if found.tasks else 0.9,
        waiver=waiver_words(waiver) if waiver else "",
        suite=found.suite.reason if found.suite else "",
        settle=tuple(_briefly(text, found.tasks) for text in found.settle),
        findings=_findings(found),
        asides=[*after, *_looks(found.tasks)],
        curve=curve_of(policy) if policy else None,
        facts=facts,
        sources=sources,
    )


def rows_of(found: Judged) -> tuple[Row, ...]:
    """One row a task."""
    return tuple(map(_row, found.tasks))


def curve_of(policy: Policy) -> Curve:
    """The operating characteristic, and the worst that one task at its margin gets through with."""
    from flagrelease.gate.planned import levels_of, planned  # noqa: PLC0415 - loads scipy
    from flagrelease.gate.statistics.policy_power import consumer_risk, curve  # noqa: PLC0415 - the same

    tasks, levels = planned(policy), levels_of(policy)
    risk = consumer_risk(tasks, levels=levels) if any(task.tier == "critical" for task in tasks) else None
    return Curve(points=curve(tasks, drops=_DROPS, levels=levels), risk=risk)


def _row(task: TaskVerdict) -> Row:
    return Row(
        task=task.task,
        tier=task.tier,
        decision=task.decision,
        items=task.items,
        margin=task.margin,
        scored=task.scored,
        reference=task.reference_score,
        target=task.target_score,
        difference=task.difference,
        worst=task.worst,
        interval=task.interval,
        is_paired=task.evidence != "aggregate",
        lost=task.lost,
        gained=task.gained,
    )


def _summary(tasks: Sequence[TaskVerdict]) -> str:
    critical = [task for task in tasks if task.tier == "critical"]
    passed = sum(task.decision in ("PASS", "PASS_WARN") for task in critical)
    return f"{passed} of {len(critical)} critical tasks with records passed"


def _briefly(text: str, tasks: Sequence[TaskVerdict]) -> str:
    """All tasks in a word, where a sentence begins with the name of each."""
    names = ", ".join(task.task for task in tasks)
    return text.replace(f"{names}: ", f"all {len(tasks)} tasks: ", 1) if len(tasks) > 1 else text


def _split(found: Judged) -> tuple[Sequence[str], Sequence[str]]:
    """What is said of no task that was judged: before the tasks what decides, after them what is for the reader."""
    own = {task.reason for task in found.tasks} | ({found.suite.reason} if found.suite else set())
    places = [number for number, text in enumerate(found.reasons) if text in own]
    last = max(places, default=len(found.reasons))
    # Findings about all tasks have a table of their own, but one that decides is a reason all the same.
    rest = [(number, text) for number, text in enumerate(found.reasons) if number and text not in own]
    return [text for number, text in rest if number < last], [text for number, text in rest if number > last]


def _of_suite(found: Judged) -> tuple[Told, ...]:
    """What all tasks together hold the bundle by."""
    holds = found.suite is not None and (found.suite.is_damaged or found.suite.is_shown is False)
    return (Told(text=found.suite.reason),) if found.suite and holds else ()


def _reasons(tasks: Sequence[TaskVerdict]) -> tuple[Told, ...]:
    """What keeps tasks from passing: those that can stop a bundle first, and each sentence once."""
    stopping = [task for task in tasks if task.decision in _BAD]
    open_ones = [task for task in tasks if task.decision == "INCONCLUSIVE" and task.tier == "critical"]
    return _grouped((task.task, one) for task in (*stopping, *open_ones) for one in _why(task))


def _looks(tasks: Sequence[TaskVerdict]) -> Iterator[str]:
    """After how many items each task was decided, of those that are decided at planned looks."""
    yield from (f"{task.task}: {look_words(task.sequential)}" for task in tasks if task.sequential is not None)


def _why(task: TaskVerdict) -> Iterator[Told]:
    heavy = "invalid" if task.decision == "INVALID" else "hold" if task.decision == "INCONCLUSIVE" else ""
    yield from (Told(text=one.text, id=one.id, weight=one.weight) for one in task.findings if one.weight == heavy)
    p_damage = 1.0 if task.p_damage_adjusted is None else task.p_damage_adjusted
    if task.decision == "INCONCLUSIVE" and task.interval is not None and task.p_margin is not None:
        text = not_shown(
            margin=task.margin,
            interval=task.interval,
            confidence=task.confidence,
            p_margin=task.p_margin,
            p_damage=p_damage,
            items_needed=task.items_needed,
        )
        if text:
            yield Told(text=text)
    if task.decision == "INCONCLUSIVE" and task.sequential is not None and (text := open_words(task.sequential)):
        yield Told(text=text)
    if task.decision in ("FAIL", "ANOMALY"):
        yield Told(text=decided(task.decision, margin=task.margin, interval=task.interval, p_damage=p_damage))


def _findings(found: Judged) -> tuple[Told, ...]:
    """Everything that the checks found, heaviest first, each sentence once with its tasks."""
    whole = [Told(text=one.text, id=one.id, weight=one.weight) for one in found.findings]
    of_tasks = _grouped(
        (task.task, Told(text=one.text, id=one.id, weight=one.weight)) for task in found.tasks for one in task.findings
    )
    order = ("invalid", "hold", "note")
    return tuple(sorted((*whole, *of_tasks), key=lambda one: order.index(one.weight)))


def _grouped(said: Iterable[tuple[str, Told]]) -> tuple[Told, ...]:
    tasks: dict[Told, list[str]] = {}
    for task, one in said:
        tasks.setdefault(one, []).append(task)
    return tuple(
        Told(text=one.text, id=one.id, weight=one.weight, tasks=tuple(dict.fromkeys(names)))
        for one, names in tasks.items()
    )
