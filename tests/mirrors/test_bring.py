"""A commit into the store: whole, in parts, from whoever has it, and without a question when it is here."""

import subprocess
import time
from pathlib import Path

import pytest

from flagrelease.adapters.git.run import git
from flagrelease.errors import SourceError, ToolError
from tests.mirrors.conftest import Forge, many, source, unseen
from tests.patching.vendor import run_git, tree_of, tree_on_disk

pytestmark = pytest.mark.slow


def test_a_commit_comes_without_its_history_and_its_tree_is_the_one_upstream_has(forge: Forge, tmp_path: Path) -> None:
    forge.make("own/repo", {"old": b"gone later"})
    first = forge.make("own/repo", {"a": b"1", "b/c": b"2"})
    forge.make("own/repo", {"a": b"3"})
    forge.bring(source(), first)
    folder = forge.written(source(), first, tmp_path / "out")
    assert tree_on_disk(folder, tmp_path / "scratch") == tree_of(forge.top("own/repo"), first)
    mirror = forge.mirrors().repository(source(), first)
    assert mirror.is_shallow
    assert mirror.revision(f"{first}^") is None
    assert git("fsck", "--full", at=mirror.common, extra={"GIT_DIR": str(mirror.common)}).status == 0


def test_when_all_is_here_nobody_is_asked_and_it_takes_milliseconds(forge: Forge) -> None:
    commit = forge.make("own/repo", many())
    forge.bring(source(), commit)
    forge.server.asked.clear()
    mirrors = forge.mirrors()
    begin = time.perf_counter()
    for _ in range(10):
        mirrors.bring(source(), commit, unseen)
    assert (time.perf_counter() - begin) / 10 < 0.01
    assert mirrors.missing(source(), commit) == ()
    assert forge.server.asked == []


def test_files_come_in_parts_and_each_is_asked_for_once(forge: Forge) -> None:
    commit = forge.make("own/repo", many())
    forge.bring(source(), commit)
    wants = [one.wants for one in forge.server.fetches]
    assert wants[0] == [commit]
    assert [len(part) for part in wants[1:]] == [256, 444]
    assert len({want for part in wants for want in part}) == 701


def test_a_second_commit_asks_only_for_files_that_are_new(forge: Forge) -> None:
    first = forge.make("own/repo", many())
    second = forge.make("own/repo", {"new": b"new"})
    forge.bring(source(), first)
    forge.server.asked.clear()
    forge.bring(source(), second)
    assert forge.server.fetches[0].wants == [second]
    assert [len(one.wants) for one in forge.server.fetches] == [1, 1]
    assert len(list((forge.home / "git").iterdir())) == 1


def test_how_far_it_is_is_told_in_files(forge: Forge) -> None:
    commit = forge.make("own/repo", many())
    seen: list[tuple[int, int]] = []
    forge.mirrors().bring(source(), commit, lambda done, total: seen.append((done, total)))
    assert seen == [(0, 700), (256, 700), (700, 700)]


def test_a_commit_that_nobody_has_is_named_with_all_who_were_asked_and_what_they_said(forge: Forge) -> None:
    forge.make("own/repo", {"a": b"1"})
    gone = "0123456789" * 4
    wanted = source(mirrors=[{"forge": "gitee", "repository": "own/none"}])
    with pytest.raises(SourceError) as caught:
        forge.bring(wanted, gone)
    lines = caught.value.message.splitlines()
    assert lines[0] == f"own/repo: nobody gave the commit {gone}"
    assert lines[1].startswith(f"  {forge.server.url}/own/repo.git: it has no such commit (")
    assert lines[2].startswith(f"  {forge.server.url}/own/none.git: ")
    assert "not found" in lines[2]
    assert "mirrors" in caught.value.hint
    assert len(forge.mirrors().missing(wanted, gone)) == 1


@pytest.mark.parametrize("status", [404, 403, 500, 503])
def test_a_repository_that_does_not_answer_is_said_and_its_mirror_is_asked(forge: Forge, status: int) -> None:
    commit = forge.make("own/repo", {"a": b"1"})
    forge.server.of("/bad/").status = status
    wanted = source("bad/repo", mirrors=[{"forge": "gitee", "repository": "own/repo"}])
    forge.bring(wanted, commit)
    assert any(str(status) in line and "next mirror" in line for line in forge.said) or status == 404
    assert forge.mirrors().missing(wanted, commit) == ()


def test_a_server_that_stalls_is_given_up(forge: Forge) -> None:
    commit = forge.make("own/repo", {"a": b"1"})
    forge.server.of("/own/").stalls = True
    begin = time.monotonic()
    with pytest.raises(SourceError, match="too slow"):
        forge.mirrors(stall_s=1).bring(source(), commit, unseen)
    assert time.monotonic() - begin < 15


