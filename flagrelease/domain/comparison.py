"""What the gate says of two sides' files: a verdict without an image, or with one where it was named."""

from typing import Literal

from pydantic import Field

from flagrelease.domain.evalrun import SourceFile
from flagrelease.domain.value import Digest, Name, Sha256, Text, Value
from flagrelease.domain.verdict import Judged, Waiver


class ItemOrder(Value):
    """All items of a task in the order in which planned looks take them; `looks` are after so many items each."""

    schema_: Literal["flagrelease.order/v1"] = Field(default="flagrelease.order/v1", alias="schema")
    policy_sha256: Sha256
    task: Name
    seed: int
    looks: tuple[int, ...]
    items: tuple[Text, ...] = Field(min_length=1)


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
