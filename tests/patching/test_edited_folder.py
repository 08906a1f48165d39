"""A folder that `apply` wrote and somebody edited is not replaced in silence."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flagrelease.adapters.git.worktree import MARKER
from flagrelease.adapters.patches.apply import apply_set
from flagrelease.errors import SourceError
from tests.patching.git_objects import files_of
from tests.patching.sealed_place import SealedPlace, extended, plain_place
from tests.patching.vendor import run_git, write


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> SealedPlace:
    return plain_place(tmp_path_factory.mktemp("plain") / "place")


def applied(place: SealedPlace, to: Path, **more: object) -> Path:
    """Write it. Returns where the tree is."""
    return apply_set(place.stored, place.repository, to, **more).folder  # type: ignore[arg-type]


def _inside(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda out: write(out, {name: content})


def _own_repository(out: Path) -> None:
    run_git("init", "--quiet", at=out)


def _link_over(out: Path) -> None:
    (out / "link").rename(out / "README.md")


EDITS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "changed": ("README.md", _inside("README.md", b"mine\n")),
    "new": ("own/note.txt", _inside("own/note.txt", b"mine\n")),
    "removed": ("setup.py", lambda out: (out / "setup.py").unlink()),
    "mode": ("README.md", lambda out: (out / "README.md").chmod(0o755)),
    "link": ("README.md, link", _link_over),
    "repository": (".git", _own_repository),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_was_edited_is_named_and_stays(kept: SealedPlace, tmp_path: Path, edit: str) -> None:
    out, (name, make) = applied(kept, tmp_path / "out"), EDITS[edit]
    make(out)
    before = files_of(out)
    with pytest.raises(SourceError, match=rf"was edited since `patch apply` wrote it: {name}; it stays") as told:
        applied(kept, out)
    assert "--force" in str(told.value.hint)
    assert files_of(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    applied(kept, out, force=True)
    assert not (out / ".git").exists()
    assert applied(kept, out) == out


def test_what_lies_beside_the_tree_is_named_as_well(kept: SealedPlace, tmp_path: Path) -> None:
    applied(kept, tmp_path / "out", tree_at="FlagScale")
    (tmp_path / "out" / "notes").write_text("mine")
    with pytest.raises(SourceError, match=r"wrote it: notes;"):
        applied(kept, tmp_path / "out", tree_at="FlagScale")
    shutil.rmtree(tmp_path / "out" / "FlagScale")
    (tmp_path / "out" / "notes").unlink()
    with pytest.raises(SourceError, match=r"wrote it: FlagScale;"):
        applied(kept, tmp_path / "out", tree_at="FlagScale")


def test_a_folder_as_it_was_written_is_replaced_wherever_it_came_from(kept: SealedPlace, tmp_path: Path) -> None:
    out = applied(kept, tmp_path / "out")
    (out / "README.md").touch()
    shutil.copytree(out, tmp_path / "copy", symlinks=True)
    for folder in (out, tmp_path / "copy"):
        applied(kept, folder)


def test_what_the_tree_itself_ignores_may_come_and_go(kept: SealedPlace, tmp_path: Path) -> None:
    out = applied(kept, tmp_path / "out")
    write(out, {"build/x.o": b"x", "flagscale/train.pyc": b"x"})
    applied(kept, out)
    assert not (out / "build").exists()


def test_where_the_set_is_another_by_now_edits_are_seen_all_the_same(kept: SealedPlace, tmp_path: Path) -> None:
    out, place = applied(kept, tmp_path / "out"), kept.copied(tmp_path / "place")
    extended(place, {"README.md": b"second\n"})
    write(out, {"build/x.o": b"x"})
    applied(place, out)
    assert (out / "README.md").read_bytes() == b"second\n"
    written = (out / MARKER).lstat().st_ctime_ns
    while (out / "setup.py").lstat().st_ctime_ns <= written:
        (out / "setup.py").write_bytes(b"mine\n")
    extended(place, {"README.md": b"third\n"})
    with pytest.raises(SourceError, match=r"wrote it: setup\.py;"):
        applied(place, out)
    os.unlink(out / "setup.py")  # noqa: PTH108
    with pytest.raises(SourceError, match=r"wrote it: something was removed"):
        applied(place, out)
