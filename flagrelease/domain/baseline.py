"""A recorded reference of version 2: a statement of what answered and how, and its records as files beside it.

The statement `<model>/<stack>.json` is what a lock pins. It names each record by hash, so that the pin covers every
answer. What comes later stands beside it, under the statement's hash, and changes nothing of it: signatures, and a
withdrawal.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from flagrelease.domain.container import EnvName, EnvValue
from flagrelease.domain.evalrun import RunFacts
from flagrelease.domain.evidence import Score, Software
from flagrelease.domain.value import Digest, Name, RelativePath, Sha256, Text, Value

_Count = Annotated[int, Field(ge=0)]


class Answered(Value):
    """What gave the answers: a chip with what ran on it. `switches` are variables that it ran with, null is unset."""

    chip: Name
    hardware: Text | None = None
    image: Digest | None = None
    software: tuple[Software, ...] = ()
    model: Name
    weights_sha256: Sha256
    precision: Text | None = None
    switches: dict[EnvName, EnvValue | None] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_what_ran(self) -> "Answered":
        if self.image is None and not self.software:
            raise ValueError("wanted the image that answered, or the software, found neither")
        return self


class RecordFile(Value):
    """A record as JSON lines (`flagrelease.evalrun/v2`) below the statement's folder; `answers` are its lines of items.

    No text of a dataset: ids and fingerprints only.
    """

    path: RelativePath
    sha256: Sha256
    answers: Annotated[int, Field(ge=1)]


class BaselineTask(Value):
    """One task by its policy's name.

    `facts` are the first line of its record; `score` is 0 to 1 over all answers, those without one wrong.
    `prompts_sha256` and `documents_sha256` are over each item's id and fingerprint, absent where nothing is known.
    """

    name: Name
    facts: RunFacts
    record: RecordFile
    score: Score
    unanswered: _Count = 0
    prompts_sha256: Sha256 | None = None
    documents_sha256: Sha256 | None = None


class Written(Value):
    """Who recorded it, when, and with which flagrelease."""

    by: Text
    at: datetime
    tool: Text


class RerunTask(Value):
    """The same task answered once more: `flipped` of `items` were answered with another score."""

    task: Name
    record: RecordFile
    items: Annotated[int, Field(ge=1)]
    flipped: _Count


class Rerun(Value):
    """The same reference run once more, which shows how many answers differ when nothing does."""

    written: Written
    tasks: tuple[RerunTask, ...] = Field(min_length=1)


class BaselineStatement(Value):
    """`recipes/baselines/<model>/<stack>.json`.

    It is good through `expires`; `supersedes` is the hash of the statement that had its name before.
    """

    schema_: Literal["flagrelease.baseline/v2"] = Field(default="flagrelease.baseline/v2", alias="schema")
    name: RelativePath
    title: Text
    answered: Answered
    policy: Name
    policy_sha256: Sha256
    tasks: tuple[BaselineTask, ...] = Field(min_length=1)
    reruns: tuple[Rerun, ...] = ()
    written: Written
    expires: date
    supersedes: Sha256 | None = None

    @model_validator(mode="after")
    def _has_each_task_once(self) -> "BaselineStatement":
        names = [task.name for task in self.tasks]
        if len(set(names)) != len(names):
            raise ValueError("a task is there twice")
        strange = {task.task for rerun in self.reruns for task in rerun.tasks} - set(names)
        if strange:
            raise ValueError(f"a rerun has a task that the baseline has not: {', '.join(sorted(strange))}")
        return self

    @property
    def flip_rates(self) -> Mapping[str, float]:
        """The share of items that reruns answered differently, over all of them, by task; empty without a rerun."""
        counts: dict[str, tuple[int, int]] = {}
        for rerun in self.reruns:
            for task in rerun.tasks:
                flipped, items = counts.get(task.task, (0, 0))
                counts[task.task] = flipped + task.flipped, items + task.items
        return {task: flipped / items for task, (flipped, items) in counts.items()}


class Withdrawal(Value):
    """Why a baseline is no reference any more from `since` on; `sha256` is that of its statement."""

    schema_: Literal["flagrelease.withdrawal/v1"] = Field(default="flagrelease.withdrawal/v1", alias="schema")
    baseline: RelativePath
    sha256: Sha256
    since: date
    reason: Text
    by: Text
