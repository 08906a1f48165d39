"""A check says what is true of each set, touches no clone, and does nothing twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.git.repository import repository_at
from flagrelease.adapters.patches.checks import CheckCache, check_set
from flagrelease.adapters.patches.sets import StoredSet, stored_sets
from flagrelease.patching.report import Applies
from tests.patching.conftest import FACTS, Place
from tests.patching.test_apply import everything
from tests.patching.vendor import commit, edit, made_clone, run_git, write


def finding(place: Place, *more: str, status: int = 0) -> dict[str, Any]:
    """What is found of the one set there is."""
    told = json.loads(place.check("--json", *more, status=status))
    found = told["sets"][0]["finding"]
    assert isinstance(found, dict)
    return found


@pytest.fixture
def one_line(place: Place) -> Place:
    """A set that changes line 50, in a clone that is clean again."""
    train = place.clone / "flagscale/train.py"
    before = train.read_bytes()
    train.write_bytes(before.replace(b"line 50\n", b"line 50 on mlu\n"))
    place.add("--base", place.base)
    train.write_bytes(before)
    return place


def test_a_set_applies_to_its_base_and_the_clone_stays_as_it_is(edited: Place) -> None:
    before = everything(edited.clone)
    found = finding(edited)
    assert found["state"] == "applies"
    assert everything(edited.clone) == before


def test_a_set_that_upstream_took_is_to_be_retired(one_line: Place) -> None:
    train = (one_line.clone / "flagscale/train.py").read_bytes()
    write(one_line.clone, {"flagscale/train.py": train.replace(b"line 50\n", b"line 50 on mlu\n")})
    commit(one_line.clone, "taken")
    assert finding(one_line, "--against", "main")["state"] == "already_upstream"
    assert "retire it" in one_line.check("--against", "main")


def test_a_set_that_still_applies_further_up_says_so(one_line: Place) -> None:
    train = (one_line.clone / "flagscale/train.py").read_bytes()
    write(one_line.clone, {"flagscale/train.py": b"new first line\n" + train})
    commit(one_line.clone, "Add a line far away")
    assert finding(one_line, "--against", "main")["state"] == "applies"


def test_a_conflict_names_hunk_place_and_the_commit_of_upstream(one_line: Place) -> None:
    train = (one_line.clone / "flagscale/train.py").read_bytes()
    write(one_line.clone, {"README.md": b"other\n"})
    commit(one_line.clone, "Change the readme")
    write(one_line.clone, {"flagscale/train.py": b"first\n" + train})
    commit(one_line.clone, "Add a first line")
    guilty = train.replace(b"line 51\n", b"line 51 is another\n")
    write(one_line.clone, {"flagscale/train.py": b"first\n" + guilty})
    culprit = commit(one_line.clone, "Change line 51")
    write(one_line.clone, {"flagscale/train.py": b"first\n" + guilty + b"last\n"})
    commit(one_line.clone, "Add a last line")
    (conflict,) = finding(one_line, "--against", "main", status=5)["conflicts"]
    assert conflict["path"] == "flagscale/train.py"
    assert conflict["hunk"] == "@@ -47,7 +47,7 @@"
    assert (conflict["found_at"], conflict["fits"], conflict["of"]) == (48, 6, 7)
    assert (conflict["wanted"], conflict["found"]) == ("line 51", "line 51 is another")
    assert conflict["nearest"] == ["line 49", "line 50", "line 51 is another", "line 52", "line 53"]
    assert conflict["upstream"] == {"id": culprit, "date": "2025-02-23", "subject": "Change line 51"}
    told = one_line.check("--against", "main", status=5)
    assert f"changed upstream by {culprit[:12]} (2025-02-23) Change line 51" in told
    assert "found:  line 51 is another" in told


def test_a_file_that_upstream_removed_names_the_commit(one_line: Place) -> None:
    (one_line.clone / "flagscale/train.py").unlink()
    culprit = commit(one_line.clone, "Drop train")
    (conflict,) = finding(one_line, "--against", "main", status=5)["conflicts"]
    assert conflict["reason"] == "the file is not there"
    assert conflict["upstream"]["id"] == culprit


def test_of_a_series_the_patches_that_upstream_has_are_named(place: Place) -> None:
    write(place.clone, {"a": b"a\n"})
    first = commit(place.clone, "first")
    write(place.clone, {"b": b"b\n"})
    commit(place.clone, "second")
    place.add("--range", f"{place.base}..HEAD")
    found = finding(place, "--against", first)
    assert (found["state"], found["retired"]) == ("applies", ["0001-first.patch"])


def test_an_unknown_base_and_a_missing_clone_are_told_apart(edited: Place, tmp_path: Path) -> None:
    made_clone(tmp_path / "other", {"x": b"x"})
    told = edited.run("check", "--repo", f"flagscale={tmp_path / 'other'}", "--anew", status=5)
    assert f"base unknown: {tmp_path / 'other'} has no commit {edited.base}" in told
    assert "no clone of the component was named" in edited.run("check", status=5)


def test_an_unknown_revision_is_an_error(edited: Place) -> None:
    assert "has no revision 'v9'" in edited.check("--against", "v9", status=5)
    assert "has no revision" in edited.check("--against", "--help", status=5)


@pytest.mark.slow
def test_one_table_has_all_chips(edited: Place) -> None:
    where = ("--component", "flagscale", "--repo", str(edited.clone), "--base", edited.base)
    for chip in ("metax_c550", "hygon_bw1000"):
        edited.run("add", *where, "--chip", chip, *FACTS)
    lines = edited.check().splitlines()
    assert lines[0].split() == ["component", "base", "chip", "at", "patches", "finding"]
    assert [line.split()[2] for line in lines[1:]] == ["cambricon_mlu", "hygon_bw1000", "metax_c550"]
    assert len(json.loads(edited.check("--json"))["sets"]) == 3
    assert "cambricon" not in edited.run("check", "--chip", "metax_C550", "--repo", str(edited.clone))


def test_what_did_not_change_is_not_applied_again(edited: Place, tmp_path: Path) -> None:
    (folder,) = [one.folder for one in stored_sets(edited.patches)]
    clone, kept = repository_at(edited.clone), CheckCache(tmp_path / "home")
    first = check_set(StoredSet(folder), clone, kept=kept)
    assert isinstance(first.finding, Applies)
    # Without its objects, git could not do it once more.
    (edited.clone / ".git" / "objects").rename(tmp_path / "objects")
    assert check_set(StoredSet(folder), clone, kept=kept) == first
    with (folder / "series.yaml").open("a") as series:
        series.write("# changed\n")
    assert check_set(StoredSet(folder), clone, kept=kept) != first


def test_a_damaged_note_costs_only_time(edited: Place, tmp_path: Path) -> None:
    edited.check()
    for path in (edited.home / "store" / "patch-checks").iterdir():
        path.write_bytes(b"{")
    assert finding(edited)["state"] == "applies"


@pytest.mark.slow
def test_whitespace_is_mended_only_where_the_set_says_so(place: Place) -> None:
    mended, strict = b"# FlagScale\nmore\n", b"# FlagScale\nmore  \n"
    (place.clone / "README.md").write_bytes(strict)
    for chip, whitespace, wanted in (("cpu", "fix", mended), ("arm", "strict", strict)):
        where = ("--component", "flagscale", "--repo", str(place.clone), "--chip", chip)
        place.run("add", *where, "--base", place.base, *FACTS, "--whitespace", whitespace)
        place.run("apply", *where, "--commit", place.base, "--to", chip)
        assert (place.top / chip / "README.md").read_bytes() == wanted


def test_every_kind_of_change_can_be_taken_back(place: Place) -> None:
    edit(place.clone)
    place.add("--base", place.base)
    commit(place.clone, "all of it")
    assert finding(place, "--against", "HEAD")["state"] == "already_upstream"


def test_a_conflict_is_told_of_the_file_that_changed_and_of_no_binary_beside_it(edited: Place) -> None:
    run_git("checkout", "--quiet", "--force", edited.base, at=edited.clone)
    run_git("clean", "--quiet", "-fd", at=edited.clone)
    write(edited.clone, {"vllm/vllm/engine.py": b"def run():\n    return 'rocm'\n"})
    commit(edited.clone, "Another chip")
    told = finding(edited, "--against", "HEAD", status=5)
    assert [one["path"] for one in told["conflicts"]] == ["vllm/vllm/engine.py"]
    write(edited.clone, {"data/blob.bin": b"\0other"})
    commit(edited.clone, "Another blob")
    told = finding(edited, "--against", "HEAD", status=5)
    assert {one["path"] for one in told["conflicts"]} == {"vllm/vllm/engine.py", "data/blob.bin"}


def test_without_any_set_a_check_says_so_and_is_no_mistake_of_the_caller(place: Place) -> None:
    assert "there are no such sets" in place.check()
