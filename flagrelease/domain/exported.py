"""A bundle's image with the stages that made it, as one file for the chip's host: what its configuration says."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from flagrelease.domain.value import Digest, Name, RelativePath, Sha256, Text, Value

FILES_LIMIT = 9_000
"""Files of stages, and blobs beside the image: as many as one manifest of 4 MiB can name."""


class ExportedFile(Value):
    """A file of a stage's folder, `<number>-<stage>/<path below it>`; size in bytes."""

    path: RelativePath
    sha256: Sha256
    size: Annotated[int, Field(ge=0)]

    @property
    def digest(self) -> Digest:
        """The blob that has its content."""
        return f"sha256:{self.sha256}"


class Exported(Value):
    """What an export is about, and the files of the stages that are done.

    `code_sha256` is of the flagrelease that made it, `engine` is what a whole lock's image was asked to be built by.
    `kept` are the blobs, beside the image's own, that the stages' values name.
    """

    schema_: Literal["flagrelease.export/v1"] = Field(default="flagrelease.export/v1", alias="schema")
    chip: Name
    model: Name
    variant: Name
    revision: Text
    image: Digest
    lock_sha256: Sha256
    tool: Text
    code_sha256: Sha256
    engine: Literal["docker", "not docker"]
    files: tuple[ExportedFile, ...] = Field(min_length=1, max_length=FILES_LIMIT)
    kept: tuple[Digest, ...] = Field(max_length=FILES_LIMIT)

    @model_validator(mode="after")
    def _is_in_order(self) -> "Exported":
        paths = [file.path for file in self.files]
        if paths != sorted(set(paths)) or list(self.kept) != sorted(set(self.kept)):
            raise ValueError("wanted files by path and blobs by digest, each once")
        if len({(file.sha256, file.size) for file in self.files}) != len({file.sha256 for file in self.files}):
            raise ValueError("one content has two sizes")
        return self

    @property
    def bundle(self) -> str:
        """The bundle's name: chip, model, variant."""
        return f"{self.chip}-{self.model}-{self.variant}"
