"""How a container reaches a chip's devices, and what a bundle's own container asks for beyond that."""

from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.value import AbsolutePath, Name, Text, Value

EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]
EnvValue = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=4000)]
Capability = Annotated[str, Field(pattern=r"^[A-Z][A-Z_]*$", max_length=40)]

UserName = Annotated[str, Field(pattern=r"^[a-z0-9_-]+(:[a-z0-9_-]+)?$", max_length=200)]
"""A user, and perhaps a group, by name or number."""

DevicePath = Annotated[
    str,
    Field(
        pattern=r"^/dev(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*\{die\}[A-Za-z0-9_.-]*)?$",
        max_length=200,
    ),
]
"""A device node; `{die}` stands for the number of each die that is used."""


class Mount(Value):
    """A file or folder of the host. Without `target` it has the same path inside."""

    source: AbsolutePath
    target: AbsolutePath | None = None
    read_only: bool = True
    why: Text | None = None


class Access(Value):
    """One way to a chip's devices: its raw nodes, or the vendor's container toolkit.

    `program` is a wrapper that takes the place of the engine's own command, such as `metax-docker`.
    """

    needs: Text | None = Field(default=None, description="what the host must have for this way")
    program: Name | None = None
    runtime: Name | None = None
    gpus: Literal["all"] | None = None
    devices: tuple[DevicePath, ...] = ()
    mounts: tuple[Mount, ...] = ()
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    groups: tuple[Name, ...] = ()
    security_options: tuple[Text, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    tmpfs: tuple[AbsolutePath, ...] = ()
    privileged: bool = False
    network: Literal["bridge", "host"] = "bridge"
    why: dict[Name, Text] = Field(default_factory=dict, description="reasons for what gives more than least privilege")


class ChipContainer(Value):
    """The ways to a chip's devices; `toolkit` is preferred where the host has it."""

    raw: Access | None = None
    toolkit: Access | None = None
    source: Text


class Container(Value):
    """What a bundle's container asks for. Whatever is wider than the default has its reason in `why`."""

    name: Name | None = None
    access: Literal["raw", "toolkit"] = "raw"
    network: Literal["bridge", "host", "none"] = "bridge"
    pid: Literal["private", "host"] = "private"
    ipc: Literal["private", "host"] = "private"
    privileged: bool = False
    user: UserName | None = None
    init: bool = True
    shm_gb: Annotated[int, Field(ge=1, le=4096)] | None = None
    ulimits: dict[Literal["stack", "memlock", "nofile", "nproc"], Annotated[int, Field(ge=-1)]] = Field(
        default_factory=dict
    )
    security_options: tuple[Text, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    mounts: tuple[Mount, ...] = ()
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    why: dict[Name, Text] = Field(default_factory=dict, description="reason for each wider setting, by its key")
    dropped: dict[Text, Text] = Field(
        default_factory=dict, description="what the published command used beyond this, and why it is left out"
    )
