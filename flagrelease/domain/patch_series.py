"""A vendor's patch set: the changes to one component at one commit for one chip, in their order."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, model_validator

from flagrelease.domain.value import Name, Sha256, Text, Value

BASE_DIGITS = 12
"""Digits of the base commit that name a set's folder."""

SERIES_FILE = "series.yaml"

CommitId = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
"""A commit by all its digits."""

TreeId = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
"""A git tree by all its digits: the content of every file below it."""

PatchName = Annotated[
    str, Field(pattern=r"^[0-9]{4}(-[A-Za-z0-9][A-Za-z0-9._+-]*)?\.patch(\.sealed)?$", max_length=200)
]
"""`0001-….patch`, or `0001-….patch.sealed`: beside the series, never in another folder."""

TaskKind = Literal["train", "inference", "post_train"]


class PatchFile(Value):
    """One file of a series. `sha256` and `size` are of the file as it is stored: of the sealed bytes where it is."""

    file: PatchName
    sha256: Sha256
    size: Annotated[int, Field(ge=1)]
    sealed: bool = False
    author: Text | None = None
    date: dt.date | None = None
    subject: Text | None = None

    @model_validator(mode="after")
    def _named_for_what_it_is(self) -> "PatchFile":
        if self.sealed != self.file.endswith(".sealed"):
            raise ValueError("wanted a file that ends in .sealed where it is sealed, and only there")
        return self


class Series(Value):
    """`patches/<component>/<base, 12 digits>/<chip>/series.yaml`. The patches are applied in the order written."""

    schema_: Literal["flagrelease.patches/v1"] = Field(alias="schema")
    component: Name
    base: CommitId
    chip: Name
    task: tuple[TaskKind, ...] = Field(min_length=1)
    models: tuple[Text, ...] = ()
    owner: Text = Field(description="who answers for the set")
    why: Text
    upstream: Text = Field(description='a link to where it is offered upstream, or "none"')
    remove_when: Text = Field(description="what has to happen before the set can go")
    whitespace: Literal["strict", "fix"] = Field(default="strict", description="`fix`: as `git apply --whitespace=fix`")
    result_tree: TreeId = Field(description="the tree at the base with every patch applied")
    patches: tuple[PatchFile, ...] = Field(min_length=1)

    @property
    def folder(self) -> str:
        """Its place below `patches/`."""
        return f"{self.component}/{self.base[:BASE_DIGITS]}/{self.chip}"

    @model_validator(mode="after")
    def _each_file_once(self) -> "Series":
        names = [one.file for one in self.patches]
        if len(set(names)) != len(names):
            raise ValueError("wanted each patch file once")
        return self


class PatchSet(Value):
    """A set as a bundle pins it: `series` is the digest of all that it says and of every patch by hash, in order.

    `is_sealed`: a key is needed to apply it. Who has one may change without the set becoming another.
    """

    component: Name
    base: CommitId
    chip: Name
    series: Sha256
    result_tree: TreeId
    is_sealed: bool = False

    @property
    def folder(self) -> str:
        """Its place below `patches/`."""
        return f"{self.component}/{self.base[:BASE_DIGITS]}/{self.chip}"
