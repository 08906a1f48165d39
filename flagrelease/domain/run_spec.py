"""Everything that is needed to start a bundle where its recipes are not: it travels as a label of the image.

A label may be anybody's. What is read from one is a value of this module, and what it may make the host do is bounded
by the types here: the one program of the host that it names can only list devices.
"""

import posixpath
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from flagrelease.domain.bundle import Reference
from flagrelease.domain.chip import Architecture, SdkVersion, Smi
from flagrelease.domain.container import Access, Container, EnvName, EnvValue
from flagrelease.domain.source import Commit, LockedFile, LockedWheel, RepoId
from flagrelease.domain.value import AbsolutePath, Digest, Name, RelativePath, Sha256, Text, Value

RUN_LABEL = "ai.flagos.flagrelease.run"
"""The image's label that holds a RunSpec as canonical JSON."""

Word = Annotated[str, Field(min_length=1, max_length=8000, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One word of a command; no shell reads it."""


class WheelOrigin(Value):
    """Files that this wheel carries."""

    kind: Literal["wheel"]
    wheel: LockedWheel


class HuggingFaceOrigin(Value):
    """Files of a Hugging Face repository at a commit."""

    kind: Literal["huggingface"]
    repo: RepoId
    revision: Commit


class ModelScopeOrigin(Value):
    """Files of a ModelScope repository."""

    kind: Literal["modelscope"]
    repo: RepoId
    revision: Annotated[str, Field(pattern=r"^[\w.-]+$", max_length=100)]


RunOrigin = Annotated[WheelOrigin | HuggingFaceOrigin | ModelScopeOrigin, Field(discriminator="kind")]


class RunFile(Value):
    """One file of the weights; `at` is its path at the origin where that is another, `size` is in bytes."""

    path: RelativePath
    size: Annotated[int, Field(ge=0)]
    sha256: Sha256
    origin: Annotated[int, Field(ge=0)] = 0
    at: RelativePath | None = None

    @property
    def digest(self) -> Digest:
        """The key of this file in the store."""
        return f"sha256:{self.sha256}"


class RunWeights(Value):
    """The weights: where the image wants them, whether it carries them, and where else they come from.

    Without `origins` nobody but who made the image knows where they come from. Without `files` they were not pinned.
    """

    model: Name
    title: Text
    folder: AbsolutePath
    place: Literal["image", "mount"]
    origins: Annotated[tuple[RunOrigin, ...], Field(max_length=100)] = ()
    files: Annotated[tuple[RunFile, ...], Field(max_length=5000)] = ()

    @model_validator(mode="after")
    def _files_are_apart_and_have_their_origin(self) -> "RunWeights":
        paths = [file.path for file in self.files]
        if len(set(paths)) != len(paths):
            raise ValueError("wanted each file once")
        if self.origins and any(file.origin >= len(self.origins) for file in self.files):
            raise ValueError(f"wanted origins from 0 to {len(self.origins) - 1}")
        return self

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def locked(self) -> tuple[LockedFile, ...]:
        """The files as they are fetched; empty where no origin is stated."""
        return tuple(_locked(file, self.origins[file.origin]) for file in self.files) if self.origins else ()


def _locked(file: RunFile, origin: RunOrigin) -> LockedFile:
    at = file.at or file.path
    stated = {"member": at} if origin.kind == "wheel" else {"path": at}
    return LockedFile.model_validate(
        {"path": file.path, "size": file.size, "sha256": file.sha256, "origin": origin.model_dump() | stated}
    )


class Listing(Value):
    """The host's program that lists its devices. `driver` finds the version in what it prints: its one group.

    A label says what is started on its reader's machine here, so a program has to be called as those that list devices
    are, where a system keeps its programs, with words that ask and change nothing.
    """

    program: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}(smi|gmi|mon)$")]
    arguments: tuple[Literal["info", "query", "list", "-L", "-q"], ...] = ()
    paths: tuple[Annotated[AbsolutePath, Field(pattern=r"^/(usr|opt)/")], ...] = ()
    driver: Annotated[str, Field(max_length=200)] | None = None

    @field_validator("driver")
    @classmethod
    def _is_a_pattern(cls, text: str | None) -> str | None:
        # The rule of a chip's recipe is the rule here.
        return Smi(command=("x",), driver=text).driver

    @model_validator(mode="after")
    def _paths_are_of_the_program(self) -> "Listing":
        if any(posixpath.basename(path) != self.program for path in self.paths):
            raise ValueError(f"wanted paths that end with {self.program}")
        return self


class HostNeeds(Value):
    """What the machine has to have: driver versions, and the memory in 10^9 bytes that weights take of one device."""

    driver_min: SdkVersion | None = None
    driver_max: SdkVersion | None = None
    driver_tested: tuple[SdkVersion, ...] = ()
    listing: Listing | None = None
    device_memory_gb: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class Devices(Value):
    """How many devices it runs on, over all nodes. A card of several dies is as many devices.

    `visible` is the variable by which the chip's own software is told which devices it may use.
    """

    world_size: Annotated[int, Field(ge=1, le=65536)] = 1
    nodes: Annotated[int, Field(ge=1, le=4096)] = 1
    dies_per_card: Annotated[int, Field(ge=1, le=16)] = 1
    visible: EnvName | None = None
    collective: Text | None = None

    @property
    def per_node(self) -> int:
        """Devices of one node."""
        return self.world_size // self.nodes

    @model_validator(mode="after")
    def _nodes_are_alike(self) -> "Devices":
        if self.world_size % self.nodes:
            raise ValueError(f"wanted as many devices on each of {self.nodes} nodes, found {self.world_size} in all")
        return self


class Switches(Value):
    """The variables that switch FlagOS on, and off; null means unset."""

    on: dict[EnvName, EnvValue] = Field(min_length=1)
    off: dict[EnvName, EnvValue | None] = Field(min_length=1)


class RunProfile(Value):
    """A group of variables that can be asked for by name."""

    title: Text
    on: dict[EnvName, EnvValue] = Field(min_length=1)
    cost: Text | None = None


class RunServing(Value):
    """What its clients see. With `takes_address` its command takes `--host` and `--port`."""

    served_name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
    port: Annotated[int, Field(ge=1, le=65535)]
    ready_within_s: Annotated[int, Field(ge=1, le=7200)]
    takes_address: bool = False


class RunSpec(Value):
    """A bundle as it is run.

    `command` is what is started in it, whole. `env` is what its image sets, `script_env` what its script needs
    beside it. `master_ports` are the ports from which one is leased for each group of devices.
    """

    schema_: Literal["flagrelease.run/v1"] = Field(alias="schema")
    bundle: Annotated[str, Field(pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*$", max_length=250)]
    revision: Annotated[str, Field(pattern=r"^r[1-9][0-9]*$")]
    chip: Name
    chip_title: Text
    model: Name
    variant: Name
    engine: Name
    architecture: Architecture
    command: tuple[Word, ...] = ()
    working_folder: AbsolutePath | None = None
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    script_env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    container: Container = Field(default_factory=Container)
    raw: Access | None = None
    toolkit: Access | None = None
    devices: Devices = Field(default_factory=Devices)
    host: HostNeeds = Field(default_factory=HostNeeds)
    weights: RunWeights
    serving: RunServing | None = None
    switches: Switches | None = None
    reference: Reference | None = None
    profiles: dict[Name, RunProfile] = Field(default_factory=dict)
    master_ports: tuple[Annotated[int, Field(ge=1024, le=65535)], Annotated[int, Field(ge=1024, le=65535)]] | None = (
        None
    )

    @model_validator(mode="after")
    def _ports_are_a_range(self) -> "RunSpec":
        if self.master_ports and self.master_ports[0] > self.master_ports[1]:
            raise ValueError("wanted the lower port first in master_ports")
        return self
