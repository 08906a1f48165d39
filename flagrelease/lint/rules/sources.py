"""Components, wheels and weights: where they come from, and whether that is one tree or a moving one."""

from collections.abc import Iterator
from typing import Final

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from flagrelease.domain.component import ArchiveSource, Component, ComponentSource, GitSource, IndexSource
from flagrelease.formats.positions import Path
from flagrelease.lint.found import Found, Replace
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.views import VariantView

_FULL: Final = 40
_NO_VERSION: Final = "0.0.0"


def _sources(project: Project) -> Iterator[tuple[VariantView, str, Component, ComponentSource, Path]]:
    """Every source of every component, with the key it stands at, below its variant."""
    for one in project.variants:
        for name, component in one.variant.components.items():
            yield one, name, component, component.source, ("components", name, "source")
            for index, other in enumerate(component.alternatives):
                yield one, name, component, other, ("components", name, "alternatives", index)


@rule(
    "FR121",
    "error",
    "a component at a branch",
    why=(
        "The first Cambricon card clones FlagScale's main branch. Ten weeks later a commit there deleted the patch "
        "folder that the next command needs, and the instructions have failed since."
    ),
    hint="write the `commit` that was meant",
    bad={"component.source.commit": None, "component.source.branch": "main"},
    good={"component.source.branch": "main"},
)
def floating_branch(project: Project) -> Iterator[Found]:
    """A branch without a commit; beside a commit, it only says where the commit was found."""
    for one, name, _, source, key in _sources(project):
        if isinstance(source, GitSource) and source.branch and not (source.commit or source.tag):
            way = "is taken" if key[2] == "source" else "may be taken"
            text = f"component `{name}` {way} from the branch `{source.branch}`, which moves"
            yield one.found(*key, "branch", text=text)


@rule(
    "FR122",
    "error",
    "a component at no commit",
    why=(
        "A clone without a commit takes whatever is there. Two builds of one recipe are then two bundles, and nobody "
        "can say which of them was evaluated."
    ),
    hint="write the full `commit`",
    bad={"component.source.commit": None},
    good={"component.source.commit": "b" * 40},
)
def no_commit(project: Project) -> Iterator[Found]:
    """Git sources without commit, tag and branch."""
    for one, name, _, source, key in _sources(project):
        if isinstance(source, GitSource) and not (source.commit or source.tag or source.branch):
            text = f"component `{name}` names no commit, tag or branch of `{source.repository}`"
            yield one.found(*key, text=text)


@rule(
    "FR123",
    "warning",
    "a commit id that is cut short",
    why=(
        "Cards give eight digits, such as 57637057, which is a number to a YAML reader. Eight digits become ambiguous "
        "as a repository grows."
    ),
    hint="write all 40 digits",
    bad={"component.source.commit": "5763705"},
    good={"component.source.commit": "b" * 40},
)
def short_commit(project: Project) -> Iterator[Found]:
    """Commits of fewer than 40 digits, of sources and of patch sets."""
    for one, name, _, source, key in _sources(project):
        if isinstance(source, GitSource) and source.commit and len(source.commit) < _FULL:
            text = f"component `{name}`: `{source.commit}` are {len(source.commit)} of {_FULL} digits"
            yield one.found(*key, "commit", text=text)
    for one in project.variants:
        for name, component in one.variant.components.items():
            base = component.patches.base if component.patches else ""
            if 0 < len(base) < _FULL:
                text = f"patches of `{name}`: `{base}` are {len(base)} of {_FULL} digits"
                yield one.found("components", name, "patches", "base", text=text)


@rule(
    "FR124",
    "error",
    "a version that names no tree",
    why=(
        "The MiniCPM-o 4.5 card has `vllm_fl 0.0.0`, which every build of that plug-in between two releases calls "
        "itself. Only a commit says which one it was."
    ),
    hint="write the `commit`, or ask its maintainers for it",
    bad={"component.version": "0.0.0", "component.source.commit": None, "component.source.tag": "v1"},
    good={"component.version": "0.0.0"},
)
def version_zero(project: Project) -> Iterator[Found]:
    """Version 0.0.0 without a commit. A git source that names nothing at all is told by its own rule."""
    for one in project.variants:
        for name, component in one.variant.components.items():
            stated = _zero(component)
            if stated:
                text = f"component `{name}` has version {stated} and no commit"
                yield one.found("components", name, "version" if component.version else "source", text=text)


def _zero(component: Component) -> str:
    match component.source:
        case IndexSource(version=version) if version.startswith(_NO_VERSION):
            return version
        case GitSource(commit=None) as git if (git.tag or git.branch) and component.version:
            return component.version if component.version.startswith(_NO_VERSION) else ""
        case _:
            return ""


