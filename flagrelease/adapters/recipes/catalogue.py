"""The recipe folder: finds recipes by name, reads them, and says what was probably meant."""

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from flagrelease.adapters.recipes.cache import ParseCache
from flagrelease.adapters.recipes.found import WHAT, fault_at, unknown_name
from flagrelease.adapters.recipes.reading import Reader, recipe_files
from flagrelease.adapters.recipes.references import put_together
from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.bundle import Bundle
from flagrelease.domain.chip import Chip
from flagrelease.domain.engine import Engine
from flagrelease.domain.everything import Everything, Unreadable
from flagrelease.domain.gate import Policy
from flagrelease.domain.harness import Harness
from flagrelease.domain.lock import Lock, LockFile, PartialLock
from flagrelease.domain.model import Model
from flagrelease.domain.published import Published
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.rehearsal import Rehearsal
from flagrelease.domain.value import Value
from flagrelease.errors import LockError, RecipeError
from flagrelease.formats.positions import Node, printable, quoted
from flagrelease.formats.strict import decode_json

V = TypeVar("V", bound=Value)

KINDS: dict[str, type[Value]] = {
    "chips": Chip,
    "engines": Engine,
    "models": Model,
    "benchmarks": Benchmark,
    "harnesses": Harness,
    "gates": Policy,
    "bundles": Bundle,
    "published": Published,
    "rehearsals": Rehearsal,
}
"""What each folder below `recipes/` holds."""

FOLDERS = {kind: folder for folder, kind in KINDS.items()}
"""Where each kind lies."""


