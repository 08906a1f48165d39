"""Archives of images (`docker save`, or an OCI layout in a tar), read without trusting them.

Nothing is written to the disk: members are found, checked, and passed on. What goes to an engine is an archive made
anew of the configuration and the layers alone, so that an archive cannot bring tags of its own.
"""

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from flagrelease.domain.chip import Architecture
from flagrelease.domain.value import Digest
from flagrelease.errors import BuildError, PublishError, SourceError
from flagrelease.oci.header import BLOCK, Member, header
from flagrelease.oci.manifest import MAX_DOCUMENT_BYTES, MAX_LAYERS, ImageConfig, canonical, parse_config
from flagrelease.oci.untrusted import json_object

MAX_MEMBERS = 10_000
MAX_BYTES = 1 << 42
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
_MOST_LINKS = 4
_BROKEN = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError, ValueError)


@dataclass(frozen=True, kw_only=True)
class SavedImage:
    """One image of an archive: its configuration as it stands, and the members that are its layers, lowest first."""

    config_bytes: bytes
    config: ImageConfig
    layers: tuple[tarfile.TarInfo, ...]

    @property
    def id(self) -> Digest:
        """What an engine calls it: the digest of its configuration."""
        return f"sha256:{hashlib.sha256(self.config_bytes).hexdigest()}"


@contextmanager
def opened(file: Path) -> Iterator[tuple[tarfile.TarFile, SavedImage]]:
    """The one image of an archive; the archive is open until the block is left.

    Raises:
        SourceError: it is no archive of exactly one image, is cut, too large, or has names that lead elsewhere.
    """
    try:
        with file.open("rb") as raw:
            start = raw.read(len(_GZIP))
        mode = "r:gz" if start == _GZIP else "r:"
        with tarfile.open(file, mode=mode) as archive:  # type: ignore[call-overload]
            yield archive, _read(archive, file)
    except _BROKEN as error:
        raise SourceError(f"{file} is no archive of an image that can be read: {error}", hint=_HINT) from error
    except (BuildError, PublishError) as error:
        raise SourceError(f"{file} is no archive of an image: {error.message}", hint=_HINT) from error


_HINT = "make it by `docker save IMAGE -o FILE`, one image a file"


def check_architecture(image: SavedImage, wanted: Architecture, file: Path) -> None:
    """Raise SourceError when the image is for another architecture."""
    if image.config.architecture != wanted:
        raise SourceError(
            f"the image in {file} is for {image.config.architecture}, and {wanted} is wanted",
            hint=f"save the image of linux/{wanted}: `docker pull --platform linux/{wanted} …` first",
        )


def repacked(archive: tarfile.TarFile, image: SavedImage, tag: str) -> Iterator[bytes]:
    """The archive that an engine loads: this image, under this tag and no other."""
    layers = [(member.size, partial(_content, archive, member)) for member in image.layers]
    return _packed(image.config_bytes, layers, tag)


def repacked_layers(config: bytes, layers: Sequence[tuple[Path, int]], tag: str) -> Iterator[bytes]:
    """The archive of an image from its configuration and the files of its layers, with their sizes in bytes."""
    return _packed(config, [(size, partial(_file, file)) for file, size in layers], tag)


def _packed(config: bytes, layers: Sequence[tuple[int, Callable[[], Iterator[bytes]]]], tag: str) -> Iterator[bytes]:
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    names = [f"{number:04}/layer.tar" for number in range(len(layers))]
    listed = canonical_list([{"Config": name, "Layers": names, "RepoTags": [tag]}])
    for path, content in ((name, config), ("manifest.json", listed)):
        yield from _member(path, len(content))
        yield content + bytes(-len(content) % BLOCK)
    for path, (size, chunks) in zip(names, layers, strict=True):
        yield from _member(path, size)
        yield from chunks()
        yield bytes(-size % BLOCK)
    yield bytes(2 * BLOCK)


