"""A whole lock: for bundles that are assembled here, nothing may stay open."""

from collections.abc import Callable

from flagrelease import __version__
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
from flagrelease.domain.source import FileSource, LockedFile, LockedWheel
from flagrelease.formats.canonical import sha256_of
from flagrelease.locking.resolver import Resolver, name_of


def make_whole(
    recipe: Recipe,
    resolver: Resolver,
    *,
    previous: Lock | None,
    upgrade: frozenset[str],
    say: Callable[[str], None],
) -> Lock:
    """The lock of a recipe that is assembled. Raises what the resolver raises."""
    variant, chip, model = recipe.variant, recipe.chip, recipe.model
    second, serving, policy = recipe.second_model, recipe.serving, recipe.policy
    # `Recipe.is_assembled` says that all of these are there.
    assert recipe.sdk.python
    assert second
    assert recipe.second_weights
    assert serving
    assert variant.smoke
    assert policy
    assert recipe.baseline_sha256
    assert variant.reference
    assert variant.reference.kind == "recorded"
    known = {} if previous is None or "files" in upgrade else _files_of(previous)

    def files(source: FileSource) -> tuple[LockedFile, ...]:
        key = sha256_of(source)
        if key not in known:
            say(f"looking up the files of {name_of(source)}")
            known[key] = resolver.files(source)
        return known[key]

    return Lock(
        schema="flagrelease.lock/v2",
        kind="whole",
        tool=f"flagrelease {__version__}",
        chip=chip.name,
        chip_title=chip.title,
        model=model.name,
        variant=recipe.variant_name,
        revision=variant.revision,
        engine=recipe.engine.name,
        engine_title=recipe.engine.title,
        architecture=recipe.architecture,
        memory_probe=chip.memory_probe,
        recipe_sha256=sha256_of(recipe.binding()),
        base=_base(recipe, resolver, previous if "debian" not in upgrade else None, say),
        wheels=_wheels(recipe, resolver, previous if "wheels" not in upgrade else None, upgrade, say),
        files=_image_files(recipe),
        env=recipe.env,
        python=recipe.sdk.python,
        weights=_weights(model, recipe.weights, files),
        weights_folder=variant.weights_folder,
        second_model=_weights(second, recipe.second_weights, files),
        entrypoint=variant.entrypoint,
        serving=serving,
        smoke=variant.smoke,
        policy=policy,
        datasets=tuple(
            LockedDataset(task=name, source=task.dataset.source, file=files(task.dataset.source)[0])
            for name, task in policy.tasks.items()
        ),
        baseline=LockedBaseline(path=variant.reference.baseline, sha256=recipe.baseline_sha256),
    )


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
