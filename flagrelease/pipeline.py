"""The release, one line a stage; and Run, which calls a stage: time, events, reuse, resume.

Recipe ─resolve→ Lock ─fetch→ Sources ─patch→ PatchedSources ─render→ BuildContext ─build→ Image
       ─smoke_kernels→ Skipped ─smoke_serving→ SmokeReport ─evaluate→ Evaluation ─publish→ Release
"""

import errno
import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from flagrelease.domain.evidence import Skipped, SmokeReport
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.release import Release
from flagrelease.domain.source import Sources
from flagrelease.domain.value import Value
from flagrelease.domain.verdict import Approved, Evaluation
from flagrelease.errors import FlagReleaseError, ToolError
from flagrelease.formats.canonical import canonical_json
from flagrelease.formats.durable import write_durably
from flagrelease.launch.spec import run_spec
from flagrelease.ports import Target, Tools
from flagrelease.report.gate.place import PAGE
from flagrelease.report.journal import Journal
from flagrelease.stages import ORDER
from flagrelease.stages.build import build
from flagrelease.stages.evaluate import evaluate
from flagrelease.stages.fetch import fetch
from flagrelease.stages.patch import patch
from flagrelease.stages.publish import publish
from flagrelease.stages.render import render
from flagrelease.stages.resolve import resolve
from flagrelease.stages.smoke_kernels import smoke_kernels
from flagrelease.stages.smoke_serving import smoke_serving

P = ParamSpec("P")
R = TypeVar("R")


class Built(Value):
    """What `build` ends with: everything the card is written from and `publish` decides by."""

    lock: Lock
    image: Image
    kernels: Skipped
    serving: SmokeReport
    evaluation: Evaluation


def make_image(run: "Run", recipe: Recipe, locked: Lock | PartialLock) -> tuple[Lock, Sources, Image]:
    """Recipe to image. Raises the error of the first stage that fails."""
    lock = run(resolve, recipe, locked)
    sources = run(fetch, lock)
    patched = run(patch, lock, sources)
    context = run(render, lock, sources, patched, spec=run_spec(recipe, lock))
    image = run(build, context)
    return lock, sources, image


def release(run: "Run", recipe: Recipe, locked: Lock | PartialLock) -> Built:
    """Recipe to verdict. Raises the error of the first stage that fails."""
    lock, sources, image = make_image(run, recipe, locked)
    kernels = run(smoke_kernels, image, lock)
    serving = run(smoke_serving, image, lock, sources)
    evaluation = run(evaluate, image, lock, sources)
    return Built(lock=lock, image=image, kernels=kernels, serving=serving, evaluation=evaluation)


def deliver(run: "Run", approved: Approved, targets: tuple[Target, ...], tag: str) -> Release:
    """Publish what the gate let through. Never reused: the targets are asked each time what they hold."""
    return run.again(publish, approved, targets, tag)


CARD = "README.md"
"""The card in the bundle's folder: removed before a stage acts, since it would be about another run."""


class StopAfter(Exception):  # noqa: N818 - not an error: the person asked for it
    """The stage named by `--until` is done."""


