"""Baselines as people and programs read them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from flagrelease.adapters.recipes.baselines import HeldBaseline
from flagrelease.domain.baseline import Answered, BaselineStatement, BaselineTask
from flagrelease.domain.evalrun import RunFacts
from flagrelease.report.columns import columns
from flagrelease.report.words import short
from flagrelease.sealing.detached import SigningKey, VerifyingKey

_CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One baseline with what is found out about it. `fault` says why it cannot be read, or is no reference."""

    name: str
    held: HeldBaseline | None
    signers: tuple[VerifyingKey, ...] = ()
    fault: str = ""

    @property
    def chip(self) -> str:
        """The chip that answered; empty where it is not known."""
        if self.held is None:
            return ""
        if self.held.statement is not None:
            return self.held.statement.answered.chip
        return next(run.chip for run in self.held.baseline.runs)  # type: ignore[union-attr]

    @property
    def recorded(self) -> date | None:
        """The day on which it was recorded."""
        if self.held is None:
            return None
        if self.held.statement is not None:
            return self.held.statement.written.at.date()
        return max(run.finished for run in self.held.baseline.runs).date()  # type: ignore[union-attr]

    @property
    def expires(self) -> date | None:
        """Its last day; None for one of version 1, which has none."""
        return self.held.statement.expires if self.held and self.held.statement else None

    @property
    def model(self) -> str:
        """The model, which is the name's first half."""
        return self.name.partition("/")[0]

    def data(self) -> Mapping[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "model": self.model,
            "chip": self.chip,
            "version": None if self.held is None else 2 if self.held.statement else 1,
            "sha256": self.held.sha256 if self.held else None,
            "recorded": self.recorded.isoformat() if self.recorded else None,
            "expires": self.expires.isoformat() if self.expires else None,
            "signed_by": [{"name": key.name, "key": key.id} for key in self.signers],
            "fault": self.fault,
        }


def listed_words(found: Sequence[Listed], today: date) -> str:
    """A table, a baseline a line."""
    rows = [("baseline", "chip", "age", "until", "signed by", "state")]
    for one in found:
        age = f"{(today - one.recorded).days} d" if one.recorded else ""
        until = one.expires.isoformat() if one.expires else "-"
        signed = ", ".join(key.shown for key in one.signers) or "nobody"
        rows.append((one.name, one.chip, age, until, signed, short(one.fault) or "good"))
    return "\n".join(columns(rows)) + "\n"


def recorded_words(statement: BaselineStatement, path: Path, key: SigningKey | None) -> str:
    """What `record` says that it did."""
    lines = [f"{path}"]
    lines += [f"  {task.name}: {_score(task)}" for task in statement.tasks]
    lines += [f"  rerun: {text}" for text in _flips(statement)]
    lines.append(f"  signed by {key.public.shown}" if key else "  not signed: `--sign-with KEY` signs it")
    lines.append(f"  good until {statement.expires}; `flagrelease lock` pins it")
    return "\n".join(lines) + "\n"


def shown_words(one: Listed, today: date) -> str:
    """One baseline for a person, in a minute."""
    assert one.held is not None
    statement = one.held.statement
    if statement is None:
        return "\n".join(_first_version(one)) + "\n"
    lines = [
        f"{one.name}: {statement.title}",
        f"  {one.fault or f'good until {statement.expires}'}",
        *_answered(statement.answered),
        f"  policy     {statement.policy} ({statement.policy_sha256[:12]})",
        f"  recorded   {_when(statement, today)}, by {statement.written.by} with {statement.written.tool}",
        f"  signed by  {', '.join(key.shown for key in one.signers) or 'nobody that is trusted here'}",
        f"  sha256     {one.held.sha256}",
        *([f"  supersedes {statement.supersedes}"] if statement.supersedes else []),
    ]
    for task in statement.tasks:
        lines += ["", f"{task.name}: {_score(task)}", *_asked(task)]
    if statement.reruns:
        lines += ["", "answered once more, with nothing changed:", *(f"  {text}" for text in _flips(statement))]
    return "\n".join(lines) + "\n"


def _when(statement: BaselineStatement, today: date) -> str:
    at = statement.written.at
    return f"{at:%Y-%m-%d %H:%M} UTC, {(today - at.date()).days} days ago"


def _first_version(one: Listed) -> Iterator[str]:
    assert one.held is not None
    baseline = one.held.baseline
    assert not isinstance(baseline, BaselineStatement)
    yield f"{one.name}: {baseline.title}"
    yield f"  {one.fault or 'version 1: no expiry, no statement of what answered beyond its records'}"
    yield f"  signed by  {', '.join(key.shown for key in one.signers) or 'nobody that is trusted here'}"
    yield f"  sha256     {one.held.sha256}"
    for run in baseline.runs:
        yield f"{run.task}: {100 * run.score:.2f} of 100 over {len(run.items):,} items, {run.finished:%Y-%m-%d}"


def _answered(answered: Answered) -> Iterator[str]:
    yield f"  answered   {answered.chip}" + (f", {short(answered.hardware)}" if answered.hardware else "")
    if answered.image:
        yield f"  image      {answered.image}"
    if answered.software:
        yield f"  software   {short(', '.join(f'{one.name} {one.version}' for one in answered.software))}"
    yield f"  weights    {answered.model}, sha256 {answered.weights_sha256}" + (
        f", in {short(answered.precision)}" if answered.precision else ""
    )
    for name, value in answered.switches.items():
        yield f"  switch     {name} {'is unset' if value is None else f'= {short(value)}'}"


def _asked(task: BaselineTask) -> Iterator[str]:
    facts, dataset = task.facts, task.facts.dataset
    yield f"  harness    {_harness(facts)}"
    parts = (dataset.id, dataset.revision and f"revision {dataset.revision[:40]}", dataset.split, dataset.fingerprint)
    yield f"  dataset    {short(', '.join(part for part in parts if part) or 'not stated')}"
    if task.prompts_sha256:
        yield f"  prompts    sha256 {task.prompts_sha256}"
    settings = ", ".join(f"{name}={value}" for name, value in facts.settings.items())
    yield f"  settings   {short(settings) or 'not stated'}"
    if facts.shots is not None:
        yield f"  shots      {facts.shots}"
    if facts.judge:
        yield f"  judge      {short(facts.judge.model)} {short(facts.judge.version or '')}".rstrip()
    yield f"  files      {short(', '.join(f'{one.path} ({one.sha256[:12]})' for one in facts.sources)) or 'not stated'}"


def _harness(facts: RunFacts) -> str:
    harness = facts.harness
    config = f", configuration {harness.config_sha256[:12]}" if harness.config_sha256 else ""
    return short(f"{harness.name} {harness.version or 'of an unknown version'}{config}")


def _score(task: BaselineTask) -> str:
    lacking = f", {task.unanswered:,} without an answer" if task.unanswered else ""
    return f"{100 * task.score:.2f} of 100 over {task.record.answers:,} answers{lacking}"


def _flips(statement: BaselineStatement) -> Iterator[str]:
    from scipy.stats import beta  # type: ignore[import-untyped]  # noqa: PLC0415 - heavy

    for task, rate in statement.flip_rates.items():
        items = sum(one.items for rerun in statement.reruns for one in rerun.tasks if one.task == task)
        flipped = round(rate * items)
        most = float(beta.ppf(_CONFIDENCE, flipped + 1, items - flipped)) if flipped < items else 1.0
        yield f"{task}: {flipped:,} of {items:,} answers differ, {100 * rate:.2f} %, at most {100 * most:.2f} % (95 %)"
