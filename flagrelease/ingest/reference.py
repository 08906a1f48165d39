"""What a baseline holds, as the files that an evaluation keeps beside its verdict; of either version."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flagrelease.domain.evidence import Baseline, Software
from flagrelease.formats.baseline import decoded
from flagrelease.formats.canonical import pretty_json
from flagrelease.ingest.format import folder_of

Pinned = Callable[[str, str], bytes]
"""The bytes of a file below `recipes/baselines/`, by its place and the SHA-256 that it has to have."""


@dataclass(frozen=True, kw_only=True)
class ReferenceFile:
    """One record as it is kept: `name` is that of its file."""

    task: str
    name: str
    content: bytes
    software: tuple[Software, ...]
    finished: datetime


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A baseline's title and its records, without those of reruns."""

    title: str
    files: tuple[ReferenceFile, ...]


def reference_of(path: str, sha256: str, pinned: Pinned) -> Reference:
    """The baseline that a lock pins. Raises RecipeError, and what `pinned` raises for a record that was changed."""
    baseline = decoded(pinned(path, sha256), path)
    if isinstance(baseline, Baseline):
        runs = (
            ReferenceFile(
                task=run.task,
                name=f"{run.task}.json",
                content=pretty_json(run),
                software=run.software,
                finished=run.finished,
            )
            for run in baseline.runs
        )
        return Reference(title=baseline.title, files=tuple(runs))
    records = (
        ReferenceFile(
            task=task.name,
            name=f"{task.name}.jsonl",
            content=pinned(f"{folder_of(path)}{task.record.path}", task.record.sha256),
            software=task.facts.software or baseline.answered.software,
            finished=_moment(task.facts.finished) or baseline.written.at,
        )
        for task in baseline.tasks
    )
    return Reference(title=baseline.title, files=tuple(records))


def _moment(text: str | None) -> datetime | None:
    """When a harness says that it ended; None where it says nothing that is a moment."""
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
