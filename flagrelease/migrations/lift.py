"""Lifts one document, step by step, to the version that is current, and holds the result against it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from flagrelease.domain.value import Value
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.inherit import EXTENDS, extend_within
from flagrelease.formats.positions import Fault, Node, UnreadableError, position_in
from flagrelease.formats.positions import Mapping as MappingNode
from flagrelease.formats.strict import decode_json, read_yaml, refuse, value_of
from flagrelease.migrations.locks import lockfile_to_2, read_json
from flagrelease.migrations.recipes import bundle_to_2, chip_to_2, model_to_2
from flagrelease.migrations.versions import KINDS, Kind, schema_name, version_of

Step = Callable[[str, str, Mapping[str, str]], str]


@dataclass(frozen=True, kw_only=True)
class Migration:
    """From one version of a kind to the next. `lift(text, source, engines by title)` returns the lifted text."""

    kind: str
    since: int
    explanation: str
    lift: Step


MIGRATIONS: Final[tuple[Migration, ...]] = (
    Migration(kind="chip", since=1, explanation="`memory` is called `memory_probe`", lift=chip_to_2),
    Migration(
        kind="model", since=1, explanation="nothing but the version: what is new may be left out", lift=model_to_2
    ),
    Migration(
        kind="bundle",
        since=1,
        explanation="`engine` names an engine recipe, `reference` says its `kind`",
        lift=bundle_to_2,
    ),
    Migration(
        kind="lockfile",
        since=1,
        explanation="`engine` by name and title, `memory` is called `memory_probe`, whole and partial locks",
        lift=lockfile_to_2,
    ),
)
"""Every step there is, one a line: a kind of version n has all from 1 to n − 1."""


@dataclass(frozen=True, kw_only=True)
class Lifted:
    """A document at the current version. `steps` is empty where it was there already, and the text as it was."""

    kind: str
    before: int
    after: int
    text: str
    steps: tuple[str, ...]


def lifted(data: bytes, *, source: str, engines: Mapping[str, str], is_json: bool) -> Lifted:
    """The document at the current version; `engines` is title to name.

    Raises RecipeError when it cannot be read, is of an unknown or newer version, or would not be taken afterwards.
    """
    text = _text(data, source)
    if is_json and (current := _current_lock(text)):
        return current
    root = _root(text, source=source, is_json=is_json)
    kind, version = version_of(root, source=source)
    steps = [step for step in MIGRATIONS if step.kind == kind.name and step.since >= version]
    for step in sorted(steps, key=lambda one: one.since):
        text = step.lift(text, source, engines)
    if steps:
        text = _accepted(text, kind, source=source, is_json=is_json)
    said = tuple(f"v{step.since} → v{step.since + 1}: {step.explanation}" for step in steps)
    return Lifted(kind=kind.name, before=version, after=kind.current, text=text, steps=said)


def _text(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        fault = Fault(position_in(before, len(before)), "", f"not UTF-8: byte 0x{data[error.start]:02x}")
        refuse([fault], Value, source)


def _current_lock(text: str) -> Lifted | None:
    """A lock file that says it is current. Its tree is for messages only, and takes long for a large lock."""
    kind = KINDS["lockfile"]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("schema") != schema_name(kind.name, kind.current):
        return None
    return Lifted(kind=kind.name, before=kind.current, after=kind.current, text=text, steps=())


def _root(text: str, *, source: str, is_json: bool) -> Node:
    return read_json(text, source=source) if is_json else read_yaml(text, Value, source=source)[0]


def _accepted(text: str, kind: Kind, *, source: str, is_json: bool) -> str:
    """The text, when it is what its version wants; a JSON file is spelled as `lock` spells it."""
    try:
        if is_json:
            return pretty_json(decode_json(text, kind.value, source=source)).decode()
        _check_yaml(text, kind, source=source)
    except RecipeError as error:
        hint = "nothing was changed in this file; correct these first, at its old version"
        raise RecipeError(f"{source}: lifted, it would still be refused:\n{error.message}", hint=hint) from error
    return text


def _check_yaml(text: str, kind: Kind, *, source: str) -> None:
    root, faults = read_yaml(text, kind.value, source=source)
    if isinstance(root, MappingNode) and EXTENDS in root.entries:
        # Only together with the file that it extends can it be judged; that one may be of an old version as well.
        return
    try:
        whole = extend_within(root, "variants") if kind.name == "bundle" else root
    except UnreadableError as stop:
        refuse([*faults, stop.fault], kind.value, source)
    value_of(whole, kind.value, source=source, faults=faults)
