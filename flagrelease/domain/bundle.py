"""A bundle as a recipe: chip × model in named variants; only what differs from chip and model."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.value import AbsolutePath, Name, RelativePath, Text, Value

EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]
EnvValue = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=4000)]
Measure = Annotated[float, Field(allow_inf_nan=False)]
Requirement = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[0-9A-Za-z.+!]+$")]


class ImageFile(Value):
    """One file of the image, rendered from a template below `dockerfiles/`; mode in octal, as in YAML `"0644"`."""

    path: AbsolutePath
    template: RelativePath
    mode: Annotated[str, Field(pattern=r"^0[0-7]{3}$")] = "0644"


class Serving(Value):
    """How the bundle serves: what its clients see, and what it needs."""

    served_name: Name
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    context_length: Annotated[int, Field(ge=16, description="tokens of one request, prompt and answer")]
    slots: Annotated[int, Field(ge=1, le=256, description="requests served at once")] = 1
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    ready_within_s: Annotated[int, Field(ge=1, le=7200, description="seconds from start to healthy")]


class Deviation(Value):
    """A serving check that this bundle is known not to pass, until a date; the card shows it.

    `measured` is what the check measures when it deviates as declared; the same numbers under the same names, no other
    failure of the check, are excused.
    """

    check: Name
    observed: Text
    measured: Annotated[dict[Name, Measure], Field(min_length=1)]
    reason: Text
    owner: Text
    expires: date


class SecondModel(Value):
    """Another model that the same server loads on the same port after the first has gone."""

    model: Name
    weights: Name


class Smoke(Value):
    """What the smoke stages need to know about this bundle."""

    second_model: SecondModel
    stop_within_s: Annotated[int, Field(ge=1, le=600)] = 30
    deviations: tuple[Deviation, ...] = ()


class Reference(Value):
    """What the bundle is measured against: a recorded baseline below `recipes/baselines/`."""

    baseline: RelativePath


class Variant(Value):
    """One way to build the bundle."""

    revision: Annotated[str, Field(pattern=r"^r[1-9][0-9]*$")]
    sdk: Name
    weights: Name
    engine: Text
    wheels: tuple[Requirement, ...] = ()
    files: tuple[ImageFile, ...] = ()
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    weights_folder: AbsolutePath = "/opt/bundle/weights"
    entrypoint: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    serving: Serving
    smoke: Smoke
    gate: Name
    reference: Reference
    note: Text | None = None


class Bundle(Value):
    """`recipes/bundles/<chip>/<model>.yaml`."""

    schema_: Literal["flagrelease.bundle/v1"] = Field(alias="schema")
    chip: Name
    model: Name
    default_variant: Name
    variants: dict[Name, Variant] = Field(min_length=1)
