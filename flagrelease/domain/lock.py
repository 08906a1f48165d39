"""The lock: every input of a bundle, resolved; nothing in it is looked up again."""

import hashlib
from typing import Literal

from pydantic import Field

from flagrelease.domain.bundle import ImageFile, Serving, Smoke
from flagrelease.domain.chip import Architecture, DebianBase
from flagrelease.domain.gate import Policy
from flagrelease.domain.model import Licence
from flagrelease.domain.source import FileSource, LockedDeb, LockedFile, LockedWheel
from flagrelease.domain.value import AbsolutePath, Name, RelativePath, Sha256, Text, Value


class LockedBase(Value):
    """The base by content: `packages` are those asked for and what they depend on, sorted by name."""

    asked: DebianBase
    packages: tuple[LockedDeb, ...]


class LockedImageFile(Value):
    """One file of the image and the template it is rendered from, by hash."""

    file: ImageFile
    template_sha256: Sha256


class LockedWeights(Value):
    """One model's weights by content."""

    model: Name
    title: Text
    licence: Licence
    parameters: int
    format: Literal["gguf", "safetensors"]
    precision: Text
    source: FileSource
    files: tuple[LockedFile, ...] = Field(min_length=1)

    @property
    def sha256(self) -> Sha256:
        """The weights as one hash: the file's own, or that of the lines `<sha256>  <path>` of several, by path."""
        if len(self.files) == 1:
            return self.files[0].sha256
        lines = sorted(f"{file.sha256}  {file.path}\n" for file in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


class LockedDataset(Value):
    """The file that holds a task's items."""

    task: Name
    source: FileSource
    file: LockedFile


class LockedBaseline(Value):
    """The reference record, by place below `recipes/baselines/` and hash of its canonical form."""

    path: RelativePath
    sha256: Sha256


class Lock(Value):
    """One variant of a bundle with nothing left open. `tool` is the version of flagrelease that resolved it.

    `recipe_sha256` is the hash of the canonical chip, model, second model, bundle variant and policy it was resolved
    from, so that a lock older than its recipe is found without resolving again. Comments and key order do not count.
    """

    schema_: Literal["flagrelease.lock/v1"] = Field(alias="schema")
    tool: Text
    chip: Name
    chip_title: Text
    model: Name
    variant: Name
    revision: str
    engine: Text
    architecture: Architecture
    memory: Literal["process_tree"]
    recipe_sha256: Sha256
    base: LockedBase
    wheels: tuple[LockedWheel, ...]
    files: tuple[LockedImageFile, ...]
    env: dict[str, str]
    python: str
    weights: LockedWeights
    weights_folder: AbsolutePath
    second_model: LockedWeights
    entrypoint: tuple[str, ...]
    serving: Serving
    smoke: Smoke
    policy: Policy
    datasets: tuple[LockedDataset, ...]
    baseline: LockedBaseline

    @property
    def bundle(self) -> str:
        """The bundle's name: chip, model, variant."""
        return f"{self.chip}-{self.model}-{self.variant}"


class LockFile(Value):
    """`recipes/bundles/<chip>/<model>.lock.json`: one lock a variant."""

    schema_: Literal["flagrelease.lockfile/v1"] = Field(alias="schema")
    variants: dict[Name, Lock]
