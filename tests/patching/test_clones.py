"""Whatever a clone is like and whatever is set in or around it, a set makes the same tree, or says what is missing."""

import os
from pathlib import Path

import pytest

from flagrelease.adapters.git.repository import repository_at
from flagrelease.adapters.patches.apply import apply_set
from flagrelease.adapters.patches.checks import CheckCache, check_set
from flagrelease.errors import SourceError
from flagrelease.patching.report import Applies, Conflicts, Refused
from tests.patching.sealed_place import SealedPlace, extended, plain_place
from tests.patching.vendor import commit, run_git, tree_on_disk, write


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> SealedPlace:
    return plain_place(tmp_path_factory.mktemp("plain") / "place")


@pytest.fixture
def place(kept: SealedPlace, tmp_path: Path) -> SealedPlace:
    """A clone that may be changed."""
    return kept.copied(tmp_path / "place")


def test_replaced_and_grafted_commits_count_for_nothing(place: SealedPlace, tmp_path: Path) -> None:
    write(place.clone, {"evil.py": b"evil\n"})
    evil = commit(place.clone, "evil")
    run_git("replace", place.base, evil, at=place.clone)
    blob = run_git("rev-parse", f"{place.base}:README.md", at=place.clone)
    run_git("replace", "--force", blob, run_git("rev-parse", f"{evil}:evil.py", at=place.clone), at=place.clone)
    (place.clone / ".git/info/grafts").write_text(f"{place.base} {evil}\n")
    assert place.apply(tmp_path / "out").tree == place.tree
    assert tree_on_disk(tmp_path / "out", tmp_path / "scratch") == place.tree


ATTRIBUTES = (
    b"*.txt text eol=crlf\n*.py ident filter=evil\n*.utf16 text working-tree-encoding=UTF-16\n*.md export-subst\n"
    b"[attr]evil filter=evil\nlatin.txt evil diff=evil merge=evil\n*.py export-ignore\n"
)


