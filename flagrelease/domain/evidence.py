"""What smoke and evaluation recorded about one image, bound to its digest."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.bundle import Deviation
from flagrelease.domain.value import Digest, Name, Sha256, Text, Value

Score = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


class Skipped(Value):
    """A stage that had nothing to do, and why."""

    skipped: Text


class Check(Value):
    """One check of a smoke suite. `deviates` is a failure that the bundle declared beforehand."""

    id: Name
    title: Text
    status: Literal["pass", "fail", "deviates"]
    detail: str = ""
    seconds: Annotated[float, Field(ge=0)]
    measured: dict[str, float] = Field(default_factory=dict)
    deviation: Deviation | None = None


class SmokeReport(Value):
    """What a smoke suite found on one image."""

    image: Digest
    checks: tuple[Check, ...] = Field(min_length=1)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that speak against the bundle."""
        return tuple(c for c in self.checks if c.status == "fail")


class DatasetRecord(Value):
    """Which items were asked, and where they came from."""

    carrier: Text
    member: Text
    sha256: Sha256
    split: Text
    licence: Text
    items_available: int
    items_selected: int
    selection_seed: int


class Item(Value):
    """One answered item. No text: ids and hashes only, since a dataset's licence may not allow to pass it on.

    `item_sha256` is the hash of the item as found, `prompt_sha256` of all that was sent for it, `answer` the label of
    an option or `sha256:…` of a free answer.
    """

    id: Text
    item_sha256: Sha256
    prompt_sha256: Sha256
    status: Literal["ok", "rejected", "error"]
    score: Score
    answer: str = ""


class Software(Value):
    """What produced the answers."""

    name: Text
    version: Text


class EvalRun(Value):
    """One task answered by one side, item by item.

    `image` is the digest of the image that answered (none for a reference that ran outside one); `score` is the mean
    over all `items` with every one that is not `ok` counted as 0. These are all that were selected, or the first of the
    fixed order where the policy decides at planned looks.
    """

    schema_: Literal["flagrelease.evalrun/v1"] = Field(alias="schema")
    task: Name
    kind: Text
    metric: Text
    dataset: DatasetRecord
    prompts_sha256: Sha256
    model: Name
    weights_sha256: Sha256
    precision: Text
    chip: Text
    image: Digest | None = None
    software: tuple[Software, ...] = Field(min_length=1)
    settings: dict[str, str] = Field(default_factory=dict)
    score: Score
    items: tuple[Item, ...] = Field(min_length=1)
    started: datetime
    finished: datetime


class Baseline(Value):
    """A recorded reference: the same tasks answered by the reference stack, kept in `recipes/baselines/`."""

    schema_: Literal["flagrelease.baseline/v1"] = Field(alias="schema")
    title: Text
    produced_by: Text
    runs: tuple[EvalRun, ...] = Field(min_length=1)
