"""Evidence that was made on a chip's host, as one file: what the manifest of an evidence pack says."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from flagrelease.domain.chip import Architecture
from flagrelease.domain.container import EnvName
from flagrelease.domain.evidence import Skipped, SmokeReport
from flagrelease.domain.host import FoundChip, FoundEngine
from flagrelease.domain.value import Digest, Name, RelativePath, Sha256, Text, Value
from flagrelease.domain.verdict import Evaluation

FILE_LIMIT = 256 << 20
"""Bytes of one file: a record of a million answers."""

TOTAL_LIMIT = 1 << 30
"""Bytes of all files together."""

FILES_LIMIT = 500
"""Files; a policy of fifty tasks has a hundred records."""


class PackedFile(Value):
    """A file of a stage's folder, `<stage>/<path below it>`; size in bytes."""

    path: RelativePath
    sha256: Sha256
    size: Annotated[int, Field(ge=0, le=FILE_LIMIT)]


class HostProfile(Value):
    """The machine that answered, as far as it does not change from one moment to the next; memory in bytes."""

    machine: Text
    architecture: Architecture | None
    system: Text
    kernel: Text
    cores: int
    memory_bytes: int
    engines: tuple[FoundEngine, ...] = ()
    chips: tuple[FoundChip, ...] = ()


class EvidenceManifest(Value):
    """`manifest.json`: what the evidence is about, where it was made, the stages' values, and every file by its hash.

    `code_sha256` is of the flagrelease that made it, `switches` are the variables that the server ran with, `finished`
    is when the last answer was given.
    """

    schema_: Literal["flagrelease.evidence/v1"] = Field(default="flagrelease.evidence/v1", alias="schema")
    chip: Name
    model: Name
    variant: Name
    revision: Text
    image: Digest
    lock_sha256: Sha256
    policy: Name
    policy_sha256: Sha256
    tool: Text
    code_sha256: Sha256
    by: Text
    host: HostProfile
    switches: dict[EnvName, str]
    kernels: Skipped
    serving: SmokeReport
    evaluation: Evaluation
    files: tuple[PackedFile, ...] = Field(min_length=1, max_length=FILES_LIMIT)
    finished: datetime

    @model_validator(mode="after")
    def _is_of_one_image(self) -> "EvidenceManifest":
        if not self.image == self.serving.image == self.evaluation.verdict.image:
            raise ValueError("its parts are about several images")
        paths = [file.path for file in self.files]
        if paths != sorted(set(paths)):
            raise ValueError("wanted files by path, each once")
        if sum(file.size for file in self.files) > TOTAL_LIMIT:
            raise ValueError(f"wanted at most {TOTAL_LIMIT} bytes of files")
        return self

    @property
    def bundle(self) -> str:
        """The bundle's name: chip, model, variant."""
        return f"{self.chip}-{self.model}-{self.variant}"


class Taken(Value):
    """`taken.json` in a stage's folder: the pack that its result came in, by whom and from which machine."""

    schema_: Literal["flagrelease.taken/v1"] = Field(default="flagrelease.taken/v1", alias="schema")
    pack_sha256: Sha256
    signed_by: Text | None
    by: Text
    host: HostProfile
    code_sha256: Sha256
    finished: datetime
