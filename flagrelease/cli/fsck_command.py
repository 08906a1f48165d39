"""Hash every blob and check every mirror of the store, look for those that bundles need, and compare what is unpacked.

Damage is named, with the bundles it touches. With `--repair`, what came from outside is fetched again by its lock; what
was built is dropped, and the bundle's next `build` makes it anew with the same digest. Exit code 5 when damage is left.
"""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from flagrelease.adapters.storage.disk import remove
from flagrelease.adapters.storage.roots import Root, alone, in_use, roots
from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.supplier import HostSupplier, Origins
from flagrelease.cli.fsck_mirrors import damaged_mirrors, fetched_again
from flagrelease.cli.options import Json, Recipes
from flagrelease.cli.settings import Settings, settings
from flagrelease.cli.wire import display
from flagrelease.domain.lock import Lock
from flagrelease.domain.source import LockedDeb, LockedFile, LockedWheel
from flagrelease.domain.value import Digest
from flagrelease.engines.embedded.rootfs import damaged_files, place_of
from flagrelease.errors import FlagReleaseError, SourceError
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.strict import decode_json
from flagrelease.report.journal import Journal

Repair = Annotated[bool, typer.Option("--repair", help="Set damaged blobs aside and fetch again what can be fetched.")]
_NO_LOCK = "no lock of these bundles names it"


class Finding(NamedTuple):
    """A damaged or missing blob or unpacked file, the folders of the bundles it touches, and what became of it."""

    what: str
    bundles: list[str]
    state: str
    mended: bool


@dataclass
class Refetched:
    """What came of fetching again: the digests that are there now, and why others are not."""

    there: set[Digest] = field(default_factory=set)
    failed: dict[Digest, FlagReleaseError] = field(default_factory=dict)


def fsck(repair: Repair = False, recipes: Recipes = None, json: Json = False) -> None:
    """Print one line a finding, then the count of blobs checked."""
    chosen = settings(recipes=recipes)
    store = FileStore(chosen.home)
    with alone(chosen.home):
        users = list(roots(chosen.home))
        blobs = list(store.blobs())
        bad = {digest: "damaged" for digest in blobs if not store.verify(digest)}
        bad |= dict.fromkeys(sorted(frozenset[Digest]().union(*(r.needed for r in users)).difference(blobs)), "missing")
        findings = [f for root in users for f in _unpacked(root, store, bad=bad, repair=repair)]
        mirrors, broken = damaged_mirrors(chosen.home, users, repair=repair)
        if repair:
            _set_aside(bad, users, store)
    refetched = _refetch(chosen, bad, users) if repair and bad else Refetched()
    for digest, state in bad.items():
        bundles = [root for root in users if digest in root.digests]
        now, mended = _state(digest, bundles, refetched) if repair else (state, False)
        findings.append(Finding(digest, [str(root.folder) for root in bundles], now, mended))
    for mirror in broken:
        now, mended = fetched_again(chosen, mirror) if repair else (f"damaged: {mirror.why}", False)
        findings.append(Finding(f"mirror {mirror.name}", mirror.bundles, now, mended))
    _print(findings, checked=len(blobs), mirrors=mirrors, json=json)
    _stop_at_damage(findings, refetched, chosen.home, repair=repair)


def _unpacked(root: Root, store: FileStore, *, bad: Collection[Digest], repair: bool) -> Iterator[Finding]:
    image = root.image
    if image is None or any(digest in bad for digest in image.stored()):
        return
    files = damaged_files(image, store=store, home=store.home)
    if files and repair:
        remove(place_of(image, store.home))
    state = "dropped: it is unpacked again when it is needed" if repair else "damaged"
    yield from (Finding(f"unpacked /{name}", [str(root.folder)], state, repair) for name in files)


def _set_aside(bad: Mapping[Digest, str], users: Iterable[Root], store: FileStore) -> None:
    # The records first: a layout of a bundle links the very file that is set aside, whenever this is cut short.
    for root in users:
        if not root.digests.isdisjoint(bad):
            root.unfinish()
    for digest, state in bad.items():
        if state == "damaged":
            store.quarantine(digest)


