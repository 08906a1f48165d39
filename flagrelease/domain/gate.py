"""A gate policy: the tasks, their items and margins, fixed before any result is seen."""

from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.source import FileSource
from flagrelease.domain.value import Name, Text, Value

Points = Annotated[
    float, Field(gt=0, le=5.0, description="percentage points; 5 is the widest margin anybody published")
]
Tier = Literal["critical", "supporting", "advisory"]


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


class Task(Value):
    """One benchmark of the policy. `scale` is what the published number is multiplied by."""

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


class Policy(Value):
    """`recipes/gates/<policy>.yaml`."""

    schema_: Literal["flagrelease.gate/v1"] = Field(alias="schema")
    name: Name
    title: Text
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    min_effect_pt: Annotated[float, Field(ge=0, le=5.0)] = 0.5
    max_reject_rate: Annotated[float, Field(ge=0, lt=1)] = 0.005
    tasks: dict[Name, Task] = Field(min_length=1)
