"""What a file or image name says of what is inside: Python, torch, C++ ABI, processor."""

import re
from typing import Final

from flagrelease.domain.chip import Architecture

_PYTHON: Final = re.compile(r"(?<![a-z0-9])(?:cp|py|python_?)(\d)\.?(\d{1,2})(?![0-9])", re.IGNORECASE)
_WRONG_PYTHON: Final = re.compile(r"(?<![a-z0-9])cp([12]\d?)(?![0-9])", re.IGNORECASE)
_STABLE_ABI: Final = re.compile(r"(?<![a-z0-9])abi3(?![0-9])", re.IGNORECASE)
_TORCH: Final = re.compile(r"(?<![a-z])(?:torch|pytorch)[-_]?v?(\d+(?:\.\d+)+)", re.IGNORECASE)
_ABI: Final = re.compile(r"(?:cxx11)?abi[-_]?(0|1|false|true)(?![0-9a-z])", re.IGNORECASE)
_ARCHITECTURES: Final[tuple[tuple[re.Pattern[str], Architecture], ...]] = (
    (re.compile(r"aarch64|(?<![a-z0-9])arm64(?![0-9a-z])", re.IGNORECASE), "arm64"),
    (re.compile(r"x86[_-]64|(?<![a-z0-9])(?:amd64|x64)(?![0-9a-z])", re.IGNORECASE), "amd64"),
)


def pythons_in(name: str) -> tuple[str, ...]:
    """The Python versions that a name is tagged with, such as `3.10`; of `cp10` it is `10`, which is none.

    A wheel of the stable ABI fits later versions as well, so it says nothing.
    """
    if _STABLE_ABI.search(name):
        return ()
    found = [f"{major}.{minor}" for major, minor in _PYTHON.findall(name) if major == "3"]
    wrong = [digits for digits in _WRONG_PYTHON.findall(name) if not digits.startswith("3")]
    return tuple(dict.fromkeys((*found, *wrong)))


def torches_in(name: str) -> tuple[str, ...]:
    """The versions of torch itself that a name holds; an adapter's own version (`torch_npu-2.1.0`) is none."""
    return tuple(dict.fromkeys(_TORCH.findall(name)))


def cxx11_abi_in(name: str) -> bool | None:
    """The C++ ABI that a name states: `abi1`, `cxx11abiFALSE`."""
    found = _ABI.search(name)
    return found[1].lower() in ("1", "true") if found else None


def architectures_in(name: str) -> tuple[Architecture, ...]:
    """The processors that a name is for."""
    return tuple(architecture for pattern, architecture in _ARCHITECTURES if pattern.search(name))


def agrees(one: str, other: str) -> bool:
    """Whether two versions are the same as far as both say: `2.10` and `2.10.0`, `2.7.1` and `2.7.1+cu128`."""
    parts = [re.split(r"[.+-]", version.partition("+")[0]) for version in (one, other)]
    return all(left == right for left, right in zip(*parts, strict=False))
