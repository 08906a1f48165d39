"""Some of the recipes: those that a comparison needs, so that the others are not read."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from flagrelease.adapters.recipes.catalogue import KINDS, Catalogue
from flagrelease.domain.everything import Everything, Unreadable
from flagrelease.errors import RecipeError
from flagrelease.formats.inherit import EXTENDS


def recipes_that_extend(recipes: Path) -> frozenset[str]:
    """Recipe files, below the folder, that may extend another: these can change without being written to."""
    word = EXTENDS.encode()
    found = (path for kind in KINDS for path in (recipes / kind).rglob("*.yaml"))
    return frozenset(path.relative_to(recipes).as_posix() for path in found if word in path.read_bytes())


def some_recipes(catalogue: Catalogue, paths: Iterable[str]) -> Everything:
    """These recipe files as values; those that are not there are left out."""
    readers: Mapping[str, Callable[[str], Any]] = {
        "chips": catalogue.chip, "engines": catalogue.engine, "models": catalogue.model,
        "benchmarks": catalogue.benchmark, "harnesses": catalogue.harness, "gates": catalogue.policy,
    }  # fmt: skip
    kinds: dict[str, dict[Any, Any]] = {kind: {} for kind in KINDS}
    unreadable = []
    for path in sorted(path for path in paths if (catalogue.recipes / path).is_file()):
        try:
            match path.removesuffix(".yaml").split("/"):
                case ["bundles", chip, model]:
                    kinds["bundles"][chip, model] = catalogue.bundle(chip, model)
                case [kind, name] if kind in readers:
                    kinds[kind][name] = readers[kind](name)
                case _:
                    pass
        except RecipeError as error:
            unreadable.append(Unreadable(path=path, faults=tuple(error.message.splitlines())))
    return Everything(
        chips=kinds["chips"], engines=kinds["engines"], models=kinds["models"], benchmarks=kinds["benchmarks"],
        harnesses=kinds["harnesses"], policies=kinds["gates"], bundles=kinds["bundles"], unreadable=tuple(unreadable),
    )  # fmt: skip
