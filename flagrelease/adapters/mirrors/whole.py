"""What is noted of a commit that is here as a whole, so that the next run need not look again."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote_from_bytes, unquote_to_bytes

from pydantic import Field, ValidationError

from flagrelease.domain.patch_series import CommitId
from flagrelease.domain.value import Digest, Sha256, Value
from flagrelease.formats.canonical import canonical_json
from flagrelease.formats.durable import write_durably

FOLDER = "whole"

SpelledPath = Annotated[str, Field(min_length=1, max_length=12288)]
"""A path of a tree, which may be any bytes, with `%` before the digits of those that are no plain ASCII."""


class Gitlink(Value):
    """A submodule: its folder, its commit, the address in .gitmodules, or why there is none that can be used."""

    path: SpelledPath
    commit: CommitId
    url: str = ""
    fault: str = ""


class Pointer(Value):
    """A file whose content is kept apart by Git LFS."""

    path: SpelledPath
    blob: CommitId
    sha256: Sha256
    size: Annotated[int, Field(ge=0)]

    @property
    def digest(self) -> Digest:
        """Its content's key in the store."""
        return f"sha256:{self.sha256}"


class Whole(Value):
    """A commit whose every object is here. `packs` are the files that hold the mirror's objects, with their sizes."""

    schema_: Literal["flagrelease.whole-commit/v1"] = Field(default="flagrelease.whole-commit/v1", alias="schema")
    commit: CommitId
    packs: dict[Annotated[str, Field(pattern=r"^pack-[0-9a-f]{40}\.(pack|idx)$")], int]
    gitlinks: tuple[Gitlink, ...] = ()
    pointers: tuple[Pointer, ...] = ()


def spelled(path: bytes) -> str:
    """A path as it is noted, and shown to people."""
    return quote_from_bytes(path, safe="/ !#$&'()*+,:;=?@[]{}^~")


def as_bytes(path: str) -> bytes:
    """The path that was spelled."""
    return unquote_to_bytes(path)


def noted(mirror: Path, commit: str) -> Whole | None:
    """The note on a commit; none where there is none, or where a file of the mirror is gone or has another size."""
    whole = _read(mirror, commit)
    return whole if whole and not _changed(mirror, whole) else None


def drop_changed(mirror: Path) -> list[str]:
    """Remove the packs that have not the size that a note states, so that they are fetched again; returns their names.

    Git would keep such a pack in favour of one of the same name that it is sent.
    """
    notes = [_read(mirror, path.stem) for path in sorted((mirror / FOLDER).glob("*.json"))]
    stems = {Path(name).stem for one in notes if one for name in _changed(mirror, one)}
    for stem in stems:
        for path in (mirror / "objects" / "pack").glob(f"{stem}.*"):
            path.unlink()
    return sorted(stems)


def _read(mirror: Path, commit: str) -> Whole | None:
    try:
        whole = Whole.model_validate_json((mirror / FOLDER / f"{commit}.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None
    return whole if whole.commit == commit else None


def _changed(mirror: Path, whole: Whole) -> list[str]:
    return [name for name, size in whole.packs.items() if not _has(mirror, name, size)]


def note(mirror: Path, whole: Whole) -> None:
    """Keep the note, durably."""
    (mirror / FOLDER).mkdir(exist_ok=True)
    write_durably(mirror / FOLDER / f"{whole.commit}.json", canonical_json(whole))


def forget(mirror: Path, commit: str) -> None:
    """Take the note back."""
    (mirror / FOLDER / f"{commit}.json").unlink(missing_ok=True)


def packs_of(mirror: Path) -> dict[str, int]:
    """The finished packs of a mirror and their indexes, with their sizes in bytes."""
    folder = mirror / "objects" / "pack"
    return {
        path.name: path.stat().st_size for path in sorted(folder.glob("pack-*")) if path.suffix in {".pack", ".idx"}
    }


def _has(mirror: Path, name: str, size: int) -> bool:
    try:
        return (mirror / "objects" / "pack" / name).stat().st_size == size
    except FileNotFoundError:
        return False
