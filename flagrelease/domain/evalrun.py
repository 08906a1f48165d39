"""One task answered by one side, as any harness recorded it: `flagrelease.evalrun/v2`.

A record with `items` holds every item that the side was asked, those without an answer too. A record without is an
aggregate: it can be shown, but never decides alone.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from flagrelease.domain.benchmark import Scale
from flagrelease.domain.evidence import Score, Software
from flagrelease.domain.value import Digest, Sha256, Text, Value

Status = Literal["ok", "rejected", "error", "judge_error"]
STATUSES: Final[tuple[Status, ...]] = ("ok", "rejected", "error", "judge_error")

Finish = Literal["stop", "length", "other"]
FINISHES: Final[tuple[Finish, ...]] = ("stop", "length", "other")

Kind = Literal["proportion", "bounded_mean", "judge", "difference_only", "unknown"]
_Count = Annotated[int, Field(ge=0)]


class Harness(Value):
    """What asked and scored. `config_sha256` covers what its own configuration says of the task.

    `requirements_sha256` is the hash of the lock that its environment was made of.
    """

    name: Text
    version: Text | None = None
    config_sha256: Sha256 | None = None
    requirements_sha256: Sha256 | None = None


class ServerFacts(Value):
    """The server as it ran: the command and variables of its first process, read from the process itself.

    A value that looks like a key is left out as `(hidden)`. `switches` are the variables that the bundle's reference
    names, with their values in that process; null where they were not set. `settings` are those of the bundle's recipe
    that an answer may depend on, such as threads.
    """

    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = Field(default_factory=dict)
    switches: Mapping[str, str | None] = Field(default_factory=dict)
    settings: Mapping[str, str] = Field(default_factory=dict)


SWITCH: Final = "server.switch."
UNSET: Final = "server.unset."
"""How the settings of a record that has no place for a server's switches say what was set, and what was not."""


def switches_in(settings: Mapping[str, str]) -> ServerFacts | None:
    """The switches that such settings tell of; None where they tell of none."""
    on = {key.removeprefix(SWITCH): value for key, value in settings.items() if key.startswith(SWITCH)}
    off = {key.removeprefix(UNSET): None for key in settings if key.startswith(UNSET)}
    return ServerFacts(switches={**on, **off}) if on or off else None


class HostFacts(Value):
    """The machine that the server ran on."""

    kernel: Text
    cpu: Text | None = None
    cores: _Count
    python: Text


class DatasetFacts(Value):
    """Which items were to be asked; `items` is how many there are, where the source says so."""

    id: Text | None = None
    revision: Text | None = None
    split: Text | None = None
    fingerprint: Text | None = None
    items: _Count | None = None


def selection_of(count: int, available: int, seed: int) -> str:
    """The fingerprint of items that were drawn here, the same for the policy and for what was recorded."""
    return f"{count} of {available}, seed {seed}"


class Judge(Value):
    """Who scored the answers, where that was a model."""

    model: Text
    version: Text | None = None
    prompt_sha256: Sha256 | None = None


class SourceFile(Value):
    """A file that the record was read from; `column` is the part of it that is of this side, where it is of both."""

    path: Text
    sha256: Sha256
    format: Text
    column: Text | None = None


class Headline(Value):
    """The score as the source states it, out of the record's scale, with the decimals that are written.

    `items` is the number that it is a mean over, by the source's own word, `right` how many of them were right;
    `stderr` is out of the scale too. `struck` is what the source gave, in shares and all together, to answers that are
    not `ok`: its score has that in, and the record's items have not.
    """

    score: Annotated[float, Field(allow_inf_nan=False)]
    decimals: Annotated[int, Field(ge=0, le=30)]
    items: _Count | None = None
    right: _Count | None = None
    struck: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    stderr: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class StatedDifference(Value):
    """A difference of both sides of which neither is stated, out of the record's scale, as it is written.

    `is_signed` tells whether a plus or minus is written; without one it is taken as a loss.
    """

    score: Annotated[float, Field(allow_inf_nan=False)]
    decimals: Annotated[int, Field(ge=0, le=30)]
    is_signed: bool = False


class RunItem(Value):
    """One answer to one item. No text of a dataset: ids and hashes only.

    Pairing is by `id`. `document`, `prompt` and `answer` are hashes, of whatever kind the harness keeps.
    """

    id: Text
    repeat: _Count = 0
    status: Status = "ok"
    score: Score
    cluster: Text | None = None
    document: Text | None = None
    prompt: Text | None = None
    answer: Text | None = None
    finish_reason: Finish | None = None
    out_tokens: _Count | None = None


class RunFacts(Value):
    """All that a record says besides its items. What the source does not state is absent, and the gate says so.

    `scale` is what the headline is out of; item scores are 0 to 1. `notes` say what the reader had to put right.
    `difference` is there where a source has that and no score of either side.
    """

    schema_: Literal["flagrelease.evalrun/v2"] = Field(default="flagrelease.evalrun/v2", alias="schema")
    task: Text
    harness: Harness
    dataset: DatasetFacts = DatasetFacts()
    model: Text | None = None
    weights_sha256: Sha256 | None = None
    precision: Text | None = None
    chip: Text | None = None
    image: Digest | None = None
    server: ServerFacts | None = None
    host: HostFacts | None = None
    software: tuple[Software, ...] = ()
    settings: Mapping[str, str] = Field(default_factory=dict)
    shots: _Count | None = None
    judge: Judge | None = None
    metric: Text | None = None
    kind: Kind = "unknown"
    higher_is_better: bool = True
    scale: Scale | None = None
    headline: Headline | None = None
    difference: StatedDifference | None = None
    repeats: Annotated[int, Field(ge=1)] = 1
    notes: tuple[Text, ...] = ()
    sources: tuple[SourceFile, ...] = ()
    finished: Text | None = None


class EvalRunFile(RunFacts):
    """The record as a file: the facts with the items in them."""

    items: tuple[RunItem, ...] | None = None
