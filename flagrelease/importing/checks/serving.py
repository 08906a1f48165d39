"""Serving: names, ports, addresses, and where the weights are."""

import re
from collections.abc import Iterator
from typing import Final

from flagrelease.importing.bundle_name import bundle_name, plain_name
from flagrelease.importing.card import of_way
from flagrelease.importing.defect import CardDefect
from flagrelease.importing.subject import Subject

_ADDRESS: Final = re.compile(r"(?<![\d.])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_LOCAL: Final = ("0.0.0.0", "127.", "255.255.255.255", "1.1.1.1", "8.8.8.8")  # noqa: S104 - found, not bound
_MOST: Final = 255
_MASTER: Final = re.compile(r"(?:MASTER_ADDR=|--master[-_]addr[= ])[\"']?([\w.<>‹›-]+)")
_PORT: Final = 8000


def names(subject: Subject) -> Iterator[CardDefect]:
    """A request asks for a model that is not served."""
    for asked in subject.card.requests:
        served = of_way(subject.card.serves, asked.way)
        known = {name for one in served for name in one.names}
        if served and asked.model not in known:
            names_served = ", ".join(sorted(known))
            what = f"the request names the model `{asked.model}`; served is `{names_served}` (line {served[-1].line})"
            yield CardDefect(line=asked.line, kind="served-name", what=what)


def ports(subject: Subject) -> Iterator[CardDefect]:
    """A request goes to a port where nothing listens."""
    for asked in subject.card.requests:
        served = of_way(subject.card.serves, asked.way)
        known = {str(one.options.get("port", _PORT)) for one in served}
        if served and asked.port is not None and str(asked.port) not in known:
            what = f"the request goes to port {asked.port}; the server listens on {', '.join(sorted(known))}"
            yield CardDefect(line=asked.line, kind="request-port", what=what)


def mounted(subject: Subject) -> Iterator[CardDefect]:
    """Weights are downloaded or served from a folder that the container does not have."""
    for run in subject.card.runs:
        targets = [target for _, target, _ in run.mounts]
        folders = {one.folder: one.line for one in of_way(subject.card.downloads, run.way) if one.folder}
        folders |= {one.model.rstrip("/"): one.line for one in of_way(subject.card.serves, run.way)}
        for folder, line in folders.items():
            if folder.startswith("/") and not any(_is_below(folder, target) for target in targets):
                what = f"the weights are in `{folder}`, which the container does not mount (line {run.line})"
                yield CardDefect(line=line, kind="weights-not-mounted", what=what)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith("/" if folder == "/" else f"{folder}/")


def folders(subject: Subject) -> Iterator[CardDefect]:
    """Weights are served from another folder than they are downloaded to."""
    for one in subject.card.serves:
        downloads = [down for down in of_way(subject.card.downloads, one.way) if down.folder]
        path = one.model.rstrip("/")
        if downloads and path.startswith("/") and not any(_is_below(path, down.folder) for down in downloads):
            what = f"the weights are served from `{path}` and downloaded to `{downloads[-1].folder}`"
            yield CardDefect(line=one.line, kind="weights-elsewhere", what=what)


def repositories(subject: Subject) -> Iterator[CardDefect]:
    """Weights are downloaded from another repository than the bundle's own."""
    if not subject.vendor:
        return
    for one in subject.card.downloads:
        owner, _, name = one.repo.rpartition("/")
        found = bundle_name(name)
        if owner != "FlagRelease":
            continue
        if found.vendor not in ("", subject.vendor):
            what = f"the weights are those of a bundle for {found.vendor}: `{one.repo}`"
        elif plain_name(found.model) != plain_name(subject.model_title) and not _is_model(found.model, subject):
            what = f"the weights are those of another model: `{one.repo}`"
        elif not found.is_flagos and not found.vendor:
            what = f"`{one.repo}` is not this bundle's own repository: it names neither FlagOS nor {subject.vendor}"
        else:
            continue
        yield CardDefect(line=one.line, kind="other-weights", what=what)


def _is_model(title: str, subject: Subject) -> bool:
    return plain_name(title) == plain_name(subject.model_name)


def addresses(subject: Subject) -> Iterator[CardDefect]:
    """Addresses of somebody's network, and two for one thing."""
    masters: dict[str, int] = {}
    for line in subject.card.lines:
        fixed = [found[0] for found in _ADDRESS.finditer(line.text) if _is_fixed(found)]
        if fixed and _acts(line.text):
            what = f"the address {fixed[0]} is one machine's"
            yield CardDefect(line=line.number, kind="fixed-address", what=what)
        for address in _MASTER.findall(line.text):
            masters.setdefault(address, line.number)
    if len(masters) > 1:
        known = ", ".join(f"{address} (line {number})" for address, number in list(masters.items())[:4])
        last = max(masters.values())
        yield CardDefect(line=last, kind="addresses-differ", what=f"the first machine has two addresses: {known}")


def _is_fixed(found: re.Match[str]) -> bool:
    return all(int(part) <= _MOST for part in found.groups()) and not found[0].startswith(_LOCAL)


def _acts(text: str) -> bool:
    """Whether the numbers are an address: behind a name, in a URL, with a port; not a version in a table."""
    return re.search(r"(?:addr|host|ip|url|http|@|=|//|--)\S*\s?[\"']?\d{1,3}\.\d", text, re.IGNORECASE) is not None


CHECKS: Final = (names, ports, mounted, folders, repositories, addresses)
