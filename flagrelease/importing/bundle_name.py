"""The names that hubs give to bundles: `FlagRelease/MiniCPM-o-4.5-nvidia-FlagOS`, in all their spellings."""

import re
from dataclasses import dataclass
from typing import Final

from flagrelease.domain.value import Name
from flagrelease.formats.fits import fits
from flagrelease.importing.vendors import vendor_of_word

_EXTRAS: Final = frozenset({"flagos", "express", "origin", "cuda", "release", "nomtp"})
_PRECISIONS: Final = re.compile(r"(bf16|fp16|fp8|int8|int4|w8a8|w8a16|w4a16|w4a8|fp8dynamic)\Z")
_SPLIT: Final = re.compile(r"[-_\s]+")
_NAME_PART: Final = re.compile(r"[^a-z0-9.]+")


@dataclass(frozen=True, kw_only=True)
class BundleName:
    """A bundle's name, taken apart. `vendor` is empty where none is named."""

    model: str
    vendor: str
    precision: str
    is_flagos: bool


def bundle_name(text: str) -> BundleName:
    """The parts of a bundle's name, from behind. Never raises."""
    words = [word for word in _SPLIT.split(text.strip()) if word]
    vendor, precision, is_flagos = "", "", False
    kept = list(words)
    while len(kept) > 1:
        word = kept[-1].lower()
        found = vendor_of_word(word)
        if found and not vendor:
            vendor = found
        elif _PRECISIONS.match(word) and not precision:
            precision = word
        elif word not in _EXTRAS and not (found and found == vendor):
            break
        is_flagos = is_flagos or word == "flagos"
        kept.pop()
    model = text.strip()
    if len(kept) < len(words):
        # The model keeps its own spelling: everything before the first word that is not part of it.
        cut = re.escape(kept[-1]) + r"(?=[-_\s])"
        ends = [match.end() for match in re.finditer(cut, model)]
        model = model[: ends[-1]] if ends else " ".join(kept)
    return BundleName(model=model, vendor=vendor, precision=precision, is_flagos=is_flagos)


def as_name(text: str) -> str:
    """The text as a name of a recipe, or an empty string."""
    name = _NAME_PART.sub("-", text.lower()).strip("-.")
    name = re.sub(r"([.-])[.-]+", r"\1", name)[:80].strip("-.")
    return name if fits(Name, name) else ""


def same_name(one: str, other: str) -> bool:
    """Whether two spellings are of one name: `MiniCPM-o-2_6` is `minicpm-o-2.6`."""
    return bool(one) and plain_name(one) == plain_name(other)


def plain_name(text: str) -> str:
    """Letters and digits, single `-` between."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
