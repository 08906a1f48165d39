"""The lock: every input of a bundle, resolved; nothing in it is looked up again."""

import hashlib
from typing import Annotated, Literal

from pydantic import Field, model_validator

from flagrelease.domain.bundle import ImageFile, Reference, Serving, Smoke
from flagrelease.domain.chip import Architecture, DebianBase
from flagrelease.domain.component import GitSource
from flagrelease.domain.gate import Policy
from flagrelease.domain.harness import PinnedHarness
from flagrelease.domain.model import Licence
from flagrelease.domain.patch_series import PatchSet
from flagrelease.domain.source import Commit, FileSource, LockedDeb, LockedFile, LockedWheel
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
    format: Literal["gguf", "safetensors", "pytorch"]
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


class LockedComponent(Value):
    """A source at a commit, with the vendor's changes where there are any, and its folder in the image.

    Without `patches` its tree is that of the commit; with them it is the one that they record.
    """

    name: Name
    source: GitSource
    commit: Commit
    patches: PatchSet | None = None
    placed_at: AbsolutePath

    @model_validator(mode="after")
    def _patches_are_for_it(self) -> "LockedComponent":
        if self.patches and (self.patches.component, self.patches.base) != (self.name, self.commit):
            raise ValueError("wanted patches of this component at this commit")
        return self


class LockedDataset(Value):
    """The file that holds the items of a task, be it asked here or by a harness."""

    task: Name
    source: FileSource
    file: LockedFile


class LockedBaseline(Value):
    """The reference record, by place below `recipes/baselines/` and hash of its canonical form."""

    path: RelativePath
    sha256: Sha256


class _Resolved(Value):
    """What every lock says of itself. `tool` is the version of flagrelease that resolved it.

    `recipe_sha256` is the hash of what binds the bundle in its chip, model, engine, variant and policy
    (`Recipe.binding`), so that a lock older than its recipe is found without resolving again. Comments, key order and
    what is only for readers do not count.
    """

    schema_: Literal["flagrelease.lock/v2"] = Field(alias="schema")
    tool: Text
    chip: Name
    chip_title: Text
    model: Name
    variant: Name
    revision: str
    engine: Name
    engine_title: Text
    architecture: Architecture
    recipe_sha256: Sha256

    @property
    def bundle(self) -> str:
        """The bundle's name: chip, model, variant."""
        return f"{self.chip}-{self.model}-{self.variant}"


class Lock(_Resolved):
    """One variant of a bundle with nothing left open."""

    kind: Literal["whole"]
    memory_probe: Literal["process_tree", "smi"]
    base: LockedBase
    wheels: tuple[LockedWheel, ...]
    components: tuple[LockedComponent, ...] = ()
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
    harnesses: tuple[PinnedHarness, ...] = ()
    reference: Reference | None = None
    baseline: LockedBaseline | None = None

    def harness(self, name: str) -> PinnedHarness:
        """The harness of that name: there is one for each that the policy names."""
        return next(one for one in self.harnesses if one.harness.name == name)


InputKind = Literal[
    "base", "image", "installer", "component", "patches", "wheel", "weights", "dataset", "harness", "baseline"
]  # fmt: skip


class LockedInput(Value):
    """One input of a bundle by its recipe key. `pin` is a digest, a commit or a hash; `size` is in bytes.

    `restricted`: only `contact` hands it out. `unresolved`: it could not be found out where the lock was made.
    `asked_sha256` is the hash of what the recipe says of it, so that a pin stays while the question is the same.
    `files` are those of weights, or the one that was supplied; `wheel` is what a component or wheel is on the index.
    """

    key: Text
    kind: InputKind
    name: Text
    status: Literal["locked", "restricted", "unresolved"]
    asked_sha256: Sha256
    pin: Text | None = None
    size: Annotated[int, Field(ge=0)] | None = None
    files: tuple[LockedFile, ...] = ()
    patch_set: PatchSet | None = None
    wheel: LockedWheel | None = None
    reason: Text | None = None
    contact: Text | None = None

    @model_validator(mode="after")
    def _says_why(self) -> "LockedInput":
        if (self.status == "locked") != (self.pin is not None):
            raise ValueError("wanted a pin where it is locked, and only there")
        if (self.status == "unresolved" and self.reason is None) or (self.status == "restricted" and not self.contact):
            raise ValueError("wanted a reason where it is unresolved, a contact where it is restricted")
        return self


class LockedKernel(Value):
    """A kernel library as the wheel that was built of it; `key` is the hash of all that it was built from."""

    component: Name
    key: Sha256
    file: Annotated[str, Field(pattern=r"^[\w.+!-]+\.whl$", max_length=300)]
    sha256: Sha256


class PartialLock(_Resolved):
    """One variant of a bundle that an image engine builds: each of its inputs, locked or named as open."""

    kind: Literal["partial"]
    inputs: tuple[LockedInput, ...] = Field(min_length=1)
    kernels: tuple[LockedKernel, ...] = ()

    @property
    def open(self) -> tuple[LockedInput, ...]:
        """What keeps the bundle from being built."""
        return tuple(one for one in self.inputs if one.status != "locked")


AnyLock = Annotated[Lock | PartialLock, Field(discriminator="kind")]


class LockFile(Value):
    """`recipes/bundles/<chip>/<model>.lock.json`: one lock a variant."""

    schema_: Literal["flagrelease.lockfile/v2"] = Field(alias="schema")
    variants: dict[Name, AnyLock]
