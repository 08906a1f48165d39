"""A bundle variant put together with all that it refers to; whatever does not fit is told at once, with its place."""

import hashlib
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path

from flagrelease.adapters.recipes.found import Found, Shelf, unknown_name
from flagrelease.adapters.recipes.named_harnesses import pinned_harnesses
from flagrelease.domain.bundle import Bundle, Variant
from flagrelease.domain.chip import Chip
from flagrelease.domain.component import PatchRef
from flagrelease.domain.gate import Policy
from flagrelease.domain.model import Model, Weights
from flagrelease.domain.patch_series import PatchSet
from flagrelease.domain.recipe import DOCKERFILE, MACROS, Recipe, Template
from flagrelease.formats.inherit import near
from flagrelease.formats.positions import Path as Key
from flagrelease.formats.positions import quoted
from flagrelease.smoke.names import SERVING


def put_together(shelf: Shelf, chip: str, model: str, variant: str | None, *, on: date) -> Recipe:
    """Everything that one variant of the bundle at this place is resolved from; `on` is the day it is for.

    Raises RecipeError with one line a fault, of the variant and of the files that it refers to.
    """
    found = Found(shelf, shelf.bundle_path(chip, model))
    of_chip = found.read(lambda: shelf.chip(chip)) if chip in shelf.names("chips") else None
    of_model = found.read(lambda: shelf.model(model)) if model in shelf.names("models") else None
    bundle = found.read(lambda: shelf.written_bundle(chip, model))
    recipe = None
    if bundle is not None:
        _check_place(found, bundle, chip, model)
        name = variant or bundle.default_variant
        if name in bundle.variants:
            recipe = _Parts(found, of_chip, of_model, name, bundle.variants[name]).recipe(on)
        elif variant:
            raise unknown_name("variant", variant, bundle.variants, found.file)
        else:
            found.unknown("variant", name, bundle.variants, ("default_variant",))
    found.refuse()
    assert recipe is not None
    return recipe


def _check_place(found: Found, bundle: Bundle, chip: str, model: str) -> None:
    """Bundles are found by their place, so it has to say the same as the recipe and to be that of something."""
    places = (("chip", "chips", chip, bundle.chip), ("model", "models", model, bundle.model))
    for kind, folder, called, written in places:
        names = found.shelf.names(folder)
        if called not in names:
            text = f"the file's place says {kind} {quoted(called)}, and there is none{near(called, names)}"
            found.wrong((kind,), text)
        elif called != written:
            found.wrong((kind,), f"wanted {quoted(called)}, as the file's place says, found {quoted(written)}")