class Run:
    """One run of the pipeline in its folder.

    A stage is finished when its `done.json` was renamed into place. It is reused when its key, the hash of the
    package's code and the stage's arguments, is the same and all content its value names is still in the store.
    A value that is `unfinished` is made again each time.
    """

    def __init__(
        self,
        *,
        folder: Path,
        tools: Tools,
        journal: Journal,
        code: str,
        until: str | None = None,
        anew_from: str | None = None,
    ) -> None:
        self.folder = folder
        self._tools = tools
        self._journal = journal
        self.code = self._code = code
        self._until = until
        self._anew = set(ORDER[ORDER.index(anew_from) :]) if anew_from else set()

    @staticmethod
    def place(stage: str) -> str:
        """The name of a stage's folder: its number in the order and its name."""
        return f"{ORDER.index(stage) + 1}-{stage}"

    def __call__(self, stage: Callable[Concatenate[Tools, Path, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The stage's value, from `done.json` where that is still good."""
        name = stage.__name__
        kind: TypeAdapter[R] = TypeAdapter(get_type_hints(stage)["return"])
        key = self._key(name, *args, **kwargs)
        kept = None if name in self._anew else self._kept(self.folder / self.place(name), key, kind)
        if kept is not None:
            self._journal.reused(name, why=_skip_reason(kept))
            value = kept
        else:
            for told in (CARD, PAGE):
                (self.folder / told).unlink(missing_ok=True)
            here = self.folder / self.place(name)
            # What a killed run left half done is not built upon.
            if here.is_dir():
                shutil.rmtree(here)
            value = self._act(name, key, kind, stage, *args, **kwargs)
        if name == self._until:
            raise StopAfter(name)
        return value

    def again(self, stage: Callable[Concatenate[Tools, Path, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The stage's value, always acted out, upon what it left there: for stages that change the world outside."""
        kind: TypeAdapter[R] = TypeAdapter(get_type_hints(stage)["return"])
        return self._act(stage.__name__, "", kind, stage, *args, **kwargs)

    def finished(self, stage: Callable[Concatenate[Tools, Path, P], R], *args: P.args, **kwargs: P.kwargs) -> R | None:
        """The stage's value, where it is finished and still good; nothing acts."""
        kind: TypeAdapter[R] = TypeAdapter(get_type_hints(stage)["return"])
        name = stage.__name__
        return self._kept(self.folder / self.place(name), self._key(name, *args, **kwargs), kind)

    def adopt(
        self,
        stage: Callable[Concatenate[Tools, Path, P], R],
        made: Path,
        value: R,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Finish a stage that acted elsewhere: `made`, which has its files, becomes its folder by a rename."""
        kind: TypeAdapter[R] = TypeAdapter(get_type_hints(stage)["return"])
        name = stage.__name__
        key = self._key(name, *args, **kwargs)
        self._keep(made / "done.json", name=name, key=key, kind=kind, value=value, seconds=0.0)

    def _act(
        self,
        name: str,
        key: str,
        kind: TypeAdapter[R],
        stage: Callable[Concatenate[Tools, Path, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        here = self.folder / self.place(name)
        here.mkdir(parents=True, exist_ok=True)
        begin = time.monotonic()
        self._journal.started(name)
        try:
            value = stage(self._tools, here, *args, **kwargs)
            seconds = time.monotonic() - begin
            self._keep(here / "done.json", name=name, key=key, kind=kind, value=value, seconds=seconds)
        except OSError as error:
            self._journal.failed(name, time.monotonic() - begin, str(error))
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise ToolError(
                    f"{name}: no room left on the disk of `{error.filename or here}`",
                    hint="make room there and run the same command again: finished stages are kept",
                ) from error
            raise
        except (FlagReleaseError, KeyboardInterrupt) as error:
            self._journal.failed(name, time.monotonic() - begin, str(error) or type(error).__name__)
            if isinstance(error, ToolError):
                # The same line wherever the disk was found full: adapters do not know which stage they work for.
                raise ToolError(f"{name}: {error.message}", hint=error.hint, log=error.log) from error
            raise
        self._journal.finished(name, seconds, skipped=_skip_reason(value))
        return value

    @staticmethod
    def _keep(path: Path, *, name: str, key: str, kind: TypeAdapter[R], value: R, seconds: float) -> None:
        done = {
            "key": key,
            "seconds": round(seconds, 3),
            "stage": name,
            "value": kind.dump_python(value, mode="json", by_alias=True),
            "files": _sizes(path.parent),
        }
        write_durably(path, canonical_json(done))

    def _kept(self, here: Path, key: str, kind: TypeAdapter[R]) -> R | None:
        """The value of a finished stage; None when it is not finished, is about something else, or lost a part."""
        try:
            done = TypeAdapter(dict[str, Any]).validate_json((here / "done.json").read_bytes())
            if done["key"] != key:
                return None
            value = kind.validate_json(canonical_json(done["value"]), strict=True)
        except (FileNotFoundError, NotADirectoryError, KeyError, ValidationError):
            return None
        if getattr(value, "unfinished", False):
            return None
        stored = getattr(value, "stored", None)
        if stored is not None and not all(self._tools.store.has(digest) for digest in stored()):
            return None
        return value if _sizes(here) == done.get("files") else None

    def _key(self, stage: str, *args: object, **kwargs: object) -> str:
        values = [*map(_as_data, args), {name: _as_data(argument) for name, argument in kwargs.items()}]
        return hashlib.sha256(canonical_json([stage, self._code, values])).hexdigest()


class NotDone(Exception):  # noqa: N818 - not an error: it is what was asked
    """The stage that would have to act."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


class Look(Run):
    """Goes through a run without acting: gives what finished stages left, and stops at the first that is not done.

    `done` are the stages that it came through, `values` what they left.
    """

    def __init__(self, *, folder: Path, tools: Tools, code: str) -> None:
        self.folder = folder
        self._tools = tools
        self._code = code
        self.done: list[str] = []
        self.values: list[object] = []

    def __call__(self, stage: Callable[Concatenate[Tools, Path, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The stage's value. Raises NotDone."""
        name = stage.__name__
        kind: TypeAdapter[R] = TypeAdapter(get_type_hints(stage)["return"])
        kept = self._kept(self.folder / self.place(name), self._key(name, *args, **kwargs), kind)
        if kept is None:
            raise NotDone(name)
        self.done.append(name)
        self.values.append(kept)
        return kept


def _as_data(argument: Any) -> Any:
    if isinstance(argument, Recipe):
        return argument.binding()
    return argument.model_dump(mode="json", by_alias=True) if isinstance(argument, BaseModel) else argument


def _sizes(here: Path) -> dict[str, int]:
    """Every file that a stage left in its folder, with its size in bytes."""
    files = (path for path in sorted(here.rglob("*")) if path.is_file() and path.name != "done.json")
    return {str(path.relative_to(here)): path.stat().st_size for path in files}


def _skip_reason(value: object) -> str:
    return value.skipped if isinstance(value, Skipped) else ""