class Catalogue:
    """Recipes below `recipes`; templates below `dockerfiles`, patch sets below `patches` beside it.

    A file is read once.
    """

    def __init__(self, recipes: Path, cache: ParseCache | None = None) -> None:
        self.recipes = recipes
        self.templates = recipes.resolve().parent / "dockerfiles"
        self.patches = recipes.resolve().parent / "patches"
        self._reader = Reader(recipes, cache)
        self._read: dict[Path, Value] = {}
        if not (recipes / "chips").is_dir():
            raise RecipeError(
                f"wanted a recipe folder with `chips/`, found none at `{recipes}`",
                hint="run this in the project's folder, or name the folder with --recipes",
            )

    # Names ----------------------------------------------------------------------------------------

    def names(self, folder: str) -> list[str]:
        """Every recipe's name of a flat folder, which is any of KINDS but `bundles` and `published`, sorted."""
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
            for path in recipe_files(self.recipes / folder):
                yield path, kind

    def everything(self) -> Everything:
        """All recipes as values; a file that cannot be read is named, and keeps no other from being read."""
        kinds: dict[str, dict[Any, Any]] = {folder: {} for folder in KINDS}
        unreadable = []
        files = list(self.files())
        with self._reader.ahead(path for path, _ in files):
            for path, kind in files:
                folder = FOLDERS[kind]
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
            harnesses=kinds["harnesses"],
            policies=kinds["gates"],
            bundles=kinds["bundles"],
            published=kinds["published"],
            rehearsals=kinds["rehearsals"],
            unreadable=tuple(unreadable),
        )

    # Recipes --------------------------------------------------------------------------------------

    def chip(self, name: str) -> Chip:
        """A chip by name or alias. Raises RecipeError with the nearest names."""
        names = self.names("chips")
        if name in names:
            return self._named("chips", name, Chip)
        known: list[Chip] = []
        unreadable: list[RecipeError] = []
        for other in names:
            try:
                known.append(self._named("chips", other, Chip))
            except RecipeError as error:
                unreadable.append(error)
                continue
            if name in known[-1].aliases:
                return known[-1]
        if unreadable:
            faults = "\n".join(error.message for error in unreadable)
            text = f"no chip is called {quoted(name)}; it may be an alias in a recipe that cannot be read"
            raise RecipeError(f"{text}\n{faults}")
        words = [c.name for c in known] + [alias for c in known for alias in c.aliases]
        raise unknown_name("chip", name, words, self.recipes / "chips")

    def engine(self, name: str) -> Engine:
        """An engine by name. Raises RecipeError with the nearest names."""
        return self._named("engines", name, Engine)

    def model(self, name: str) -> Model:
        """A model by name. Raises RecipeError with the nearest names."""
        return self._named("models", name, Model)

    def benchmark(self, name: str) -> Benchmark:
        """A benchmark by name. Raises RecipeError with the nearest names."""
        return self._named("benchmarks", name, Benchmark)

    def harness(self, name: str) -> Harness:
        """A harness by name. Raises RecipeError with the nearest names."""
        return self._named("harnesses", name, Harness)

    def policy(self, name: str) -> Policy:
        """A gate policy by name. Raises RecipeError with the nearest names."""
        return self._named("gates", name, Policy)

    def published_scores(self, chip: str, table: str) -> Published:
        """A table of published scores. Raises RecipeError with the nearest names."""
        here = [name for c, name in self.published() if c == chip]
        if table not in here:
            raise unknown_name("published table", table, here, self.recipes / "published" / chip)
        return self._value(self.recipes / "published" / chip / f"{table}.yaml", Published)

    def bundle(self, chip: str, model: str) -> Bundle:
        """The bundle recipe of a chip and a model. Raises RecipeError with what the chip does have."""
        bundle = self.written_bundle(chip, model)
        if (bundle.chip, bundle.model) != (chip, model):
            # Told together with whatever else is wrong with it.
            self.recipe(chip, model)
        return bundle

    def written_bundle(self, chip: str, model: str) -> Bundle:
        """The bundle recipe at the place of a chip and a model, whatever it says that it is of."""
        path = self.bundle_path(chip, model)
        if not path.is_file():
            here = [m for c, m in self.bundles() if c == chip]
            raise RecipeError(
                f"wanted a bundle of chip `{chip}` and model `{model}`, found no `{path}`",
                hint=f"`{chip}` has bundles for: {', '.join(here) or 'no model yet'}",
            )
        return self._value(path, Bundle)

    def bundle_path(self, chip: str, model: str) -> Path:
        """Where a bundle's recipe lies."""
        return self.recipes / "bundles" / chip / f"{model}.yaml"

    def recipe(self, chip: str, model: str, variant: str | None = None, *, on: date | None = None) -> Recipe:
        """Everything one bundle variant is resolved from. Raises RecipeError with all that does not fit together.

        Args:
            chip: A chip's name or an alias of it.
            model: A model's name.
            variant: A variant's name; the bundle names the one that is meant without.
            on: The day that declared deviations have to be in force on; without one, an expired one is no fault: who
                only looks at a recipe, or at an old revision of it, has to see it.
        """
        if not self.bundle_path(chip, model).is_file():
            # A person's names: an alias, or a slip of the keyboard.
            chip, model = self.chip(chip).name, self.model(model).name
            self.written_bundle(chip, model)
        return put_together(self, chip, model, variant, on=on or date.min)

    def rehearsal(self, name: str) -> Rehearsal:
        """A rehearsal's stack by name. Raises RecipeError with the nearest names."""
        return self._named("rehearsals", name, Rehearsal)

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

    def tree(self, path: Path) -> Node:
        """A recipe file on top of those it extends, with the place of each key. Raises RecipeError."""
        kind = KINDS[path.relative_to(self.recipes).parts[0]]
        return self._reader.tree(path, kind, within=_within(kind))[0]

    def template(self, path: str, *, sha256: str) -> str:
        """The text of a template that the lock pins. Raises LockError when it has changed since."""
        return self._pinned(self.templates / path, sha256).decode()

    def baseline(self, path: str, *, sha256: str) -> bytes:
        """The bytes of a baseline record that the lock pins. Raises LockError when it has changed since."""
        return self._pinned(self.recipes / "baselines" / path, sha256)

    def harness_file(self, path: str, *, sha256: str) -> bytes:
        """The bytes of a harness's lock or template that the lock pins. Raises LockError when it has changed since."""
        return self._pinned(self.recipes / "harnesses" / path, sha256)

    def refuse_bad_baseline(self, path: str, on: date) -> None:
        """Raise RecipeError when a baseline has expired by that day, or was withdrawn."""
        from flagrelease.adapters.recipes.baselines import held_at  # noqa: PLC0415 - few commands need it

        held_at(self.recipes / "baselines" / path, path).refuse_unless_good(on)

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
            raise unknown_name(WHAT[folder], name, self.names(folder), self.recipes / folder)
        return self._value(self.recipes / folder / f"{name}.yaml", kind)

    def _value(self, path: Path, kind: type[V]) -> V:
        found = self._read.get(path)
        if found is None:
            found = self._reader.value(path, kind, within=_within(kind))
            stem = path.stem
            name = getattr(found, "name", stem)
            if name != stem:
                text = f"wanted {quoted(stem)}, as the file is called, found {quoted(name)}"
                raise RecipeError(fault_at(self.tree(path), ("name",), text).line(printable(str(path))))
            self._read[path] = found
        assert isinstance(found, kind)
        return found


def _within(kind: type[Value]) -> str:
    """The mapping whose entries may extend each other."""
    return "variants" if kind is Bundle else ""


def _sha256(path: Path, what: str) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise RecipeError(f"wanted {what} at `{path}`, found no such file") from error
