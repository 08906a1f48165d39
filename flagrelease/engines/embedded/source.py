"""A component's files as entries of a layer, out of the archive that `patch` made of them."""

import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from flagrelease.domain.image import PlacedSource
from flagrelease.errors import BuildError
from flagrelease.oci.layer import Entry, Stream

_CHUNK: Final = 1 << 20
_EXECUTABLE: Final = 0o111


@contextmanager
def source_entries(sources: Sequence[tuple[PlacedSource, Path]]) -> Iterator[list[Entry]]:
    """Give the entries of all sources; content can be read until the block is left.

    Args:
        sources: Each with the file of its archive.

    Raises:
        BuildError: an archive has something that is neither a file, a folder nor a symlink, or is none.
    """
    with ExitStack() as opened:
        entries = []
        for source, file in sources:
            try:
                archive = opened.enter_context(tarfile.open(file, mode="r:"))
                entries += list(_read(archive, source))
            except tarfile.TarError as error:
                raise BuildError(f"the files of {source.path} are no archive that can be read: {error}") from error
        yield entries


def _read(archive: tarfile.TarFile, source: PlacedSource) -> Iterator[Entry]:
    folder, owner = source.path.removeprefix("/"), f"the sources of {source.path}"
    for member in archive:
        path = f"{folder}/{member.name}"
        if member.isdir():
            yield Entry(path=path, kind="directory", mode=0o755, owner=owner)
        elif member.issym():
            yield Entry(path=path, kind="symlink", mode=0o777, target=member.linkname, owner=owner)
        elif member.isreg():
            content = Stream(size=member.size, chunks=partial(_chunks, archive, member))
            mode = 0o755 if member.mode & _EXECUTABLE else 0o644
            yield Entry(path=path, kind="file", mode=mode, content=content, owner=owner)
        else:
            raise BuildError(f"{owner}: {member.name} is neither a file, a folder nor a symlink")


def _chunks(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    stream = archive.extractfile(member)
    assert stream is not None
    with stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
