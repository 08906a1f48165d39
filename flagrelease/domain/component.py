"""A source that a bundle builds or installs: a repository at a commit, a wheel, a vendor's archive."""

from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.container import EnvName, EnvValue
from flagrelease.domain.restricted import Restricted
from flagrelease.domain.source import Project, RepoId
from flagrelease.domain.value import AbsolutePath, Name, RelativePath, Sha256, Text, Value

CommitPrefix = Annotated[str, Field(pattern=r"^[0-9a-f]{7,40}$")]
"""A commit id of at least 7 digits; the lock holds all 40."""

GitRef = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*([./][A-Za-z0-9_-]+)*$", max_length=200)]


Forge = Literal["github", "gitcode", "gitee"]


class GitMirror(Value):
    """Another repository that has the same commits."""

    forge: Forge
    repository: RepoId


class GitSource(Value):
    """A repository at a commit. A tag is looked up when the lock is made; a branch floats, and lint says so.

    `mirrors` are asked in their order where the repository does not answer or has not got the commit. All that answer
    have to name the same commit for a tag or a branch. `submodules` and `lfs` say that those are part of the source.
    """

    kind: Literal["git"]
    forge: Forge = "github"
    repository: RepoId
    mirrors: tuple[GitMirror, ...] = ()
    commit: CommitPrefix | None = None
    tag: GitRef | None = None
    branch: GitRef | None = None
    submodules: bool = False
    lfs: bool = False


class IndexSource(Value):
    """A wheel of the package index. `version` is matched exactly, local part included (PEP 440, `===`)."""

    kind: Literal["index"]
    project: Project
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+!_-]+$", max_length=100)]
    index: Text = "host-configured"


class ArchiveSource(Value):
    """A vendor's archive."""

    kind: Literal["archive"]
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+*{}-]*$", max_length=200)]
    sha256: Sha256 | None = None
    size: Annotated[int, Field(ge=1)] | None = None
    restricted: Restricted | None = None


ComponentSource = Annotated[GitSource | IndexSource | ArchiveSource, Field(discriminator="kind")]


class PatchRef(Value):
    """The vendor's patch set: `patches/<component>/<base commit>/<chip>/`."""

    chip: Name
    base: CommitPrefix
    device_type: Text | None = Field(default=None, description="what FlagScale's own patch tool calls the chip")
    status: Literal["needed", "imported"] = "needed"
    restricted: Restricted | None = None
    note: Text | None = None


ChipWord = Literal[
    "flaggems_vendor", "flaggems_cmake", "flagtree_backend", "flagtree_folder", "flagcx_make", "flagcx_adaptor"
]
"""A name that a chip has in a FlagOS library: `Libraries` and `Kernels` of its recipe."""


class Install(Value):
    """One step of installing: a folder of the component, by pip, make or its own script.

    In arguments, values and the path, `{flaggems_vendor}` and the like are the chip's names (`domain/chip_words.py`).
    """

    tool: Literal["pip", "make", "script"]
    path: RelativePath | None = None
    arguments: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9=/._+${}-]+$")], ...] = ()
    editable: bool = False
    no_deps: bool = False
    no_build_isolation: bool = False
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    secrets: tuple[Name, ...] = Field(
        default=(), description="build secrets that the step reads, each at /run/secrets/<name>, in no layer"
    )
    needs: tuple[ChipWord, ...] = Field(
        default=(), description="names without which the step is left out, on chips that have none"
    )


class Component(Value):
    """A component of a bundle: where it comes from, what is changed in it, how it is installed, in which order.

    `alternatives` are other sources of the same thing, such as an archive beside a source build; each is a choice of
    the site, and the lock holds the one that was taken.
    """

    title: Text | None = None
    version: Text | None = Field(default=None, description="as its maintainers write it")
    source: ComponentSource
    alternatives: tuple[ComponentSource, ...] = ()
    patches: PatchRef | None = None
    install: tuple[Install, ...] = ()
    optional: bool = False
    placed_at: Text | None = Field(default=None, description="folder in the image, where others look for it")
    sets: AbsolutePath | None = Field(
        default=None, description="file of variables that it brings: the image has what it sets"
    )
    replaces: tuple[Project, ...] = Field(
        default=(), description="Python projects whose modules it brings itself, taken out before it comes"
    )
    provenance: Text = Field(description="where the version is stated")
    note: Text | None = None
