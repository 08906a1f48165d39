"""Recipes of a git revision are read from its objects; nothing in a tree may lead out of the temporary folder."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flagrelease.adapters.recipes import revision
from flagrelease.adapters.recipes.revision import at_revision, working_files
from flagrelease.errors import RecipeError, ToolError
from tests.planning.project import FILES, commit, edit, git, write


@pytest.fixture
def own_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary folders are made during the test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def tree_of(root: Path, *entries: tuple[str, str, str]) -> str:
    """A tree object with these (mode, name, id), also where git itself would refuse to make it."""
    data = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(id_) for mode, name, id_ in entries)
    return git(root, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=data)


def commit_of(root: Path, **recipes: tuple[str, str, str]) -> str:
    """A commit whose recipe folder has a chip and one entry more."""
    blob = git(root, "hash-object", "-w", "--stdin", data=b"evil")
    chip = tree_of(root, ("100644", "x.yaml", blob))
    folder = tree_of(root, ("40000", "chips", chip), *recipes.values())
    top = tree_of(root, ("40000", "recipes", folder))
    return git(root, "commit-tree", top, "-m", "hostile")


def read(root: Path, name: str) -> None:
    with at_revision(root / "recipes", name):
        pass


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The small project, committed once."""
    write(tmp_path / "project")
    commit(tmp_path / "project")
    return tmp_path / "project"


def test_a_revision_is_read_without_touching_the_working_tree_or_the_index(repository: Path) -> None:
    edit(repository, "recipes/chips/beta.yaml", "title: Beta", "title: Changed")
    git(repository, "add", "--all")
    before = {path: path.stat().st_mtime_ns for path in sorted(repository.rglob("*"))}
    with at_revision(repository / "recipes", "HEAD") as at:
        assert at.catalogue.chip("beta").title == "Beta"
        assert at.catalogue.recipe("alpha", "small").env["LEVEL"] == "3"
    assert {path: path.stat().st_mtime_ns for path in sorted(repository.rglob("*"))} == before


def test_its_files_have_the_ids_that_the_working_tree_has_too(repository: Path) -> None:
    folders = ("recipes", "dockerfiles", "patches")
    with at_revision(repository / "recipes", "HEAD", folders=folders) as at:
        assert at.files == working_files(repository / "recipes", folders)
        assert set(at.files) == set(FILES)


def test_the_temporary_folder_is_gone_afterwards_also_after_an_error(repository: Path, own_temporary: Path) -> None:
    with pytest.raises(RecipeError, match="unknown chip"), at_revision(repository / "recipes", "HEAD") as at:
        at.catalogue.chip("nope")
    assert at.folder.is_relative_to(own_temporary)
    assert not at.folder.exists()


def test_errors_name_files_as_git_does(repository: Path) -> None:
    edit(repository, "recipes/chips/beta.yaml", "vendor: Nobody", "vendr: Nobody")
    commit(repository)
    with (
        pytest.raises(RecipeError, match=r"^HEAD:recipes/chips/beta\.yaml:4:1: vendr: unknown key"),
        at_revision(repository / "recipes", "HEAD") as at,
    ):
        at.catalogue.chip("beta")


def test_a_project_in_a_folder_of_the_repository_is_found(tmp_path: Path) -> None:
    recipes = write(tmp_path / "repository" / "deep" / "project")
    commit(tmp_path / "repository")
    with at_revision(recipes, "HEAD") as at:
        assert at.prefix == "deep/project/"
        assert at.catalogue.chip("beta").name == "beta"
        assert at.shown(f"{at.folder}/recipes/chips/beta.yaml:1:1") == "HEAD:deep/project/recipes/chips/beta.yaml:1:1"


def test_a_repository_of_sha256_objects_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "project")
    git(tmp_path / "project", "init", "--quiet", "--object-format=sha256", "--initial-branch=main")
    commit(tmp_path / "project")
    with pytest.raises(ToolError, match="objects named by SHA-256"):
        read(tmp_path / "project", "HEAD")


