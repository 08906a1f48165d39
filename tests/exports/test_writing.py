"""An export is written whole or not at all, and the same image gives the same bytes."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flagrelease.adapters.exports.reading import opened_export
from flagrelease.errors import SourceError, ToolError
from tests.exports.made import a_bundle


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if "export" in path.name)


def test_the_same_image_gives_the_same_bytes_in_any_folder_and_order(tmp_path: Path) -> None:
    one, other = a_bundle(tmp_path / "one"), a_bundle(tmp_path / "other")
    other.files.update(dict(reversed(list(other.files.items()))))
    assert one.write(tmp_path / "one.tar") == other.write(tmp_path / "other.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "other.tar").read_bytes()


def test_the_same_export_again_is_no_fault_and_another_file_is_left(tmp_path: Path) -> None:
    made, to = a_bundle(tmp_path), tmp_path / "export.tar"
    first = made.write(to)
    before = to.stat().st_mtime_ns
    assert made.write(to) == first
    assert to.stat().st_mtime_ns == before
    whole = to.read_bytes()
    for other in (whole + b"\0", whole[:-1], whole.replace(b"weights ", b"WEIGHTS ", 1), b""):
        to.write_bytes(other)
        with pytest.raises(ToolError, match="is another file"):
            made.write(to)
        assert to.read_bytes() == other
    assert there(tmp_path) == ["export.tar"]


def test_a_folder_of_that_name_is_left(tmp_path: Path) -> None:
    (tmp_path / "export.tar").mkdir()
    with pytest.raises(ToolError, match="is another file"):
        a_bundle(tmp_path).write(tmp_path / "export.tar")


def test_what_changed_since_it_was_built_is_not_exported(tmp_path: Path) -> None:
    made = a_bundle(tmp_path)
    log = made.files["5-build/logs/build.log"]
    log.write_bytes(b"one\ntwO\n")
    with pytest.raises(SourceError, match=r"build\.log was changed"):
        made.write(tmp_path / "export.tar")
    log.write_bytes(b"one\ntwo\n")
    blob = made.store.path(made.image.layers[0].digest)
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes().replace(b"weights ", b"WEIGHTS ", 1))
    with pytest.raises(SourceError, match="was changed"):
        made.write(tmp_path / "export.tar")
    assert there(tmp_path) == []


def test_a_full_disk_leaves_no_file(tmp_path: Path) -> None:
    made = a_bundle(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            made.write(tmp_path / "export.tar")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert there(tmp_path) == []


def test_a_kill_leaves_nothing_under_the_name_and_the_next_export_tidies_up(tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from flagrelease.adapters.exports import writing
from tests.exports.made import a_bundle
writing._name = lambda made, to: os.kill(os.getpid(), signal.SIGKILL)
a_bundle(Path({str(tmp_path)!r})).write(Path({str(tmp_path / "export.tar")!r}))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = there(tmp_path)
    assert left.startswith(".export.tar.")
    a_bundle(tmp_path).write(tmp_path / "export.tar")
    assert there(tmp_path) == ["export.tar"]
    with opened_export(tmp_path / "export.tar"):
        pass
