"""A benchmark's facts: how many items it has, how its score is written, what others call it."""

from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.value import Name, Text, Value

Scale = Literal[1, 100, 1000]


class Benchmark(Value):
    """`recipes/benchmarks/<benchmark>.yaml`.

    `scale` is what the published score is out of; `step` the smallest difference of one item's score (1 for right or
    wrong); `step` none means that any value between 0 and 1 is possible.
    """

    schema_: Literal["flagrelease.benchmark/v1"] = Field(alias="schema")
    name: Name
    title: Text
    aliases: tuple[Text, ...] = ()
    items: Annotated[int, Field(ge=1)]
    metric: Text
    scale: Scale
    step: Annotated[float, Field(gt=0, le=1)] | None = 1.0
    cluster: Name | None = None
    judge: Text | None = None
    chance: Annotated[float, Field(ge=0, lt=1)] | None = None
    modalities: tuple[Literal["text", "image", "audio", "video"], ...] = ("text",)
    tasks: dict[Name, Text] = Field(default_factory=dict, description="what each harness calls it")
    source: Text
    note: Text | None = None
