"""A partial lock: each input of a bundle that an image engine builds, pinned, or named as open with its reason.

Nothing is guessed. An input whose owner hands it out by request is `restricted`; one that cannot be found out from
here is `unresolved`, and the next `lock` asks for it again.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from flagrelease import __version__
from flagrelease.domain.bundle import ImageReference
from flagrelease.domain.chip import Installer
from flagrelease.domain.component import ArchiveSource, Component, GitSource, IndexSource
from flagrelease.domain.lock import InputKind, LockedInput, PartialLock
from flagrelease.domain.model import Weights
from flagrelease.domain.patch_series import PatchSet
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.restricted import Restricted
from flagrelease.domain.source import LockedFile, LockedWheel
from flagrelease.domain.value import Value
from flagrelease.errors import LockError, SourceError, ToolError
from flagrelease.formats.canonical import sha256_of
from flagrelease.locking.keys import installer_file, installer_key, installers
from flagrelease.locking.resolver import Part, Resolver, name_of

_FULL_COMMIT = 40
_REASONS: dict[InputKind, str] = {
    "base": "the registry was not reached, or does not have it",
    "component": "its repository or index was not reached, or does not have it",
    "wheel": "the package index was not reached, or does not have it",
    "weights": "the hub was not reached, or does not list it",
}
_PARTS: dict[InputKind, Part] = {
    "base": "images", "component": "sources", "wheel": "wheels", "weights": "files", "baseline": "files",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Pinned:
    """What an input is: its pin, its size in bytes where it is known, and what else the lock says of it."""

    pin: str
    files: tuple[LockedFile, ...] = ()
    size: int | None = None
    wheel: LockedWheel | None = None


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """One input as the recipe has it, and how its pin is found; `stated` when the recipe itself holds the pin."""

    key: str
    kind: InputKind
    name: str
    question: Value | str
    find: Callable[[], _Pinned] | None = None
    stated: bool = False
    patch_set: PatchSet | None = None
    restricted: Restricted | None = None
    why_open: str = ""


def make_partial(
    recipe: Recipe,
    resolver: Resolver,
    *,
    previous: PartialLock | None,
    upgrade: frozenset[str],
    say: Callable[[str], None],
) -> PartialLock:
    """The lock of a recipe that an image engine builds. `upgrade` holds parts, component names or input keys."""
    before = {one.key: one for one in previous.inputs} if previous else {}
    return PartialLock(
        schema="flagrelease.lock/v2",
        kind="partial",
        tool=f"flagrelease {__version__}",
        chip=recipe.chip.name,
        chip_title=recipe.chip.title,
        model=recipe.model.name,
        variant=recipe.variant_name,
        revision=recipe.variant.revision,
        engine=recipe.engine.name,
        engine_title=recipe.engine.title,
        architecture=recipe.architecture,
        recipe_sha256=sha256_of(recipe.binding()),
        inputs=tuple(_locked(asked, before, upgrade, say) for asked in _inputs(recipe, resolver)),
        kernels=previous.kernels if previous and "kernels" not in upgrade else (),
    )


def _locked(
    asked: _Asked, before: Mapping[str, LockedInput], upgrade: frozenset[str], say: Callable[[str], None]
) -> LockedInput:
    question = sha256_of(asked.question)
    kept = before.get(asked.key)
    renewed = {asked.key, asked.key.rpartition(".")[2], _PARTS.get(asked.kind, "")} & upgrade
    if kept and kept.status == "locked" and kept.asked_sha256 == question and not renewed and not asked.stated:
        return kept.model_copy(update={"name": asked.name})

    def known(**more: object) -> LockedInput:
        basis = {"key": asked.key, "kind": asked.kind, "name": asked.name, "asked_sha256": question}
        return LockedInput.model_validate({**basis, "patch_set": asked.patch_set, **more})

    if asked.restricted:
        return known(status="restricted", contact=asked.restricted.contact, reason=asked.restricted.what)
    if asked.find is None:
        return known(status="unresolved", reason=asked.why_open)
    try:
        say(f"looking up {asked.name}")
        found = asked.find()
    except (LockError, SourceError, ToolError) as error:
        say(f"  open: {error.message}")
        return known(status="unresolved", reason=_REASONS[asked.kind])
    if kept and kept.pin == found.pin and kept.asked_sha256 == question and kept.files:
        return kept.model_copy(update={"name": asked.name})
    return known(status="locked", pin=found.pin, files=found.files, size=found.size, wheel=found.wheel)


def _inputs(recipe: Recipe, resolver: Resolver) -> Iterator[_Asked]:
    variant = recipe.variant
    yield _base(recipe, resolver)
    if variant.image and variant.image.restricted and not _is_base(variant.image.run, recipe):
        yield _Asked(
            key="image", kind="image", name=str(variant.image.run), question=variant.image,
            restricted=variant.image.restricted,
        )  # fmt: skip
    for installer in installers(recipe):
        yield _installer(recipe, installer)
    for name, component in variant.components.items():
        yield _component(name, component, recipe, resolver)
        if component.patches:
            yield _patches(name, component, recipe.patch_set(name))
    for requirement in variant.wheels:
        yield _wheel(f"wheels.{requirement.partition('==')[0]}", "wheel", requirement, recipe, resolver)
    yield _weights("weights", recipe.model.title, recipe.weights, resolver)
    if recipe.second_model and recipe.second_weights:
        yield _weights("smoke.second_model", recipe.second_model.title, recipe.second_weights, resolver)
    if recipe.baseline_sha256 and recipe.recorded and variant.reference:
        pin = _Pinned(pin=recipe.baseline_sha256)
        yield _Asked(
            key="reference", kind="baseline", name=recipe.recorded, question=variant.reference,
            find=lambda: pin, stated=True,
        )  # fmt: skip


def _is_base(image: ImageReference, recipe: Recipe) -> bool:
    """Whether the card's image is the one that ours is made from: then it is one input, not two."""
    base = recipe.sdk.base
    return base.kind == "image" and (image.image, image.tag) == (base.image, base.tag)


