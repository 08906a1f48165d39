"""What takes the place of a vendor's parts in a rehearsal, as written in `recipes/stand-ins/` and as locked there."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from flagrelease.domain.chip import Architecture, DebianBase
from flagrelease.domain.container import EnvName, EnvValue
from flagrelease.domain.lock import LockedBase
from flagrelease.domain.source import Project
from flagrelease.domain.value import Digest, Name, RelativePath, Text, Value

Module = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]
"""A Python module that is imported by one word."""

Requirement = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*([=<>!~]=?[0-9A-Za-z.*+!]+)?$", max_length=200)]
"""A project, or one with a bound, that a stand-in says it requires."""

BelowFolder = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]*$", max_length=200)]
"""A path below the folder that a file of variables lies in; empty for that folder."""


class StandInBase(Value):
    """`recipes/stand-ins/base.yaml`: the Debian packages of the image that stands in for every vendor's base."""

    schema_: Literal["flagrelease.stand-in-base/v1"] = Field(alias="schema")
    title: Text
    base: DebianBase
    python: Annotated[str, Field(pattern=r"^3\.[0-9]+$")]
    architectures: tuple[Architecture, ...] = Field(min_length=1)
    note: Text | None = None


class LockedStandIn(Value):
    """The base for one architecture: its packages by content, and the digest of the archive they make."""

    base: LockedBase
    archive: Digest


class StandInBaseLock(Value):
    """`recipes/stand-ins/base.lock.json`."""

    schema_: Literal["flagrelease.stand-in-base-lock/v1"] = Field(alias="schema")
    architectures: dict[Architecture, LockedStandIn]


class Variables(Value):
    """What a file of variables sets: `home` names its own folder or one below, `prepend` goes before what is there."""

    home: dict[EnvName, BelowFolder] = Field(default_factory=dict)
    fixed: dict[EnvName, EnvValue] = Field(default_factory=dict)
    prepend: dict[EnvName, BelowFolder] = Field(default_factory=dict)


class StandInProject(Value):
    """What the stand-in of a Python project has: its module, functions with a fixed answer, what it requires."""

    module: Module | None = None
    answers: dict[Module, bool | int | str] = Field(default_factory=dict)
    requires: tuple[Requirement, ...] = ()


class StandInSource(Value):
    """The stand-in of a component's sources.

    `project` is the Python project at its top, `folders` those in folders of it; a folder that is not named is the
    project of its own name. `made` are the files that `make` and its own script leave behind.
    """

    project: Project | None = None
    folders: dict[RelativePath, Project] = Field(default_factory=dict)
    made: tuple[RelativePath, ...] = ()


class WheelIn(Value):
    """A wheel in an archive, one for each of `machines` where there are any, as the vendor's is.

    `{name}` is the group of that name in the archive's pattern.
    """

    project: Project
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+{}!_]+$", max_length=60)]
    machines: tuple[Literal["x86_64", "aarch64"], ...] = ()


class StandInArchive(Value):
    """What lies in the archives whose whole name fits the regular expression `file`."""

    file: Annotated[str, Field(max_length=200)]
    wheels: tuple[WheelIn, ...] = ()
    sets: RelativePath | None = Field(default=None, description="a file of variables")
    files: tuple[RelativePath, ...] = ()
    source: Text

    @field_validator("file")
    @classmethod
    def _is_a_pattern(cls, text: str) -> str:
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"wanted a regular expression: {error}") from error
        return text


class StandInParts(Value):
    """`recipes/stand-ins/parts.yaml`: how the stand-ins of installers, projects, components and archives look.

    `variables` go by the purpose of an installer (`toolkit`, `models`). `recorded` are the variables that stand-ins
    write down, beside those that a component's own steps set.
    """

    schema_: Literal["flagrelease.stand-ins/v1"] = Field(alias="schema")
    variables: dict[Name, Variables]
    projects: dict[Project, StandInProject]
    components: dict[Name, StandInSource]
    archives: tuple[StandInArchive, ...]
    recorded: tuple[EnvName, ...]
    sources: tuple[Text, ...] = ()
