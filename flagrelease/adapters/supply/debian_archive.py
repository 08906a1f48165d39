"""Debian archives: packages by the lock's hash from the mirrors this host uses, and the lock's list of them by apt.

apt resolves with private folders and its own configuration, so it needs no root, changes nothing on the host and runs
none of the host's hooks; it checks the archive's signature (apt-secure(8)).
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from debian import deb822

from flagrelease.adapters.process import CompletedText, run_program
from flagrelease.adapters.storage.disk import writing
from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.attempt import Wanted
from flagrelease.adapters.supply.download import Downloader
from flagrelease.domain.chip import Architecture, DebianBase
from flagrelease.domain.source import LockedDeb
from flagrelease.domain.value import Digest
from flagrelease.errors import LockError, ToolError
from flagrelease.ports import Progress

MIRRORS_VARIABLE = "FLAGRELEASE_DEBIAN_MIRRORS"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

_ONE_LINE = re.compile(r"deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s")
_PRINTED_URI = re.compile(r"'([^']+)' ")
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
_HOST_SETTING = re.compile(r"Acquire::(https?|Retries|ForceIPv[46])\b[^\n]*;")
_TIMEOUT_S = 900


def mirrors(archive: str, *, etc: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The addresses of an archive: the host's own first, then those of FLAGRELEASE_DEBIAN_MIRRORS.

    Args:
        archive: Its name, which is the last part of the address: `debian`, `debian-security`.
        etc: apt's configuration folder, `/etc/apt`.
        environ: Environment variables.

    Raises:
        ToolError: There is none.
    """
    stated = (*_host_addresses(etc), *environ.get(MIRRORS_VARIABLE, "").split())
    found = dict.fromkeys(a.rstrip("/") for a in stated if _is_archive(a, archive))
    if not found:
        raise ToolError(
            f"this machine's apt sources ({etc}) have no address of the archive `{archive}`",
            hint=f"set {MIRRORS_VARIABLE} to the http address of a mirror, ending in /{archive}",
        )
    return tuple(found)