def _state(digest: Digest, bundles: list[Root], refetched: Refetched) -> tuple[str, bool]:
    if digest in refetched.there:
        return "fetched again", True
    if digest in refetched.failed:
        return f"could not be fetched: {_one_line(refetched.failed[digest])}", False
    if any(digest in root.fetched for root in bundles):
        return f"could not be fetched: {_NO_LOCK}", False
    if bundles:
        return "dropped: the next build of its bundles makes it anew", True
    return "dropped: no bundle needs it", True


def _one_line(error: FlagReleaseError) -> str:
    return "; ".join(line.strip() for line in error.message.splitlines())


def _print(findings: list[Finding], *, checked: int, mirrors: int, json: bool) -> None:
    if json:
        shown = [finding._asdict() for finding in findings]
        sys.stdout.write(pretty_json({"checked": checked, "mirrors": mirrors, "findings": shown}).decode())
        return
    for finding in findings:
        sys.stdout.write(f"{finding.what}: {finding.state}; used by {', '.join(finding.bundles) or 'no bundle'}\n")
    more = f" and {mirrors} mirrors" if mirrors else ""
    sys.stdout.write(f"checked {checked} blobs{more}: {len(findings)} damaged or missing\n")


def _stop_at_damage(findings: list[Finding], refetched: Refetched, home: Path, *, repair: bool) -> None:
    left = [finding for finding in findings if not finding.mended]
    if left and not repair:
        raise SourceError(
            f"{len(left)} things in `{home}` are damaged or missing", hint="run `flagrelease fsck --repair`"
        )
    if left:
        hints = {error.hint for error in refetched.failed.values()}
        raise SourceError(
            f"{len(left)} of {len(findings)} damaged or missing things in `{home}` could not be mended",
            hint=hints.pop() if len(hints) == 1 else "see above, then run `flagrelease fsck --repair` again",
        )


def _refetch(chosen: Settings, bad: Collection[Digest], users: list[Root]) -> Refetched:
    done, tried = Refetched(), set[LockedDeb | LockedWheel | LockedFile]()
    with in_use(chosen.home), _supplier(chosen) as supplier:
        for root in users:
            try:
                locked = _locked(root)
            except FlagReleaseError as error:
                done.failed |= dict.fromkeys(root.fetched.intersection(bad) - done.there, error)
                continue
            for digest, one in locked.items():
                if digest in bad and digest not in done.there and one not in tried:
                    tried.add(one)
                    _try(digest, one, supplier, done)
    return done


@contextmanager
def _supplier(chosen: Settings) -> Iterator[HostSupplier]:
    with Journal(chosen.home / "fsck.jsonl", display(quiet=False)) as journal:
        store = FileStore(chosen.home, on_wait=journal.said, on_damage=journal.said)

        def origins() -> Origins:
            made: Origins = import_module("flagrelease.adapters.supply.origins").WebOrigins(
                store, environ=chosen.environ
            )
            return made

        # Of the recipe folder only its place is used, for sources that are folders: fsck works without any recipe.
        with HostSupplier(store, recipes=chosen.recipes, offline=False, origins=origins) as supplier:
            yield supplier


def _locked(root: Root) -> dict[Digest, LockedDeb | LockedWheel | LockedFile]:
    path = root.folder / "1-resolve" / "lock.json"
    if not path.is_file():
        return {}
    lock = decode_json(path.read_bytes(), Lock, source=str(path))
    files = (*lock.weights.files, *lock.second_model.files, *(dataset.file for dataset in lock.datasets))
    every: tuple[LockedDeb | LockedWheel | LockedFile, ...] = (*lock.base.packages, *lock.wheels, *files)
    return {f"sha256:{one.sha256}": one for one in every}


def _try(digest: Digest, one: LockedDeb | LockedWheel | LockedFile, supplier: HostSupplier, done: Refetched) -> None:
    try:
        match one:
            case LockedDeb():
                supplier.deb(one, _unseen)
            case LockedWheel():
                supplier.wheel(one, _unseen)
            case LockedFile():
                supplier.file(one, _unseen)
    except FlagReleaseError as error:
        done.failed[digest] = error
    else:
        done.there.add(digest)
        done.failed.pop(digest, None)


def _unseen(_done: int, _total: int) -> None:
    """Fsck shows what it found, not how it fetches."""
