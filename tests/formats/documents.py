"""A small kind of document with everything a recipe has, and good examples of it."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.value import Digest, Name, RelativePath, Text, Value


class Wheel(Value):
    kind: Literal["wheel"]
    project: Name
    version: Text
    # Named as the tag of the union is.
    wheel: Text | None = None


class Folder(Value):
    kind: Literal["folder"]
    folder: Text
    files: tuple[RelativePath, ...] = Field(min_length=1)


class Part(Value):
    source: Annotated[Wheel | Folder, Field(discriminator="kind")]
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    sizes: tuple[Annotated[int, Field(ge=1)], ...] = ()


class Document(Value):
    schema_: Literal["flagrelease.document/v1"] = Field(alias="schema")
    name: Name
    title: Text
    scale: Literal[1, 100] = 100
    chance: Annotated[float, Field(ge=0, lt=1)] = 0.0
    works: bool = True
    mode: Literal["on", "off"] = "on"
    expires: date | None = None
    made: datetime | None = None
    image: Digest | None = None
    env: dict[Name, str] = Field(default_factory=dict)
    parts: dict[Name, Part] = Field(default_factory=dict)
    note: Text | None = None


HEAD = "schema: flagrelease.document/v1\nname: a-name\ntitle: A title\n"
"""Three lines: what is written after it begins on line 4."""

GOOD = (
    HEAD
    + """\
scale: 1
chance: 1e-1
works: false
mode: "off"
expires: 2030-12-31
made: 2030-12-31T23:59:59Z
env: {path: "/bin", yes-or-no: 'yes', version: "1.10"}
parts:
  one:
    source: {kind: wheel, project: a.b, version: 2.7.0, wheel: w}
    revision: "0123456789012345678901234567890123456789"
    sizes: [1, 2]
  two:
    source:
      kind: folder
      folder: somewhere
      files:
        - a/b.txt
note: null
"""
)
