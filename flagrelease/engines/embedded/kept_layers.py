"""Layers that were written before, by what they are made of: a change of one file makes no other layer anew.

A record names a blob of the store and what its layer puts where; the blob itself is checked by the store as any other.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from flagrelease.domain.image import Layer
from flagrelease.formats.durable import write_durably
from flagrelease.oci.header import Kind
from flagrelease.oci.layer import Entry
from flagrelease.ports import Store

FOLDER = "layers"
"""Below the store."""

_PACKAGE = Path(__file__).parents[2]
_CODE = ("engines/embedded", "oci")


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    layer: Layer | None
    placed: list[tuple[str, Kind, int]]


class KeptLayers:
    """Records below `folder`, one a layer. Without a folder nothing is kept and nothing is found."""

    def __init__(self, folder: Path | None, store: Store) -> None:
        self._folder = folder
        self._store = store

    def find(self, key: str) -> tuple[Layer | None, list[Entry]] | None:
        """The layer made of what `key` stands for, and what lies where in it; no layer where it would be empty.

        A record that cannot be read, or whose blob is no longer in the store, is as good as none: the layer is made.
        """
        if self._folder is None:
            return None
        try:
            found = _Record.model_validate_json((self._folder / key).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        if found.layer is not None and not self._store.has(found.layer.digest):
            return None
        return found.layer, [Entry(path=path, kind=kind, mode=mode) for path, kind, mode in found.placed]

    def keep(self, key: str, layer: Layer | None, placed: Sequence[Entry]) -> None:
        """Record a layer that was written."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        record = _Record(layer=layer, placed=[(entry.path, entry.kind, entry.mode) for entry in placed])
        write_durably(self._folder / key, record.model_dump_json().encode())


def key_of(below: str, name: str, inputs: Sequence[object]) -> str:
    """What a layer is made of: the layers below it, its name, its inputs, and the code that writes it."""
    told = json.dumps([below, name, inputs, code()], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(told.encode()).hexdigest()


@cache
def code() -> str:
    """The hash of the code that decides a layer's bytes."""
    total = hashlib.sha256()
    for folder in _CODE:
        for path in sorted((_PACKAGE / folder).glob("*.py")):
            total.update(os.fsencode(path.name) + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
