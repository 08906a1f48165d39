"""diff.yaml as FlagScale's tool reads it, and the line by which a folder is known as ours."""

import hashlib
import os
import re
from collections.abc import Mapping
from typing import Final

from flagrelease.domain.patch_series import Series
from flagrelease.formats.yaml_text import spelled
from flagrelease.patching.flagscale.backends import FLAGSCALE

_OURS: Final = re.compile(rb"# Written by `flagrelease patch export`; folder sha256 ([0-9a-f]{64})\n")


def written_yaml(
    series: Series, files: Mapping[str, bytes], *, device: str, backend: str, flagscale: str, version: str | None
) -> bytes:
    """The file beside the patches. Commits stand in quotes: 57637057 is a number to FlagScale's reader otherwise."""
    lines = _keys("backends_commit", {} if backend == FLAGSCALE else {backend: _quoted(series.base)})
    lines += _keys("backends_version", {backend: _quoted(version)} if version else {})
    lines += [f"commit: {_quoted(flagscale)}", f"contact: {spelled(series.owner)}", f"device_type: {spelled(device)}"]
    lines += _items("models", series.models) + _items("task", series.task)
    text = ("\n".join(lines) + "\n").encode()
    return f"# Written by `flagrelease patch export`; folder sha256 {_digest(files, text)}\n".encode() + text


def is_ours(text: bytes, files: Mapping[str, bytes]) -> bool:
    """Whether the file was written by this for these patches, and nobody changed any of it since."""
    found = _OURS.match(text)
    return found is not None and found[1].decode() == _digest(files, text[found.end() :])


def _digest(files: Mapping[str, bytes], text: bytes) -> str:
    total = hashlib.sha256()
    for name, data in sorted({**files, "": text}.items()):
        total.update(b"%d %d " % (len(name), len(data)) + os.fsencode(name) + data)
    return total.hexdigest()


def _quoted(text: str) -> str:
    return f"'{text}'" if text.isalnum() else spelled(text)


def _keys(key: str, pairs: Mapping[str, str]) -> list[str]:
    return [f"{key}:", *(f"  {name}: {text}" for name, text in pairs.items())] if pairs else [f"{key}: {{}}"]


def _items(key: str, items: tuple[str, ...]) -> list[str]:
    return [f"{key}:", *(f"- {spelled(item)}" for item in items)] if items else [f"{key}: []"]
