"""Records as a baseline keeps them: what fits its policy, what it states of each task, and how a rerun differs."""

import hashlib
import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flagrelease.domain.answers import Answers, Record
from flagrelease.domain.baseline import Answered, BaselineTask, RecordFile, RerunTask
from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.evalrun import RunFacts
from flagrelease.domain.gate import Policy
from flagrelease.domain.verdict import Finding
from flagrelease.errors import GateError, RecipeError
from flagrelease.formats.canonical import canonical_json
from flagrelease.gate.records.alone import alone
from flagrelease.gate.records.asked import asked_of
from flagrelease.gate.records.check import Sides, cut
from flagrelease.gate.records.checks import look
from flagrelease.gate.records.choose import choose

_LONGEST_ID: Final = 200
_REFUSED: Final = frozenset({"aggregate-only", "graded"})
_SAID: Final = 20


@dataclass(frozen=True, slots=True)
class Kept:
    """The record of one task, with what a reader of it has to know."""

    record: Record
    findings: tuple[Finding, ...]


def fitting(policy: Policy, benchmarks: Mapping[str, Benchmark], records: Sequence[Record]) -> dict[str, Kept]:
    """The one record of each of the policy's tasks, under the policy's name.

    Raises GateError with everything that the policy, or a benchmark, does not fit.
    """
    kept, wrong = {}, []
    for asked in asked_of(policy, benchmarks):
        chosen = choose("reference", asked, records)
        if chosen.record is None:
            wrong.append(f"{asked.name}: no record with metric `{asked.metric}`")
            continue
        record = chosen.record
        findings = (*chosen.findings, *alone(record, asked, policy))
        wrong += [f"{asked.name}: {one.id}: {one.text}" for one in findings if _spoils(one)]
        wrong += [f"{asked.name}: {text}" for text in _texts(record)]
        kept[asked.name] = Kept(record, tuple(one for one in findings if not _spoils(one)))
    if wrong:
        more = [f"and {len(wrong) - _SAID} more"] if len(wrong) > _SAID else []
        lines = "\n".join(f"  {text}" for text in (*wrong[:_SAID], *more))
        raise GateError(
            f"these results do not fit policy `{policy.name}`\n{lines}",
            hint="run the harness again as the policy asks; a reference with faults makes every verdict INVALID",
        )
    return kept


def _spoils(finding: Finding) -> bool:
    return finding.weight == "invalid" or finding.id in _REFUSED


def _texts(record: Record) -> list[str]:
    """Ids so long that they may be text of a dataset, which a baseline must not pass on."""
    long = [one for one in (record.answers.ids if record.answers else ()) if len(one) > _LONGEST_ID]
    return [f"item {cut(long[0][:60])!r}…: wanted an id of at most {_LONGEST_ID} characters"] if long else []


def answered_by(facts: RunFacts, answered: Answered) -> RunFacts:
    """The facts with what is known of who answered. Raises RecipeError where the record says otherwise."""
    stated = (
        ("chip", "chip", facts.chip, answered.chip),
        ("image", "image", facts.image, answered.image),
        ("weights_sha256", "weights", facts.weights_sha256, answered.weights_sha256),
        ("precision", "precision", facts.precision, answered.precision),
        ("software", "software", facts.software or None, answered.software or None),
    )
    for _, what, found, wanted in stated:
        if found is not None and wanted is not None and found != wanted:
            raise RecipeError(
                f"{facts.task}: the record says {what} {cut(_shown(found))}, the command {cut(_shown(wanted))}",
                hint="leave the option out: what the record states is taken from it",
            )
    known = {field: found if found is not None else wanted for field, _, found, wanted in stated}
    return facts.model_copy(update={**known, "software": known["software"] or ()})


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"{one.name} {one.version}" for one in value)
    return str(value)


def task_of(name: str, record: Record, file: RecordFile) -> BaselineTask:
    """What the statement says of a record. Its headline is recomputed: `score` is over all answers."""
    answers = record.answers
    assert answers is not None
    return BaselineTask(
        name=name,
        facts=record.facts,
        record=file,
        score=min(1.0, math.fsum(answers.scores) / len(answers)),
        unanswered=len(answers) - answers.count("ok"),
        prompts_sha256=_over(answers, answers.prompts),
        documents_sha256=_over(answers, answers.documents),
    )


def _over(answers: Answers, marks: "array[int]") -> str | None:
    """One hash over what each item was; none where nothing is known of any."""
    if not any(marks):
        return None
    pairs = sorted(zip(answers.ids, answers.repeats, (f"{mark:016x}" for mark in marks), strict=True))
    return hashlib.sha256(canonical_json(pairs)).hexdigest()


def rerun_of(
    name: str,
    first: Record,
    again: Record,
    file: RecordFile,
    *,
    policy: Policy,
    benchmarks: Mapping[str, Benchmark],
) -> RerunTask:
    """How many items a rerun of the same reference answered with another score.

    Raises GateError where it is no rerun: something else was asked, or it is the same run once more.
    """
    asked = next(one for one in asked_of(policy, benchmarks) if one.name == name)
    sides = Sides(asked=asked, policy=policy, reference=first, target=again)
    before, after = {s.sha256 for s in first.facts.sources}, {s.sha256 for s in again.facts.sources}
    wrong = [f"{one.id}: {one.text}" for one in look(sides) if one.weight == "invalid"]
    if before & after:
        wrong.append("reference-is-target: some of the files are those of the first run, byte for byte")
    if (first.facts.chip, first.facts.software) != (again.facts.chip, again.facts.software):
        wrong.append("other-software: a rerun is of the same chip and the same software")
    if first.facts.finished is not None and first.facts.finished == again.facts.finished:
        wrong.append("reference-is-target: it ended at the same moment as the first run")
    if wrong:
        lines = "\n".join(f"  {text}" for text in wrong[:_SAID])
        raise GateError(
            f"{asked.name}: this is no rerun of the same reference\n{lines}", hint="change nothing, run again"
        )
    assert first.answers is not None
    assert again.answers is not None
    old, new = _means(first.answers), _means(again.answers)
    flipped = sum(not math.isclose(old.get(item, 0.0), new.get(item, 0.0), abs_tol=1e-9) for item in old | new)
    return RerunTask(task=asked.name, record=file, items=len(old | new), flipped=flipped)


def _means(answers: Answers) -> dict[str, float]:
    scores: dict[str, list[float]] = {}
    for item, score in zip(answers.ids, answers.scores, strict=True):
        scores.setdefault(item, []).append(score)
    return {item: math.fsum(own) / len(own) for item, own in scores.items()}
