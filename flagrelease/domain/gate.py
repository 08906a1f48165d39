"""A gate policy: the tasks, their items and margins, fixed before any result is seen."""

from typing import Annotated, Final, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from flagrelease.domain.source import FileSource
from flagrelease.domain.value import Name, RelativePath, Text, Value

Points = Annotated[
    float, Field(gt=0, le=5.0, description="percentage points; 5 is the widest margin anybody published")
]
Tier = Literal["critical", "supporting", "advisory"]

FLIP_RATE: Final = 0.10
"""The share of items that two equal chips answer differently, where a task names none: what published cards imply."""

FlipRate = Annotated[float, Field(gt=0, lt=1, description="share of items two equal chips answer differently")]
FlipSource = Annotated[Text | None, Field(description="where a flip rate below the default was measured")]


FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=80)]
"""A field of an item."""

ItemFormat = Literal["commonsense_qa", "boolq_passage", "json_lines"]
"""What a file of items is read as (`flagrelease/evaluation/items.py`)."""


class Dataset(Value):
    """The one file that holds a benchmark's items, as it was found; `licence` says what the carrier states."""

    source: FileSource
    split: Text
    items_available: Annotated[int, Field(ge=1)]
    licence: Text


class Selection(Value):
    """Which items are asked: `count` of them, drawn without replacement by `seed`."""

    count: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)]


FITS: Final = {
    "option_loglikelihood": {"format": "commonsense_qa", "metric": "acc_norm"},
    "next_word": {"format": "boolq_passage", "metric": "exact_match"},
}
"""What each kind of task reads and how it scores: nothing else is written for it."""


class Task(Value):
    """One benchmark whose items are asked here, one by one. `scale` is what the published number is multiplied by.

    `note` is what a reader of the score has to know about how the task was set up; the card says it.
    """

    kind: Literal["option_loglikelihood", "next_word"]
    format: Literal["commonsense_qa", "boolq_passage"]
    dataset: Dataset
    selection: Selection
    metric: Literal["acc_norm", "exact_match"]
    scale: Literal[1, 100, 1000] = 100
    chance: Annotated[float, Field(ge=0, lt=1, description="score of a model that guesses")]
    margin_pt: Points
    tier: Tier = "critical"
    max_tokens: Annotated[int, Field(ge=1, le=64)] = 1
    flip_rate: FlipRate = FLIP_RATE
    flip_source: FlipSource = None
    note: Text | None = None

    @field_validator("format", "metric")
    @classmethod
    def _fits_its_kind(cls, text: str, given: ValidationInfo) -> str:
        # A kind that makes no sense is told by itself.
        kind, name = given.data.get("kind"), str(given.field_name)
        wanted = FITS[kind][name] if kind else text
        if text != wanted:
            raise ValueError(f"wanted '{wanted}', which is the {name} of kind '{kind}', found '{text}'")
        return text


class ItemsFile(Value):
    """The items as the harness reads them, one JSON object a line: each of its fields is a template of an item's own.

    An item of `commonsense_qa` has `id`, `question`, `options` (by label) and `gold`, one of `boolq_passage` has `id`,
    `context` and `gold`, one of `json_lines` has the fields that its line has.
    """

    path: RelativePath
    fields: dict[FieldName, Annotated[str, Field(max_length=2000)]] = Field(min_length=1)


class TaskFile(Value):
    """A file of the harness's own about the task, such as its definition; `template` lies in `recipes/harnesses/`."""

    path: RelativePath
    template: RelativePath


class Asking(Value):
    """What a harness needs to ask a task: the items, their form, its own files, arguments of generation.

    `arguments` are for its templates and its command; `judge_url` is the address of the judging model's API.
    """

    dataset: Dataset
    selection: Selection
    format: ItemFormat
    items: ItemsFile
    files: tuple[TaskFile, ...] = ()
    arguments: dict[Name, str | int | float | bool | tuple[str, ...]] = Field(default_factory=dict)
    judge_url: Annotated[str, Field(pattern=r"^https?://[^\s@?#]+$", max_length=400)] | None = None


class HarnessTask(Value):
    """One benchmark that a harness of its own asks; `benchmark` names its facts below `recipes/benchmarks/`.

    `asked` is what the harness is given where it is run here; without it, its evidence comes from elsewhere.

    `scale` and `items` are repeated here so that the policy says by itself what it decides on; lint compares them.
    """

    harness: Name
    benchmark: Name
    metric: Text
    items: Annotated[int, Field(ge=1)]
    scale: Literal[1, 100, 1000] = 100
    chance: Annotated[float, Field(ge=0, lt=1, description="score of a model that guesses")] = 0.0
    margin_pt: Points
    tier: Tier = "critical"
    shots: Annotated[int, Field(ge=0)] | None = None
    repeats: Annotated[int, Field(ge=1)] = 1
    flip_rate: FlipRate = FLIP_RATE
    flip_source: FlipSource = None
    judge: Text | None = None
    asked: Asking | None = None

    @model_validator(mode="after")
    def _asks_its_items(self) -> "HarnessTask":
        if self.asked and self.asked.selection.count != self.items:
            raise ValueError(f"wanted `asked.selection.count` to be {self.items}, which is the task's `items`")
        return self


class SuiteClaim(Value):
    """By how much the mean difference over all tasks, each with the same weight, may be below zero.

    `aggregate_only_margin_pt` is for a suite in which a task has no items.
    """

    margin_pt: Points = 1.5
    aggregate_only_margin_pt: Points = 2.0


class Policy(Value):
    """`recipes/gates/<policy>.yaml`: tasks that are asked here, and tasks that a harness of their own asks.

    `sequential` asks the items in a fixed random order and decides at planned looks; only `tasks` can be.
    """

    schema_: Literal["flagrelease.gate/v1"] = Field(alias="schema")
    name: Name
    title: Text
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    min_effect_pt: Annotated[float, Field(ge=0, le=5.0)] = 0.5
    max_reject_rate: Annotated[float, Field(ge=0, lt=1)] = 0.005
    suite: SuiteClaim | None = None
    sequential: bool = False
    tasks: dict[Name, Task] = Field(default_factory=dict)
    harness_tasks: dict[Name, HarnessTask] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _asks_something(self) -> "Policy":
        if not self.tasks and not self.harness_tasks:
            raise ValueError("wanted at least one task in `tasks` or `harness_tasks`, found none")
        if both := sorted(self.tasks.keys() & self.harness_tasks.keys()):
            raise ValueError(f"wanted each task once, found {', '.join(both)} in `tasks` and in `harness_tasks`")
        return self
