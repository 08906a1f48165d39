"""`build --exported`: what another machine built, checked and put in place, so that this one goes on from it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flagrelease.adapters.exports.reading import Export, opened_export
from flagrelease.adapters.exports.weights import weights_of_layer
from flagrelease.adapters.storage.disk import writing
from flagrelease.adapters.storage.place import beside, put_in_place, sweep
from flagrelease.cli.exports.stages import LAYOUT, PLACES, TRAVELLING, engine_of, look_at, named
from flagrelease.cli.session import Session
from flagrelease.cli.wire import code_sha256
from flagrelease.domain.exported import ExportedFile
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock, PartialLock
from flagrelease.domain.source import LockedDeb, LockedFile, LockedWheel, Sources
from flagrelease.errors import LockError, PublishError, SourceError
from flagrelease.formats.canonical import canonical_json, sha256_of
from flagrelease.oci.layout import write_layout
from flagrelease.oci.untrusted import json_object
from flagrelease.pipeline import CARD, NotDone, Run
from flagrelease.report.gate.place import PAGE

_DONE = "done.json"
_AGAIN = "export it again where it was built, and copy it whole"
_LINKED_FROM = 1 << 20
"""Bytes from which on a stage's file that the store has, too, is linked from there."""


def take(at: Session, path: Path) -> None:
    """Have the stages up to `build` finished here, as they are in the export. A second time nothing is done.

    Raises:
        LockError: it is another bundle's, another lock's, or of another state of flagrelease.
        SourceError: it is no export, was changed, or its stages do not fit together.
        ToolError: there is no room.
    """
    with opened_export(path) as export:
        _refuse_other(export, at)
        if _is_here(export, at):
            at.tools.events.said(f"{path}: its stages are here already")
            return
        with at.told("take"):
            _keep_blobs(export, at)
            with _staged(export, at) as folder:
                _put(folder, at)


def _refuse_other(export: Export, at: Session) -> None:
    found, lock = export.exported, at.lock
    wrong = [
        f"  {what}: wanted {wanted}, found {there}"
        for what, wanted, there in (
            ("bundle", lock.bundle, found.bundle),
            ("revision", lock.revision, found.revision),
            ("lock", sha256_of(lock), found.lock_sha256),
            ("code of flagrelease", code_sha256(), found.code_sha256),
            ("engine", engine_of(at), found.engine),
        )
        if wanted != there
    ]
    if wrong:
        raise LockError(
            "\n".join((f"{export.path} is an export of something else ({found.tool})", *wrong)),
            hint="have the same commit of recipes and flagrelease and the same --engine on both, then export it again",
        )


def _is_here(export: Export, at: Session) -> bool:
    """Whether every stage is finished here with the very result that is in the export."""
    try:
        look_at(at, at.folder)
    except NotDone:
        return False
    records = {f"{place}/{_DONE}" for place in PLACES}
    done = [file for file in export.exported.files if file.path in records]
    return all(_same(export.read(file), at.folder / file.path) for file in done)


def _same(wanted: bytes, place: Path) -> bool:
    """Whether two records of a stage say the same, however long the stage took."""
    try:
        found, there = json.loads(place.read_bytes()), json.loads(wanted)
        return bool({**found, "seconds": 0} == {**there, "seconds": 0})
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def _keep_blobs(export: Export, at: Session) -> None:
    store = at.tools.store
    blobs = {**export.image_blobs, **export.kept}
    missing = [digest for digest in blobs if not store.has(digest)]
    total, done = sum(blobs[digest] for digest in missing), 0

    def taken(count: int) -> None:
        nonlocal done
        done += count
        at.tools.events.progress(done, total, "bytes")

    for digest in missing:
        export.keep(digest, store, taken)


@contextmanager
def _staged(export: Export, at: Session) -> Iterator[Path]:
    """All stages in a folder beside their places, held against this bundle as `build` does it."""
    # Not a stage's name: what a kill leaves of it is removed by the next that takes.
    sweep(at.folder / "exported")
    with beside(at.folder / "exported") as (folder, _):
        value = _records(export)["build"]
        for file in export.exported.files:
            _refuse_elsewhere(export, file)
            _put_file(export, at, file, folder / file.path)
        image = _image(export, at, value)
        export.refuse_other_image(image)
        weights_of_layer(at.tools.store, image)
        with writing(folder, 0):
            write_layout(at.tools.store, image, folder / LAYOUT, tag=export.exported.revision)
        _require_whole(export, at, folder, image)
        yield folder


