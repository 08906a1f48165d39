"""Rehearse a chip as `build --rehearse` does: its real Dockerfile, a real engine, stand-ins for the vendor's parts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.storage.store import FileStore
from flagrelease.cli.rehearsing import Rehearsing, to_rehearse
from flagrelease.cli.settings import Settings
from flagrelease.cli.wire import HostTools
from flagrelease.domain.chip import Architecture
from flagrelease.domain.engine_build import EngineContext, Rehearsed
from flagrelease.domain.lock import PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.locking.partial import make_partial
from flagrelease.locking.resolver import Refusing
from flagrelease.stages.with_engine.fetch import fetch
from flagrelease.stages.with_engine.patch import patch
from flagrelease.stages.with_engine.rehearse import build
from flagrelease.stages.with_engine.render import render
from flagrelease.stages.with_engine.resolve import resolve
from tests.dockerd import Dockerd
from tests.stand_ins.making import KEPT, RECIPES

CHIPS = sorted(path.stem for path in (RECIPES / "chips").glob("*.yaml"))
CATALOGUE = Catalogue(RECIPES)


@dataclass
class Said:
    """What the stages had to say."""

    lines: list[str] = field(default_factory=list)

    def said(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, done: int, total: int, unit: str) -> None:
        del done, total, unit


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What a rehearsal showed, what it was made from, and the engine that has its image."""

    recipe: Recipe
    lock: PartialLock
    context: EngineContext
    made: Rehearsed
    engine: Dockerd

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The configuration of the image, as the engine has it."""
        (found,) = json.loads(self.engine.call("image", "inspect", self.made.image_id))
        config: Mapping[str, Any] = found["Config"]
        return config

    @property
    def env(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in self.config["Env"])

    @property
    def called(self) -> list[list[str]]:
        """Every call that was recorded in the image, in their order."""
        return [list(call.argv) for call in self.made.calls]

    @property
    def store(self) -> FileStore:
        return FileStore(KEPT)


def of_chip(chip: str, engine: Dockerd, *, sdk: str | None = None) -> tuple[Recipe, PartialLock]:
    """The FlagOS stack on a chip, for this engine's architecture where the chip is for it."""
    known = CATALOGUE.chip(chip).architectures
    runs = engine.call("version", "--format", "{{.Server.Arch}}").strip()
    here: Architecture = "arm64" if runs == "arm64" else "amd64"
    how = Rehearsing(sdk=sdk, architecture=here if here in known else known[0])
    return to_rehearse(CATALOGUE, how, chip=chip, model=None, variant=None, on=None)


def open_lock(recipe: Recipe) -> PartialLock:
    """A lock for which nothing was looked up."""
    nothing = Refusing("nothing is looked up here")
    return make_partial(recipe, nothing, previous=None, upgrade=frozenset(), say=lambda _: None)


def rehearse(recipe: Recipe, lock: PartialLock, folder: Path, engine: Dockerd) -> Rehearsal:
    """Through the stages, each in a folder of its own; the store is kept between tests, for the base is in it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    chosen = Settings(home=KEPT, recipes=RECIPES, out=folder, offline=False, environ=engine.environment())
    tools = HostTools(chosen, Said(), CATALOGUE, rehearsal=True)

    def at(name: str) -> Path:
        (folder / name).mkdir(parents=True)
        return folder / name

    try:
        fresh = resolve(tools, at("resolve"), recipe, lock, rehearsal=True)
        parts = fetch(tools, at("fetch"), recipe, fresh, rehearsal=True)
        prepared = patch(tools, at("patch"), recipe, fresh, parts)
        context = render(tools, at("render"), recipe, fresh, prepared, rehearsal=True)
        made = build(tools, at("build"), context)
    finally:
        tools.close()
    return Rehearsal(recipe=recipe, lock=lock, context=context, made=made, engine=engine)
