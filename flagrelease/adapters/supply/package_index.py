"""The Python package index that this host uses: the one wheel that fits an image, and that wheel by the lock's hash.

Reads the simple repository API (PEP 503, PEP 691); tags are those of PEP 425 and PEP 600.
"""

import ast
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import BuildTag, InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version
from pydantic import ValidationError
from pypi_simple import (
    ACCEPT_ANY,
    PYPI_SIMPLE_ENDPOINT,
    DistributionPackage,
    ProjectPage,
    UnsupportedRepoVersionError,
)

from flagrelease.adapters.process import run_program
from flagrelease.adapters.supply.attempt import Wanted
from flagrelease.adapters.supply.download import Downloader
from flagrelease.adapters.supply.web import Web, shown
from flagrelease.domain.chip import Architecture
from flagrelease.domain.source import LockedWheel
from flagrelease.errors import LockError, SourceError

_MACHINES: dict[Architecture, str] = {"amd64": "x86_64", "arm64": "aarch64"}
_OLDEST_GLIBC: dict[Architecture, int] = {"amd64": 5, "arm64": 17}
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


def indexes(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The addresses of the indexes that pip uses on this host, best first.

    Taken from PIP_INDEX_URL and PIP_EXTRA_INDEX_URL, else pip's configuration, else the library's default. An index
    that is not on the web (`file:`) is left to pip.
    """
    settings = _pip_settings(environ)
    first = environ.get("PIP_INDEX_URL") or settings.get("index-url") or PYPI_SIMPLE_ENDPOINT
    more = environ.get("PIP_EXTRA_INDEX_URL") or settings.get("extra-index-url", "")
    found = (first, *more.split())
    return tuple(dict.fromkeys(f"{a.rstrip('/')}/" for a in found if urlsplit(a).scheme in {"http", "https"}))


def _pip_settings(environ: Mapping[str, str]) -> dict[str, str]:
    done = run_program([sys.executable, "-m", "pip", "config", "list"], log=None, timeout_s=60, env=environ)
    if done.returncode:
        return {}  # An environment without pip has no configuration of pip.
    settings = {}
    for line in done.stdout.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.startswith(("global.", "install.")):
            settings[key.partition(".")[2]] = str(ast.literal_eval(value))
    return settings


def image_tags(*, python: str, glibc: str, architecture: Architecture) -> list[Tag]:
    """The wheel tags that fit an image, best first.

    Args:
        python: The image's Python, `3.11`.
        glibc: The image's glibc, `2.36`.
        architecture: The image's architecture.
    """
    version = tuple(int(part) for part in python.split("."))
    machine = _MACHINES[architecture]
    platforms = []
    for minor in range(int(glibc.partition(".")[2]), _OLDEST_GLIBC[architecture] - 1, -1):
        platforms.append(f"manylinux_2_{minor}_{machine}")
        if minor in _OLD_NAMES:
            platforms.append(f"{_OLD_NAMES[minor]}_{machine}")
    platforms.append(f"linux_{machine}")
    interpreter = f"cp{version[0]}{version[1]}"
    specific = cpython_tags(version, [interpreter], platforms)
    return [*specific, *compatible_tags(version, interpreter, platforms)]


@dataclass(frozen=True)
class _Wheel:
    """One wheel of a project page that could be read."""

    package: DistributionPackage
    version: Version
    build: BuildTag
    tags: frozenset[Tag]


class PackageIndex:
    """Wheels from package indexes.

    Args:
        web: Reads pages.
        downloader: Asks for sizes.
        addresses: The indexes, best first.
    """

    def __init__(self, web: Web, downloader: Downloader, addresses: Sequence[str]) -> None:
        self._web = web
        self._downloader = downloader
        self._addresses = addresses

    def resolve(self, requirement: str, *, python: str, glibc: str, architecture: Architecture) -> LockedWheel:
        """The best wheel of one version for an image, from the first index that knows the project.

        Args:
            requirement: `name==version`.
            python: The image's Python, `3.11`.
            glibc: The image's glibc, `2.36`.
            architecture: The image's architecture.

        Raises:
            LockError: There is no such project or version, or no wheel of it that fits and is not yanked.
            SourceError: An index does not answer.
        """
        order = {t: n for n, t in enumerate(image_tags(python=python, glibc=glibc, architecture=architecture))}

        def rank(wheel: _Wheel) -> int | None:
            places = [order[tag] for tag in wheel.tags if tag in order]
            return min(places) if places and _takes(wheel.package, python) else None

        return self._best(requirement, rank, f"Python {python}, glibc {glibc}, {architecture}")

    def resolve_carrier(self, requirement: str) -> LockedWheel:
        """The wheel of one version that is the same for every platform: what it carries is data, not code.

        Raises:
            LockError: There is no such project or version, or only wheels for one platform.
            SourceError: An index does not answer.
        """
        return self._best(
            requirement, lambda w: 0 if any(t.platform == "any" for t in w.tags) else None, "any platform"
        )

    def _best(self, requirement: str, rank: Callable[[_Wheel], int | None], described: str) -> LockedWheel:
        asked = Requirement(requirement)
        wheels = self._of_version(asked.name, Version(next(iter(asked.specifier)).version))
        ranked = [(place, wheel) for wheel in wheels if (place := rank(wheel)) is not None]
        if not ranked:
            offered = ", ".join(sorted(w.package.filename for w in wheels)) or "only source distributions"
            raise LockError(
                f"{requirement}: no wheel fits {described}; the index has {offered}",
                hint="choose another version, or build the wheel and put it on an index of yours",
            )
        _, best = min(ranked, key=lambda r: (r[0], _newest_build_first(r[1]), r[1].package.filename))
        return self._lock(best)

    def addresses_of(self, wheel: LockedWheel) -> tuple[str, ...]:
        """Where the indexes have this very file. Raises SourceError when none has it."""
        found = [
            package.url
            for page in self._pages(wheel.project)
            for package in page.packages
            if package.filename == wheel.filename and package.digests.get("sha256") == wheel.sha256
        ]
        if not found:
            raise SourceError(
                f"{wheel.filename} with sha256:{wheel.sha256} is on none of {', '.join(map(shown, self._addresses))}",
                hint="run `flagrelease lock` again, or set PIP_INDEX_URL to the index that has it",
            )
        return tuple(found)

    def _of_version(self, project: str, version: Version) -> list[_Wheel]:
        page = next(self._pages(project), None)
        if page is None:
            raise LockError(
                f"no project {project} on {', '.join(map(shown, self._addresses))}",
                hint="check the name, or set PIP_INDEX_URL to the index that has it",
            )
        readable = [w for package in page.packages if (w := _readable(package, project))]
        wheels = [w for w in readable if w.version == version]
        good = [w for w in wheels if not w.package.is_yanked]
        if wheels and not good:
            reason = wheels[0].package.yanked_reason or "no reason given"
            raise LockError(f"{project} {version} was yanked: {reason}", hint="choose another version")
        named = (p for p in page.packages if p.project and canonicalize_name(p.project) == canonicalize_name(project))
        stated = {p.version for p in named if p.version}
        if not wheels and str(version) not in stated:
            known = ", ".join(sorted({str(w.version) for w in readable}, reverse=True)[:5]) or "none"
            raise LockError(f"{project} has no version {version}; wheels of {known}", hint="check the version")
        return good

    def _pages(self, project: str) -> Iterator[ProjectPage]:
        for address in self._addresses:
            url = f"{address}{canonicalize_name(project)}/"
            page = self._web.page(url, headers={"Accept": ACCEPT_ANY})
            if page.status == HTTPStatus.NOT_FOUND:
                continue
            if page.status != HTTPStatus.OK:
                raise SourceError(f"{shown(url)}: the index answered {page.status}", hint="check PIP_INDEX_URL")
            read = _read_page(project, page.body, content_type=page.content_type, url=page.url)
            secure = urlsplit(page.url).scheme == "https"
            read.packages[:] = [p for p in read.packages if urlsplit(p.url).scheme in _schemes(secure=secure)]
            yield read

    def _lock(self, wheel: _Wheel) -> LockedWheel:
        package = wheel.package
        sha256 = package.digests.get("sha256")
        if sha256 is None:
            raise LockError(f"the index states no sha256 of {package.filename}", hint="use an index that does")
        size = package.size or self._downloader.size_of(package.url, name=package.filename)
        try:
            return LockedWheel(
                project=canonicalize_name(package.project or ""),
                version=str(wheel.version),
                filename=package.filename,
                size=size,
                sha256=sha256.lower(),
            )
        except ValidationError as error:
            raise LockError(f"the index describes {package.filename!r} with odd values: {error}") from error


def wanted_wheel(wheel: LockedWheel) -> Wanted:
    """What the download of a wheel has to be."""
    return Wanted(
        name=wheel.filename,
        sha256=wheel.sha256,
        size=wheel.size,
        hint="run `flagrelease lock` again if the index replaced the file",
    )


def _schemes(*, secure: bool) -> set[str]:
    return {"https"} if secure else {"https", "http"}


def _read_page(project: str, body: bytes, *, content_type: str, url: str) -> ProjectPage:
    try:
        if content_type.endswith("+json"):
            return ProjectPage.from_json_data(json.loads(body), base_url=url)
        return ProjectPage.from_html(project, body, base_url=url)
    except (ValueError, UnsupportedRepoVersionError) as error:
        raise SourceError(f"{shown(url)} is not an index page: {error}", hint="check PIP_INDEX_URL") from error


def _readable(package: DistributionPackage, project: str) -> _Wheel | None:
    try:
        name, version, build, tags = parse_wheel_filename(package.filename)
    except (InvalidWheelFilename, InvalidVersion):
        return None
    if name != canonicalize_name(project):
        return None
    return _Wheel(package, version, build, tags)


def _takes(package: DistributionPackage, python: str) -> bool:
    try:
        return SpecifierSet(package.requires_python or "").contains(f"{python}.0")
    except InvalidSpecifier:
        return False


def _newest_build_first(wheel: _Wheel) -> tuple[int, str]:
    return (-wheel.build[0], wheel.build[1]) if wheel.build else (0, "")
