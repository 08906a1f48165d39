"""A chip as a recipe: an accelerator family, its SDK generations and how a container reaches its devices."""

from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.value import Name, Text, Value

Architecture = Literal["amd64", "arm64"]

DebianPackage = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$", max_length=100)]


class DebianBase(Value):
    """A base made of Debian packages: these and what they depend on, from these suites."""

    kind: Literal["debian"]
    suites: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], ...] = Field(min_length=1)
    components: tuple[Literal["main", "contrib", "non-free", "non-free-firmware"], ...] = ("main",)
    packages: tuple[DebianPackage, ...] = Field(min_length=1)


class Sdk(Value):
    """One generation of a chip's toolchain: the base, and the Python that wheels are chosen for."""

    title: Text
    base: DebianBase
    python: Annotated[str, Field(pattern=r"^3\.\d+$")]
    glibc: Annotated[str, Field(pattern=r"^2\.\d+$")]


class Chip(Value):
    """`recipes/chips/<chip>.yaml`."""

    schema_: Literal["flagrelease.chip/v1"] = Field(alias="schema")
    name: Name
    title: Text
    vendor: Text
    architectures: tuple[Architecture, ...] = Field(min_length=1)
    aliases: tuple[Text, ...] = ()
    memory: Literal["process_tree"] = Field(
        description="how the chip's memory in use is read: process_tree is the memory of the server's processes"
    )
    sdks: dict[Name, Sdk] = Field(min_length=1)
    note: Text | None = None
