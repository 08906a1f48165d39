"""Which commit a tag, a branch or the beginning of an id stands for, asked of a real repository."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from flagrelease.adapters.mirrors.addresses import remote_address
from flagrelease.adapters.mirrors.names import remote_commit
from flagrelease.domain.component import GitSource
from flagrelease.errors import LockError


def git(folder: Path, *words: str) -> str:
    identity = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def forge(tmp_path: Path) -> Path:
    """A forge with one repository: two commits, a light and an annotated tag, a branch."""
    folder = tmp_path / "forge" / "own" / "repo.git"
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    git(folder, "tag", "light")
    git(folder, "tag", "-a", "v1.0", "-m", "a release")
    git(folder, "commit", "-q", "--allow-empty", "-m", "two")
    return tmp_path / "forge"


def ask(forge: Path, **more: str) -> str:
    source = GitSource.model_validate({"kind": "git", "repository": "own/repo", **more})
    return remote_commit(source, {**os.environ, "FLAGRELEASE_FORGE_GITHUB": f"file://{forge}"})


def commit(forge: Path, name: str) -> str:
    return git(forge / "own" / "repo.git", "rev-parse", f"{name}^{{commit}}")


@pytest.mark.parametrize("tag", ["light", "v1.0"])
def test_a_tag_is_the_commit_it_stands_for_also_when_it_is_an_object_of_its_own(forge: Path, tag: str) -> None:
    assert ask(forge, tag=tag) == commit(forge, tag)


def test_a_branch_is_its_newest_commit(forge: Path) -> None:
    assert ask(forge, branch="main") == commit(forge, "main")


def test_the_beginning_of_a_commit_that_a_ref_names_is_completed(forge: Path) -> None:
    whole = commit(forge, "main")
    assert ask(forge, commit=whole[:8]) == whole


def test_the_beginning_of_any_other_commit_has_to_be_written_out(forge: Path) -> None:
    with pytest.raises(LockError, match="0 refs begin with 0123456") as caught:
        ask(forge, commit="0123456")
    assert "all 40 digits" in caught.value.hint


def test_a_tag_that_was_moved_off_its_commit_is_refused(forge: Path) -> None:
    with pytest.raises(LockError, match=r"tag v1\.0 is .*, the recipe says"):
        ask(forge, tag="v1.0", commit=commit(forge, "main"))


@pytest.mark.parametrize("wanted", [{"tag": "v9"}, {"branch": "none"}])
def test_what_is_not_there_is_named(forge: Path, wanted: dict[str, str]) -> None:
    with pytest.raises(LockError, match="has no"):
        ask(forge, **wanted)


def test_a_repository_that_is_not_there_is_a_lock_error(forge: Path) -> None:
    source = GitSource(kind="git", repository="own/none", tag="v1")
    with pytest.raises(LockError, match="the forge does not list it"):
        remote_commit(source, {**os.environ, "FLAGRELEASE_FORGE_GITHUB": f"file://{forge}"})


def test_the_users_own_configuration_sends_nobody_elsewhere(forge: Path, tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text(f'[url "file://{tmp_path}/evil/"]\n\tinsteadOf = "file://{forge}/"\n')
    source = GitSource(kind="git", repository="own/repo", tag="light")
    environment = {**os.environ, "HOME": str(tmp_path), "FLAGRELEASE_FORGE_GITHUB": f"file://{forge}"}
    assert remote_commit(source, environment) == commit(forge, "light")


def test_a_forge_is_named_and_its_address_is_a_setting() -> None:
    source = GitSource(kind="git", forge="gitcode", repository="own/repo", tag="v1")
    assert remote_address(source, {"FLAGRELEASE_FORGE_GITCODE": "https://mirror/x/"}) == "https://mirror/x/own/repo.git"


def mirrored(forge: Path, said: list[str], **more: object) -> str:
    """What is asked of own/repo and its mirror copy/repo."""
    mirrors = [{"forge": "gitee", "repository": "copy/repo"}]
    text = json.dumps({"kind": "git", "repository": "own/repo", "mirrors": mirrors, **more})
    places = {f"FLAGRELEASE_FORGE_{name}": f"file://{forge}" for name in ("GITHUB", "GITEE")}
    return remote_commit(GitSource.model_validate_json(text), {**os.environ, **places}, said.append)


@pytest.fixture
def copied(forge: Path) -> Path:
    """The forge with a mirror of the repository that has one commit more, on its branch `main`."""
    shutil.copytree(forge / "own", forge / "copy")
    git(forge / "copy" / "repo.git", "commit", "-q", "--allow-empty", "-m", "three")
    return forge


def test_mirrors_that_agree_on_a_tag_are_as_one(copied: Path) -> None:
    said: list[str] = []
    assert mirrored(copied, said, tag="v1.0") == commit(copied, "v1.0")
    assert said == []


def test_mirrors_that_do_not_agree_on_a_branch_are_named_with_what_they_say(copied: Path) -> None:
    with pytest.raises(LockError) as caught:
        mirrored(copied, [], branch="main")
    theirs = git(copied / "copy" / "repo.git", "rev-parse", "main")
    assert caught.value.message.splitlines() == [
        "own/repo: its mirrors do not name the same commit for main",
        f"  file://{copied}/own/repo.git: {commit(copied, 'main')}",
        f"  file://{copied}/copy/repo.git: {theirs}",
    ]


def test_a_mirror_that_lacks_the_tag_does_not_say_the_same(copied: Path) -> None:
    git(copied / "copy" / "repo.git", "tag", "-d", "light")
    with pytest.raises(LockError, match=r"do not name the same commit for light(.|\n)*has no tag light"):
        mirrored(copied, [], tag="light")


def test_a_moved_tag_of_one_mirror_is_no_agreement(copied: Path) -> None:
    git(copied / "copy" / "repo.git", "tag", "-f", "light", "main")
    with pytest.raises(LockError, match="do not name the same commit for light"):
        mirrored(copied, [], tag="light")


def test_a_mirror_that_knows_nothing_of_some_digits_says_nothing_against_them(copied: Path) -> None:
    theirs = git(copied / "copy" / "repo.git", "rev-parse", "main")
    assert mirrored(copied, [], commit=theirs[:10]) == theirs


@pytest.mark.parametrize("gone", ["own", "copy"])
def test_one_that_does_not_answer_is_said_and_passed_over(copied: Path, gone: str) -> None:
    wanted = commit(copied, "v1.0")
    shutil.rmtree(copied / gone)
    said: list[str] = []
    assert mirrored(copied, said, tag="v1.0") == wanted
    assert len(said) == 1
    assert f"file://{copied}/{gone}/repo.git is passed over" in said[0]


def test_when_none_answers_all_are_named(copied: Path) -> None:
    for folder in ("own", "copy"):
        shutil.rmtree(copied / folder)
    with pytest.raises(LockError) as caught:
        mirrored(copied, [], tag="v1.0")
    assert [f"{name}/repo.git" in caught.value.message for name in ("own", "copy")] == [True, True]
