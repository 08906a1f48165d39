"""A set is written whole, the same everywhere, or not at all; what is not ours is left alone."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from tests.patching.conftest import FACTS, Place
from tests.patching.hostile_patches import CORPUS
from tests.patching.made_patches import new_file
from tests.patching.vendor import commit, edit, made_clone, run_git, tree_of, tree_on_disk, write


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder, with its mode and content."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, b"" if path.is_dir() else _content(path))
        for path in folder.rglob("*")
    }


def _content(path: Path) -> bytes:
    return os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()


def replaced_patch(place: Place, text: bytes) -> None:
    """Put another patch into the set, with its hash as if it were the recorded one."""
    series = place.set / "series.yaml"
    (patch,) = place.set.glob("*.patch")
    old, new = hashlib.sha256(patch.read_bytes()).hexdigest(), hashlib.sha256(text).hexdigest()
    yaml = series.read_text().replace(old, new).replace(f"size: {patch.stat().st_size}", f"size: {len(text)}")
    patch.write_bytes(text)
    series.write_text(yaml)


def test_what_is_written_is_the_recorded_tree(edited: Place, tmp_path: Path) -> None:
    told = edited.apply(tmp_path / "out")
    commit(edited.clone)
    assert tree_on_disk(tmp_path / "out", tmp_path / "scratch") == tree_of(edited.clone)
    assert tree_of(edited.clone) in told
    assert f"result_tree: {tree_of(edited.clone)}" in (edited.set / "series.yaml").read_text()


def test_a_commit_is_found_by_seven_digits_and_a_chip_by_its_alias(edited: Place, tmp_path: Path) -> None:
    where = ("--component", "flagscale", "--repo", str(edited.clone), "--to", str(tmp_path / "out"))
    edited.run("apply", *where, "--chip", "Cambricon", "--commit", edited.base[:7])
    assert (tmp_path / "out" / "flagscale" / "mlu" / "kernel.py").exists()


def test_the_line_of_the_published_card_gives_its_layout(edited: Place) -> None:
    run_git("stash", "--include-untracked", at=edited.clone)
    before = everything(edited.clone / ".git")
    assert edited.base.startswith("57637057"), "FILES changed: find another number for the message, or use base[:8]"
    words = ("--device-type", "cambricon_MLU", "--commit-id", "57637057", "--dir", "build")
    told = edited.run("apply", *words, cwd=edited.clone)
    made = edited.clone / "build" / "cambricon_MLU"
    assert sorted(path.name for path in made.iterdir()) == [".flagrelease-patched.json", "FlagScale"]
    assert "build/cambricon_MLU/FlagScale: tree" in told
    tree = json.loads((made / ".flagrelease-patched.json").read_text())["tree"]
    assert tree_on_disk(made / "FlagScale", edited.top / "scratch") == tree
    assert everything(edited.clone / ".git") == before
    assert run_git("status", "--porcelain", at=edited.clone) == ""


def test_our_own_folder_is_replaced_as_a_whole(edited: Place, tmp_path: Path) -> None:
    edited.apply(tmp_path / "out")
    (tmp_path / "out" / "left.over").write_text("x")
    edited.apply(tmp_path / "out", "--force")
    assert not (tmp_path / "out" / "left.over").exists()
    assert sorted(path.name for path in tmp_path.iterdir() if "flagrelease" in path.name) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "empty", "file", "symlink", "broken marker"])
def test_a_place_that_is_not_ours_stays_as_it_is(edited: Place, tmp_path: Path, kind: str) -> None:
    there = tmp_path / "there"
    if kind == "file":
        there.write_text("mine")
    elif kind == "symlink":
        (tmp_path / "real").mkdir()
        there.symlink_to(tmp_path / "real")
    else:
        there.mkdir()
        if kind != "empty":
            (there / "mine").write_text("mine")
        if kind == "broken marker":
            (there / ".flagrelease-patched.json").write_text("{}")
    before = everything(tmp_path)
    told = edited.apply(there, status=5)
    assert "stays as it is" in told
    assert everything(tmp_path) == before


def test_when_one_patch_of_several_does_not_apply_nothing_is_written(place: Place, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write(place.clone, {"flagscale/train.py": b"all new %d\n" % number})
        commit(place.clone, f"step {number}")
    place.add("--range", f"{place.base}..HEAD")
    patch = sorted(place.set.glob("*.patch"))[1]
    text = patch.read_bytes().replace(b"-all new 1", b"-all new 7")
    series = (place.set / "series.yaml").read_text()
    old, new = (hashlib.sha256(data).hexdigest() for data in (patch.read_bytes(), text))
    patch.write_bytes(text)
    (place.set / "series.yaml").write_text(series.replace(old, new))
    (tmp_path / "deep").mkdir()
    told = place.apply(tmp_path / "deep" / "er" / "out", status=5)
    assert "0002-step-2.patch: flagscale/train.py @@ -1,1 +1,1 @@" in told
    assert "wanted: all new 7" in told
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_patch_that_is_not_the_recorded_one_is_not_applied(edited: Place, tmp_path: Path) -> None:
    (patch,) = edited.set.glob("*.patch")
    patch.write_bytes(patch.read_bytes().replace(b"line 50 on mlu", b"line 50 on you"))
    assert "wanted 4" in edited.apply(tmp_path / "out", status=5)
    assert not (tmp_path / "out").exists()


def test_another_tree_than_the_recorded_one_is_not_written(edited: Place, tmp_path: Path) -> None:
    (patch,) = edited.set.glob("*.patch")
    replaced_patch(edited, patch.read_bytes().replace(b"+line 50 on mlu", b"+line 50 on you"))
    assert "makes the tree" in edited.apply(tmp_path / "out", status=5)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hook", "symlink_absolute", "gitlink", "setuid", "gitmodules", "filter", "newline"])
def test_a_hostile_patch_in_a_set_is_refused_before_anything_is_written(
    edited: Place, tmp_path: Path, name: str
) -> None:
    replaced_patch(edited, CORPUS[name].make())
    before = everything(edited.clone)
    told = edited.apply(tmp_path / "out", status=5)
    assert f"refused ({CORPUS[name].reason})" in told
    assert CORPUS[name].reason in edited.check(status=5)
    assert not (tmp_path / "out").exists()
    assert everything(edited.clone) == before


def test_a_patch_through_a_symlink_of_the_base_is_refused(edited: Place, tmp_path: Path) -> None:
    replaced_patch(edited, new_file("link/x"))
    assert "through-symlink" in edited.apply(tmp_path / "out", status=5)


def test_a_file_that_nobody_listed_is_told(edited: Place, tmp_path: Path) -> None:
    (edited.set / "0002-more.patch").write_bytes(new_file("x"))
    assert "unlisted-file" in edited.apply(tmp_path / "out", status=5)


def test_a_base_that_the_clone_lacks_is_named(edited: Place, tmp_path: Path) -> None:
    made_clone(tmp_path / "other", {"x": b"x"})
    where = ("--component", "flagscale", "--chip", "cambricon_mlu", "--commit", edited.base, "--to", "out")
    assert edited.base in edited.run("apply", *where, "--repo", str(tmp_path / "other"), status=5)
    assert "no folder" not in edited.run("apply", *where, "--repo", str(tmp_path), status=5)


def test_a_set_that_is_not_there_is_told_with_those_that_are(edited: Place) -> None:
    where = ("--component", "flagscale", "--chip", "cambricon_mlu", "--repo", str(edited.clone), "--to", "out")
    assert edited.base[:12] in edited.run("apply", *where, "--commit", "1234567", status=5)
    edited.run("apply", *where, "--commit", "57637057zz", status=2)
    edited.run("apply", *where, status=2)


HOSTILE_CONFIGURATION = """
[core]
    autocrlf = true
    eol = crlf
    hooksPath = {hooks}
    attributesFile = {attributes}
    excludesFile = {excludes}
    fsmonitor = {evil}
    symlinks = false
    fileMode = false
    quotePath = false
    ignoreCase = true