class _Parts:
    """One variant of a bundle, and what it refers to."""

    def __init__(self, found: Found, chip: Chip | None, model: Model | None, name: str, variant: Variant) -> None:
        self._found = found
        self._chip = chip
        self._model = model
        self._name = name
        self._variant = variant

    def recipe(self, on: date) -> Recipe | None:
        """The whole, unless a part is missing; what does not fit is noted."""
        found, variant, chip, model = self._found, self._variant, self._chip, self._model
        engine = found.named("engines", variant.engine, self._key("engine"), found.shelf.engine)
        sdk = found.one_of("sdk", variant.sdk, chip.sdks, self._key("sdk")) if chip else None
        weights = found.one_of("weights", variant.weights, model.weights, self._key("weights")) if model else None
        for index, profile in enumerate(variant.profiles if chip else ()):
            found.one_of("profile", profile, chip.profiles if chip else {}, self._key("profiles", index))
        second_model, second_weights = self._second()
        policy = found.named("gates", variant.gate, self._key("gate"), found.shelf.policy) if variant.gate else None
        self._check_length()
        self._check_deviations(on)
        templates, baseline_sha256 = tuple(self._templates()), self._baseline(policy, on)
        patch_sets, harnesses = tuple(self._patch_sets()), tuple(pinned_harnesses(self._found, policy))
        if chip is None or model is None or engine is None or sdk is None or weights is None:
            return None
        # Every part was checked when it was read: to check the whole again would take longer than to read it.
        recipe = Recipe.model_construct(
            chip=chip,
            architecture=variant.architecture or chip.architectures[0],
            engine=engine,
            model=model,
            variant_name=self._name,
            variant=variant,
            sdk=sdk,
            weights=weights,
            second_model=second_model,
            second_weights=second_weights,
            policy=policy,
            templates=templates,
            patch_sets=patch_sets,
            baseline_sha256=baseline_sha256,
            harnesses=harnesses,
        )
        if recipe.is_assembled:
            return recipe
        return recipe.model_copy(
            update={"templates": (*templates, *dockerfile_templates(found.shelf.templates, chip.name))}
        )

    def _second(self) -> tuple[Model | None, Weights | None]:
        """The model that the same server loads after the first, and the form of its weights."""
        if self._variant.smoke is None:
            return None, None
        second, key = self._variant.smoke.second_model, self._key("smoke", "second_model")
        model = self._found.named("models", second.model, (*key, "model"), self._found.shelf.model)
        if model is None:
            return None, None
        return model, self._found.one_of("weights", second.weights, model.weights, (*key, "weights"))

    def _key(self, *below: str | int) -> Key:
        return ("variants", self._name, *below)

    def _check_length(self) -> None:
        written = self._variant.serving.context_length if self._variant.serving else None
        most = self._model.max_context if self._model else None
        if written and most and written > most:
            text = f"wanted at most {most}, which is the model's `max_context`, found {written}"
            self._found.wrong(self._key("serving", "context_length"), text)

    def _check_deviations(self, on: date) -> None:
        for index, deviation in enumerate(self._variant.smoke.deviations if self._variant.smoke else ()):
            key = self._key("smoke", "deviations", index)
            if deviation.check not in SERVING:
                self._found.unknown("serving check", deviation.check, SERVING, (*key, "check"))
            if deviation.expires < on:
                text = f"wanted {on} or later, found {deviation.expires}: mend what deviates, or renew it"
                self._found.wrong((*key, "expires"), text)

    def _templates(self) -> Iterator[Template]:
        files = {file.template: index for index, file in reversed(list(enumerate(self._variant.files)))}
        for path, index in sorted(files.items()):
            key = self._key("files", index, "template")
            content = self._found.content("template", self._found.shelf.templates, path, key)
            if content is not None:
                yield Template(path=path, sha256=hashlib.sha256(content).hexdigest())

    def _patch_sets(self) -> Iterator[PatchSet]:
        """The sets that components name, as far as they are there: lint says which are not, a lock leaves them open."""
        for name, component in self._variant.components.items():
            ref = component.patches
            found = self._found.read(partial(_named_set, self._found.shelf.patches, name, ref)) if ref else None
            if found:
                yield found

    def _baseline(self, policy: Policy | None, on: date) -> str | None:
        """The hash of the recorded reference, if that is what the bundle is held against.

        One that has expired, or was withdrawn, is a fault where a day is asked for.
        """
        reference, folder = self._variant.reference, self._found.shelf.recipes / "baselines"
        if reference is None or reference.kind == "switched_off" or reference.baseline is None:
            return None
        key = self._key("reference", "baseline")
        content = self._found.content("baseline record", folder, reference.baseline, key)
        if content is None:
            return None
        if policy is not None and (policy.tasks or on != date.min):
            self._check_baseline(policy, reference.baseline, content, on)
        return hashlib.sha256(content).hexdigest()

    def _check_baseline(self, policy: Policy, place: str, content: bytes, on: date) -> None:
        """It has to be good on that day, and to hold what the policy asks, which is compared item by item."""
        from flagrelease.adapters.recipes.named_baseline import Named  # noqa: PLC0415 - few commands need it

        found, path = self._found, self._found.shelf.recipes / "baselines" / place
        named = found.read(lambda: Named(place, path, content))
        if named is None:
            return
        if text := found.read(lambda: named.why_not(policy, on)):
            found.wrong(self._key("reference", "baseline"), text)
        file = found.shelf.recipes / "gates" / f"{policy.name}.yaml"
        for key, text in named.uncovered(policy):
            found.wrong(key, text, file=file)


def _named_set(patches: Path, component: str, ref: PatchRef) -> PatchSet | None:
    from flagrelease.adapters.recipes.named_patches import named_set  # noqa: PLC0415 - few bundles have patches

    return named_set(patches, component, ref)


def dockerfile_templates(folder: Path, chip: str) -> Iterator[Template]:
    """The chip's Dockerfile and what all of them share, as far as they are there: lint says which are not."""
    for path in (f"{chip}{DOCKERFILE}", MACROS):
        file = folder / path
        if file.is_file():
            yield Template(path=path, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
