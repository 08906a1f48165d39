"""How a person names an image that is there already: `HOST:PORT/REPO@sha256:…` or `oci:DIR@sha256:…`."""

import re
from dataclasses import dataclass
from pathlib import Path

from flagrelease.domain.value import Digest
from flagrelease.errors import PublishError, SourceError
from flagrelease.oci.reference import Repository, check_tag, parse_repository

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_FOLDER = "oci:"


@dataclass(frozen=True, kw_only=True)
class ImageName:
    """An image's place, and its digest or its tag; with neither, the place has to hold one image."""

    place: Repository | Path
    digest: Digest | None = None
    tag: str | None = None

    def __str__(self) -> str:
        """As it is written on a command line."""
        end = f"@{self.digest}" if self.digest else f":{self.tag}" if self.tag else ""
        return f"{_FOLDER if isinstance(self.place, Path) else ''}{self.place}{end}"

    def at(self, digest: Digest) -> "ImageName":
        """The same place, by a digest."""
        return ImageName(place=self.place, digest=digest)


def parse_image(text: str) -> ImageName:
    """The image that a text names. Raises SourceError for a text that names none."""
    place, at, digest = text.rpartition("@")
    if not at:
        place, digest = text, ""
    if at and _DIGEST.fullmatch(digest) is None:
        raise SourceError(
            f"`{_shown(digest)}` is no digest: wanted sha256: and 64 hexadecimal digits",
            hint="`flagrelease publish` shows the digest of what it has published",
        )
    try:
        if place.startswith(_FOLDER):
            return _in_folder(place.removeprefix(_FOLDER), digest or None)
        head, slash, last = place.rpartition("/")
        name, colon, tag = last.partition(":")
        if colon and slash:
            check_tag(tag)
        found = parse_repository(f"{head}{slash}{name}" if colon and slash else place)
    except PublishError as error:
        hint = "name it as `HOST:PORT/REPO@sha256:…`, or `oci:DIR@sha256:…` for a folder"
        raise SourceError(_shown(error.message), hint=hint) from error
    # A tag beside a digest says nothing: the digest alone decides.
    return ImageName(place=found, digest=digest or None, tag=tag if colon and slash and not digest else None)


def _in_folder(text: str, digest: Digest | None) -> ImageName:
    folder, _, tag = text.partition(":")
    if not folder or not folder.isprintable():
        raise PublishError(f"`oci:{_shown(text)}` names no folder")
    if tag:
        check_tag(tag)
    return ImageName(place=Path(folder).absolute(), digest=digest, tag=tag if tag and not digest else None)


def _shown(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:300]