def test_attributes_of_the_tree_and_of_the_clone_change_no_byte(place: SealedPlace, tmp_path: Path) -> None:
    files = {
        ".gitattributes": ATTRIBUTES,
        "one.utf16": "é\n".encode(),
        "two.md": b"$Format:%H$\n",
        "three.py": b"$Id$\n",
        "four.txt": b"a\r\nb\n",
    }
    write(place.clone, files)
    # The user's git would convert them on the way in as well: it is told not to, so that the tree is known.
    (place.clone / ".git/info/attributes").write_text(
        "* -text -ident -filter !working-tree-encoding\n.gitattributes -text\n"
    )
    base = commit(place.clone, "attributes")
    (place.clone / ".git/info/attributes").write_text("* text eol=crlf ident filter=evil export-subst\n")
    mailbox = place.top / "change.diff"
    mailbox.write_bytes(
        b"diff --git a/three.py b/three.py\nindex 1111111..2222222 100644\n--- a/three.py\n+++ b/three.py\n"
        b"@@ -1 +1,2 @@\n $Id$\n+more\n"
    )
    extended(place, {}, base=base, mailbox=mailbox)
    (stored,) = [one for one in place.all_stored if base.startswith(one.base)]
    made = apply_set(stored, place.repository, tmp_path / "out")
    for name, content in {**files, "three.py": b"$Id$\nmore\n"}.items():
        assert (tmp_path / "out" / name).read_bytes() == content
    assert tree_on_disk(tmp_path / "out", tmp_path / "scratch") == made.tree


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_umask_changes_no_mode_that_git_keeps(kept: SealedPlace, tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        kept.apply(tmp_path / "out")
    finally:
        os.umask(before)
    assert tree_on_disk(tmp_path / "out", tmp_path / "scratch") == kept.tree
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o777 & ~umask


def test_a_clone_of_a_clone_of_a_clone_will_do(kept: SealedPlace, tmp_path: Path) -> None:
    there = kept.clone
    for number in range(3):
        run_git("clone", "--quiet", "--shared", "--no-checkout", str(there), str(tmp_path / f"{number}"), at=tmp_path)
        there = tmp_path / f"{number}"
        alternates = there / ".git/objects/info/alternates"
        alternates.write_text(os.path.relpath(alternates.read_text().strip(), there / ".git/objects") + "\n")
    assert apply_set(kept.stored, repository_at(there), tmp_path / "out").tree == kept.tree


def test_a_folder_below_a_symlink_will_do(kept: SealedPlace, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "way").symlink_to("real")
    assert kept.apply(tmp_path / "way" / "out").tree == kept.tree
    assert (tmp_path / "real" / "out" / "README.md").exists()


@pytest.fixture
def partial(kept: SealedPlace, tmp_path: Path) -> Path:
    """A clone without the content of files. Whatever would fetch it leaves a trace."""
    origin, clone = tmp_path / "origin", tmp_path / "partial"
    run_git("clone", "--quiet", "--bare", str(kept.clone), str(origin), at=tmp_path)
    run_git("config", "uploadpack.allowFilter", "true", at=origin)
    run_git(
        "clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{origin}", str(clone), at=tmp_path,
        GIT_ALLOW_PROTOCOL="file",
    )  # fmt: skip
    trap = tmp_path / "trap"
    trap.write_text(f'#!/bin/sh\ntouch {tmp_path}/was-run\nexec git-upload-pack "$@"\n')
    trap.chmod(0o755)
    run_git("config", "remote.origin.uploadpack", str(trap), at=clone)
    return clone


def test_a_partial_clone_is_said_to_be_one_and_nothing_is_fetched(
    kept: SealedPlace, partial: Path, tmp_path: Path
) -> None:
    notes = CheckCache(tmp_path / "home")
    found = check_set(kept.stored, repository_at(partial), kept=notes).finding
    assert isinstance(found, Refused)
    assert "is a partial clone" in found.text
    with pytest.raises(SourceError, match="is a partial clone"):
        apply_set(kept.stored, repository_at(partial), tmp_path / "out")
    assert repository_at(partial).revision("1" * 40) is None
    assert not (tmp_path / "was-run").exists()
    assert not (tmp_path / "out").exists()
    run_git("fetch", "--quiet", "--refetch", "--no-filter", at=partial)
    (tmp_path / "was-run").unlink()
    found = check_set(kept.stored, repository_at(partial), kept=notes).finding
    assert found == Applies(tree=kept.tree)


def test_names_by_sha256_are_refused_by_that_name(kept: SealedPlace, tmp_path: Path) -> None:
    run_git("init", "--quiet", "--object-format=sha256", str(tmp_path / "other"), at=tmp_path)
    with pytest.raises(SourceError, match="by SHA-256"):
        repository_at(tmp_path / "other")


def test_a_folder_that_is_not_there_is_not_taken_for_the_repository_around_it(kept: SealedPlace) -> None:
    with pytest.raises(SourceError, match="found no folder"):
        repository_at(kept.clone / "typo")


def test_a_mailbox_is_read_the_same_in_a_repository_of_somebodys(
    place: SealedPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder for temporary files lies in one whose settings cut mails off."""
    write(place.clone, {"README.md": b"other\n"})
    tip = commit(place.clone, "Cut here\n\nbefore\n-- >8 --\nafter")
    mailbox = place.top / "mailbox"
    mailbox.write_text(run_git("format-patch", "--stdout", "-1", at=place.clone) + "\n")
    around = tmp_path / "around"
    run_git("init", "--quiet", str(around), at=tmp_path)
    run_git("config", "mailinfo.scissors", "true", at=around)
    monkeypatch.setattr("flagrelease.adapters.storage.private_folder._places", lambda: [around])
    extended(place, {}, base=place.base, mailbox=mailbox)
    assert "before" in next(place.set.glob("*Cut-here*")).read_text()
    assert tip


def test_a_patch_that_the_base_has_already_is_no_good_set(place: SealedPlace, tmp_path: Path) -> None:
    """As a vendor's set is that was made for an earlier commit: at the base, all of it has to apply."""
    later = place.all_stored[0].series.base
    text = (place.set / "series.yaml").read_text()
    first = run_git("rev-parse", "main~1", at=place.clone)
    folder = place.set.parents[1] / first[:12] / "cambricon_mlu"
    folder.parent.mkdir()
    place.set.rename(folder)
    (folder / "series.yaml").write_text(text.replace(later, first))
    (stored,) = place.all_stored
    found = check_set(stored, place.repository).finding
    assert isinstance(found, Conflicts)
    assert [(one.patch, one.reason) for one in found.conflicts] == [("0001-First.patch", "the base has it already")]
    with pytest.raises(SourceError, match="the base has it already"):
        apply_set(stored, place.repository, tmp_path / "out")
