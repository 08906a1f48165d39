"""A whole lock: for bundles that are assembled here, nothing may stay open."""

from collections.abc import Callable
from dataclasses import dataclass

from flagrelease import __version__
from flagrelease.domain.bundle import Reference, Serving, Smoke
from flagrelease.domain.component import GitSource
from flagrelease.domain.gate import Policy
from flagrelease.domain.lock import (
    Lock,
    LockedBase,
    LockedBaseline,
    LockedComponent,
    LockedDataset,
    LockedImageFile,
    LockedWeights,
)
from flagrelease.domain.model import Model, Weights
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.source import FileSource, LockedFile, LockedWheel
from flagrelease.errors import LockError
from flagrelease.formats.canonical import sha256_of
from flagrelease.locking.resolver import Resolver, name_of

_FULL_COMMIT = 40


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """What a recipe that is assembled has for certain; see `Recipe.is_assembled`."""

    python: str
    second: Model
    second_weights: Weights
    serving: Serving
    smoke: Smoke
    policy: Policy
    reference: Reference
    baseline: LockedBaseline | None


def make_whole(
    recipe: Recipe,
    resolver: Resolver,
    *,
    previous: Lock | None,
    upgrade: frozenset[str],
    say: Callable[[str], None],
) -> Lock:
    """The lock of a recipe that is assembled. Raises what the resolver raises."""
    variant, parts = recipe.variant, _parts(recipe)
    files = _looked_up_once({} if previous is None or "files" in upgrade else _files_of(previous), resolver, say)
    return Lock(
        schema="flagrelease.lock/v2",
        kind="whole",
        tool=f"flagrelease {__version__}",
        chip=recipe.chip.name,
        chip_title=recipe.chip.title,
        model=recipe.model.name,
        variant=recipe.variant_name,
        revision=variant.revision,
        engine=recipe.engine.name,
        engine_title=recipe.engine.title,
        architecture=recipe.architecture,
        memory_probe=recipe.chip.memory_probe,
        recipe_sha256=sha256_of(recipe.binding()),
        base=_base(recipe, resolver, previous if "debian" not in upgrade else None, say),
        wheels=_wheels(recipe, resolver, previous if "wheels" not in upgrade else None, upgrade, say),
        components=_components(recipe, resolver, previous if "sources" not in upgrade else None, upgrade, say),
        files=_image_files(recipe),
        env=recipe.env,
        python=parts.python,
        weights=_weights(recipe.model, recipe.weights, files),
        weights_folder=variant.weights_folder,
        second_model=_weights(parts.second, parts.second_weights, files),
        entrypoint=variant.entrypoint,
        serving=parts.serving,
        smoke=parts.smoke,
        policy=parts.policy,
        datasets=tuple(
            LockedDataset(task=name, source=source, file=files(source)[0])
            for name, source in _sources(parts.policy).items()
        ),
        harnesses=recipe.harnesses,
        reference=parts.reference,
        baseline=parts.baseline,
    )


def _parts(recipe: Recipe) -> _Parts:
    reference = recipe.variant.reference
    assert reference is not None
    assert recipe.sdk.python
    assert recipe.second_model
    assert recipe.second_weights
    assert recipe.serving
    assert recipe.variant.smoke
    assert recipe.policy
    path, sha256 = recipe.recorded, recipe.baseline_sha256
    return _Parts(
        python=recipe.sdk.python,
        second=recipe.second_model,
        second_weights=recipe.second_weights,
        serving=recipe.serving,
        smoke=recipe.variant.smoke,
        policy=recipe.policy,
        reference=reference,
        baseline=LockedBaseline(path=path, sha256=sha256) if path and sha256 else None,
    )


def _sources(policy: Policy) -> dict[str, FileSource]:
    """Where the items of each task come from, of those whose items are known here."""
    own = {name: task.dataset.source for name, task in policy.tasks.items()}
    handed = {name: task.asked.dataset.source for name, task in policy.harness_tasks.items() if task.asked}
    return own | handed


def _looked_up_once(
    known: dict[str, tuple[LockedFile, ...]], resolver: Resolver, say: Callable[[str], None]
) -> Callable[[FileSource], tuple[LockedFile, ...]]:
    def files(source: FileSource) -> tuple[LockedFile, ...]:
        key = sha256_of(source)
        if key not in known:
            say(f"looking up the files of {name_of(source)}")
            known[key] = resolver.files(source)
        return known[key]

    return files


def _base(recipe: Recipe, resolver: Resolver, previous: Lock | None, say: Callable[[str], None]) -> LockedBase:
    asked = recipe.sdk.base
    assert asked.kind == "debian"
    if previous is not None and previous.base.asked == asked and previous.architecture == recipe.architecture:
        return previous.base
    say(f"looking up {len(asked.packages)} Debian packages and what they depend on")
    return LockedBase(asked=asked, packages=resolver.debian(asked, recipe.architecture))


def _wheels(
    recipe: Recipe, resolver: Resolver, previous: Lock | None, upgrade: frozenset[str], say: Callable[[str], None]
) -> tuple[LockedWheel, ...]:
    kept = () if previous is None else previous.wheels
    pins = {f"{w.project}=={w.version}": w for w in kept if w.project not in upgrade}
    if previous is not None and (previous.python, previous.architecture) != (recipe.sdk.python, recipe.architecture):
        pins = {}
    wheels = []
    for requirement in recipe.variant.wheels:
        if requirement not in pins:
            say(f"looking up the wheel of {requirement}")
        wheels.append(pins.get(requirement) or resolver.wheel(requirement, recipe.sdk, recipe.architecture))
    return tuple(wheels)


def _components(
    recipe: Recipe, resolver: Resolver, previous: Lock | None, upgrade: frozenset[str], say: Callable[[str], None]
) -> tuple[LockedComponent, ...]:
    """Each by its commit; one that has patches by the base that they record, which is whole."""
    pins = {one.name: one for one in (previous.components if previous else ()) if one.name not in upgrade}
    locked = []
    for name, component in recipe.variant.components.items():
        source, patches, kept = component.source, recipe.patch_set(name), pins.get(name)
        assert isinstance(source, GitSource)
        assert component.placed_at
        commit = kept.commit if kept and kept.source == source else ""
        if not commit:
            whole = source.commit if source.commit and len(source.commit) == _FULL_COMMIT else None
            if not whole:
                say(f"looking up the commit of {source.repository}")
            commit = whole or resolver.commit(source)
        if patches and patches.base != commit:
            raise LockError(
                f"component `{name}` is at {commit}, its patches are for {patches.base}",
                hint="bump both: `flagrelease patch check --against` says whether the set applies there",
            )
        locked.append(
            LockedComponent(name=name, source=source, commit=commit, patches=patches, placed_at=component.placed_at)
        )
    return tuple(locked)


def _image_files(recipe: Recipe) -> tuple[LockedImageFile, ...]:
    pins = {t.path: t.sha256 for t in recipe.templates}
    return tuple(LockedImageFile(file=f, template_sha256=pins[f.template]) for f in recipe.variant.files)


def _weights(model: Model, weights: Weights, files: Callable[[FileSource], tuple[LockedFile, ...]]) -> LockedWeights:
    assert weights.source
    assert weights.format
    assert model.parameters
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
