"""What an image engine builds a bundle from: its parts at hand, the plan of its Dockerfile, and what came of it.

Three images follow one another: the SDK of the chip, shared by all its bundles; the kernel libraries, compiled on it
once and kept as wheels; the bundle.
"""

from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.chip import Architecture
from flagrelease.domain.container import EnvName, EnvValue, UserName
from flagrelease.domain.image import Image
from flagrelease.domain.lock import InputKind, LockedKernel
from flagrelease.domain.source import PatchedComponent
from flagrelease.domain.value import AbsolutePath, Digest, Name, RelativePath, Sha256, Text, Value

Word = Annotated[str, Field(min_length=1, max_length=8000, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One word of a command: it reaches the program as it is, no shell reads it."""

MountPath = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9_+-][A-Za-z0-9_.+-]*|/\.[A-Za-z0-9_+-]+)+$", max_length=500)]
"""A place that something is mounted at in a build: plain characters, since a mount is spelled as CSV."""

BaseName = Annotated[str, Field(pattern=r"^[a-z0-9][A-Za-z0-9._:/@-]*$", max_length=400)]
"""What stands behind FROM: a name with a tag or a digest."""

LabelName = Annotated[str, Field(pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*$", max_length=200)]
LabelValue = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=100_000)]


class Part(Value):
    """One input of a lock, as far as it is at hand.

    `stand_in`: something in its place, for a rehearsal, with the reason in `why`. `missing`: `why` says what it waits
    for, `contact` who hands it out. `file` is the name it has in the build's folder, `content` is in the store; a base
    image's content is its archive (docker save), and it has none where it is pulled by `pin`.
    """

    key: Text
    kind: InputKind
    name: Text
    state: Literal["here", "stand_in", "missing"]
    pin: Text | None = None
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=300)] | None = None
    content: Digest | None = None
    size: Annotated[int, Field(ge=0)] = 0
    why: Text | None = None
    contact: Text | None = None


class Parts(Value):
    """Every input of the bundle, in the order of its lock."""

    parts: tuple[Part, ...]

    @property
    def missing(self) -> tuple[Part, ...]:
        """What keeps the image from being built."""
        return tuple(one for one in self.parts if one.state == "missing")

    @property
    def stand_ins(self) -> tuple[Part, ...]:
        """What is something else in this build."""
        return tuple(one for one in self.parts if one.state == "stand_in")

    @property
    def unfinished(self) -> bool:
        """Whether another look may find more: then what was found is not reused."""
        return bool(self.missing)

    def get(self, key: str) -> Part | None:
        """The part of a lock's key."""
        return next((one for one in self.parts if one.key == key), None)

    def stored(self) -> tuple[Digest, ...]:
        """Every digest that has to be in the store for this value to be good."""
        return tuple(one.content for one in self.parts if one.content)


class PreparedParts(Value):
    """The parts, and the trees that were made of those that are repositories."""

    parts: Parts
    trees: tuple[PatchedComponent, ...]

    def stored(self) -> tuple[Digest, ...]:
        """Every digest that has to be in the store for this value to be good."""
        return (*self.parts.stored(), *(one.archive for one in self.trees))


class ContextFile(Value):
    """One file of the build's folder."""

    path: RelativePath
    content: Digest
    mode: Annotated[int, Field(ge=0, le=0o777)] = 0o644


class Bind(Value):
    """A file or folder of the build's folder, or of another stage, shown to one step and left out of the layer."""

    source: Annotated[str, Field(pattern=r"^[A-Za-z0-9_./+*-]+$", max_length=500)]
    target: MountPath
    from_stage: Name | None = None


class Step(Value):
    """One program that is run in a build: an argument list, never a line of a shell."""

    argv: Annotated[tuple[Word, ...], Field(min_length=1)]
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    folder: AbsolutePath | None = None
    binds: tuple[Bind, ...] = ()
    caches: tuple[MountPath, ...] = ()
    secrets: tuple[Name, ...] = ()
    why: Text | None = Field(default=None, description="a comment above it")


class PlacedArchive(Value):
    """A tar of the build's folder that is unpacked to a folder of the image."""

    path: RelativePath
    folder: AbsolutePath


class SourceBuild(Value):
    """A component that is built or installed from source: where its tree goes, and the steps on it."""

    name: Name
    tree: PlacedArchive | None = None
    steps: tuple[Step, ...] = ()


class KernelBuild(Value):
    """A kernel library compiled to a wheel, once for all bundles of the chip.

    `key` is the hash of all it is made from: SDK image, source tree, steps.
    """

    component: Name
    key: Sha256
    source: SourceBuild


class CopiedFile(Value):
    """A file of the build's folder and its place in the image."""

    path: RelativePath
    target: AbsolutePath
    mode: Annotated[int, Field(ge=0, le=0o777)] = 0o644


class ImagePlan(Value):
    """Everything a Dockerfile is rendered from; `image` in a template.

    `base` stands behind FROM: `name@sha256:…`, or the tag that a supplied archive or a stand-in is loaded as. `epoch`
    is SOURCE_DATE_EPOCH in seconds. `shell_files` are files of variables that an SDK installer brings, in order: what
    they set is read from the SDK image and becomes its environment; `bundle_shell_files` are those that a component
    brings, read from the bundle's own image in the same way. `unpacked` are archives that only build steps see, in the
    stage `unpacked`. `kernels` are built before the bundle's own image; their wheels are the folder `kernels/` of the
    build's folder. `checks` fail the build; `notes` say what is not checked here, and why; `rehearsal` marks the image.
    """

    bundle: Text
    title: Text
    chip: Name
    sdk: Name
    architecture: Architecture
    base: BaseName
    python: Word = "python3"
    epoch: Annotated[int, Field(ge=0)] = 0
    rehearsal: bool = False
    network: Literal["none", "default"] = "none"
    sdk_env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    shell_files: tuple[AbsolutePath, ...] = ()
    bundle_shell_files: tuple[AbsolutePath, ...] = ()
    unpacked: tuple[PlacedArchive, ...] = ()
    installers: tuple[Step, ...] = ()
    torch: tuple[Step, ...] = ()
    kernels: tuple[KernelBuild, ...] = ()
    kernel_install: tuple[Step, ...] = ()
    sources: tuple[SourceBuild, ...] = ()
    requirements: tuple[Step, ...] = ()
    files: tuple[CopiedFile, ...] = ()
    checks: tuple[Step, ...] = ()
    notes: tuple[Text, ...] = ()
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    labels: dict[LabelName, LabelValue] = Field(default_factory=dict)
    working_folder: AbsolutePath | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    user: UserName | None = None
    entrypoint: tuple[Word, ...] = ()

    @property
    def secrets(self) -> tuple[Name, ...]:
        """The build secrets that steps read, each once."""
        sources = (*(one.source for one in self.kernels), *self.sources)
        return tuple(dict.fromkeys(name for one in sources for step in one.steps for name in step.secrets))


class EngineContext(Value):
    """The build's folder by content, with what decides how it is built. `dockerfile` is among `files`.

    `missing` is what the lock leaves open: with it the Dockerfile can be read, and not built. `base` is what FROM
    stands for.
    """

    plan: ImagePlan
    base: Part
    dockerfile: Digest
    files: tuple[ContextFile, ...]
    missing: tuple[Part, ...] = ()
    stand_ins: tuple[Part, ...] = ()
    pinned_kernels: tuple[LockedKernel, ...] = ()

    def stored(self) -> tuple[Digest, ...]:
        """Every digest that has to be in the store for this value to be good."""
        return tuple(one.content for one in self.files)


class KernelWheel(Value):
    """A kernel library as a wheel in the store."""

    component: Name
    key: Sha256
    file: Annotated[str, Field(pattern=r"^[\w.+!-]+\.whl$", max_length=300)]
    content: Digest
    size: Annotated[int, Field(ge=1)]


class EngineBuilt(Value):
    """A bundle's image as an image engine made it. `findings` are lines of `pip check` in it."""

    image: Image
    kernels: tuple[KernelWheel, ...] = ()
    findings: tuple[Text, ...] = ()

    def stored(self) -> tuple[Digest, ...]:
        """Every digest that has to be in the store for this value to be good."""
        return (*self.image.stored(), *(one.content for one in self.kernels))


class Call(Value):
    """How a stand-in was called during a rehearsal."""

    stand_in: Text
    argv: tuple[str, ...]
    env: dict[str, str] = Field(default_factory=dict)


class Rehearsed(Value):
    """What a rehearsal ended with. It names no `Image`, so nothing that publishes can take it.

    `image_id` is the engine's own id of the image (the digest of its configuration). `kernel_calls` are those that the
    kernel libraries were compiled by.
    """

    bundle: Text
    image_id: Digest
    size: Annotated[int, Field(ge=0)]
    labels: dict[str, str]
    stand_ins: tuple[Part, ...]
    calls: tuple[Call, ...]
    kernel_calls: tuple[Call, ...] = ()
    kernels: tuple[KernelWheel, ...] = ()
    findings: tuple[Text, ...] = ()

    def stored(self) -> tuple[Digest, ...]:
        """Every digest that has to be in the store for this value to be good."""
        return tuple(one.content for one in self.kernels)
