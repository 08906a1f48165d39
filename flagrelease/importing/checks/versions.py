"""Versions: places that disagree, say nothing, or say what belongs to something else."""

from collections.abc import Iterator
from typing import Final

from flagrelease.domain.vendor_version import at_least
from flagrelease.importing.choose import sdk_of
from flagrelease.importing.defect import CardDefect
from flagrelease.importing.stated import Stated, same_version
from flagrelease.importing.subject import Subject
from flagrelease.importing.vendors import BY_SDK, drivers_vendor

_HOSTS: Final = frozenset({"docker", "os"})
_EMPTY: Final = frozenset({"0.0", "0.0.0"})


def differ(subject: Subject) -> Iterator[CardDefect]:
    """One component has two versions."""
    by_component: dict[str, list[Stated]] = {}
    for one in subject.card.stated:
        if one.value and one.component not in _HOSTS:
            by_component.setdefault(one.component, []).append(one)
    for component, stated in by_component.items():
        told: set[tuple[str, str]] = set()
        for index, one in enumerate(stated):
            other = next((two for two in stated[:index] if _disagree(two, one)), None)
            if other is None or (other.value, one.value) in told:
                continue
            told.add((other.value, one.value))
            before = f"{other.value} in the {other.where} (line {other.line})"
            what = f"{component} is {before} and {one.value} in the {one.where}"
            yield CardDefect(line=one.line, kind="versions-differ", what=what)


def _disagree(one: Stated, other: Stated) -> bool:
    if "" not in (one.way, other.way) and one.way != other.way:
        return False
    if one.component == "sdk" and "" not in (one.sdk, other.sdk) and _toolkit(one.sdk) != _toolkit(other.sdk):
        return False
    if one.component == "sdk" and other.value.startswith(f"{one.value}."):
        return False
    return not same_version(one, other)


def _toolkit(word: str) -> str:
    return BY_SDK.get(word, word)


def empty(subject: Subject) -> Iterator[CardDefect]:
    """A version that says nothing."""
    told: set[tuple[str, str]] = set()
    for one in subject.card.stated:
        if (one.component, one.value) in told or one.component in _HOSTS:
            continue
        told.add((one.component, one.value))
        if one.value in _EMPTY:
            what = f"{one.component} {one.value} names no source: it is what unnumbered trees call themselves"
            yield CardDefect(line=one.line, kind="empty-version", what=what)
        elif not one.value:
            what = f"the place for {one.component} says `{one.text[:60]}`"
            yield CardDefect(line=one.line, kind="placeholder", what=what)


def drivers(subject: Subject) -> Iterator[CardDefect]:
    """A driver of another maker, and an SDK's version that is the driver's."""
    stated = [one for one in subject.card.stated if one.value]
    told: set[str] = set()
    for one in stated:
        if one.component != "driver" or one.value in told or not subject.vendor:
            continue
        told.add(one.value)
        maker = drivers_vendor(one.value, subject.recipes.chips.values())
        if maker and maker != subject.vendor:
            what = f"the driver {one.value} is one of {maker}, the chip is of {subject.vendor}"
            yield CardDefect(line=one.line, kind="driver-of-other-vendor", what=what)
    numbers = {one.value: one.line for one in stated if one.component == "driver"}
    for one in stated:
        if one.component == "sdk" and one.value in numbers and not one.short:
            what = f"the SDK's version {one.value} is that of the driver (line {numbers[one.value]})"
            yield CardDefect(line=one.line, kind="sdk-is-driver", what=what)


def too_old(subject: Subject) -> Iterator[CardDefect]:
    """A driver that is older than what the chip's recipe says the SDK needs."""
    drivers_stated = [one for one in subject.card.stated if one.component == "driver" and one.value]
    if subject.chip is None or not drivers_stated:
        return
    for name in dict.fromkeys(sdk_of(subject, way) for way in subject.card.ways):
        sdk = subject.chip.sdks.get(name)
        if sdk and sdk.driver and sdk.driver.min and not at_least(drivers_stated[0].value, sdk.driver.min):
            one = drivers_stated[0]
            what = f"the driver {one.value} is older than {sdk.driver.min}, which {sdk.title} needs"
            yield CardDefect(line=one.line, kind="driver-too-old", what=what)


CHECKS: Final = (differ, empty, drivers, too_old)
