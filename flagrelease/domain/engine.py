"""A serving engine as a recipe: what it can run, on which chips, for which models."""

from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.chip import Precision, Quantisation
from flagrelease.domain.model import Modality
from flagrelease.domain.value import Name, Text, Value

Granularity = Literal["per_channel", "per_token", "per_group"]
Strategy = Literal["tensor", "data", "pipeline", "expert", "sequence"]


class QuantisationSupport(Value):
    """One quantisation: how fine it may be, and on which chips. What is not listed is refused, with `source`."""

    granularities: tuple[Granularity, ...]
    chips: tuple[Name, ...] = ()
    source: Text


class ModelSupport(Value):
    """What the engine does with one model. Each limit is refused beyond, plain and served apart."""

    precisions: tuple[Precision, ...] = ()
    world_sizes: dict[Name, tuple[Annotated[int, Field(ge=1)], ...]] = Field(
        default_factory=dict, description="by chip"
    )
    modalities_plain: tuple[Modality, ...] = ()
    modalities_served: tuple[Modality, ...] = ()
    images_per_request_served: Annotated[int, Field(ge=0)] | None = None
    request_formats: tuple[Text, ...] = ()
    requirements_file: Text | None = None
    source: Text


class Requirement(Value):
    """A row of the engine's table of dependency files."""

    models: Text
    file: Text


class Engine(Value):
    """`recipes/engines/<engine>.yaml`. Empty `precisions` or `chips` mean that the engine sets no limit of its own."""

    schema_: Literal["flagrelease.engine/v1"] = Field(alias="schema")
    name: Name
    title: Text
    serves: bool = Field(description="whether it has a server, or runs scripts only")
    start: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(),
        description="how its server is started: {weights} is the folder, {options} the bundle's arguments as long "
        "options, any other {name} one of the bundle's settings",
    )
    health: Text | None = Field(default=None, description="path that answers 200 when the server is ready")
    chips: tuple[Name, ...] = ()
    precisions: tuple[Precision, ...] = ()
    chip_precisions: dict[Name, tuple[Precision, ...]] = Field(default_factory=dict)
    quantisations: dict[Quantisation, QuantisationSupport] = Field(default_factory=dict)
    strategies: tuple[Strategy, ...] = ()
    multi_node_families: tuple[Name, ...] = ()
    models: dict[Name, ModelSupport] = Field(default_factory=dict)
    requirements: tuple[Requirement, ...] = ()
    preset_models: tuple[Text, ...] = ()
    commands: dict[Name, Text] = Field(default_factory=dict, description="its own helper commands, by purpose")
    sources: tuple[Text, ...] = ()
    note: Text | None = None