def _refuse_elsewhere(export: Export, file: ExportedFile) -> None:
    place, _, below = file.path.partition("/")
    if place not in PLACES or not below or file.path == LAYOUT or file.path.startswith(f"{LAYOUT}/"):
        raise SourceError(f"{export.path}: {file.path} belongs to no stage that is exported", hint=_AGAIN)


def _put_file(export: Export, at: Session, file: ExportedFile, to: Path) -> None:
    if file.size >= _LINKED_FROM and file.digest in export.kept:
        at.tools.store.link(file.digest, to)
    else:
        export.copy(file, to)


def _records(export: Export) -> dict[str, Any]:
    """What each stage left, by its name; JSON that can be spelled again, and nothing more is known of it."""
    files = {file.path: file for file in export.exported.files}
    values: dict[str, Any] = {}
    for stage, place in zip(TRAVELLING, PLACES, strict=True):
        try:
            record = json_object(export.read(files[f"{place}/{_DONE}"]), stage)
            canonical_json(record)
            values[stage] = record["value"]
        except (KeyError, ValueError, RecursionError, PublishError) as error:
            raise _misfit(export, stage) from error
    return values


def _image(export: Export, at: Session, value: Any) -> Image:
    try:
        return Image.model_validate_json(canonical_json(value["image"] if isinstance(at.lock, PartialLock) else value))
    except (KeyError, TypeError, ValidationError) as error:
        raise _misfit(export, "build") from error


def _require_whole(export: Export, at: Session, folder: Path, image: Image) -> None:
    """The stages are finished by their keys, and everything they name is here."""
    try:
        found, look = look_at(at, folder)
    except NotDone as stop:
        raise _misfit(export, stop.stage) from stop
    if found != image:
        raise _misfit(export, "build")
    # What follows works by these two: a key can be made to fit by whoever knows the code, a lock cannot.
    lock, sources = look.values[:2]
    if lock != at.lock:
        raise _misfit(export, "resolve")
    if isinstance(lock, Lock) and sources != _locked_sources(lock):
        raise _misfit(export, "fetch")
    at.tools.events.said(f"{len(named(look))} blobs of {len(look.done)} stages are here")


def _locked_sources(lock: Lock) -> Sources:
    """What `fetch` gives for a lock, wherever it runs."""
    files = (*lock.weights.files, *(one.file for one in lock.datasets), *lock.second_model.files)
    sized: tuple[LockedDeb | LockedWheel | LockedFile, ...] = (*lock.base.packages, *lock.wheels, *files)
    return Sources(
        debs=tuple(f"sha256:{one.sha256}" for one in lock.base.packages),
        wheels=tuple(f"sha256:{one.sha256}" for one in lock.wheels),
        weights=tuple(one.digest for one in lock.weights.files),
        datasets=tuple(one.file.digest for one in lock.datasets),
        second_model=tuple(one.digest for one in lock.second_model.files),
        bytes_total=sum(one.size for one in sized),
    )


def _misfit(export: Export, stage: str) -> SourceError:
    bundle, revision = export.exported.bundle, export.exported.revision
    text = f"its stage {stage} is not what `{bundle}` {revision} has by this lock, or lacks a part"
    return SourceError(f"{export.path}: {text}", hint=_AGAIN)


def _put(folder: Path, at: Session) -> None:
    """Rename every stage's folder into its place, in their order. One that is there and says the same stays."""
    for told in (CARD, PAGE):
        (at.folder / told).unlink(missing_ok=True)
    try:
        look_at(at, at.folder)
        finished = set(PLACES)
    except NotDone as stop:
        finished = set(PLACES[: PLACES.index(Run.place(stop.stage))])
    for place in PLACES:
        if place in finished and _same((folder / place / _DONE).read_bytes(), at.folder / place / _DONE):
            continue
        put_in_place(folder / place, at.folder / place)
