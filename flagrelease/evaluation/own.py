"""The policy's own tasks, asked here one by one; answers are kept until the records of both sides are written."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from flagrelease.domain.evidence import EvalRun
from flagrelease.domain.gate import Task
from flagrelease.domain.lock import Lock, LockedDataset
from flagrelease.domain.value import Name
from flagrelease.evaluation.ask import Answered, ask
from flagrelease.evaluation.at_looks import Looks, ask_at_looks
from flagrelease.evaluation.by_harness import Asked
from flagrelease.evaluation.journal import Journal
from flagrelease.evaluation.profile import as_settings
from flagrelease.formats.canonical import sha256_of
from flagrelease.ports import Tools

_DECIDES_NO_ANSWER = frozenset({"tier", "margin_pt", "note", "flip_rate", "flip_source"})


def ask_own(
    tools: Tools, lock: Lock, who: Asked, tasks: Mapping[Name, Task], looks: Mapping[Name, Looks]
) -> Iterable[EvalRun]:
    """A record of each of these tasks; one with `looks` is asked up to the look that decides it.

    What an earlier run that was cut off was answered is not asked again, but for what failed.
    """
    if not tasks:
        return
    with tools.completions(who.base_url) as client:
        asked_as = {**client.settings, **who.side.settings}
        side = replace(who.side, settings={**asked_as, **as_settings(who.server, who.host)})
        for dataset in lock.datasets:
            if dataset.task not in tasks:
                continue
            name, task = dataset.task, tasks[dataset.task]
            tools.events.said(name)
            data = tools.store.path(dataset.file.digest).read_bytes()
            journal = _journal(tools, dataset, task, replace(who, side=replace(side, settings=asked_as)))
            answered = journal.read()
            if answered:
                tools.events.said(f"{name}: going on after {len(answered)} answers that an earlier run left")
            how = partial(ask_at_looks, looks=looks[name]) if name in looks else partial(ask, limit=who.limit)
            yield how(
                name, task, data, side, client, events=tools.events, answered=answered, keep=partial(_keep, journal)
            )


def _keep(journal: Journal, record: Answered) -> None:
    """All but errors: a server that ended gives many of them, and nothing is known of those items."""
    if record.item.status != "error":
        journal.keep(record)


def _journal(tools: Tools, dataset: LockedDataset, task: Task, who: Asked) -> Journal:
    """Called by the hash of all that decides an answer: not the port, which changes each time, nor the margin."""
    side, switches = who.side, dict(who.server.switches) if who.server else {}
    served = [side.image or who.base_url, who.served_name, side.weights_sha256, switches, dict(side.settings)]
    asked = task.model_dump(mode="json", exclude=set(_DECIDES_NO_ANSWER))
    key = sha256_of([who.kept_by, dataset.task, served, asked, dataset.file.sha256])
    return Journal(tools.harnesses.kept(key) / "answers.jsonl", belongs_to=key)
