"""Sets are made from what vendors have: checkouts, commits, mails. Authors stay; what no patch may be is refused."""

import base64
import json
from pathlib import Path

import pytest

from flagrelease.domain.patch_series import Series
from flagrelease.formats.strict import decode_yaml
from tests.patching.conftest import FACTS, Place
from tests.patching.hostile_patches import CORPUS
from tests.patching.test_apply import everything
from tests.patching.vendor import commit, edit, run_git, tree_of, write


def series(place: Place) -> Series:
    """The set as it is written."""
    return decode_yaml((place.set / "series.yaml").read_bytes(), Series, source="series.yaml")


def test_a_checkout_becomes_one_patch_with_every_kind_of_change(edited: Place) -> None:
    (patch,) = edited.set.glob("*.patch")
    text = patch.read_bytes().decode("latin-1")
    for word in (
        "deleted file mode 100644", "new file mode 100644", "rename from flagscale/old_name.py", "old mode 100755",
        "GIT binary patch", "new file mode 120000",
    ):  # fmt: skip
        assert word in text
    assert edited.add("--base", edited.base, status=5).startswith("error: there is nothing to add")


def test_commits_become_a_patch_each_with_their_authors(place: Place) -> None:
    write(place.clone, {"a.py": b"a\n"})
    run_git("add", "-A", at=place.clone)
    who = {
        "GIT_AUTHOR_NAME": "Zoë 张",
        "GIT_AUTHOR_EMAIL": "z@v.example",
        "GIT_AUTHOR_DATE": "2024-12-31T23:00:00+0800",
    }
    run_git("commit", "-q", "-m", "Add a: for the MLU/C++\n\nWhy it is there.", at=place.clone, **who)
    edit(place.clone)
    commit(place.clone, "All the rest")
    place.add("--range", f"{place.base}..HEAD")
    first, second = series(place).patches
    assert (first.file, second.file) == ("0001-Add-a-for-the-MLU-C.patch", "0002-All-the-rest.patch")
    assert (first.author, str(first.date), first.subject) == (
        "Zoë 张 <z@v.example>", "2024-12-31", "Add a: for the MLU/C++",
    )  # fmt: skip
    assert b"Date: Tue, 31 Dec 2024 23:00:00 +0800" in (place.set / first.file).read_bytes()
    assert "Why it is there." in (place.set / first.file).read_text()
    assert series(place).result_tree == tree_of(place.clone)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["plain", "bare diff", "base64"])
def test_a_mailbox_makes_the_same_tree(place: Place, tmp_path: Path, encoding: str) -> None:
    edit(place.clone)
    commit(place.clone, "Vendor's change äöü")
    mailbox = tmp_path / "mailbox"
    text = run_git("format-patch", "--stdout", "--binary", f"{place.base}..HEAD", at=place.clone) + "\n"
    data = text.encode("utf-8", "surrogateescape")
    if encoding == "bare diff":
        data = data[data.index(b"diff --git") :].split(b"\n-- \n")[0] + b"\n"
    if encoding == "base64":
        head, _, body = data.partition(b"\n\n")
        head = head.replace(b"Content-Transfer-Encoding: 8bit", b"Content-Transfer-Encoding: base64")
        data = head + b"\n\n" + base64.encodebytes(body)
    mailbox.write_bytes(data)
    place.add("--base", place.base, "--mailbox", str(mailbox))
    assert series(place).result_tree == tree_of(place.clone)
    assert encoding == "bare diff" or series(place).patches[0].subject == "Vendor's change äöü"


def test_a_set_is_extended_by_what_the_checkout_has_more(edited: Place) -> None:
    write(edited.clone, {"more.py": b"more\n"})
    told = json.loads(edited.add("--base", edited.base, "--subject", "One more", "--json"))
    assert told["new"] == ["0002-One-more.patch"]
    assert b"mlu" not in (edited.set / "0002-One-more.patch").read_bytes()
    commit(edited.clone)
    assert told["tree"] == tree_of(edited.clone)


def test_facts_that_are_not_given_stay_as_they_were(edited: Place) -> None:
    write(edited.clone, {"more.py": b"more\n"})
    where = ("--component", "flagscale", "--repo", str(edited.clone), "--chip", "cambricon_mlu")
    edited.run("add", *where, "--base", edited.base, "--owner", "another@example.com")
    assert (series(edited).owner, series(edited).why) == ("another@example.com", "the MLU has no CUDA")


def test_a_new_set_without_its_facts_is_not_written(place: Place) -> None:
    edit(place.clone)
    where = ("--component", "flagscale", "--repo", str(place.clone), "--chip", "cambricon_mlu")
    told = place.run("add", *where, status=5)
    assert all(f"{key}: Field required" in told for key in ("why", "owner", "upstream", "remove_when", "task"))
    assert not place.patches.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hook", "setuid", "symlink_absolute", "gitmodules", "newline"])
