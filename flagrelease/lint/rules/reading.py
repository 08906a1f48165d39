"""Whether the files are recipes at all."""

import re
from collections.abc import Iterator
from typing import Final

from flagrelease.domain.everything import Unreadable
from flagrelease.formats.lookup import path_of
from flagrelease.formats.positions import Path, Position
from flagrelease.lint.found import Fix, Found, Respell
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule

_FAULT: Final = re.compile(r"(?P<file>.*?):(?P<line>\d+):(?P<column>\d+): (?:(?P<key>[\w.\[\]'-]+): )?(?P<text>.*)")
_UNQUOTED: Final = re.compile(r"found the (?:unquoted|number|boolean) (?P<raw>[^\s…]+?)(?:, which .*)?: quote it\Z")
_MISSPELT: Final = re.compile(
    r"(?:unknown key|found the string '(?P<found>[\w.-]+)'); did you mean '(?P<meant>[\w.-]+)'\?\Z"
)


@rule(
    "FR001",
    "error",
    "a file that is no recipe",
    why=(
        "Nothing can be said about a file that cannot be read, and nothing can be built from it. Unquoted values that "
        "YAML takes for numbers, times or booleans are refused: the commit 57637057 of the first Cambricon bundle is a "
        "number to a YAML reader, and 1.10 becomes 1.1."
    ),
    hint="correct what the message says; `flagrelease schema` makes editors complete the keys",
    bad={"chip.memory_probe": "smy"},
    good={"chip.memory_probe": "process_tree", "chip.smi": None},
    waivable=False,
)
def unreadable_file(project: Project) -> Iterator[Found]:
    """One finding a fault; a file that several others extend has its faults once."""
    told = set()
    for one in project.recipes.unreadable:
        for line in one.faults:
            found = _fault(line, one, project.folder)
            place = (found.file, found.at, found.text)
            if place not in told:
                told.add(place)
                yield found


@rule(
    "FR002",
    "error",
    "a recipe in another recipe's place",
    why=(
        "Recipes are found by where they lie. A bundle that says another chip or model than its place, as a copied "
        "file does, would be locked under one name and published under the other."
    ),
    hint="make the file's place and what it says of itself agree",
    bad={"bundle.chip": "beta"},
    good={"bundle.chip": "alpha"},
    waivable=False,
)
def other_place(project: Project) -> Iterator[Found]:
    """Bundles and published tables: what they say of themselves against their path."""
    for (chip, model), bundle in project.recipes.bundles.items():
        said = (("chip", chip, bundle.chip), ("model", model, bundle.model))
        yield from _differences(f"bundles/{chip}/{model}.yaml", said)
    for (chip, name), table in project.recipes.published.items():
        yield from _differences(f"published/{chip}/{name}.yaml", (("chip", chip, table.chip),))


def _differences(file: str, said: tuple[tuple[str, str, str], ...]) -> Iterator[Found]:
    for key, wanted, found in said:
        if wanted != found:
            text = f"wanted `{key}: {wanted}`, as the file's place says, found `{key}: {found}`"
            yield Found(file=file, key=(key,), text=text)


def _fault(line: str, one: Unreadable, folder: str) -> Found:
    parts = _FAULT.match(line)
    if parts is None:
        return Found(file=one.path, key=(), text=line.removeprefix(f"{folder}/{one.path}: "), at=Position(1, 1))
    at = Position(int(parts["line"]), int(parts["column"]))
    key, text = parts["key"], parts["text"]
    file = parts["file"].removeprefix(f"{folder}/")
    shown = f"{key}: {text}" if key else text
    return Found(file=file, key=_path(key), text=shown, at=at, fix=_fix(text, key or "", at))


def _path(key: str | None) -> Path:
    try:
        return path_of(key) if key else ()
    except ValueError:
        return ()


def _fix(text: str, key: str, at: Position) -> Fix | None:
    """Quotes around what is to be text; a misspelt key or word, where only one can be meant."""
    if unquoted := _UNQUOTED.search(text):
        return Respell(at=at, was=unquoted["raw"], becomes=f'"{unquoted["raw"]}"')
    if misspelt := _MISSPELT.search(text):
        was = misspelt["found"] or re.split(r"[.\]]", key)[-1]
        return Respell(at=at, was=was, becomes=misspelt["meant"]) if was else None
    return None
