"""The file that tells backup programs, and `gc`, that a folder is a store of ours (Cache Directory Tagging Spec)."""

from pathlib import Path

_NAME = "CACHEDIR.TAG"
_SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55\n"
_OURS = "# Blobs of flagrelease;"
_TAG = f"{_SIGNATURE}{_OURS} `flagrelease gc` empties it.\n"


def mark(home: Path) -> None:
    """Write the tag unless there is one; `home` exists."""
    if not (home / _NAME).exists():
        (home / _NAME).write_text(_TAG, encoding="utf-8")


def is_marked(home: Path) -> bool:
    """Whether `home` has our tag: every cache has the first line, the second is ours."""
    try:
        return (home / _NAME).read_bytes().startswith(f"{_SIGNATURE}{_OURS}".encode())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False


def unmark(home: Path) -> None:
    """Remove the tag."""
    (home / _NAME).unlink(missing_ok=True)
