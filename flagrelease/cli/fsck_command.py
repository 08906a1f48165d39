"""Hash every blob of the store, and compare what is unpacked with its layers.

Damage is named, with the bundles it touches. With `--repair`, what came from outside is fetched again by its lock; what
was built is dropped, and the bundle's next `build` makes it anew with the same digest. Exit code 5 when damage is left.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from json import dumps as json_text
from json import loads as load_json
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from flagrelease.adapters.catalogue import Catalogue
from flagrelease.adapters.storage.roots import Root, alone, roots
from flagrelease.adapters.storage.store import FileStore
from flagrelease.cli.options import Json, Recipes
from flagrelease.cli.settings import Settings, settings
from flagrelease.cli.wire import HostTools, display
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock
from flagrelease.domain.value import Digest
from flagrelease.engines.embedded.rootfs import damaged_files, place_of, remove
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.strict import decode_json
from flagrelease.ports import Supplier
from flagrelease.report.journal import Journal

Repair = Annotated[bool, typer.Option("--repair", help="Set damaged blobs aside and fetch again what can be fetched.")]


class Finding(NamedTuple):
    """A damaged blob or unpacked file, the bundles it touches, and what became of it."""

    what: str
    bundles: list[str]
    state: str


def fsck(repair: Repair = False, recipes: Recipes = None, json: Json = False) -> None:
    """Print one line a finding, then the count of blobs checked."""
    chosen = settings(recipes=recipes)
    store = FileStore(chosen.home)
    with alone(chosen.home):
        users = list(roots(chosen.home))
        blobs = list(store.blobs())
        damaged = [digest for digest in blobs if not store.verify(digest)]
        findings: list[Finding] = []
        for digest in damaged if repair else ():
            store.quarantine(digest)
        for root in users:
            findings += _unpacked(root, store, chosen.home, repair)
    refetched = _refetch(chosen, damaged, users) if repair and damaged else frozenset()
    for digest in damaged:
        bundles = [root.name for root in users if digest in root.digests]
        findings.append(Finding(digest, bundles, _state(digest, repair, refetched)))
    _print(findings, checked=len(blobs), json=json)
    if findings and not repair:
        raise SourceError(
            f"{len(findings)} things in `{chosen.home}` are damaged, {len(damaged)} of them among {len(blobs)} blobs",
            hint="run `flagrelease fsck --repair`",
        )


def _unpacked(root: Root, store: FileStore, home: Path, repair: bool) -> Iterator[Finding]:
    done = root.folder / "5-build" / "done.json"
    if not done.is_file():
        return
    image = Image.model_validate_json(json_text(load_json(done.read_bytes())["value"]))
    if not all(store.has(digest) for digest in image.stored()):
        return
    files = damaged_files(image, store=store, home=home)
    if files and repair:
        remove(place_of(image, home))
    state = "dropped: it is unpacked again when it is needed" if repair else "damaged"
    yield from (Finding(f"unpacked /{name}", [root.name], state) for name in files)


def _state(digest: Digest, repair: bool, refetched: frozenset[Digest]) -> str:
    if not repair:
        return "damaged"
    return "fetched again" if digest in refetched else "dropped: the next build of its bundles makes it anew"


def _print(findings: list[Finding], *, checked: int, json: bool) -> None:
    if json:
        shown = [finding._asdict() for finding in findings]
        sys.stdout.write(pretty_json({"checked": checked, "findings": shown}).decode())
        return
    for finding in findings:
        sys.stdout.write(f"{finding.what}: {finding.state}; used by {', '.join(finding.bundles) or 'no bundle'}\n")
    sys.stdout.write(f"checked {checked} blobs: {len(findings)} damaged\n")


def _refetch(chosen: Settings, damaged: Iterable[Digest], users: list[Root]) -> frozenset[Digest]:
    wanted, done = set(damaged), set[Digest]()
    locks = [root.folder / "1-resolve" / "lock.json" for root in users]
    with (
        Journal(chosen.home / "fsck.jsonl", display(quiet=False)) as journal,
        closing(HostTools(chosen, journal, Catalogue(chosen.recipes))) as tools,
    ):
        for path in filter(Path.is_file, locks):
            done |= _fetch_of(decode_json(path.read_bytes(), Lock, source=str(path)), wanted - done, tools.supplier)
    return frozenset(done)


def _fetch_of(lock: Lock, wanted: set[Digest], supplier: Supplier) -> set[Digest]:
    files = (*lock.weights.files, *lock.second_model.files, *(d.file for d in lock.datasets))
    debs = [p for p in lock.base.packages if f"sha256:{p.sha256}" in wanted]
    wheels = [w for w in lock.wheels if f"sha256:{w.sha256}" in wanted]
    return {
        *(supplier.deb(package, _unseen) for package in debs),
        *(supplier.wheel(wheel, _unseen) for wheel in wheels),
        *(supplier.file(file, _unseen) for file in files if file.digest in wanted),
    }


def _unseen(_done: int, _total: int) -> None:
    """Fsck shows what it found, not how it fetches."""
