"""Small recipe folders, and what reading them comes to."""

from pathlib import Path

from flagrelease.adapters.recipes.reading import Reader
from flagrelease.domain.value import Value
from flagrelease.errors import RecipeError
from flagrelease.formats.strict import value_of

CHIP = """\
schema: flagrelease.chip/v2
name: NAME
title: A chip
vendor: Somebody
architectures: [amd64]
memory_probe: process_tree
sdks:
  one:
    title: The first
    base: {kind: debian, suites: [a-suite], packages: [a-package]}
    python: "3.11"
    glibc: "2.36"
"""
OTHER = "extends: a\nname: b\ntitle: Another chip\nsdks: {one: {python: '3.12'}}\n"


def written(folder: Path, **texts: str) -> Path:
    """A recipe folder with these chips."""
    (folder / "chips").mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / "chips" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def outcome(reader: Reader, path: Path, kind: type[Value], within: str = "") -> str:
    try:
        return repr(reader.value(path, kind, within=within))
    except RecipeError as refused:
        return refused.message


def outcome_by_tree(reader: Reader, path: Path, kind: type[Value], within: str = "") -> str:
    try:
        root, faults = reader.tree(path, kind, within=within)
        return repr(value_of(root, kind, source=reader.shown(path), faults=faults))
    except RecipeError as refused:
        return refused.message