def test_a_hostile_mail_makes_no_set(place: Place, tmp_path: Path, name: str) -> None:
    (tmp_path / "mail").write_bytes(CORPUS[name].make())
    told = place.add("--mailbox", str(tmp_path / "mail"), status=5)
    assert f"refused ({CORPUS[name].reason})" in told
    assert not place.patches.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reason", "name", "content"),
    [
        ("gitmodules", ".gitmodules", b"[submodule]\n"),
        ("attributes", ".gitattributes", b"* filter=lfs\n"),
        ("control-character", "a\nb", b"x"),
        ("backslash", "a\\b", b"x"),
    ],
)
def test_a_checkout_with_what_no_patch_may_have_is_refused(
    place: Place, reason: str, name: str, content: bytes
) -> None:
    (place.clone / name).write_bytes(content)
    assert reason in place.add(status=5)


def test_a_repository_in_the_checkout_is_refused(place: Place) -> None:
    inner = place.clone / "inner"
    inner.mkdir()
    run_git("init", "-q", at=inner)
    write(inner, {"x": b"x"})
    commit(inner)
    assert "gitlink" in place.add(status=5)


def test_a_merge_is_refused_by_name(place: Place) -> None:
    run_git("checkout", "-q", "-b", "side", at=place.clone)
    write(place.clone, {"side": b"x"})
    commit(place.clone, "side")
    run_git("checkout", "-q", "main", at=place.clone)
    write(place.clone, {"main": b"x"})
    commit(place.clone, "main")
    run_git("merge", "-q", "-m", "both", "side", at=place.clone)
    assert "is a merge" in place.add("--range", f"{place.base}..HEAD", status=5)


@pytest.mark.slow
def test_a_range_or_mailbox_that_is_none_is_told(place: Place, tmp_path: Path) -> None:
    assert "wanted a range of commits" in place.add("--range", "HEAD", status=5)
    assert "has no commit" in place.add("--range", "HEAD..HEAD", status=5)
    assert "there is no mailbox" in place.add("--mailbox", str(tmp_path / "none"), status=5)
    (tmp_path / "words").write_text("hello\n")
    assert "no-git-diff" in place.add("--mailbox", str(tmp_path / "words"), status=5)


@pytest.mark.parametrize("autocrlf", ["true", "input"])
def test_line_ends_are_taken_as_the_users_git_takes_them(place: Place, autocrlf: str) -> None:
    run_git("config", "core.autocrlf", autocrlf, at=place.clone)
    readme = place.clone / "README.md"
    readme.write_bytes(readme.read_bytes().replace(b"\n", b"\r\n") + b"more\r\n")
    place.add("--base", place.base)
    (patch,) = place.set.glob("*.patch")
    added = [line for line in patch.read_bytes().splitlines(keepends=True) if line.startswith(b"+")]
    assert added == [b"+++ b/README.md\n", b"+more\n"]


def test_what_is_ignored_is_left_out(place: Place) -> None:
    write(place.clone, {"build/x": b"x", "own/x": b"x", "new.py": b"x\n"})
    (place.clone / ".git/info/exclude").write_text("own/\n")
    place.add("--base", place.base)
    (patch,) = place.set.glob("*.patch")
    assert [line for line in patch.read_text().splitlines() if line.startswith("diff")] == [
        "diff --git a/new.py b/new.py"
    ]


def test_the_clone_stays_as_it_is_and_needs_no_name(place: Place) -> None:
    edit(place.clone)
    before = everything(place.clone)
    place.add("--base", place.base)
    assert everything(place.clone) == before


@pytest.mark.slow
def test_the_ledger_has_every_set_with_its_facts(place: Place) -> None:
    write(place.clone, {"a.py": b"a\n"})
    commit(place.clone, "a")
    place.add("--range", f"{place.base}..HEAD", "--model", "MiniCPM-o 2.6")
    told = place.run("status")
    assert "remove when: FlagScale has a plugin for the MLU" in told
    assert "vendor@example.com" in told
    (entry,) = json.loads(place.run("status", "--json"))["sets"]
    assert entry["age_days"] > 500
    assert (entry["upstream"], entry["models"], entry["patches"]) == ("none", ["MiniCPM-o 2.6"], 1)
    assert "there are no sets" in place.run("status", "--chip", "cambricon_mlu", "--component", "vllm")


def test_a_chip_is_meant_by_its_alias_and_one_that_no_recipe_has_is_refused(place: Place) -> None:
    (place.clone / "README.md").write_bytes(b"changed\n")
    where = ("--component", "flagscale", "--repo", str(place.clone), "--base", place.base, *FACTS)
    assert "cambricon_mlu:" in place.run("add", *where, "--chip", "cambricon_MLU")
    assert "unknown chip `cambricom_mlu`" in place.run("add", *where, "--chip", "cambricom_mlu", status=3)
