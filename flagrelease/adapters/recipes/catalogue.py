"""The recipe folder: finds recipes by name, reads them, and says what was probably meant."""

import difflib
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from flagrelease.adapters.recipes.reading import Reader
from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.bundle import Bundle, Variant
from flagrelease.domain.chip import Chip
from flagrelease.domain.engine import Engine
from flagrelease.domain.everything import Everything, Unreadable
from flagrelease.domain.gate import Policy
from flagrelease.domain.lock import Lock, LockFile, PartialLock
from flagrelease.domain.model import Model
from flagrelease.domain.published import Published
from flagrelease.domain.recipe import Recipe, Template
from flagrelease.domain.value import Value
from flagrelease.errors import LockError, RecipeError
from flagrelease.formats.strict import decode_json

V = TypeVar("V", bound=Value)

KINDS: dict[str, type[Value]] = {
    "chips": Chip,
    "engines": Engine,
    "models": Model,
    "benchmarks": Benchmark,
    "gates": Policy,
    "bundles": Bundle,
    "published": Published,
}
"""What each folder below `recipes/` holds."""

_WHAT = {"chips": "chip", "engines": "engine", "models": "model", "benchmarks": "benchmark", "gates": "gate policy"}


class Catalogue:
    """Recipes below `recipes`, templates below `dockerfiles` beside it. A file is read once."""

    def __init__(self, recipes: Path) -> None:
        self.recipes = recipes
        self.templates = recipes.resolve().parent / "dockerfiles"
        self._reader = Reader(recipes)
        self._read: dict[Path, Value] = {}
        if not (recipes / "chips").is_dir():
            raise RecipeError(
                f"wanted a recipe folder with `chips/`, found none at `{recipes}`",
                hint="run this in the project's folder, or name the folder with --recipes",
            )

    # Names ----------------------------------------------------------------------------------------

    def names(self, folder: str) -> list[str]:
        """Every recipe's name of a flat folder (`chips`, `engines`, `models`, `benchmarks`, `gates`), sorted."""
        return sorted(p.stem for p in (self.recipes / folder).glob("*.yaml"))

    def bundles(self) -> list[tuple[str, str]]:
        """Every (chip, model) that has a bundle recipe, sorted."""
        return sorted((p.parent.name, p.stem) for p in (self.recipes / "bundles").glob("*/*.yaml"))

    def published(self) -> list[tuple[str, str]]:
        """Every (chip, table) of published scores, sorted."""
        return sorted((p.parent.name, p.stem) for p in (self.recipes / "published").glob("*/*.yaml"))

    def files(self) -> Iterator[tuple[Path, type[Value]]]:
        """Every recipe file with what it holds, sorted by folder and path."""
        for folder, kind in KINDS.items():
            for path in sorted((self.recipes / folder).rglob("*.yaml")):
                yield path, kind

    def everything(self) -> Everything:
        """All recipes as values; a file that cannot be read is named, and keeps no other from being read."""
        kinds: dict[str, dict[Any, Any]] = {folder: {} for folder in KINDS}
        unreadable = []
        for path, kind in self.files():
            folder = path.relative_to(self.recipes).parts[0]
            key = (path.parent.name, path.stem) if folder in ("bundles", "published") else path.stem
            try:
                kinds[folder][key] = self._value(path, kind)
            except RecipeError as error:
                faults = tuple(error.message.splitlines())
                unreadable.append(Unreadable(path=path.relative_to(self.recipes).as_posix(), faults=faults))
        return Everything(
            chips=kinds["chips"],
            engines=kinds["engines"],
            models=kinds["models"],
            benchmarks=kinds["benchmarks"],
            policies=kinds["gates"],
            bundles=kinds["bundles"],
            published=kinds["published"],
            unreadable=tuple(unreadable),
        )

    # Recipes --------------------------------------------------------------------------------------

    def chip(self, name: str) -> Chip:
        """A chip by name or alias. Raises RecipeError with the nearest names."""
        names = self.names("chips")
        if name in names:
            return self._named("chips", name, Chip)
        known = [self._named("chips", chip, Chip) for chip in names]
        for chip in known:
            if name in chip.aliases:
                return chip
        words = [c.name for c in known] + [alias for c in known for alias in c.aliases]
        raise _unknown("chip", name, words, self.recipes / "chips")

    def engine(self, name: str) -> Engine:
        """An engine by name. Raises RecipeError with the nearest names."""
        return self._named("engines", name, Engine)

    def model(self, name: str) -> Model:
        """A model by name. Raises RecipeError with the nearest names."""
        return self._named("models", name, Model)

    def benchmark(self, name: str) -> Benchmark:
        """A benchmark by name. Raises RecipeError with the nearest names."""
        return self._named("benchmarks", name, Benchmark)

    def policy(self, name: str) -> Policy:
        """A gate policy by name. Raises RecipeError with the nearest names."""
        return self._named("gates", name, Policy)

    def published_scores(self, chip: str, table: str) -> Published:
        """A table of published scores. Raises RecipeError with the nearest names."""
        here = [name for c, name in self.published() if c == chip]
        if table not in here:
            raise _unknown("published table", table, here, self.recipes / "published" / chip)
        return self._value(self.recipes / "published" / chip / f"{table}.yaml", Published)

    def bundle(self, chip: str, model: str) -> Bundle:
        """The bundle recipe of a chip and a model. Raises RecipeError with what the chip does have."""
        path = self.bundle_path(chip, model)
        if not path.is_file():
            here = [m for c, m in self.bundles() if c == chip]
            raise RecipeError(
                f"wanted a bundle of chip `{chip}` and model `{model}`, found no `{path}`",
                hint=f"`{chip}` has bundles for: {', '.join(here) or 'no model yet'}",
            )
        bundle = self._value(path, Bundle)
        if (bundle.chip, bundle.model) != (chip, model):
            raise RecipeError(
                f"{path}: wanted the bundle of `{chip}` and `{model}`, as its place says, "
                f"found `chip: {bundle.chip}` and `model: {bundle.model}`",
                hint="make the file's place and its `chip` and `model` agree",
            )
        return bundle

    def bundle_path(self, chip: str, model: str) -> Path:
        """Where a bundle's recipe lies."""
        return self.recipes / "bundles" / chip / f"{model}.yaml"

    def recipe(self, chip_name: str, model_name: str, variant_name: str | None = None) -> Recipe:
        """Everything one bundle variant is resolved from. Raises RecipeError for whatever does not fit together."""
        chip, model = self.chip(chip_name), self.model(model_name)
        bundle = self.bundle(chip.name, model.name)
        where = self.bundle_path(chip.name, model.name)
        name = variant_name or bundle.default_variant
        variant = _one_of("variant", name, bundle.variants, where)
        written = variant.serving.context_length if variant.serving else None
        if written and model.max_context and written > model.max_context:
            raise RecipeError(
                f"{where}: variants.{name}.serving.context_length: wanted at most {model.max_context}, "
                f"which is the model's `max_context`, found {written}"
            )
        for profile in variant.profiles:
            _one_of("profile", profile, chip.profiles, where)
        second = variant.smoke.second_model if variant.smoke else None
        second_model = self.model(second.model) if second else None
        return Recipe(
            chip=chip,
            architecture=variant.architecture or chip.architectures[0],
            engine=self.engine(variant.engine),
            model=model,
            variant_name=name,
            variant=variant,
            sdk=_one_of("sdk", variant.sdk, chip.sdks, where),
            weights=_one_of("weights", variant.weights, model.weights, where),
            second_model=second_model,
            second_weights=_one_of("weights", second.weights, second_model.weights, where)
            if second and second_model
            else None,
            policy=self.policy(variant.gate) if variant.gate else None,
            templates=self._templates(variant, where),
            baseline_sha256=self._baseline_sha256(variant, where),
        )

    def _templates(self, variant: Variant, where: Path) -> tuple[Template, ...]:
        paths = sorted({file.template for file in variant.files})
        what = f"the template that {where} names"
        return tuple(Template(path=path, sha256=_sha256(self.templates / path, what)) for path in paths)

    def _baseline_sha256(self, variant: Variant, where: Path) -> str | None:
        if variant.reference is None or variant.reference.kind != "recorded":
            return None
        path = self.recipes / "baselines" / variant.reference.baseline
        return _sha256(path, f"the baseline record that {where} names")

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
            hint = f"run `flagrelease migrate`, or remove `{path}` and run `flagrelease lock` for this bundle"
            raise LockError(f"the lock cannot be read\n{error.message}", hint=hint) from error

    def lock(self, recipe: Recipe) -> Lock | PartialLock:
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

    def _named(self, folder: str, name: str, kind: type[V]) -> V:
        if name not in self.names(folder):
            raise _unknown(_WHAT[folder], name, self.names(folder), self.recipes / folder)
        return self._value(self.recipes / folder / f"{name}.yaml", kind)

    def _value(self, path: Path, kind: type[V]) -> V:
        found = self._read.get(path)
        if found is None:
            within = "variants" if kind is Bundle else ""
            found = self._read[path] = self._reader.value(path, kind, within=within)
            name = getattr(found, "name", path.stem)
            if name != path.stem:
                raise RecipeError(f"{path}: wanted `name: {path.stem}`, as the file is called, found `name: {name}`")
        assert isinstance(found, kind)
        return found


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
