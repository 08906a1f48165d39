"""Which schema a document says it has, and which one is current."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.bundle import Bundle
from flagrelease.domain.chip import Chip
from flagrelease.domain.engine import Engine
from flagrelease.domain.evidence import Baseline
from flagrelease.domain.gate import Policy
from flagrelease.domain.lock import LockFile
from flagrelease.domain.model import Model
from flagrelease.domain.published import Published
from flagrelease.domain.rehearsal import Rehearsal
from flagrelease.domain.value import Value
from flagrelease.errors import RecipeError
from flagrelease.formats.positions import Entry, Node, Scalar, found, quoted
from flagrelease.formats.positions import Mapping as MappingNode

_SCHEMA: Final = re.compile(r"flagrelease\.([a-z]+)/v([1-9][0-9]{0,3})\Z")
_TYPES: Final[tuple[type[Value], ...]] = (
    Chip, Engine, Model, Benchmark, Policy, Bundle, Published, Rehearsal, Baseline, LockFile,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of file: the value it spells, and the version of its schema that is current."""

    name: str
    value: type[Value]
    current: int


def schema_name(kind: str, version: int) -> str:
    """As files write it: `flagrelease.chip/v2`."""
    return f"flagrelease.{kind}/v{version}"


def _kind(value: type[Value]) -> Kind:
    (written,) = get_args(value.model_fields["schema_"].annotation)
    known = _SCHEMA.match(written)
    assert known is not None
    return Kind(name=known[1], value=value, current=int(known[2]))


KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in map(_kind, _TYPES)}
"""Every kind of file that carries a schema version, by the name in its `schema`."""


def version_of(root: Node, *, source: str) -> tuple[Kind, int]:
    """What a document says it is. Raises RecipeError when it says nothing that is known, or something newer."""
    entry = root.entries.get("schema") if isinstance(root, MappingNode) else None
    written = entry.node.value if entry and isinstance(entry.node, Scalar) else None
    known = _SCHEMA.match(written) if isinstance(written, str) else None
    kind = KINDS.get(known[1]) if known else None
    if kind is None or known is None:
        raise _unknown(entry, root, source)
    version = int(known[2])
    if version > kind.current:
        raise RecipeError(
            f"{_place(entry, root, source)}: schema: wanted {schema_name(kind.name, kind.current)} or older, "
            f"found {quoted(known[0])}, which this flagrelease does not know",
            hint="use the flagrelease that wrote the file, or a newer one",
        )
    return kind, version


def _unknown(entry: Entry | None, root: Node, source: str) -> RecipeError:
    names = [schema_name(kind.name, kind.current) for kind in KINDS.values()]
    if entry is None:
        what = "the key is missing" if isinstance(root, MappingNode) else f"wanted a mapping, found {found(root)}"
        return RecipeError(f"{_place(None, root, source)}: schema: {what}", hint=f"it is one of: {', '.join(names)}")
    raw = entry.node.raw if isinstance(entry.node, Scalar) else ""
    near = difflib.get_close_matches(raw[:60], names, n=1, cutoff=0.6)
    hint = f"did you mean {quoted(near[0])}?" if near else f"it is one of: {', '.join(names)}"
    where = _place(entry, root, source)
    return RecipeError(f"{where}: schema: wanted a schema of flagrelease, found {found(entry.node)}", hint=hint)


def _place(entry: Entry | None, root: Node, source: str) -> str:
    at = entry.node.at if entry else root.at
    return f"{source}:{at.line}:{at.column}"
