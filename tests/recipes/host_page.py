"""The page that tells what each chip's machine needs, written from the recipes: `python -m tests.recipes.host_page`."""

from collections.abc import Iterator
from pathlib import Path

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.domain.chip import Chip, Driver, Sdk
from flagrelease.domain.container import Access

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "hosts.md"

_HEAD = """\
# Hosts

What the machine of each chip needs before a bundle can run on it, written from `recipes/chips/` by
`python -m tests.recipes.host_page`. `flagrelease doctor --chip CHIP --model MODEL` compares a machine with it. Nothing
on this page is done by flagrelease. "—" is what no source states.
"""


def page() -> str:
    """The whole page."""
    catalogue = Catalogue(ROOT / "recipes")
    chips = [catalogue.chip(name) for name in catalogue.names("chips")]
    return "\n".join((_HEAD, *(line for chip in chips for line in _chip(chip))))


def _chip(chip: Chip) -> Iterator[str]:
    yield f"## {chip.title}\n"
    yield f"`{chip.name}`; processors: {', '.join(chip.architectures)}."
    parts = [f"{p.title}{_memory(p.memory_gb)}{_dies(p.dies_per_card)}" for p in chip.hardware.values()]
    if parts:
        yield f"Parts: {'; '.join(parts)}."
    if chip.smi:
        yield f"Devices are listed by `{' '.join(chip.smi.command)}`."
    yield "\n| SDK | driver | Python | torch |\n|---|---|---|---|"
    yield from (
        f"| {sdk.title} | {_driver(sdk.driver)} | {sdk.python or '—'} | {_torch(sdk)} |" for sdk in chip.sdks.values()
    )
    for name, access in (
        ("raw", chip.container and chip.container.raw),
        ("toolkit", chip.container and chip.container.toolkit),
    ):
        if access:
            yield f"\nContainer, {name}: {_access(access)}"
    if chip.host:
        yield from _steps("First installation", chip.host.first_install)
        yield from _steps("Upgrade", chip.host.upgrade)
        yield from (f"\nAdvice: {line}" for line in chip.host.advice)
    yield ""


def _memory(sizes: tuple[int, ...]) -> str:
    return f", {' or '.join(map(str, sizes))} GB" if sizes else ""


def _dies(count: int) -> str:
    return f", {count} devices a card" if count > 1 else ""


def _driver(driver: Driver | None) -> str:
    if driver is None:
        return "—"
    bounds = (f"≥ {driver.min}" if driver.min else "", f"≤ {driver.max}" if driver.max else "")
    tested = f"tested {', '.join(driver.tested)}" if driver.tested else ""
    return "; ".join(part for part in (*bounds, tested) if part) or "—"


def _torch(sdk: Sdk) -> str:
    if sdk.torch is None:
        return "—"
    adapter = f", {sdk.torch.adapter} {sdk.torch.adapter_version or ''}".rstrip() if sdk.torch.adapter else ""
    return f"{sdk.torch.torch}{adapter}"


def _access(access: Access) -> str:
    parts = [access.needs or ""]
    parts.append(f"devices {', '.join(f'`{d}`' for d in access.devices)}" if access.devices else "")
    parts.append(f"runtime `{access.runtime}`" if access.runtime else "")
    parts.append("privileged" if access.privileged else "")
    return "; ".join(part for part in parts if part) or "nothing"


def _steps(title: str, steps: tuple[str, ...]) -> Iterator[str]:
    if steps:
        yield f"\n{title}:\n"
        yield from (f"{number}. {step}" for number, step in enumerate(steps, start=1))


if __name__ == "__main__":
    PAGE.write_text(page())
