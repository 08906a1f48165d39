"""One task asked by a harness of its own: its command and files from the lock, its output read into a record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flagrelease.domain.answers import Record
from flagrelease.domain.evalrun import DatasetFacts, EvalRunFile, HostFacts, ServerFacts
from flagrelease.domain.evidence import Software
from flagrelease.domain.gate import Asking, HarnessTask
from flagrelease.domain.harness import Given, PinnedHarness
from flagrelease.domain.lock import LockedDataset
from flagrelease.domain.value import Name, Sha256
from flagrelease.errors import RecipeError
from flagrelease.evaluation.ask import Side, carrier_of
from flagrelease.evaluation.handed import handed
from flagrelease.formats.canonical import sha256_of
from flagrelease.harness_ports import HarnessOrder, HarnessResult, Results, WorkPlace
from flagrelease.ingest.recognise import records_of
from flagrelease.ingest.sources import Sources
from flagrelease.ports import Tools


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who is asked, at which address, under which name, and what of how it runs is recorded with the answers.

    `limit` is how many items are asked of each task where that is only a part. `kept_by` is the folder of the bundle:
    what it was answered is kept for it alone.
    """

    base_url: str
    served_name: str
    side: Side
    server: ServerFacts | None = None
    host: HostFacts | None = None
    limit: int | None = None
    kept_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One task of the policy, the harness that asks it, and its items where they are handed out here."""

    name: Name
    task: HarnessTask
    harness: PinnedHarness
    dataset: LockedDataset | None

    @property
    def asked(self) -> Asking:
        """What the harness is given."""
        assert self.task.asked is not None
        return self.task.asked

    @property
    def items(self) -> LockedDataset:
        """The file of its items."""
        assert self.dataset is not None
        return self.dataset


def ask_by_harness(tools: Tools, question: Question, who: Asked, *, log: Path) -> EvalRunFile:
    """Run the harness on the task, or go on with what an earlier run of the same has left, and read its output.

    Raises:
        LockError: a template or the environment's lock is not what the lock pins.
        RecipeError: the output makes no record, or not one with the policy's metric.
        SourceError: the environment cannot be made, or the dataset is not what its format says.
        ToolError: the harness failed, or lacks a key.
    """
    harness, key = question.harness, _key(question, who)
    place = tools.harnesses.place(harness, key)
    values = _values(question, who, place)
    count = min(question.task.items, who.limit or question.task.items)
    texts = {one.path: tools.recipes.harness_file(one.path, sha256=one.sha256).decode() for one in harness.templates}
    data = tools.store.path(question.items.file.digest).read_bytes()

    def fill(text: str, name: str, given: Mapping[str, object]) -> str:
        return tools.templates.fill(text, name=name, values=dict(given))

    named = f"recipes/harnesses/{harness.harness.name}.yaml"
    order = HarnessOrder(
        harness=harness,
        key=key,
        argv=tuple(fill(word, f"{named}: argv", values) for word in words_of(harness, values)),
        env={name: fill(text, f"{named}: env.{name}", values) for name, text in harness.harness.env.items()},
        files=handed(question.name, question.task, data, templates=texts, fill=fill, values=values, limit=who.limit),
        items=count,
        judged=question.task.judge is not None,
        log=log,
    )
    tools.events.said(f"{question.name}: {count} items, by {harness.harness.title} {harness.harness.version}")
    result = tools.harnesses.run(order, lambda done, total: tools.events.progress(done, total, "items"))
    return record_of(question, who, result.results, notes=_notes(result))


def words_of(harness: PinnedHarness, values: Mapping[str, object]) -> list[str]:
    """The command's words, still templates: those that go with a value are left out where there is none."""
    words: list[str] = []
    for word in harness.harness.argv:
        if not isinstance(word, Given):
            words.append(word)
        elif word.given in values:
            words += word.words
    return words