[apply]
    whitespace = fix
    ignoreWhitespace = change
[diff]
    noprefix = true
    mnemonicPrefix = true
    renames = copies
    external = {evil}
    algorithm = patience
[filter "evil"]
    clean = {evil}
    smudge = {evil}
    required = true
[user]
    useConfigOnly = true
[color]
    ui = always
[i18n]
    commitEncoding = latin1
[init]
    templateDir = {hooks}
"""


@pytest.fixture
def hostile(edited: Place, tmp_path: Path) -> dict[str, str]:
    """A user whose git is set to everything that could change bytes; `evil` leaves a trace when it is run."""
    user = tmp_path / "user"
    (user / "hooks").mkdir(parents=True)
    evil = user / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {user}/was-run\ncat\n")
    evil.chmod(0o755)
    for hook in ("post-checkout", "post-index-change", "pre-applypatch", "applypatch-msg", "reference-transaction"):
        (user / "hooks" / hook).write_text(evil.read_text())
        (user / "hooks" / hook).chmod(0o755)
    (user / "attributes").write_text("* text=auto eol=crlf filter=evil ident working-tree-encoding=UTF-16\n")
    (user / "excludes").write_text("*\n")
    text = HOSTILE_CONFIGURATION.format(
        hooks=user / "hooks", attributes=user / "attributes", excludes=user / "excludes", evil=evil
    )
    (user / ".gitconfig").write_text(text)
    with (edited.clone / ".git" / "config").open("a") as config:
        config.write(text)
    (edited.clone / ".git" / "info" / "attributes").write_text("* eol=crlf ident filter=evil\n")
    (edited.clone / ".git" / "info" / "grafts").write_text(f"{edited.base}\n")
    return {
        "HOME": str(user),
        "GIT_CONFIG_GLOBAL": str(user / ".gitconfig"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.autocrlf",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_DIR": str(user / "no-such-folder"),
        "GIT_INDEX_FILE": str(user / "no-such-index"),
        "GIT_EXTERNAL_DIFF": str(evil),
        "GIT_ATTR_SOURCE": "HEAD",
        "GIT_TEMPLATE_DIR": str(user / "hooks"),
        "LC_ALL": "de_DE.UTF-8",
        "LANGUAGE": "de",
        "TZ": "Asia/Shanghai",
    }


def test_the_tree_is_the_same_whatever_the_user_has_set(edited: Place, hostile: dict[str, str]) -> None:
    wanted = (edited.set / "series.yaml").read_text().partition("result_tree: ")[2][:40]
    where = ("--component", "flagscale", "--repo", str(edited.clone), "--chip", "cambricon_mlu")
    told = edited.run("apply", *where, "--commit", edited.base, "--to", str(edited.top / "out"), more=hostile)
    assert wanted in told
    assert tree_on_disk(edited.top / "out", edited.top / "scratch") == wanted
    assert wanted[:12] in edited.run("check", "--all", "--repo", f"flagscale={edited.clone}", "--anew", more=hostile)
    assert not (Path(hostile["HOME"]) / "was-run").exists()


def test_a_mailbox_is_added_the_same_whatever_the_user_has_set(edited: Place, hostile: dict[str, str]) -> None:
    (patch,) = edited.set.glob("*.patch")
    mailbox = edited.top / "mailbox"
    mailbox.write_bytes(patch.read_bytes())
    wanted = (edited.set / "series.yaml").read_text().partition("result_tree: ")[2][:40]
    where = ("--component", "flagscale", "--repo", str(edited.clone), "--chip", "cpu", "--base", edited.base)
    assert wanted in edited.run("add", *where, *FACTS, "--mailbox", str(mailbox), more=hostile)
    assert not (Path(hostile["HOME"]) / "was-run").exists()


def test_attributes_in_the_tree_change_no_byte(place: Place, tmp_path: Path) -> None:
    write(
        place.clone, {".gitattributes": b"*.txt text eol=crlf\n*.py ident\n", "id.py": b"$Id$\n", "lf.txt": b"a\nb\n"}
    )
    base = commit(place.clone, "attributes")
    write(place.clone, {"id.py": b"$Id$\nx\n"})
    place.add("--base", base)
    where = ("--component", "flagscale", "--repo", str(place.clone), "--chip", "cambricon_mlu", "--commit", base)
    place.run("apply", *where, "--to", str(tmp_path / "out"))
    assert (tmp_path / "out" / "id.py").read_bytes() == b"$Id$\nx\n"
    assert (tmp_path / "out" / "lf.txt").read_bytes() == b"a\nb\n"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bare", "worktree", "shallow", "alternates", "packed", "below"])
def test_every_kind_of_clone_will_do(place: Place, tmp_path: Path, kind: str) -> None:
    edit(place.clone)
    place.add("--base", place.base)
    run_git("stash", "--include-untracked", at=place.clone)
    other = tmp_path / "other"
    if kind == "worktree":
        run_git("worktree", "add", "--quiet", "--detach", str(other), at=place.clone)
    elif kind == "packed":
        run_git("gc", "--quiet", at=place.clone)
        other = place.clone
    elif kind == "below":
        other = place.clone / "flagscale"
    else:
        options = {"bare": ["--bare"], "shallow": ["--depth=1"], "alternates": ["--shared"]}[kind]
        run_git("clone", "--quiet", *options, f"file://{place.clone}" if kind == "shallow" else str(place.clone),
                str(other), at=tmp_path)  # fmt: skip
    where = ("--component", "flagscale", "--chip", "cambricon_mlu", "--commit", place.base, "--to", "out")
    place.run("apply", *where, "--repo", str(other))