def _file(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def canonical_list(value: list[dict[str, Any]]) -> bytes:
    """A JSON list of objects, in canonical form."""
    return b"[" + b",".join(map(canonical, value)) + b"]"


def _member(path: str, size: int) -> Iterator[bytes]:
    yield header(Member(path=path, kind="file", mode=0o644, size=size), position=0, align=False)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    left = member.size
    stream = archive.extractfile(member)
    assert stream is not None
    with stream:
        while left:
            chunk = stream.read(min(left, _CHUNK))
            if not chunk:
                raise SourceError(f"{archive.name!s} is cut in the middle of {member.name!r}", hint="copy it again")
            left -= len(chunk)
            yield chunk


def _read(archive: tarfile.TarFile, file: Path) -> SavedImage:
    members = _members(archive, file)
    if "manifest.json" in members:
        listed = json_object(b'{"list":' + _small(archive, members, "manifest.json") + b"}", "its manifest.json")
        config, layers = config_and_layers(listed["list"])
    elif "index.json" in members:
        config, layers = _of_layout(archive, members)
    else:
        raise SourceError(f"{file} has neither a manifest.json nor an index.json", hint=_HINT)
    config_bytes = _small(archive, members, config)
    if config.startswith("blobs/sha256/") and hashlib.sha256(config_bytes).hexdigest() != config.rpartition("/")[2]:
        raise SourceError(f"{file}: the image's configuration is not what its name says", hint="copy it again")
    parsed = parse_config(config_bytes)
    if len(parsed.rootfs.diff_ids) != len(layers):
        raise SourceError(f"{file} has {len(layers)} layers, its image wants {len(parsed.rootfs.diff_ids)}", hint=_HINT)
    return SavedImage(
        config_bytes=config_bytes, config=parsed, layers=tuple(_found(members, name, file) for name in layers)
    )


def config_and_layers(listed: object) -> tuple[str, list[str]]:
    """The names of what a manifest.json lists, of exactly one image. Raises BuildError."""
    if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], dict):
        count = len(listed) if isinstance(listed, list) else 0
        raise BuildError(f"its manifest.json lists {count} images, wanted one")
    config, layers = listed[0].get("Config"), listed[0].get("Layers")
    if not isinstance(config, str) or not isinstance(layers, list) or not all(isinstance(n, str) for n in layers):
        raise BuildError("its manifest.json names no configuration and layers")
    if not 1 <= len(layers) <= MAX_LAYERS:
        raise BuildError(f"its manifest.json names {len(layers)} layers, wanted 1 to {MAX_LAYERS}")
    return config, layers


def _of_layout(archive: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo]) -> tuple[str, list[str]]:
    """The names of an OCI layout's one image (OCI image specification, image-layout.md)."""
    document = json_object(_small(archive, members, "index.json"), "its index.json")
    entries = document.get("manifests")
    if not isinstance(entries, list) or len(entries) != 1:
        raise BuildError(f"its index.json lists {len(entries) if isinstance(entries, list) else 0} images, wanted one")
    content = _small(archive, members, _blob(entries[0]))
    if f"blobs/sha256/{hashlib.sha256(content).hexdigest()}" != _blob(entries[0]):
        raise BuildError("its manifest is not what its index.json says")
    manifest = json_object(content, "its manifest")
    layers = manifest.get("layers")
    if not isinstance(layers, list) or not 1 <= len(layers) <= MAX_LAYERS:
        raise BuildError("its manifest is none of an image of one architecture")
    return _blob(manifest.get("config")), [_blob(layer) for layer in layers]


def _blob(descriptor: object) -> str:
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    value = digest.removeprefix("sha256:") if isinstance(digest, str) else ""
    if len(value) != 64 or not set(value) <= set("0123456789abcdef"):  # noqa: PLR2004
        raise BuildError(f"a descriptor without a digest by SHA-256: {str(digest)[:100]!r}")
    return f"blobs/sha256/{value}"


def _members(archive: tarfile.TarFile, file: Path) -> dict[str, tarfile.TarInfo]:
    found: dict[str, tarfile.TarInfo] = {}
    left = MAX_BYTES
    for count, member in enumerate(archive):
        name = member.name.removeprefix("./")
        left -= member.size
        if count >= MAX_MEMBERS or left < 0 or member.size < 0:
            raise SourceError(f"{file} holds more than {MAX_MEMBERS} members or {MAX_BYTES} bytes", hint=_HINT)
        if name in found and not member.isdir():
            raise SourceError(f"{file} holds {name[:200]!r} twice", hint="two readers could take another one each")
        found[name] = member
    return found


def _found(members: Mapping[str, tarfile.TarInfo], name: str, file: Path | str) -> tarfile.TarInfo:
    """A plain member. Older engines write a layer that is there already as a link to it."""
    for _ in range(_MOST_LINKS):
        member = members.get(name)
        if member is not None and member.issym():
            parts = [*name.split("/")[:-1]]
            for part in member.linkname.split("/"):
                if part == "..":
                    parts = parts[:-1]
                elif part not in {"", "."}:
                    parts.append(part)
            name = "/".join(parts)
            continue
        if member is None or not member.isreg() or member.issparse():
            break
        return member
    raise SourceError(f"{file} lists {name[:200]!r} and has no such file", hint="the archive is cut: copy it again")


def _small(archive: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo], name: str) -> bytes:
    member = _found(members, name, str(archive.name))
    if member.size > MAX_DOCUMENT_BYTES:
        raise BuildError(f"{name[:200]!r} is {member.size} bytes, wanted at most {MAX_DOCUMENT_BYTES}")
    stream: IO[bytes] = archive.extractfile(member) or io.BytesIO()
    with stream:
        return stream.read()