def _key(question: Question, who: Asked) -> Sha256:
    """Everything that decides an answer. Not the port, which is another one each time, nor tier and margin."""
    side = who.side
    switches = dict(who.server.switches) if who.server else {}
    served = [side.image or who.base_url, who.served_name, side.weights_sha256, switches, dict(side.settings)]
    task = question.task.model_dump(mode="json", include={"harness", "metric", "shots", "repeats", "judge", "asked"})
    pinned = question.harness.model_dump(mode="json", by_alias=True)
    return sha256_of([question.name, served, task, pinned, question.items.file.sha256, who.limit])


def _values(question: Question, who: Asked, place: WorkPlace) -> dict[str, object]:
    asked, task = question.asked, question.task
    values: dict[str, object] = {
        "base_url": f"{who.base_url}/v1",
        "model": who.served_name,
        "task": question.name,
        "called": question.harness.called.get(question.name, question.name),
        "tasks": str(place.tasks),
        "items": str(place.tasks / asked.items.path),
        "output": str(place.output),
        "cache": str(place.cache),
        "count": task.items,
        "seed": asked.selection.seed,
        "arguments": dict(asked.arguments),
    }
    there = {"shots": task.shots, "judge": task.judge, "judge_url": asked.judge_url, "resumed": place.resumed or None}
    return values | {name: value for name, value in there.items() if value is not None}


def _notes(result: HarnessResult) -> tuple[str, ...]:
    notes = []
    if result.is_fresh:
        notes.append("what an earlier run had kept was thrown away before, as asked")
    if result.starts > 1:
        notes.append(f"cut off {result.starts - 1} times: what had been answered was kept, and the harness went on")
    return tuple(notes)


def record_of(question: Question, who: Asked, results: Results, *, notes: Sequence[str] = ()) -> EvalRunFile:
    """The record with the policy's metric out of a harness's output, with all that it cannot know itself.

    Raises RecipeError: the output makes no record, is another harness's, or has not one record with the metric.
    """
    harness, side = question.harness.harness, who.side
    records = records_of(Sources(results))
    found = _fitting(question, records, results.title)
    facts = found.facts
    own = {
        "task": question.name,
        "harness": facts.harness.model_copy(update={"requirements_sha256": question.harness.requirements_sha256}),
        "dataset": _dataset(question, facts.dataset),
        "model": side.model,
        "weights_sha256": side.weights_sha256,
        "precision": side.precision,
        "chip": side.chip,
        "image": side.image,
        "server": who.server,
        "host": who.host,
        "software": (*side.software, Software(name=harness.title, version=facts.harness.version or harness.version)),
        "settings": {**facts.settings, **({"limit": str(who.limit)} if who.limit else {})},
        "notes": (*facts.notes, *notes),
        "finished": datetime.now(UTC).isoformat(),
    }
    return Record(facts.model_copy(update=own), found.answers).as_file()


def _fitting(question: Question, records: Sequence[Record], title: str) -> Record:
    harness, wanted = question.harness.harness, question.task.metric
    other = sorted({one.facts.harness.name for one in records} - {harness.reads})
    if other:
        raise RecipeError(f"{title}: wanted the output of {harness.title}, found that of {', '.join(other)}")
    whole = [one for one in records if one.facts.metric == wanted]
    # lm-eval's metrics have the filter behind them, which a policy may leave out.
    fitting = whole or [one for one in records if (one.facts.metric or "").partition(",")[0] == wanted]
    if len(fitting) != 1:
        there = ", ".join(sorted({one.facts.metric or "no metric" for one in records}))
        raise RecipeError(
            f"{title}: wanted one record with metric `{wanted}`, found {len(fitting)}; there are: {there}",
            hint=f"write one of them as the `metric` of `{question.name}`",
        )
    return fitting[0]


def _dataset(question: Question, facts: DatasetFacts) -> DatasetFacts:
    """The items' origin is known here; what the harness calls it is a file in its own folder."""
    if question.dataset is None:
        return facts
    carrier, members = carrier_of(question.dataset.source)
    update = {
        "id": f"{carrier}: {', '.join(members)}",
        "revision": question.dataset.file.sha256,
        "split": question.asked.dataset.split,
    }
    return facts.model_copy(update=update)
