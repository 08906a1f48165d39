"""A model as a recipe: its weights in each form, its licence with its terms, what it can do."""

from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.source import FileSource, RepoId
from flagrelease.domain.value import Name, Text, Value


class Licence(Value):
    """A licence and what it asks of somebody who uses or republishes the weights."""

    name: Text
    commercial_use: Literal["allowed", "after_registration", "forbidden"]
    terms: Text | None = None


class Weights(Value):
    """One form of a model's weights."""

    format: Literal["gguf", "safetensors"]
    precision: Text
    source: FileSource


class Upstream(Value):
    """Where the model itself lives; for people, nothing is fetched from here."""

    huggingface: RepoId | None = None
    modelscope: RepoId | None = None


class Model(Value):
    """`recipes/models/<model>.yaml`."""

    schema_: Literal["flagrelease.model/v1"] = Field(alias="schema")
    name: Name
    title: Text
    licence: Licence
    upstream: Upstream = Upstream()
    modalities: tuple[Literal["text", "image", "audio", "video"], ...] = Field(min_length=1)
    parameters: Annotated[int, Field(ge=1, description="number of parameters")]
    max_context: Annotated[int, Field(ge=1, description="tokens")]
    weights: dict[Name, Weights] = Field(min_length=1)
    note: Text | None = None
