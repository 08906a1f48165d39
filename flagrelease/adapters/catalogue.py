"""The recipe folder: finds recipes by name, reads them, and says what was probably meant."""

import difflib
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from flagrelease.domain.bundle import Bundle
from flagrelease.domain.chip import Chip
from flagrelease.domain.gate import Policy
from flagrelease.domain.lock import Lock, LockFile
from flagrelease.domain.model import Model
from flagrelease.domain.recipe import Recipe, Template
from flagrelease.domain.value import Value
from flagrelease.errors import LockError, RecipeError
from flagrelease.formats.strict import decode_json, decode_yaml

V = TypeVar("V", bound=Value)


class Catalogue:
    """Recipes below `recipes`, templates below `dockerfiles` beside it."""

    def __init__(self, recipes: Path) -> None:
        self.recipes = recipes
        self.templates = recipes.resolve().parent / "dockerfiles"
        if not (recipes / "chips").is_dir():
            raise RecipeError(
                f"wanted a recipe folder with `chips/`, found none at `{recipes}`",
                hint="run this in the project's folder, or name the folder with --recipes",
            )

    # Names ----------------------------------------------------------------------------------------

    def chips(self) -> list[str]:
        """Every chip's name, sorted."""
        return _names(self.recipes / "chips")

    def models(self) -> list[str]:
        """Every model's name, sorted."""
        return _names(self.recipes / "models")

    def bundles(self) -> list[tuple[str, str]]:
        """Every (chip, model) that has a bundle recipe, sorted."""
        folder = self.recipes / "bundles"
        return sorted((p.parent.name, p.stem) for p in folder.glob("*/*.yaml"))

    # Recipes --------------------------------------------------------------------------------------

    def chip(self, name: str) -> Chip:
        """A chip by name or alias. Raises RecipeError with the nearest names."""
        if name in self.chips():
            return self._read(self.recipes / "chips" / f"{name}.yaml", Chip)
        known = [self._read(self.recipes / "chips" / f"{chip}.yaml", Chip) for chip in self.chips()]
        for chip in known:
            if name in chip.aliases:
                return chip
        words = [c.name for c in known] + [alias for c in known for alias in c.aliases]
        raise _unknown("chip", name, words, self.recipes / "chips")

    def model(self, name: str) -> Model:
        """A model by name. Raises RecipeError with the nearest names."""
        if name not in self.models():
            raise _unknown("model", name, self.models(), self.recipes / "models")
        return self._read(self.recipes / "models" / f"{name}.yaml", Model)

    def policy(self, name: str) -> Policy:
        """A gate policy by name. Raises RecipeError with the nearest names."""
        folder = self.recipes / "gates"
        if name not in _names(folder):
            raise _unknown("gate policy", name, _names(folder), folder)
        return self._read(folder / f"{name}.yaml", Policy)

    def bundle(self, chip: str, model: str) -> Bundle:
        """The bundle recipe of a chip and a model. Raises RecipeError with what the chip does have."""
        path = self.recipes / "bundles" / chip / f"{model}.yaml"
        if not path.is_file():
            here = [m for c, m in self.bundles() if c == chip]
            raise RecipeError(
                f"wanted a bundle of chip `{chip}` and model `{model}`, found no `{path}`",
                hint=f"`{chip}` has bundles for: {', '.join(here) or 'no model yet'}",
            )
        bundle = self._read(path, Bundle)
        if (bundle.chip, bundle.model) != (chip, model):
            raise RecipeError(
                f"{path}: wanted the bundle of `{chip}` and `{model}`, as its place says, "
                f"found `chip: {bundle.chip}` and `model: {bundle.model}`",
                hint="make the file's place and its `chip` and `model` agree",
            )
        return bundle

    def recipe(self, chip_name: str, model_name: str, variant_name: str | None = None) -> Recipe:
        """Everything one bundle variant is resolved from. Raises RecipeError for whatever does not fit together."""
        chip, model = self.chip(chip_name), self.model(model_name)
        bundle = self.bundle(chip.name, model.name)
        where = self.recipes / "bundles" / chip.name / f"{model.name}.yaml"
        name = variant_name or bundle.default_variant
        variant = _one_of("variant", name, bundle.variants, where)
        second = self.model(variant.smoke.second_model.model)
        baseline = self.recipes / "baselines" / variant.reference.baseline
        if variant.serving.context_length > model.max_context:
            raise RecipeError(
                f"{where}: variants.{name}.serving.context_length: wanted at most {model.max_context}, "
                f"which is the model's `max_context`, found {variant.serving.context_length}"
            )
        return Recipe(
            chip=chip,
            architecture=chip.architectures[0],
            model=model,
            variant_name=name,
            variant=variant,
            sdk=_one_of("sdk", variant.sdk, chip.sdks, where),
            weights=_one_of("weights", variant.weights, model.weights, where),
            second_model=second,
            second_weights=_one_of("weights", variant.smoke.second_model.weights, second.weights, where),
            policy=self.policy(variant.gate),
            templates=tuple(
                Template(path=t, sha256=_sha256(self.templates / t, f"the template that {where} names"))
                for t in sorted({file.template for file in variant.files})
            ),
            baseline_sha256=_sha256(baseline, f"the baseline record that {where} names"),
        )

    # Locks ----------------------------------------------------------------------------------------

    def lock_path(self, chip: str, model: str) -> Path:
        """Where the lock of a bundle lies."""
        return self.recipes / "bundles" / chip / f"{model}.lock.json"

    def lock_file(self, chip: str, model: str) -> LockFile | None:
        """The committed locks of a bundle's variants, or None when there are none yet."""
        path = self.lock_path(chip, model)
        if not path.is_file():
            return None
        try:
            return decode_json(path.read_bytes(), LockFile, source=str(path))
        except RecipeError as error:
            hint = f"remove `{path}` and run `flagrelease lock` for this bundle: everything is looked up again"
            raise LockError(f"the lock cannot be read\n{error.message}", hint=hint) from error

    def lock(self, recipe: Recipe) -> Lock:
        """The committed lock of a recipe's variant. Raises LockError when there is none."""
        chip, model = recipe.chip.name, recipe.model.name
        locks = self.lock_file(chip, model)
        if locks is None or recipe.variant_name not in locks.variants:
            raise LockError(
                f"wanted the lock of variant `{recipe.variant_name}` in `{self.lock_path(chip, model)}`, found none",
                hint=f"run `flagrelease lock --chip {chip} --model {model}`",
            )
        return locks.variants[recipe.variant_name]

    # Contents -------------------------------------------------------------------------------------

    def template(self, path: str, *, sha256: str) -> str:
        """The text of a template that the lock pins. Raises LockError when it has changed since."""
        return self._pinned(self.templates / path, sha256).decode()

    def baseline(self, path: str, *, sha256: str) -> bytes:
        """The bytes of a baseline record that the lock pins. Raises LockError when it has changed since."""
        return self._pinned(self.recipes / "baselines" / path, sha256)

    def _pinned(self, path: Path, sha256: str) -> bytes:
        found = _sha256(path, "a file that the lock names")
        if found != sha256:
            raise LockError(
                f"`{path}` is not what the lock was made with: wanted sha256 {sha256}, found {found}",
                hint="run `flagrelease lock` for this bundle, or restore the file",
            )
        return path.read_bytes()

    def _read(self, path: Path, kind: type[V]) -> V:
        value = decode_yaml(_text(path), kind, source=str(path))
        name = getattr(value, "name", path.stem)
        if name != path.stem:
            raise RecipeError(f"{path}: wanted `name: {path.stem}`, as the file is called, found `name: {name}`")
        return value


def _names(folder: Path) -> list[str]:
    return sorted(p.stem for p in folder.glob("*.yaml"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: wanted UTF-8 text, found a byte that is none at {error.start}") from error
    except OSError as error:
        raise RecipeError(f"{path}: wanted a file that can be read: {error.strerror}") from error


def _sha256(path: Path, what: str) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise RecipeError(f"wanted {what} at `{path}`, found no such file") from error


def _one_of(kind: str, name: str, known: dict[str, V], where: Path) -> V:
    if name not in known:
        raise _unknown(kind, name, known, where)
    return known[name]


def _unknown(kind: str, name: str, known: Iterable[str], where: Path) -> RecipeError:
    words = sorted(set(known))
    near = difflib.get_close_matches(name, words, n=3, cutoff=0.4)
    hint = (
        f"did you mean {' or '.join(f'`{n}`' for n in near)}?" if near else f"there are: {', '.join(words) or 'none'}"
    )
    return RecipeError(f"unknown {kind} `{name}` in `{where}`", hint=hint)
