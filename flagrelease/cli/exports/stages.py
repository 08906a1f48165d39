"""The stages that travel with an image: the first to `build`, whichever way the bundle is built."""

from importlib import import_module
from pathlib import Path
from typing import Any, Final

from flagrelease.cli.session import Session
from flagrelease.cli.wire import code_sha256
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
    look = Look(folder=folder, tools=at.tools, code=code_sha256())
    if isinstance(at.lock, PartialLock):
        engine: Any = import_module("flagrelease.engine_pipeline")
        image: Image = engine.build_image(look, at.recipe, at.lock).image
        return image, look
    return make_image(look, at.recipe, at.lock)[-1], look


def named(look: Look) -> frozenset[Digest]:
    """Every blob that the values of the stages name."""
    return frozenset(digest for value in look.values for digest in getattr(value, "stored", tuple)())