def _is_archive(address: str, archive: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in {"http", "https"} and parts.path.rstrip("/").rpartition("/")[2] == archive


def _host_addresses(etc: Path) -> Iterator[str]:
    one_line = (etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list")))
    for path in one_line:
        if path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if match := _ONE_LINE.match(line.strip()):
                    yield match[1]
    for path in sorted((etc / "sources.list.d").glob("*.sources")):
        with path.open("rb") as sources:
            for entry in deb822.Deb822.iter_paragraphs(sources):
                if entry.get("Enabled", "yes").lower() != "no" and "deb" in entry.get("Types", "").split():
                    yield from entry.get("URIs", "").split()


@dataclass(frozen=True, kw_only=True)
class AptHost:
    """What of this machine the archive adapter reads."""

    etc: Path = Path("/etc/apt")
    keyring: Path = KEYRING
    environ: Mapping[str, str]


class DebianArchive:
    """Debian packages for a store.

    Args:
        store: Its folder also holds apt's private folders, in `apt/`.
        downloader: Fetches packages.
        host: Where mirrors and the archive's keys are looked up.
    """

    def __init__(self, store: FileStore, downloader: Downloader, host: AptHost) -> None:
        self._store = store
        self._downloader = downloader
        self._host = host

    def fetch(self, package: LockedDeb, progress: Progress) -> Digest:
        """Fetch one package by the lock's hash.

        Raises:
            SourceError: No mirror answered, has it any more, or has these bytes.
            ToolError: No mirror is known.
        """
        bases = mirrors(package.archive, etc=self._host.etc, environ=self._host.environ)
        wanted = Wanted(
            name=f"{package.name} {package.version} ({package.architecture})",
            sha256=package.sha256,
            size=package.size,
            hint=f"check the network and the mirrors (apt's sources, {MIRRORS_VARIABLE}), or use --offline",
            gone_hint="archives drop packages that were superseded: run `flagrelease lock --upgrade debian`, "
            "with --chip and --model for one bundle only",
        )
        return self._downloader.fetch(wanted, [f"{base}/{quote(package.path)}" for base in bases], progress)

    def resolve(self, base: DebianBase, architecture: Architecture) -> tuple[LockedDeb, ...]:
        """Every package of a base with all it depends on, sorted by name, from signed lists.

        Raises:
            LockError: apt cannot reach or trust a list, or cannot satisfy the packages.
            ToolError: apt, a mirror or the archive's keyring is missing.
        """
        if not self._host.keyring.is_file():
            raise ToolError(
                f"the keys of the Debian archive are not at {self._host.keyring}",
                hint="install the package debian-archive-keyring",
            )
        sources = _Sources(base, architecture, self._host)
        with self._store.lock(f"apt {sources.key}"):
            apt = _Apt(self._store.home / "apt" / sources.key, sources, self._host)
            apt.update()
            files = _files(apt.addresses(base.packages), sources.archives)
            return _locked(files, apt.stanzas(sorted({_name_in(path) for path in files})))


class _Sources:
    """What apt is told about archives: one entry a suite, with the archive each belongs to."""

    def __init__(self, base: DebianBase, architecture: Architecture, host: AptHost) -> None:
        self.architecture = architecture
        self.archives: dict[str, str] = {}
        entries = []
        for suite in base.suites:
            archive = "debian-security" if suite.endswith("-security") else "debian"
            address = mirrors(archive, etc=host.etc, environ=host.environ)[0]
            self.archives[address] = archive
            entries.append(
                f"Types: deb\nURIs: {address}\nSuites: {suite}\nComponents: {' '.join(base.components)}\n"
                f"Architectures: {architecture}\nSigned-By: {host.keyring}\n"
            )
        self.text = "\n".join(entries)
        self.key = hashlib.sha256(self.text.encode()).hexdigest()[:16]


class _Apt:
    """apt with folders of its own below `home`."""

    def __init__(self, home: Path, sources: _Sources, host: AptHost) -> None:
        self._home = home
        self._log = home / "apt.log"
        self._sources = sources
        passed_on = {k: v for k, v in host.environ.items() if k in _PASSED_ON or k.lower() in _PASSED_ON}
        self._environ = {**passed_on, "APT_CONFIG": str(home / "apt.conf"), "LC_ALL": "C.UTF-8"}

    def update(self) -> None:
        """Fetch and check the lists; unchanged ones are not sent again."""
        with writing(self._home, 100 << 20):
            for folder in ("etc/parts", "lists/partial", "cache/archives/partial"):
                (self._home / folder).mkdir(parents=True, exist_ok=True)
            self._log.write_bytes(b"")
            (self._home / "etc/suites.sources").write_text(self._sources.text, encoding="utf-8")
            (self._home / "status").write_bytes(b"")
            (self._home / "apt.conf").write_text(self._configuration(), encoding="utf-8")
        self._run("apt-get", "update", "-q")

    def addresses(self, packages: Iterable[str]) -> tuple[str, ...]:
        """The addresses of all files that installing `packages` into an empty system takes."""
        said = self._run("apt-get", "install", "-qq", "--yes", "--print-uris", "--", *packages)
        return tuple(match[1] for line in said.splitlines() if (match := _PRINTED_URI.match(line)))

    def stanzas(self, names: Iterable[str]) -> str:
        """What the checked lists say of all versions of these packages, as deb822."""
        return self._run("apt-cache", "show", "--", *names)

    def _configuration(self) -> str:
        dumped = run_program(["apt-config", "dump"], log=None, timeout_s=60).stdout
        kept = "\n".join(line for line in dumped.splitlines() if _HOST_SETTING.fullmatch(line))
        home, architecture = self._home, self._sources.architecture
        return f"""{kept}
Dir::Etc::Parts "{home}/etc/parts";
Dir::Etc::Main "/dev/null";
Dir::Etc::SourceList "{home}/etc/suites.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "{home}";
Dir::State::Lists "{home}/lists";
Dir::State::status "{home}/status";
Dir::Cache "{home}/cache";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
"""

    def _run(self, *argv: str) -> str:
        done: CompletedText = run_program(argv, log=self._log, timeout_s=_TIMEOUT_S, env=self._environ)
        if done.returncode:
            lines = done.tail.splitlines()
            told = [line for line in lines if line.startswith(("E:", "W:"))] or lines
            said = "\n".join(f"  {line}" for line in told)
            raise LockError(
                f"`{argv[0]} {argv[1]}` ended with {done.returncode} for the base's packages\n{said}",
                hint="check the package names and suites in the chip's recipe, and that the mirror can be reached",
                log=self._log,
            )
        return done.stdout


def _files(addresses: Iterable[str], archives: Mapping[str, str]) -> dict[str, str]:
    """Path in the archive → name of the archive."""
    files = {}
    for address in addresses:
        base = next((b for b in archives if address.startswith(f"{b}/")), None)
        if base is None:
            raise LockError(f"apt would fetch {address}, which is in none of {', '.join(sorted(archives))}")
        files[unquote(address.removeprefix(f"{base}/"))] = archives[base]
    return files


def _name_in(path: str) -> str:
    return path.rpartition("/")[2].partition("_")[0]


def _locked(files: Mapping[str, str], stanzas: str) -> tuple[LockedDeb, ...]:
    # Two suites may have the same file: one of the stanzas does.
    found = {s["Filename"]: s for s in deb822.Deb822.iter_paragraphs(stanzas) if s.get("Filename") in files}
    if missing := sorted(files.keys() - found.keys()):
        raise LockError(f"the archive's lists do not describe {', '.join(missing)}", hint="try again")
    packages = (_package(stanza, files[path]) for path, stanza in found.items())
    return tuple(sorted(packages, key=lambda package: package.name))


def _package(stanza: deb822.Deb822, archive: str) -> LockedDeb:
    return LockedDeb(
        name=stanza["Package"],
        version=stanza["Version"],
        architecture=stanza["Architecture"],
        archive=archive,
        path=stanza["Filename"],
        size=int(stanza["Size"]),
        sha256=stanza["SHA256"],
    )
