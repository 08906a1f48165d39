"""A model as a recipe: its weights in each form, its licences with their terms, what it can do."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from flagrelease.domain.chip import Precision, Quantisation
from flagrelease.domain.restricted import Restricted
from flagrelease.domain.source import FileSource, RepoId
from flagrelease.domain.value import Name, RelativePath, Sha256, Text, Value

Modality = Literal["text", "image", "audio", "video"]
Use = Literal["research", "commercial", "republish"]
"""What a bundle does with its weights: run them for research, run them commercially, pass them on."""


class Licence(Value):
    """A licence and what it asks of somebody who uses or republishes the weights.

    `name` is an SPDX identifier where there is one. `terms_sha256` are hashes of the terms by language.
    """

    name: Text
    commercial_use: Literal["allowed", "after_registration", "forbidden", "unstated"]
    republish: Literal["allowed", "with_attribution", "after_registration", "forbidden", "unstated"] = "unstated"
    terms: Text | None = None
    terms_zh: Text | None = None
    attribution: bool = False
    publicity_limit: bool = False
    contact: Text | None = None
    terms_sha256: dict[Literal["en", "zh"], Sha256] = Field(default_factory=dict)
    source: Text | None = None


class Weights(Value):
    """One form of a model's weights."""

    format: Literal["gguf", "safetensors", "pytorch"] | None = None
    precision: Text
    dtype: Precision | None = None
    quantisation: Quantisation = "none"
    size_gb: Annotated[float, Field(gt=0, allow_inf_nan=False, description="10^9 bytes")] | None = None
    source: FileSource | None = None
    restricted: Restricted | None = None
    note: Text | None = None


class Transform(Value):
    """A change of one JSON file of the weights folder: keys that have `was` get `becomes`. Applied before serving."""

    file: RelativePath
    was: dict[Text, JsonValue] = Field(min_length=1)
    becomes: dict[Text, JsonValue] = Field(min_length=1)
    engines: tuple[Name, ...] = ()
    why: Text
    source: Text


class Upstream(Value):
    """Where the model itself lives; for people, nothing is fetched from here."""

    huggingface: RepoId | None = None
    modelscope: RepoId | None = None


class Defaults(Value):
    """How the model is served unless a bundle says otherwise."""

    context_length: Annotated[int, Field(ge=16)] | None = None
    images_per_request: Annotated[int, Field(ge=0)] | None = None
    trust_remote_code: bool = False


class NotReleased(Value):
    """A relative of the model that has no recipe, and why."""

    name: Text
    why: Text
    source: Text


class Model(Value):
    """`recipes/models/<model>.yaml`. What no source states is left out, never guessed.

    `max_effective_length` is how far answers stay good.
    """

    schema_: Literal["flagrelease.model/v2"] = Field(alias="schema")
    name: Name
    title: Text
    family: Name | None = None
    licence: Licence
    code_licence: Licence | None = None
    upstream: Upstream = Upstream()
    modalities: tuple[Modality, ...] = Field(min_length=1)
    parameters: Annotated[int, Field(ge=1, description="number of parameters")] | None = None
    max_context: Annotated[int, Field(ge=1, description="tokens")] | None = None
    max_effective_length: Annotated[int, Field(ge=1, description="tokens")] | None = None
    weights: dict[Name, Weights] = Field(min_length=1)
    transforms: tuple[Transform, ...] = ()
    requirements: tuple[Text, ...] = ()
    defaults: Defaults = Defaults()
    benchmarks: tuple[Name, ...] = ()
    not_released: tuple[NotReleased, ...] = ()
    sources: tuple[Text, ...] = ()
    note: Text | None = None
