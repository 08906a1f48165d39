"""Where a pack's evidence goes: each stage's folder is made beside its place, whole, and renamed into it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from flagrelease.adapters.evidence.reading import Pack
from flagrelease.adapters.recipes.baselines import FOLDER
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.result_files import ResultFiles
from flagrelease.adapters.storage.disk import sync_folder, writing
from flagrelease.adapters.storage.place import beside, put_in_place, sweep
from flagrelease.domain.answers import Record
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock
from flagrelease.domain.packed import Taken
from flagrelease.domain.source import Sources as Inputs
from flagrelease.errors import GateError, RecipeError
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.strict import decode_json
from flagrelease.ingest.recognise import records_of
from flagrelease.ingest.sources import Sources
from flagrelease.pipeline import CARD, Run
from flagrelease.stages.evaluate import evaluate
from flagrelease.stages.smoke_kernels import smoke_kernels
from flagrelease.stages.smoke_serving import smoke_serving

TAKEN: Final = "taken.json"
SUPERSEDED: Final = "superseded"
STAGES: Final = ("smoke_kernels", "smoke_serving", "evaluate")
"""In this order they are put in place: no evaluation is there without the smoke that belongs to it."""


class Placing:
    """One pack on its way into one bundle's folder, which is held against every other run."""

    def __init__(self, run: Run, pack: Pack, lock: Lock, sources: Inputs, image: Image) -> None:
        self._run = run
        self._pack = pack
        self._lock = lock
        self._sources = sources
        self._image = image

    def place(self, stage: str) -> Path:
        """A stage's folder."""
        return self._run.folder / self._run.place(stage)

    @property
    def sha256(self) -> str:
        """The pack's."""
        return self._pack.sha256

    def is_finished(self, stage: str) -> bool:
        """Whether the stage has a result here that is still good."""
        run, image, lock, sources = self._run, self._image, self._lock, self._sources
        match stage:
            case "smoke_kernels":
                return run.finished(smoke_kernels, image, lock) is not None
            case "smoke_serving":
                return run.finished(smoke_serving, image, lock, sources) is not None
            case _:
                return run.finished(evaluate, image, lock, sources) is not None

    @contextmanager
    def staged(self) -> Iterator[Mapping[str, Path]]:
        """Every stage's folder beside its place, with all that belongs into it; gone unless it was put in place."""
        manifest = self._pack.manifest
        with ExitStack() as stack:
            folders: dict[str, Path] = {}
            for stage in STAGES:
                sweep(self.place(stage))
                folders[stage], _ = stack.enter_context(beside(self.place(stage)))
            for file in manifest.files:
                stage, _, path = file.path.partition("/")
                if stage not in STAGES or not path or path.partition("/")[0] in (TAKEN, "done.json"):
                    raise GateError(f"{self._pack.path}: {file.path} belongs to no stage that evidence is of")
                self._pack.copy(file, folders[stage] / path)
            self._finish(folders)
            yield folders

    def _finish(self, folders: Mapping[str, Path]) -> None:
        manifest, signer = self._pack.manifest, self._pack.signer
        taken = pretty_json(
            Taken(
                pack_sha256=self._pack.sha256,
                signed_by=signer.shown if signer else None,
                by=manifest.by,
                host=manifest.host,
                code_sha256=manifest.code_sha256,
                finished=manifest.finished,
            )
        )
        for folder in folders.values():
            with writing(folder / TAKEN, len(taken)):
                (folder / TAKEN).write_bytes(taken)
        run, image, lock, sources = self._run, self._image, self._lock, self._sources
        with writing(folders["evaluate"], 0):
            run.adopt(smoke_kernels, folders["smoke_kernels"], manifest.kernels, image, lock)
            run.adopt(smoke_serving, folders["smoke_serving"], manifest.serving, image, lock, sources)
            run.adopt(evaluate, folders["evaluate"], manifest.evaluation, image, lock, sources)

    def put(self, folders: Mapping[str, Path]) -> None:
        """Rename every folder into its place; what was taken before, or made here, is kept beside."""
        (self._run.folder / CARD).unlink(missing_ok=True)
        for stage in STAGES:
            place = self.place(stage)
            if self.is_finished(stage) and taken_at(place) != self.sha256:
                _aside(place)
            put_in_place(folders[stage], place)

    def reference(self, catalogue: Catalogue) -> Sequence[Record]:
        """The records of the baseline that the lock pins; none where it pins none.

        Raises LockError where it is another one now, and RecipeError where it has expired or was withdrawn.
        """
        pinned = self._lock.baseline
        if pinned is None:
            return ()
        catalogue.baseline(pinned.path, sha256=pinned.sha256)
        catalogue.refuse_bad_baseline(pinned.path, datetime.now(UTC).date())
        return records_of(Sources(ResultFiles(catalogue.recipes / FOLDER / pinned.path)))


def taken_at(place: Path) -> str:
    """The hash of the pack that a stage's result came in; empty where it came in none."""
    try:
        return decode_json((place / TAKEN).read_bytes(), Taken, source=str(place / TAKEN)).pack_sha256
    except (FileNotFoundError, NotADirectoryError, RecipeError):
        return ""


def refuse_twice(placing: Placing, folder: Path, *, supersedes: bool) -> None:
    """Raise GateError for a pack that was taken, also before another one; and where there is other evidence already.

    A pack that a kill kept from being taken whole is taken again.
    """
    here = {stage: taken_at(placing.place(stage)) for stage in STAGES if placing.is_finished(stage)}
    earlier = [taken_at(path) for path in (folder / SUPERSEDED).glob("*")]
    if placing.sha256 in earlier or (len(here) == len(STAGES) and set(here.values()) == {placing.sha256}):
        raise GateError("this evidence was taken already", hint="`flagrelease build` goes on from it")
    if "evaluate" in here and here["evaluate"] != placing.sha256 and not supersedes:
        raise GateError(
            "there is evidence of this image here already, "
            + (f"from the pack {here['evaluate'][:12]}" if here["evaluate"] else "made on this machine"),
            hint="--supersedes takes this one in its place and keeps that; running until it passes shows nothing",
        )


def _aside(place: Path) -> None:
    """Keep what is there under a name that is not taken."""
    kept = place.parent / SUPERSEDED
    kept.mkdir(exist_ok=True)
    number = 1
    while os.path.lexists(kept / f"{place.name}.{number}"):
        number += 1
    place.rename(kept / f"{place.name}.{number}")
    sync_folder(kept)
