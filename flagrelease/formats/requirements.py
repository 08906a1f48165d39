"""A lock of Python packages as `uv pip compile --generate-hashes` writes it: names, versions, markers and hashes only.

No option, address or path is read: where packages come from is the machine's own setting.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flagrelease.errors import RecipeError

_NAME: Final = r"[a-z0-9]+(?:[-_.][a-z0-9]+)*"
_PIN: Final = re.compile(rf"({_NAME})(?:\[[a-z0-9,_-]+\])?==([0-9A-Za-z.+!]+)(?: ; ([^\\#@]+))?\Z")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})\Z")
_LIMIT: Final = 8 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """One package: its files, wheels and sources of every platform, are those with these hashes."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    def lines(self) -> str:
        """As pip reads it."""
        marker = f" ; {self.marker}" if self.marker else ""
        hashes = "".join(f" \\\n    --hash=sha256:{one}" for one in self.hashes)
        return f"{self.name}=={self.version}{marker}{hashes}\n"


def read_requirements(data: bytes, *, source: str) -> tuple[Pin, ...]:
    """Every package of a lock. Raises RecipeError with the line of whatever is not a pin with its hashes."""
    if len(data) > _LIMIT:
        raise RecipeError(f"{source}: wanted at most {_LIMIT:,} bytes, found {len(data):,}")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{source}: not ASCII at byte {error.start:,}") from error
    pins = tuple(_pin(number, entry, source) for number, entry in _entries(text))
    if not pins:
        raise RecipeError(f"{source}: wanted packages with versions and hashes, found none")
    return pins


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """Each entry on one line, with the number of its first line; comments are left out."""
    number, parts = 0, []
    for at, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#") or not line.strip():
            continue
        number = number or at
        parts.append(line.strip().removesuffix("\\").strip())
        if not line.rstrip().endswith("\\"):
            yield number, " ".join(parts)
            number, parts = 0, []
    if parts:
        yield number, " ".join(parts)


def _pin(number: int, entry: str, source: str) -> Pin:
    head, *options = re.split(r" (?=--)", entry)
    pin, hashes = _PIN.match(head.strip()), [_HASH.match(option.strip()) for option in options]
    if pin is None or not hashes or None in hashes:
        raise RecipeError(
            f"{source}:{number}: wanted `name==version` with `--hash=sha256:…`, found {entry[:80]!r}",
            hint="make the lock with `make harnesses`",
        )
    return Pin(
        name=pin[1].replace("_", "-"), version=pin[2], marker=(pin[3] or "").strip(),
        hashes=tuple(found[1] for found in hashes if found),
    )  # fmt: skip
