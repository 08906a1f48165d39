"""The stages that travel with an image: the first to `build`, whichever way the bundle is built."""

from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

from flagrelease.cli.session import Session
from flagrelease.domain.image import Image
from flagrelease.domain.lock import PartialLock
from flagrelease.domain.value import Digest
from flagrelease.pipeline import Look, Run, make_image
from flagrelease.stages import ORDER

TRAVELLING: Final = ORDER[: ORDER.index("build") + 1]
PLACES: Final = tuple(Run.place(stage) for stage in TRAVELLING)
LAYOUT: Final = f"{Run.place('build')}/image"
"""The layout folder below the bundle's: its blobs are the image's, so it is written anew where they arrive."""


def look_at(at: Session, folder: Path) -> tuple[Image, Look]:
    """The image of a folder's stages, with what they left; nothing acts. Raises NotDone."""
    look = Look(folder=folder, tools=at.tools, code=at.run.code)
    if isinstance(at.lock, PartialLock):
        engine: Any = import_module("flagrelease.engine_pipeline")
        image: Image = engine.build_image(look, at.recipe, at.lock).image
        return image, look
    return make_image(look, at.recipe, at.lock)[-1], look


def engine_of(at: Session) -> Literal["docker", "not docker"]:
    """By what a whole lock's image is built in this run: it is part of every stage's key."""
    return "docker" if at.run.code.endswith(" docker") else "not docker"


def named(look: Look) -> frozenset[Digest]:
    """Every blob that the values of the stages name."""
    return frozenset(digest for value in look.values for digest in getattr(value, "stored", tuple)())
