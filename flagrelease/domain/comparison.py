"""What the gate says of two sides' files: a verdict without an image, or with one where it was named."""

from typing import Literal

from pydantic import Field

from flagrelease.domain.evalrun import SourceFile
from flagrelease.domain.value import Digest, Name, Text, Value
from flagrelease.domain.verdict import Judged, TaskVerdict, Waiver

TaskComparison = TaskVerdict
"""A task of two sides' files is judged as a bundle's is."""


class SideFiles(Value):
    """What one side's records were read from."""

    path: Text
    harness: Text
    records: int
    sources: tuple[SourceFile, ...]


class Comparison(Judged):
    """The gate's word on two sides' files, by one policy; a HOLD may have been let through by a `waiver`."""

    schema_: Literal["flagrelease.comparison/v1"] = Field(default="flagrelease.comparison/v1", alias="schema")
    policy: Name
    image: Digest | None = None
    waiver: Waiver | None = None
    reference: SideFiles
    target: SideFiles