@rule(
    "FR125",
    "error",
    "an archive that nothing pins",
    why=(
        "A vendor's archive of a component, such as the ATB models, is replaced under one name like any installer. "
        "Without a SHA-256 nothing says which one was built from."
    ),
    hint="write the file's `sha256` and `size`, or `restricted` with who hands it out",
    bad={"component.source": {"kind": "archive", "file": "atb-models.tar.gz"}},
    good={"component.source": {"kind": "archive", "file": "atb-models.tar.gz", "sha256": "a" * 64}},
)
def archive_without_hash(project: Project) -> Iterator[Found]:
    """Archives, the alternatives too: a site may choose them."""
    for one, name, _, source, key in _sources(project):
        if isinstance(source, ArchiveSource) and source.sha256 is None and source.restricted is None:
            text = f"component `{name}`: `{source.file}` has no SHA-256, and nobody is named who hands it out"
            yield one.found(*key, text=text)


@rule(
    "FR126",
    "warning",
    "weights at a branch",
    why=(
        "Models are uploaded again in silence: ModelScope takes no commit at all, and a branch of a hub is whatever "
        "its owner pushed last. The lock pins each file, but of a day nobody chose."
    ),
    hint="write the full commit as `revision`",
    bad={"weights.source.revision": None},
    good={"weights.source.revision": "c" * 40},
)
def floating_weights(project: Project) -> Iterator[Found]:
    """Hugging Face sources without a revision. ModelScope's client takes none, so there is nothing to write."""
    for name, model in project.recipes.models.items():
        for form, weights in model.weights.items():
            source = weights.source
            if source and source.kind == "huggingface" and source.revision is None:
                file, key = f"models/{name}.yaml", ("weights", form, "source")
                text = f"`{source.repo}` is taken at the commit its main branch has when the lock is made"
                yield Found(file=file, key=key, text=text, cells=project.users_of_weights(name, form))


@rule(
    "FR127",
    "warning",
    "weights from nowhere",
    why=(
        "The MiniCPM-2B seed names no repository of its weights. Such a bundle stays open in its lock, and `build` "
        "refuses it; that is said here before anybody plans a release with it."
    ),
    hint="write the weights' `source`, or `restricted` with who hands them out",
    bad={"weights.source": None},
    good={"weights.source": {"kind": "modelscope", "repo": "owner/tiny"}},
)
def weights_without_source(project: Project) -> Iterator[Found]:
    """Weights that a variant uses and that nothing can be fetched from."""
    for one in project.variants:
        if one.weights and one.weights.source is None and one.weights.restricted is None:
            text = f"the weights `{one.variant.weights}` of `{one.cell.model}` have no source"
            yield one.found("weights", text=text)


@rule(
    "FR128",
    "error",
    "a project that is pinned twice",
    why="Of two pins of one project only one can be installed; which one depends on the order of installing.",
    hint="leave one of them",
    bad={"variant.wheels": ["attr_s==1.0", "Attr-S==2.0"]},
    good={"variant.wheels": ["attr_s==1.0"]},
)
def pinned_twice(project: Project) -> Iterator[Found]:
    """Wheels by their normalised names (PEP 503)."""
    for one in project.variants:
        pins: dict[str, str] = {}
        for index, requirement in enumerate(one.variant.wheels):
            name = canonicalize_name(requirement.partition("==")[0])
            if pins.setdefault(name, requirement) != requirement or requirement in one.variant.wheels[:index]:
                yield one.found("wheels", index, text=f"`{requirement}` is pinned before, as `{pins[name]}`")


@rule(
    "FR129",
    "warning",
    "a version that no index spells so",
    why=(
        "A pin is matched with the file's name, and files have versions as PEP 440 normalises them. `1.0.RC1` is "
        "published as 1.0rc1, so the pin finds nothing."
    ),
    hint="write the normalised version",
    bad={"variant.wheels": ["attr-s==1.0.0.RC1"]},
    good={"variant.wheels": ["attr-s==1.0.0rc1"]},
)
def version_spelling(project: Project) -> Iterator[Found]:
    """Pins of wheels and of components that come from the index."""
    for one in project.variants:
        for index, requirement in enumerate(one.variant.wheels):
            name, _, version = requirement.partition("==")
            if (wanted := _normalised(version)) != version:
                key = one.key("wheels", index)
                fix = Replace(key=key, becomes=f"{name}=={wanted}")
                yield one.found("wheels", index, text=f"`{version}` is published as {wanted}", fix=fix)
    for one, _, _, source, key in _sources(project):
        if isinstance(source, IndexSource) and (wanted := _normalised(source.version)) != source.version:
            fix = Replace(key=one.key(*key, "version"), becomes=wanted)
            yield one.found(*key, "version", text=f"`{source.version}` is published as {wanted}", fix=fix)


def _normalised(version: str) -> str:
    try:
        return str(Version(version))
    except InvalidVersion:
        return version