# Hostile trees ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["..", ".", "../../evil", "/evil", "a/../../../evil", "a\nb", "a\x1b[31m"])
def test_a_name_that_leads_out_of_the_folder_or_steers_a_terminal_is_refused(
    repository: Path, own_temporary: Path, name: str
) -> None:
    blob = git(repository, "hash-object", "-w", "--stdin", data=b"evil")
    folder = tree_of(repository, ("100644", "evil.yaml", blob))
    for mode, id_ in (("100644", blob), ("40000", folder)):
        found = commit_of(repository, evil=(mode, name, id_))
        with pytest.raises(RecipeError, match="a file name that no checkout may have") as refused:
            read(repository, found)
        assert refused.value.message.isprintable()
    assert not list(own_temporary.parent.rglob("*evil*"))


def test_a_link_is_refused(repository: Path, own_temporary: Path) -> None:
    blob = git(repository, "hash-object", "-w", "--stdin", data=b"/etc/passwd")
    found = commit_of(repository, evil=("120000", "link.yaml", blob))
    with pytest.raises(RecipeError, match=r"recipes/link\.yaml: wanted a file, found a link"):
        read(repository, found)


def test_another_repository_within_is_refused(repository: Path) -> None:
    found = commit_of(repository, evil=("160000", "other.yaml", git(repository, "rev-parse", "HEAD")))
    with pytest.raises(RecipeError, match="found a link or another repository"):
        read(repository, found)


def test_a_name_that_is_there_twice_is_refused(repository: Path, own_temporary: Path) -> None:
    blob = git(repository, "hash-object", "-w", "--stdin", data=b"evil")
    found = commit_of(repository, evil=("100644", "a.yaml", blob), again=("100644", "a.yaml", blob))
    with pytest.raises(RecipeError, match="cannot be laid out"):
        read(repository, found)


def test_a_file_that_is_also_a_folder_is_refused(repository: Path, own_temporary: Path) -> None:
    blob = git(repository, "hash-object", "-w", "--stdin", data=b"evil")
    folder = tree_of(repository, ("100644", "evil.yaml", blob))
    found = commit_of(repository, a=("100644", "a.yaml", blob), b=("40000", "a.yaml", folder))
    with pytest.raises(RecipeError, match="cannot be laid out"):
        read(repository, found)


def test_a_file_of_gigabytes_is_not_read(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revision, "_FILE_LIMIT", 10)
    with pytest.raises(RecipeError, match="bytes are too many to compare recipes"):
        read(repository, "HEAD")


def test_all_files_together_have_a_limit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revision, "_TOTAL_LIMIT", 1000)
    with pytest.raises(RecipeError, match="bytes are too many to compare recipes"):
        read(repository, "HEAD")


@pytest.mark.parametrize("name", ["--help", "-h", "--output=evil", "HEAD\nHEAD", "", "HEAD..HEAD", "nope", ":/x"])
def test_what_is_no_revision_is_refused_and_never_taken_for_an_option(repository: Path, name: str) -> None:
    with pytest.raises(RecipeError, match="wanted a git revision"):
        read(repository, name)
    assert not (repository / "evil").exists()


def test_objects_that_are_missing_are_told(repository: Path) -> None:
    blob = git(repository, "rev-parse", "HEAD:recipes/chips/beta.yaml")
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(ToolError, match=r"recipes/chips/beta\.yaml: git does not have its content"):
        read(repository, "HEAD")


def test_a_repository_that_git_refuses_is_told_in_its_words(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(ToolError, match=r"git refuses in .*: fatal: detected dubious ownership") as refused:
        read(repository, "HEAD")
    assert "safe.directory" in refused.value.hint


def test_without_git_it_says_so(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "git", None)
    with pytest.raises(ToolError, match="wanted git on this machine, found none"):
        read(repository, "HEAD")


def test_a_revision_without_recipes_is_told(repository: Path) -> None:
    empty = git(repository, "commit-tree", tree_of(repository), "-m", "empty")
    with pytest.raises(RecipeError, match="found no `recipes/chips/` there"):
        read(repository, empty)


def test_a_folder_outside_of_any_repository_is_told(tmp_path: Path) -> None:
    recipes = write(tmp_path / "project")
    with pytest.raises(RecipeError, match="wanted a git repository around"):
        read(recipes.parent, "HEAD")
