"""Without a path, all files below the recipe folder.

Comments and layout of recipes stay; a file is lifted whole or not at all, and not when it would be refused afterwards.
A lifted lock is older than its recipe, so run `flagrelease lock` after it: it keeps every pin. `--check` writes nothing
and ends with 3 when something is old.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.recipes.catalogue import KINDS, Catalogue
from flagrelease.adapters.recipes.reading import file_bytes
from flagrelease.cli.options import Json, Recipes
from flagrelease.cli.settings import settings
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.durable import write_durably
from flagrelease.migrations.lift import Lifted, lifted

_LOCKS = "*.lock.json"

Paths = Annotated[
    list[Path] | None, typer.Argument(metavar="PATH", help="Files or folders (default: the recipe folder).")
]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit with 3 when a file is old.")]


def migrate(paths: Paths = None, check: Check = False, as_json: Json = False, recipes: Recipes = None) -> None:
    """Lift these files, or all recipes and locks."""
    catalogue = Catalogue(settings(recipes=recipes).recipes)
    engines = _Engines(catalogue)
    old: dict[Path, Lifted] = {}
    refused: list[RecipeError] = []
    seen = 0
    for path in _files(paths, catalogue):
        seen += 1
        try:
            found = lifted(file_bytes(path), source=str(path), engines=engines, is_json=path.suffix == ".json")
        except RecipeError as error:
            refused.append(error)
            continue
        if found.steps:
            old[path] = found
            if not check:
                # Through a link to the file itself, so that the link stays one.
                write_durably(path.resolve(), found.text.encode())
    _tell(old, seen, as_json=as_json, check=check)
    if refused:
        hint = refused[0].hint if len(refused) == 1 else "correct these files; the others are done"
        raise RecipeError("\n".join(error.message for error in refused), hint=hint)
    if check and old:
        raise RecipeError(
            f"{len(old)} of {seen} files are of an older schema version", hint="run `flagrelease migrate`"
        )


class _Engines(Mapping[str, str]):
    """Title to name of every engine recipe; they are read when a file asks for one."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    @cached_property
    def _titles(self) -> dict[str, str]:
        return {self._catalogue.engine(name).title: name for name in self._catalogue.names("engines")}

    def __getitem__(self, title: str) -> str:
        return self._titles[title]

    def __iter__(self) -> Iterator[str]:
        return iter(self._titles)

    def __len__(self) -> int:
        return len(self._titles)


def _files(paths: list[Path] | None, catalogue: Catalogue) -> Iterator[Path]:
    """Recipes before locks, in their order. Raises RecipeError for a path that is not there."""
    if not paths:
        yield from (path for path, _ in catalogue.files())
        yield from sorted((catalogue.recipes / "bundles").rglob(_LOCKS))
        return
    for path in paths:
        if path.is_dir():
            yield from sorted(path.rglob("*.yaml"))
            yield from sorted(path.rglob(_LOCKS))
        elif path.suffix in {".yaml", ".json"}:
            yield path
        else:
            raise RecipeError(
                f"{path}: wanted a recipe (`.yaml`), a lock (`.lock.json`) or a folder of them, found neither",
                hint=f"recipes lie in `{catalogue.recipes}/{{{','.join(KINDS)}}}`",
            )


def _tell(old: Mapping[Path, Lifted], seen: int, *, as_json: bool, check: bool) -> None:
    """Data on stdout: the files that are, or were, old. For people: what each step does."""
    if as_json:
        listed = [
            {"path": str(path), "kind": one.kind, "from": one.before, "to": one.after, "steps": list(one.steps)}
            for path, one in old.items()
        ]
        sys.stdout.write(pretty_json({"files": listed, "seen": seen, "written": not check}).decode())
    for path, one in old.items():
        if not as_json:
            sys.stdout.write(f"{path}\n")
        for step in one.steps:
            sys.stderr.write(f"{path}: {one.kind} {step}\n")
    if not old:
        sys.stderr.write(f"{seen} files, all of the current schema versions\n")
    if any(one.kind == "lockfile" for one in old.values()) and not check:
        sys.stderr.write(
            "the hash of its recipe in a lifted lock is stale: run `flagrelease lock`, which keeps every pin\n"
        )
