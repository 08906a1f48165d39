"""diff.yaml as FlagScale's tool reads it, and the line by which a folder is known as ours."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from flagrelease.domain.patch_series import Series
from flagrelease.formats.yaml_text import spelled
from flagrelease.patching.flagscale.backends import FLAGSCALE

_OURS: Final = re.compile(rb"# Written by `flagrelease patch export`; patches sha256 ([0-9a-f]{64})\n")


def written_yaml(
    series: Series, files: Mapping[str, bytes], *, device: str, backend: str, flagscale: str, version: str | None
) -> bytes:
    """The file beside the patches. Commits stand in quotes: 57637057 is a number to FlagScale's reader otherwise."""
    lines = [f"# Written by `flagrelease patch export`; patches sha256 {digest(files)}"]
    lines += _keys("backends_commit", {} if backend == FLAGSCALE else {backend: _quoted(series.base)})
    lines += _keys("backends_version", {backend: _quoted(version)} if version else {})
    lines += [f"commit: {_quoted(flagscale)}", f"contact: {spelled(series.owner)}", f"device_type: {spelled(device)}"]
    lines += _items("models", series.models) + _items("task", series.task)
    return ("\n".join(lines) + "\n").encode()


def digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 of all patches by their names."""
    total = hashlib.sha256()
    for name, data in sorted(files.items()):
        total.update(b"%d %d " % (len(name.encode()), len(data)) + name.encode() + data)
    return total.hexdigest()


def recorded(text: bytes) -> str | None:
    """The digest of the patches that our own file was written for; None where the file is not ours."""
    found = _OURS.match(text)
    return found[1].decode() if found else None


def _quoted(text: str) -> str:
    return f"'{text}'" if text.isalnum() else spelled(text)


def _keys(key: str, pairs: Mapping[str, str]) -> list[str]:
    return [f"{key}:", *(f"  {name}: {text}" for name, text in pairs.items())] if pairs else [f"{key}: {{}}"]


def _items(key: str, items: tuple[str, ...]) -> list[str]:
    return [f"{key}:", *(f"- {spelled(item)}" for item in items)] if items else [f"{key}: []"]
