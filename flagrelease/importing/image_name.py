"""What the name of a published image says: two grammars, both read leniently, since no two cards spell them alike.

First:  `flagrelease-nvidia-release-model_m-tree_none-gems_4.2.1rc0-…-gpu_nvidia003-arc_amd64-driver_570.158.01:time`
Second: `m-hygon001-gems5.4.0-tree0.6.1-cxnone-plugin0.2.0-vllm0.24.0-cp310-pt210-dtk2604-x64-6.3.30-v1.4.1a:time`
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from flagrelease.domain.chip import Architecture, ImageName, ImageTag
from flagrelease.formats.fits import fits
from flagrelease.importing.vendors import vendor_of_word

_KEYS: Final = {
    "model": "model", "tree": "flagtree", "gems": "flaggems", "scale": "flagscale", "cx": "flagcx", "flagcx": "flagcx",
    "python": "python", "torch": "torch", "pcp": "sdk", "gpu": "gpu", "arc": "arch", "driver": "driver",
    "plugin": "vllm-plugin-fl", "vllmpluginfl": "vllm-plugin-fl", "vllm": "vllm", "flagos": "flagos",
}  # fmt: skip
_FIRST: Final = re.compile(rf"(?:^|(?<=-))({'|'.join(sorted(_KEYS, key=len, reverse=True))})_")
_SECOND: Final[Mapping[str, re.Pattern[str]]] = {
    "flaggems": re.compile(r"-gems(\d[\w.+]*|none)(?=-|\Z)"),
    "flagtree": re.compile(r"-tree(\d[\w.+]*|none)(?=-|\Z)"),
    "flagcx": re.compile(r"-cx(\d[\w.+]*|none)(?=-|\Z)"),
    "vllm-plugin-fl": re.compile(r"-plugin(\d[\w.+]*|none)(?=-|\Z)"),
    "vllm": re.compile(r"-(?:vllm-ascend|vllm)(\d[\w.+]*|none)(?=-|\Z)"),
    "python": re.compile(r"-cp(\d{2,4})(?=-|\Z)"),
    "torch": re.compile(r"-pt(?:npu)?-?(\d[\d.]*)(?=-|\Z)"),
    "sdk": re.compile(r"-((?:cu|cann|dtk|maca|musa|xrt|xre|ixml|raisa|hggc)-?\d[\w.]*)(?=-|\Z)"),
}
_CODE: Final = re.compile(r"(?:^|-)([a-z]+\d{3})(?=-)")
_MACHINE: Final = re.compile(r"-(amd64|arm64|x64|a64|x86_64|aarch64)(?=-|\Z)")
_ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    "amd64": "amd64", "x64": "amd64", "x86_64": "amd64", "arm64": "arm64", "a64": "arm64", "aarch64": "arm64",
}  # fmt: skip
_SDK: Final = re.compile(r"([a-z]+)[_-]?(\d.*)\Z")
_BACKEND: Final = re.compile(r"(?:[a-z]+-)?(\d.*)\Z")
_SHORT: Final = frozenset({"python", "torch", "sdk"})
_SAYS_NOTHING: Final = frozenset({"x", "", "na", "null"})
_ABSENT: Final = _SAYS_NOTHING | {"none"}


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """An image and what its name says. `versions` are by component; `short` are those without their dots."""

    reference: str
    repository: str
    tag: str
    digest: str
    grammar: Literal["first", "second", "none"]
    versions: Mapping[str, str]
    short: frozenset[str]
    empty: tuple[str, ...]
    model: str = ""
    vendor: str = ""
    gpu: str = ""
    sdk: str = ""
    architecture: Architecture | None = None

    @property
    def has_registry(self) -> bool:
        """Whether the name says where the image is to be had."""
        first, slash, _ = self.repository.partition("/")
        return bool(slash) and ("." in first or ":" in first)

    @property
    def is_valid(self) -> bool:
        """Whether registries could hold an image of this name."""
        return fits(ImageName, self.repository) and (not self.tag or fits(ImageTag, self.tag))


def image_facts(reference: str) -> ImageFacts:
    """The name, taken apart. Never raises."""
    named, _, digest = reference.partition("@")
    head, slash, last = named.rpartition("/")
    last, _, tag = last.partition(":")
    name = last.lower()
    fields, grammar = _fields(name)
    words = [word for part in re.split(r"[-_]", name) if (word := part)]
    gpu = fields.pop("gpu", "")
    said = {key: value for key, value in fields.items() if value.lower() not in _ABSENT}
    sdk, version = _sdk(said.pop("sdk", ""))
    if version:
        said["sdk"] = version
    codes = {"gpu": gpu} if gpu else {}
    return ImageFacts(
        reference=reference,
        repository=f"{head}{slash}{last}",
        tag=tag,
        digest=digest,
        grammar=grammar,
        versions={key: value for key, value in said.items() if key not in {"model", "arch"}},
        short=_SHORT if grammar == "second" else frozenset(),
        empty=tuple(sorted(key for key, value in (fields | codes).items() if _is_empty(key, value))),
        model=said.get("model", ""),
        vendor=next((found for word in (gpu, *words) if word and (found := vendor_of_word(word))), ""),
        gpu=gpu,
        sdk=sdk,
        architecture=_ARCHITECTURES.get(fields.get("arch", "")),
    )


def _is_empty(key: str, value: str) -> bool:
    """Whether a field stands there and says nothing; `none` says that something is not there."""
    is_code = key == "gpu" and _CODE.match(f"{value}-") is None and not any(c.isdigit() for c in value)
    return is_code or value.lower() in _SAYS_NOTHING


def _fields(name: str) -> tuple[dict[str, str], Literal["first", "second", "none"]]:
    marks = list(_FIRST.finditer(name))
    if marks:
        return _first(name, marks), "first"
    found = {key: match[1] for key, pattern in _SECOND.items() if (match := pattern.search(name))}
    if len(found) < 2:  # noqa: PLR2004 - one field may be part of a model's name
        return {}, "none"
    if machine := _MACHINE.search(name):
        found["arch"] = machine[1]
        found["driver"] = name[machine.end() + 1 :]
    if code := _CODE.search(name):
        found["gpu"] = code[1]
        found["model"] = name[: code.start()]
    return found, "second"


def _first(name: str, marks: list[re.Match[str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    ends = [mark.start() - 1 for mark in marks[1:]] + [len(name)]
    for mark, end in zip(marks, ends, strict=True):
        key, value = _KEYS[mark[1]], name[mark.end() : end]
        if key != "driver" and (machine := _MACHINE.search(value)):
            found["arch"] = machine[1]
            value = value[: machine.start()]
        if key == "vllm-plugin-fl" and "_vllm" in value:
            value, _, beside = value.partition("_vllm")
            found.setdefault("vllm", beside)
        if key == "torch" and (backend := _BACKEND.match(value)):
            value = backend[1]
        # `+` may not stand in a name, so a version's local part comes behind `_`.
        found.setdefault(key, value.replace("_", "+", 1) if key in {"flagtree", "vllm", "flaggems"} else value)
    return found


def _sdk(text: str) -> tuple[str, str]:
    """The SDK's word and its version: `cuda13.1` is `cuda`, `13.1`."""
    found = _SDK.match(text)
    return (found[1], found[2]) if found else ("", "")
