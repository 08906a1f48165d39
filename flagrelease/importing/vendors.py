"""The words by which cards call chips' makers, their SDKs and their drivers. Chips themselves are recipes."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from flagrelease.domain.chip import Chip


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """One maker as hubs call it. `words` are other names, `sdks` what its toolkit is called, `mail` its domains."""

    name: str
    words: tuple[str, ...] = ()
    sdks: tuple[str, ...] = ()
    mail: tuple[str, ...] = ()
    driver: str = ""


VENDORS: Final[tuple[Vendor, ...]] = (
    Vendor(name="nvidia", words=("cuda",), sdks=("cuda", "cu"), mail=("nvidia.com",), driver=r"[3-9]\d\d\.\d+(\.\d+)?"),
    Vendor(name="ascend", words=("huawei", "atlas"), sdks=("cann",), mail=("huawei.com",), driver=r"2\d\.\d.*"),
    Vendor(name="cambricon", words=("mlu",), sdks=("neuware", "cntoolkit"), mail=("cambricon.com",)),
    Vendor(name="metax", words=("maca", "muxi"), sdks=("maca",), mail=("metax-tech.com",)),
    Vendor(
        name="mthreads",
        words=("musa", "moore", "moorethreads"),
        sdks=("musa",),
        mail=("mthreads.com",),
        driver=r".*-server",
    ),
    Vendor(name="iluvatar", words=("tianshu", "corex", "bi"), sdks=("corex", "ixml"), mail=("iluvatar.com",)),
    Vendor(name="kunlunxin", words=("xpu", "klx", "kunlun"), sdks=("xre", "xrt"), mail=("baidu.com", "kunlunxin.com")),
    Vendor(
        name="hygon",
        words=("dcu", "hcu", "sugon"),
        sdks=("dtk",),
        mail=("hygon.cn", "sugon.com"),
        driver=r"\d+\.\d+\.\d+-v\d.*",
    ),
    Vendor(name="enflame", words=("gcu", "tops"), sdks=("tops", "topsrider"), mail=("enflame-tech.com",)),
    Vendor(name="sunrise", words=("ptpu", "tang"), sdks=("tangrt", "raisa"), mail=()),
    Vendor(name="tsingmicro", words=("txda", "tsm", "tqingmicro"), sdks=("tsm",), mail=("tsingmicro.com",)),
    Vendor(name="zhenwu", words=("thead", "ppu", "pp", "alibaba"), sdks=("hggc", "ppu"), mail=("alibaba-inc.com",)),
    Vendor(name="arm", words=("armv9", "graviton"), sdks=(), mail=()),
)
"""Every maker that FlagOS has released for."""

BY_WORD: Final[Mapping[str, str]] = {word: one.name for one in VENDORS for word in (one.name, *one.words)}
BY_SDK: Final[Mapping[str, str]] = {word: one.name for one in VENDORS for word in one.sdks}
BY_MAIL: Final[Mapping[str, str]] = {domain: one.name for one in VENDORS for domain in one.mail}

REFERENCE_PARTS: Final = re.compile(r"\b(A100|A800|H20|H100|H200|H800|B200|V100|L40S?|RTX ?4090)\b")
"""Chips of NVIDIA that cards compare with, by the names of their parts."""

_GPU_CODE: Final = re.compile(r"([a-z]+?)\d{3}\Z")


def vendor_of_word(word: str) -> str:
    """The maker that a single word names, or an empty string."""
    word = word.lower()
    code = _GPU_CODE.match(word)
    return BY_WORD.get(word) or (BY_WORD.get(code[1], "") if code else "")


def drivers_vendor(version: str, chips: Iterable[Chip]) -> str:
    """The maker whose driver has this version: one that recipes know, or one of this spelling."""
    wanted = version.lower()
    for chip in chips:
        tested = [one.lower() for sdk in chip.sdks.values() if sdk.driver for one in sdk.driver.tested]
        if wanted in tested:
            return vendor_of_chip(chip)
    for vendor in VENDORS:
        if vendor.driver and re.fullmatch(vendor.driver, wanted):
            return vendor.name
    return ""


def vendor_of_chip(chip: Chip) -> str:
    """The maker of a chip as hubs call it."""
    names = (chip.hub_name or "", *chip.name.split("_"), chip.vendor.split(" ")[0], *chip.aliases)
    return next((vendor for name in names if (vendor := vendor_of_word(name))), "")


def chips_of(vendor: str, chips: Mapping[str, Chip]) -> list[str]:
    """The chips of a maker; the one that hubs call by the maker's name comes first."""
    found = [name for name, chip in chips.items() if vendor and vendor_of_chip(chip) == vendor]
    return sorted(found, key=lambda name: (chips[name].hub_name != vendor, name))
