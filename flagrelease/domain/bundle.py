"""A bundle as a recipe: chip × model in named variants; only what differs from chip, engine and model."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.chip import Architecture, ImageName, ImageTag, Precision, Quantisation
from flagrelease.domain.component import Component
from flagrelease.domain.container import Container, EnvName, EnvValue
from flagrelease.domain.engine import Granularity
from flagrelease.domain.model import Use
from flagrelease.domain.restricted import Restricted
from flagrelease.domain.source import RepoId
from flagrelease.domain.value import AbsolutePath, Name, RelativePath, Text, Value

Measure = Annotated[float, Field(allow_inf_nan=False)]
Requirement = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[0-9A-Za-z.+!]+$")]

ServedName = Annotated[str, Field(pattern=r"^[A-Za-z0-9/][A-Za-z0-9/._-]*$", max_length=200)]
"""The model name that clients send; engines that are not told one answer to the path of the weights."""

ArgumentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=80)]
"""A long option of an engine, without the dashes."""

Argument = str | int | float | bool | None
"""An option's value; `true` stands for the bare option."""


class ImageFile(Value):
    """One file of the image, rendered from a template below `dockerfiles/`; mode in octal, as in YAML `"0644"`."""

    path: AbsolutePath
    template: RelativePath
    mode: Annotated[str, Field(pattern=r"^0[0-7]{3}$")] = "0644"


class Serving(Value):
    """How the bundle serves: what its clients see, and what it needs. As resolved: nothing is left open."""

    served_name: ServedName
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    context_length: Annotated[int, Field(ge=16, description="tokens of one request, prompt and answer")]
    slots: Annotated[int, Field(ge=1, le=256, description="requests served at once")] = 1
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    ready_within_s: Annotated[int, Field(ge=1, le=7200, description="seconds from start to healthy")]


class ServingRecipe(Value):
    """As written: a name or length that is left out is the model's; `arguments` go to the engine as they are."""

    served_name: ServedName | None = None
    requested_model: ServedName | None = Field(default=None, description="what the documented request names")
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    context_length: Annotated[int, Field(ge=16, description="tokens of one request, prompt and answer")] | None = None
    images_per_request: Annotated[int, Field(ge=0)] | None = None
    slots: Annotated[int, Field(ge=1, le=256, description="requests served at once")] = 1
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    ready_within_s: Annotated[int, Field(ge=1, le=7200, description="seconds from start to healthy")]
    arguments: dict[ArgumentName, Argument] = Field(default_factory=dict)


class Script(Value):
    """How a variant without a server is run: a program of the user's, inside the image."""

    command: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    modes: dict[Name, dict[EnvName, EnvValue]] = Field(default_factory=dict)
    source: Text


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


class Recorded(Value):
    """Measured against a recorded baseline below `recipes/baselines/`."""

    kind: Literal["recorded"]
    baseline: RelativePath


class SwitchedOff(Value):
    """Measured against the same image with the FlagOS switches off; `off` null means unset."""

    kind: Literal["switched_off"]
    on: dict[EnvName, EnvValue] = Field(min_length=1)
    off: dict[EnvName, EnvValue | None] = Field(min_length=1)
    title: Text


class OtherChip(Value):
    """Measured against another chip with its own stack; its record is made with the same harness.

    `baseline` is that record, below `recipes/baselines/`; as long as there is none, the gate cannot say GO.
    """

    kind: Literal["other_chip"]
    chip: Name
    hardware: Name | None = None
    stack: Text
    baseline: RelativePath | None = None


Reference = Annotated[Recorded | SwitchedOff | OtherChip, Field(discriminator="kind")]


class Parallel(Value):
    """How the model is split: the product of all but `expert` is the number of devices."""

    tensor: Annotated[int, Field(ge=1)] = 1
    data: Annotated[int, Field(ge=1)] = 1
    pipeline: Annotated[int, Field(ge=1)] = 1
    expert: Annotated[int, Field(ge=1)] = 1
    nodes: Annotated[int, Field(ge=1)] = 1

    @property
    def world_size(self) -> int:
        """Devices in all."""
        return self.tensor * self.data * self.pipeline


class ImageReference(Value):
    """An image somebody published, as they wrote it."""

    image: ImageName
    tag: ImageTag | None = None

    def __str__(self) -> str:
        """As it stands in a command."""
        return f"{self.image}:{self.tag}" if self.tag else self.image


class PublishedImage(Value):
    """The image of the card: what it says to pull and what it says to run, which should be the same."""

    pulled: ImageReference
    run: ImageReference
    restricted: Restricted | None = None
    note: Text | None = None


class Hub(Value):
    """Where the bundle's weights and card are published."""

    modelscope: RepoId | None = None
    huggingface: RepoId | None = None


class Waiver(Value):
    """Why a lint rule does not apply here; `at` limits it to findings at or below this key."""

    rule: Annotated[str, Field(pattern=r"^FR[0-9]{3}$")]
    at: Text | None = None
    reason: Text
    owner: Text
    expires: date


class Defect(Value):
    """Something wrong with the published instructions, and what is done instead."""

    what: Text
    instead: Text
    source: Text


class Variant(Value):
    """One way to build the bundle. `published` names tables below `recipes/published/<chip>/`."""

    revision: Annotated[str, Field(pattern=r"^r[1-9][0-9]*$")]
    title: Text | None = None
    flagos: Text | None = Field(default=None, description="release of FlagOS")
    sdk: Name
    hardware: tuple[Name, ...] = ()
    architecture: Architecture | None = None
    weights: Name
    engine: Name
    precision: Precision | None = None
    quantisation: Quantisation = "none"
    granularity: Granularity | None = None
    parallel: Parallel = Field(default_factory=Parallel)
    components: dict[Name, Component] = Field(default_factory=dict)
    wheels: tuple[Requirement, ...] = ()
    files: tuple[ImageFile, ...] = ()
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    profiles: tuple[Name, ...] = ()
    features: tuple[Name, ...] = ()
    settings: dict[Name, Argument] = Field(default_factory=dict, description="values for this bundle's templates")
    weights_folder: AbsolutePath = "/opt/bundle/weights"
    weights_in: Literal["image", "mount"] = "image"
    entrypoint: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    working_folder: AbsolutePath | None = Field(default=None, description="where its command is started")
    script: Script | None = None
    serving: ServingRecipe | None = None
    container: Container = Field(default_factory=Container)
    smoke: Smoke | None = None
    gate: Name | None = None
    reference: Reference | None = None
    published: tuple[Name, ...] = ()
    image: PublishedImage | None = None
    hub: Hub | None = None
    uses: tuple[Use, ...] = ("research",)
    waivers: tuple[Waiver, ...] = ()
    defects: tuple[Defect, ...] = ()
    sources: tuple[Text, ...] = ()
    note: Text | None = None


class Refused(Value):
    """A cell that is not built, why, and until when that is believed."""

    what: Text
    why: Text
    source: Text
    expires: date | None = None


class Bundle(Value):
    """`recipes/bundles/<chip>/<model>.yaml`."""

    schema_: Literal["flagrelease.bundle/v2"] = Field(alias="schema")
    chip: Name
    model: Name
    default_variant: Name
    variants: dict[Name, Variant] = Field(min_length=1)
    refused: tuple[Refused, ...] = ()
