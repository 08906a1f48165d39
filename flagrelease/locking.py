"""Recipe → Lock: looks up what a recipe leaves open, and keeps every pin whose question is still the same."""

from collections.abc import Callable
from typing import Literal, Protocol

from flagrelease import __version__
from flagrelease.domain.chip import Architecture, DebianBase, Sdk
from flagrelease.domain.lock import (
    Lock,
    LockedBase,
    LockedBaseline,
    LockedDataset,
    LockedImageFile,
    LockedWeights,
)
from flagrelease.domain.model import Model, Weights
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.source import FileSource, LockedDeb, LockedFile, LockedWheel
from flagrelease.errors import LockError
from flagrelease.formats.canonical import sha256_of

Part = Literal["debian", "wheels", "files"]
"""What `lock --upgrade` can look up again: the base's packages, the wheels, or weights and datasets."""


class Resolver(Protocol):
    """Looks things up where they are published. Raises LockError, SourceError or ToolError."""

    def debian(self, base: DebianBase, architecture: Architecture) -> tuple[LockedDeb, ...]:
        """The base's packages and all they depend on, sorted by name."""

    def wheel(self, requirement: str, sdk: Sdk, architecture: Architecture) -> LockedWheel:
        """The best wheel of `name==version` for the SDK's Python and C library."""

    def files(self, source: FileSource) -> tuple[LockedFile, ...]:
        """The source's files by size and sha256."""


def make_lock(
    recipe: Recipe,
    resolver: Resolver,
    *,
    previous: Lock | None,
    upgrade: frozenset[Part],
    say: Callable[[str], None],
) -> Lock:
    """The lock of a recipe. What `previous` pins for the same question stays, unless its part is to be upgraded."""
    variant, chip, model = recipe.variant, recipe.chip, recipe.model
    known = {} if previous is None or "files" in upgrade else _files_of(previous)

    def files(source: FileSource) -> tuple[LockedFile, ...]:
        key = sha256_of(source)
        if key not in known:
            say(f"looking up the files of {_name_of(source)}")
            known[key] = resolver.files(source)
        return known[key]

    return Lock(
        schema="flagrelease.lock/v1",
        tool=f"flagrelease {__version__}",
        chip=chip.name,
        chip_title=chip.title,
        model=model.name,
        variant=recipe.variant_name,
        revision=variant.revision,
        engine=variant.engine,
        architecture=recipe.architecture,
        memory=chip.memory,
        recipe_sha256=sha256_of(recipe),
        base=_base(recipe, resolver, previous if "debian" not in upgrade else None, say),
        wheels=_wheels(recipe, resolver, previous if "wheels" not in upgrade else None, say),
        files=_image_files(recipe),
        env=variant.env,
        python=recipe.sdk.python,
        weights=_weights(model, recipe.weights, files),
        weights_folder=variant.weights_folder,
        second_model=_weights(recipe.second_model, recipe.second_weights, files),
        entrypoint=variant.entrypoint,
        serving=variant.serving,
        smoke=variant.smoke,
        policy=recipe.policy,
        datasets=tuple(
            LockedDataset(task=name, source=task.dataset.source, file=files(task.dataset.source)[0])
            for name, task in recipe.policy.tasks.items()
        ),
        baseline=LockedBaseline(path=variant.reference.baseline, sha256=recipe.baseline_sha256),
    )


def require_fresh(recipe: Recipe, lock: Lock) -> None:
    """Derive the lock from its recipe again, with its own pins: nothing in it but the pins is taken on trust.

    Raises:
        LockError: the lock is older than its recipe, or was edited by hand.
    """
    hint = f"run `flagrelease lock --chip {lock.chip} --model {lock.model}`"
    if sha256_of(recipe) != lock.recipe_sha256:
        raise LockError(
            f"the lock of `{lock.bundle}` is older than its recipe: wanted recipe sha256 {lock.recipe_sha256}, "
            f"found {sha256_of(recipe)}",
            hint=hint,
        )
    derived = make_lock(recipe, _Refusing(hint), previous=lock, upgrade=frozenset(), say=lambda _: None)
    fields = [name for name in Lock.model_fields if name != "tool"]
    edited = [name for name in fields if getattr(derived, name) != getattr(lock, name)]
    if edited:
        raise LockError(f"the lock of `{lock.bundle}` is not what its recipe gives: {', '.join(edited)}", hint=hint)


class _Refusing:
    """A resolver that looks nothing up."""

    def __init__(self, hint: str) -> None:
        self._hint = hint

    def debian(self, base: DebianBase, architecture: Architecture) -> tuple[LockedDeb, ...]:
        raise self._missing(f"the base {', '.join(base.packages)} for {architecture}")

    def wheel(self, requirement: str, sdk: Sdk, architecture: Architecture) -> LockedWheel:
        raise self._missing(f"{requirement} for Python {sdk.python} on {architecture}")

    def files(self, source: FileSource) -> tuple[LockedFile, ...]:
        raise self._missing(_name_of(source))

    def _missing(self, what: str) -> LockError:
        return LockError(f"the lock pins nothing for {what}", hint=self._hint)


def _base(recipe: Recipe, resolver: Resolver, previous: Lock | None, say: Callable[[str], None]) -> LockedBase:
    asked = recipe.sdk.base
    if previous is not None and previous.base.asked == asked and previous.architecture == recipe.architecture:
        return previous.base
    say(f"looking up {len(asked.packages)} Debian packages and what they depend on")
    return LockedBase(asked=asked, packages=resolver.debian(asked, recipe.architecture))


def _wheels(
    recipe: Recipe, resolver: Resolver, previous: Lock | None, say: Callable[[str], None]
) -> tuple[LockedWheel, ...]:
    pins = {} if previous is None else {f"{w.project}=={w.version}": w for w in previous.wheels}
    if previous is not None and (previous.python, previous.architecture) != (recipe.sdk.python, recipe.architecture):
        pins = {}
    wheels = []
    for requirement in recipe.variant.wheels:
        if requirement not in pins:
            say(f"looking up the wheel of {requirement}")
        wheels.append(pins.get(requirement) or resolver.wheel(requirement, recipe.sdk, recipe.architecture))
    return tuple(wheels)


def _image_files(recipe: Recipe) -> tuple[LockedImageFile, ...]:
    pins = {t.path: t.sha256 for t in recipe.templates}
    return tuple(LockedImageFile(file=f, template_sha256=pins[f.template]) for f in recipe.variant.files)


def _weights(model: Model, weights: Weights, files: Callable[[FileSource], tuple[LockedFile, ...]]) -> LockedWeights:
    return LockedWeights(
        model=model.name,
        title=model.title,
        licence=model.licence,
        parameters=model.parameters,
        format=weights.format,
        precision=weights.precision,
        source=weights.source,
        files=files(weights.source),
    )


def _files_of(lock: Lock) -> dict[str, tuple[LockedFile, ...]]:
    pins = {sha256_of(w.source): w.files for w in (lock.weights, lock.second_model)}
    return pins | {sha256_of(d.source): (d.file,) for d in lock.datasets}


def _name_of(source: FileSource) -> str:
    match source.kind:
        case "wheel":
            return f"the wheel {source.project} {source.version}"
        case "folder":
            return f"the folder {source.folder}"
        case "huggingface" | "modelscope":
            return f"{source.repo} at {source.revision}"
