"""Scores as somebody published them: without items, so they can be shown but never decide alone."""

from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.benchmark import Scale
from flagrelease.domain.value import Name, Text, Value

_Number = Annotated[float, Field(allow_inf_nan=False)]


class ScoreRow(Value):
    """One benchmark on both sides, as printed, in units of `scale`."""

    benchmark: Name
    scale: Scale
    reference: _Number
    target: _Number
    shots: Annotated[int, Field(ge=0)] | None = None
    repeats: Annotated[int, Field(ge=1)] | None = None
    note: Text | None = None


class DifferenceRow(Value):
    """One benchmark of which only a difference without sign and base was published; `unit` is as printed."""

    benchmark: Name
    difference: _Number
    unit: Literal["percent, absolute or relative unstated", "points"]
    shots: Annotated[int, Field(ge=0)] | None = None
    repeats: Annotated[int, Field(ge=1)] | None = None
    note: Text | None = None


class AggregateScores(Value):
    """Both sides' scores."""

    kind: Literal["aggregate_only"]
    rows: tuple[ScoreRow, ...] = Field(min_length=1)


class Differences(Value):
    """Differences only: these never decide; each names what has to be measured instead."""

    kind: Literal["difference_only"]
    rows: tuple[DifferenceRow, ...] = Field(min_length=1)


class Published(Value):
    """`recipes/published/<chip>/<model>.<name>.yaml`: a published table, its two sides, and where it stands."""

    schema_: Literal["flagrelease.published/v1"] = Field(alias="schema")
    name: Name
    title: Text
    chip: Name
    model: Name
    variant: Name | None = None
    reference: Text
    target: Text
    harness: Text | None = None
    scores: Annotated[AggregateScores | Differences, Field(discriminator="kind")]
    defects: tuple[Text, ...] = ()
    source: Text
