"""What `baseline verify` looks at, one matter a function; each says what was wanted and what was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from flagrelease.adapters.recipes.baselines import HeldBaseline
from flagrelease.adapters.result_files import ResultFiles
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.answers import Record, fingerprint
from flagrelease.domain.baseline import BaselineStatement
from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.gate import Policy
from flagrelease.domain.lock import Lock
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import FlagReleaseError, GateError, RecipeError
from flagrelease.evaluation.prompts import prompts_of
from flagrelease.formats.canonical import sha256_of
from flagrelease.gate.records.check import named as items_named
from flagrelease.gate.records.recorded import fitting, rerun_of, task_of
from flagrelease.ingest.evalrun import recorded
from flagrelease.ingest.recognise import records_of
from flagrelease.ingest.sources import Sources
from flagrelease.sealing.detached import VerifyingKey

State = Literal["ok", "bad", "unfit", "note"]


@dataclass
class Checked:
    """What was looked at, in order: its name, how it stands, and what there is to say."""

    found: list[tuple[str, State, str]] = field(default_factory=list)

    def say(self, what: str, state: State, text: str) -> None:
        """Note what was found."""
        self.found.append((what, state, text))

    def bad(self, what: str, text: str) -> None:
        """Note a fault of the baseline itself, where there is one."""
        self.say(what, "bad" if text else "ok", text)

    def unfit_if(self, what: str, wanted: object, found: object) -> None:
        """Note whether the baseline has what is wanted of it."""
        same = wanted == found
        self.say(what, "ok" if same else "unfit", str(found) if same else f"wanted {wanted}, found {found}")

    def signers(self, held: HeldBaseline, trusted: Sequence[VerifyingKey], *, wanted: bool) -> None:
        """Whose signatures count. One that a trusted key is said to have made, and has not, is a fault."""
        try:
            claimed, good = tuple(held.signatures()), held.signers(trusted)
        except RecipeError as error:
            self.say("signature", "bad", error.message)
            return
        counted, known = {key.id for key in good}, {key.id for key in trusted}
        for one in claimed:
            if one.key in known - counted:
                self.say("signature", "bad", f"that of {one.claimed} does not fit: the baseline is not what was signed")
            elif one.key not in known:
                self.say("signature", "note", f"that of {one.claimed} does not count: the key is not trusted here")
        if good:
            self.say("signature", "ok", ", ".join(key.shown for key in good))
        else:
            trusts = ", ".join(key.shown for key in trusted) or "none"
            self.say("signature", "bad" if wanted else "note", f"no trusted key signed it (trusted: {trusts})")

    @property
    def damaged(self) -> list[str]:
        """What is wrong with the baseline itself."""
        return [f"{what}: {text}" for what, state, text in self.found if state == "bad"]

    @property
    def unfit(self) -> list[str]:
        """What does not fit."""
        return [what for what, state, _ in self.found if state == "unfit"]

    def words(self, held: HeldBaseline) -> str:
        """For people."""
        lines = [f"{state:5}  {what}" + (f": {text}" if text else "") for what, state, text in self.found]
        return "\n".join((held.name, *lines)) + "\n"

    def data(self, held: HeldBaseline) -> Mapping[str, Any]:
        """For programs."""
        checks = [{"check": what, "state": state, "text": text} for what, state, text in self.found]
        return {"name": held.name, "sha256": held.sha256, "checks": checks}


def records_of_held(held: HeldBaseline, report: Checked) -> tuple[Record, ...]:
    """Every record by its hash, each score and hash recomputed; empty where they cannot be read."""
    sources = Sources(ResultFiles(held.path))
    try:
        records = records_of(sources)
    except RecipeError as error:
        report.say("records", "bad", error.message)
        return ()
    report.say("records", "ok", f"{len(records)} tasks, {sum(len(one.answers or ()) for one in records):,} answers")
    if held.statement is not None:
        report.bad("name", "" if held.statement.name == held.name else f"it says that it is {held.statement.name}")
        _recomputed(held.statement, records, report)
    return records


def _recomputed(statement: BaselineStatement, records: Sequence[Record], report: Checked) -> None:
    for task, record in zip(statement.tasks, records, strict=True):
        again = task_of(task.name, Record(task.facts, record.answers), task.record)
        wrong = [
            f"{field} is {getattr(task, field)}, its answers give {getattr(again, field)}"
            for field in ("score", "unanswered", "prompts_sha256", "documents_sha256")
            if getattr(task, field) != getattr(again, field)
        ]
        if len(record.answers or ()) != task.record.answers:
            wrong.append(f"{task.record.answers} answers are stated, {len(record.answers or ())} are there")
        report.bad(f"{task.name}: score", "; ".join(wrong))


def policy_fits(
    held: HeldBaseline,
    policy: Policy,
    benchmarks: Mapping[str, Benchmark],
    records: Sequence[Record],
    report: Checked,
) -> None:
    """The items one to one, the metric, the headline, and whether the score can be: as `record` asks it."""
    statement = held.statement
    try:
        fitting(policy, benchmarks, records)
    except GateError as error:
        report.say(f"policy {policy.name}", "unfit", error.message)
        return
    report.say(f"policy {policy.name}", "ok", "")
    if statement is None:
        return
    if (policy.name, sha256_of(policy)) != (statement.policy, statement.policy_sha256):
        report.say(f"policy {policy.name}", "note", f"it was recorded by {statement.policy}, as it was then")
    first = dict(zip((task.name for task in statement.tasks), records, strict=True))
    sources = Sources(ResultFiles(held.path))
    for rerun in statement.reruns:
        for task in rerun.tasks:
            if task.task not in {*policy.tasks, *policy.harness_tasks}:
                continue
            try:
                again = recorded(sources, held.path.name, task.record)
                found = rerun_of(task.task, first[task.task], again, task.record, policy=policy, benchmarks=benchmarks)
            except FlagReleaseError as error:
                report.say(f"{task.task}: rerun", "bad", error.message)
                continue
            stated, counted = (task.flipped, task.items), (found.flipped, found.items)
            text = "" if stated == counted else f"{stated} flips of items are stated, {counted} are there"
            report.bad(f"{task.task}: rerun", text)


def bundle_fits(
    held: HeldBaseline,
    recipe: Recipe,
    lock: Lock | None,
    records: Sequence[Record],
    store: FileStore,
    report: Checked,
) -> None:
    """Whether the bundle names it, and its weights, datasets and prompts are the same."""
    report.unfit_if("bundle: reference", recipe.recorded or "no recorded baseline", held.name)
    report.unfit_if("bundle: model", recipe.model.name, _model(held, records))
    if lock is None:
        report.say("bundle: weights", "note", "there is no whole lock of it, so that nothing more can be compared")
        return
    report.unfit_if("bundle: lock", lock.baseline.sha256 if lock.baseline else "no baseline", held.sha256)
    weights = sorted({one.facts.weights_sha256 or "not stated" for one in records})
    report.unfit_if("bundle: weights", lock.weights.sha256, ", ".join(weights))
    by_task = {one.facts.task: one for one in records}
    for dataset in lock.datasets:
        record = by_task.get(dataset.task)
        if record is None or dataset.task not in lock.policy.tasks:
            continue
        report.unfit_if(f"{dataset.task}: dataset", dataset.file.sha256, record.facts.dataset.revision)
        if not store.has(dataset.file.digest):
            text = "not compared: the dataset is not in the store; `flagrelease build --until fetch` brings it"
            report.say(f"{dataset.task}: prompts", "note", text)
            continue
        data = store.path(dataset.file.digest).read_bytes()
        asked = prompts_of(dataset.task, lock.policy.tasks[dataset.task], data)
        assert record.answers is not None
        known = dict(zip(record.answers.ids, record.answers.prompts, strict=True))
        changed = [one.id for one in asked if known.get(one.id) != fingerprint(one.sha256)]
        text = f"{items_named(changed)} would be asked in other words" if changed else ""
        report.say(f"{dataset.task}: prompts", "unfit" if changed else "ok", text)


def _model(held: HeldBaseline, records: Sequence[Record]) -> str:
    if held.statement is not None:
        return held.statement.answered.model
    return ", ".join(sorted({one.facts.model or "not stated" for one in records}))