def test_a_server_that_cannot_leave_files_out_gives_all_at_once_which_is_said(forge: Forge) -> None:
    commit = forge.make("own/repo", many(50))
    run_git("config", "uploadpack.allowFilter", "false", at=forge.top("own/repo"))
    forge.bring(source(), commit)
    assert any("cannot leave files out" in line for line in forge.said)
    assert len(forge.server.fetches) == 1
    assert forge.mirrors().missing(source(), commit) == ()


@pytest.mark.parametrize("filters", ["true", "false"])
def test_a_server_that_gives_no_commit_by_its_id_gives_its_branches(forge: Forge, filters: str) -> None:
    first = forge.make("own/repo", {"a": b"0", "b": b"of the first alone"})
    for number in range(1, 8):
        forge.make("own/repo", {"a": b"%d" % number, "b": b"later"}, subject=str(number))
    run_git("config", "uploadpack.allowFilter", filters, at=forge.top("own/repo"))
    forge.server.of("/own/").old = True
    forge.bring(source(), first)
    assert any("gives no commit by its id" in line for line in forge.said)
    assert forge.mirrors().missing(source(), first) == ()


def test_a_server_that_gives_a_tip_but_no_file_by_its_id_gives_all_at_once(forge: Forge) -> None:
    commit = forge.make("own/repo", many(50))
    forge.server.of("/own/").old = True
    forge.bring(source(), commit)
    assert any("no file by its id" in line for line in forge.said)
    assert forge.mirrors().missing(source(), commit) == ()


def test_a_commit_on_no_branch_of_a_server_without_ids_is_named(forge: Forge) -> None:
    first = forge.make("own/repo", {"a": b"0"})
    run_git("commit", "--quiet", "--amend", "-m", "again", at=forge.top("own/repo"))
    forge.server.of("/own/").old = True
    with pytest.raises(SourceError, match="no such commit on any branch or tag"):
        forge.bring(source(), first)


def test_what_is_changed_on_the_way_is_not_taken(forge: Forge) -> None:
    commit = forge.make("own/repo", many(50))
    forge.server.of("/own/").flip = 40_000
    with pytest.raises(SourceError, match="nobody gave"):
        forge.bring(source(), commit)
    assert forge.mirrors().missing(source(), commit) != ()
    with pytest.raises(SourceError, match="is not in"):
        forge.mirrors().repository(source(), commit)
    forge.server.of("/own/").flip = None
    forge.bring(source(), commit)
    assert forge.mirrors().missing(source(), commit) == ()


def test_a_pack_that_was_cut_short_on_the_disk_is_not_taken_for_whole(forge: Forge) -> None:
    commit = forge.make("own/repo", many(300))
    forge.bring(source(), commit)
    mirror = forge.mirrors().repository(source(), commit).common
    largest = max(mirror.glob("objects/pack/*.pack"), key=lambda path: path.stat().st_size)
    largest.chmod(0o644)
    largest.write_bytes(largest.read_bytes()[:1000])
    assert forge.mirrors().missing(source(), commit) != ()
    forge.bring(source(), commit)
    assert forge.mirrors().missing(source(), commit) == ()


def test_offline_asks_nobody_and_lists_what_is_not_here(forge: Forge) -> None:
    commit = forge.make("own/repo", {"a": b"1"})
    with pytest.raises(SourceError) as caught:
        forge.mirrors(offline=True).bring(source(), commit, unseen)
    assert f"own/repo: commit {commit}" in caught.value.message
    assert "--offline" in caught.value.hint
    assert forge.server.asked == []
    assert not (forge.home / "git").exists()
    forge.bring(source(), commit)
    forge.server.asked.clear()
    forge.mirrors(offline=True).bring(source(), commit, unseen)
    assert forge.server.asked == []


def test_the_id_of_a_tag_is_not_that_of_a_commit(forge: Forge) -> None:
    forge.make("own/repo", {"a": b"1"})
    run_git("tag", "-a", "v1", "-m", "one", at=forge.top("own/repo"))
    tag = run_git("rev-parse", "v1", at=forge.top("own/repo"))
    with pytest.raises(SourceError, match="is a tag") as caught:
        forge.bring(source(), tag)
    assert "{commit}" in caught.value.hint


def test_a_machine_without_git_is_told_so(forge: Forge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="wanted git"):
        forge.bring(source(), "0" * 40)


def test_a_git_that_is_too_old_is_told_so(forge: Forge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\necho git version 2.25.1\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"wanted git 2.31 or later, found 'git version 2.25.1'"):
        forge.bring(source(), "0" * 40)


def test_a_full_disk_is_an_error_to_act_on_and_leaves_nothing_that_is_taken_for_whole(
    forge: Forge, tmp_path: Path
) -> None:
    commit = forge.make("own/repo", many(900, 4000))
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", small], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        forge.home = small / "home"
        with pytest.raises(ToolError, match="no room") as caught:
            forge.bring(source(), commit)
        assert "gc" in caught.value.hint
        assert len(forge.mirrors().missing(source(), commit)) == 1
        assert not list((forge.home / "git").glob("*/objects/pack/tmp_*"))
    finally:
        subprocess.run(["umount", small], check=True)