def _base(recipe: Recipe, resolver: Resolver) -> _Asked:
    base = recipe.sdk.base
    key = f"sdks.{recipe.variant.sdk}.base"
    if base.kind == "debian":

        def packages() -> _Pinned:
            found = resolver.debian(base, recipe.architecture)
            return _Pinned(pin=sha256_of([one.sha256 for one in found]), size=sum(one.size for one in found))

        return _Asked(key=key, kind="base", name=", ".join(base.packages), question=base, find=packages)
    pinned = base.digest

    def digest() -> _Pinned:
        return _Pinned(pin=pinned or resolver.image(base, recipe.architecture))

    name = f"{base.image}:{base.tag}" if base.tag else base.image
    return _Asked(
        key=key, kind="base", name=name, question=base, find=digest if base.tag or pinned else None,
        stated=pinned is not None, restricted=base.restricted,
        why_open="the recipe names neither a tag nor a digest of it",
    )  # fmt: skip


def _installer(recipe: Recipe, installer: Installer) -> _Asked:
    name = installer_file(installer, recipe.sdk.version)
    pinned = installer.sha256
    return _Asked(
        key=installer_key(recipe, installer),
        kind="installer",
        name=name,
        question=installer,
        find=(lambda: _Pinned(pin=pinned, size=installer.size)) if pinned else None,
        stated=pinned is not None,
        restricted=installer.restricted if not pinned else None,
        why_open="no SHA-256 of it is known: supply the file, or write its hash into the recipe",
    )


def _component(name: str, component: Component, recipe: Recipe, resolver: Resolver) -> _Asked:
    key = f"components.{name}"
    match component.source:
        case GitSource() as git:
            if not (git.commit or git.tag or git.branch):
                why = "the recipe names no commit, tag or branch of it"
                return _Asked(key=key, kind="component", name=git.repository, question=git, why_open=why)
            at = git.commit or git.tag or git.branch
            whole = git.commit if git.commit and len(git.commit) == _FULL_COMMIT else None
            return _Asked(
                key=key, kind="component", name=f"{git.repository} at {at}", question=git,
                find=lambda: _Pinned(pin=whole or resolver.commit(git)), stated=whole is not None,
            )  # fmt: skip
        case IndexSource() as index:
            return _wheel(key, "component", f"{index.project}=={index.version}", recipe, resolver)
        case ArchiveSource() as archive:
            pinned = archive.sha256
            return _Asked(
                key=key, kind="component", name=archive.file, question=archive,
                find=(lambda: _Pinned(pin=pinned, size=archive.size)) if pinned else None,
                stated=pinned is not None,
                restricted=archive.restricted if not pinned else None,
                why_open="no SHA-256 of the archive is known",
            )  # fmt: skip


def _patches(name: str, component: Component, found: PatchSet | None) -> _Asked:
    patches = component.patches
    assert patches is not None
    pin = found.series if found else ""
    return _Asked(
        key=f"components.{name}.patches",
        kind="patches",
        name=f"patches of {patches.chip} on {name} at {patches.base[:12]}",
        question=patches,
        find=(lambda: _Pinned(pin=pin)) if found else None,
        stated=found is not None,
        patch_set=found,
        restricted=None if found else patches.restricted,
        why_open="the vendor's patch set is not in the project yet",
    )


def _wheel(key: str, kind: InputKind, requirement: str, recipe: Recipe, resolver: Resolver) -> _Asked:
    sdk = recipe.sdk

    def find() -> _Pinned:
        wheel = resolver.wheel(requirement, sdk, recipe.architecture)
        return _Pinned(pin=wheel.sha256, size=wheel.size, wheel=wheel)

    return _Asked(
        key=key, kind=kind, name=requirement, find=find if sdk.python and sdk.glibc else None,
        question=f"{requirement} for Python {sdk.python} and GLIBC {sdk.glibc}",
        why_open=f"the SDK {recipe.variant.sdk} does not say which Python and which C library its base has",
    )  # fmt: skip


def _weights(key: str, title: str, weights: Weights, resolver: Resolver) -> _Asked:
    source = weights.source
    if source is None:
        why = "the recipe does not say where they are: no source states it"
        return _Asked(
            key=key, kind="weights", name=title, question=weights, why_open=why, restricted=weights.restricted
        )

    def find() -> _Pinned:
        files = resolver.files(source)
        lines = sorted(f"{file.sha256}  {file.path}\n" for file in files)
        return _Pinned(pin=sha256_of(lines), files=files, size=sum(file.size for file in files))

    name = f"{title}, {name_of(source)}"
    return _Asked(key=key, kind="weights", name=name, question=source, find=find, restricted=weights.restricted)
