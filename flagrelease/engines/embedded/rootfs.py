"""Images unpacked once: `rootfs/<digest>` below the home folder, kept as long as no file in it has changed."""

import hashlib
import os
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

from flagrelease.adapters.storage.disk import remove
from flagrelease.domain.image import Image, Layer
from flagrelease.ports import Store

_PIECE = 1 << 20
Unpack = Callable[[Sequence[Path], Path], None]
"""Lay the layers' tars over each other into a folder that is not there yet."""


def unpacked(image: Image, *, store: Store, home: Path, unpack: Unpack) -> Path:
    """The image as a folder. It is unpacked when it is not there, or when anything in it has changed since.

    Raises:
        SourceError: A layer is not in the store.
        BuildError: A layer cannot be unpacked.
    """
    place = place_of(image, home)
    name, stamp = place.name, place.with_name(f"{place.name}.stamp")
    place.parent.mkdir(parents=True, exist_ok=True)
    with store.lock(f"rootfs-{name}"):
        if place.is_dir() and stamp.is_file() and stamp.read_text() == fingerprint(place):
            return place
        fresh = place.with_name(f"{name}.new")
        for old in (stamp, place, fresh):
            remove(old)
        unpack([store.path(layer.digest) for layer in _layers(image)], fresh)
        fresh.rename(place)
        written = stamp.with_suffix(".new-stamp")
        written.write_text(fingerprint(place))
        written.rename(stamp)
    return place


def place_of(image: Image, home: Path) -> Path:
    """Where an image is unpacked to; the part of the name before the first dot is the image's digest."""
    kind = "" if len(_layers(image)) == len(image.layers) else ".without-weights"
    return home / "rootfs" / (image.digest.removeprefix("sha256:") + kind)


def _layers(image: Image) -> list[Layer]:
    # Weights are shown at their places by the engine: a copy of each would be their third on the disk.
    return [layer for layer in image.layers if not (image.weights and layer.name == "weights")]


def damaged_files(image: Image, *, store: Store, home: Path) -> list[str]:
    """The files of an unpacked image whose content is not that of its layers; none when it is not unpacked."""
    place = place_of(image, home)
    if not place.is_dir():
        return []
    packed: dict[str, tuple[Path, int, int]] = {}
    for layer in _layers(image):
        path = store.path(layer.digest)
        with tarfile.open(path, "r:") as tar:
            packed.update((m.name, (path, m.offset_data, m.size)) for m in tar if m.isreg())
    return [name for name, where in sorted(packed.items()) if not _same(place / name, *where)]


def _same(file: Path, layer: Path, offset: int, size: int) -> bool:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as ours, layer.open("rb") as theirs:
        theirs.seek(offset)
        left = size
        while left:
            wanted = theirs.read(min(left, _PIECE))
            if ours.read(len(wanted)) != wanted:
                return False
            left -= len(wanted)
        return not ours.read(1)


def fingerprint(folder: Path) -> str:
    """A hash over what lstat(2) says of every file: any write, move, chmod or replacement changes it.

    It reads no content: 4,000 files take about 50 ms. Changing a file without changing its ctime takes a wrong clock.
    """
    told = hashlib.sha256()
    for here, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted((*folders, *files)):
            path = os.path.join(here, name)  # noqa: PTH118  (a Path each would double the time)
            found = os.lstat(path)
            facts = (found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            told.update(os.fsencode(os.path.relpath(path, folder)) + repr(facts).encode())
    return told.hexdigest()
