"""What is left after a cut, a kill and beside another process; figures of what is sent again."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flagrelease.errors import SourceError
from tests.mirrors.conftest import Forge, many, source, unseen
from tests.mirrors.server import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BRINGS = """
import os, sys
from pathlib import Path
from flagrelease.adapters.mirrors.mirrors import Mirrors
from flagrelease.domain.component import GitSource

say = lambda text: print(text, flush=True)
mirrors = Mirrors(Path(sys.argv[1]), environ=os.environ, say=say)
mirrors.bring(GitSource(kind="git", repository="own/repo"), sys.argv[2], lambda done, total: None)
"""


def start(forge: Forge, commit: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", BRINGS, str(forge.home), commit],
        env={**forge.environ(), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def wanted_twice(forge: Forge) -> int:
    """Files that were asked for more than once."""
    every = [want for one in forge.server.fetches for want in one.wants]
    return len(every) - len(set(every))


def test_a_cut_connection_loses_one_part_and_the_same_run_goes_on(forge: Forge) -> None:
    commit = forge.make("own/repo", many(1500, 300))
    forge.server.of("/own/").cuts = [None, None, 100_000]
    forge.bring(source(), commit)
    assert any("tried again" in line for line in forge.said)
    assert [len(one.wants) for one in forge.server.fetches] == [1, 256, 512, 512, 732]
    assert forge.mirrors().missing(source(), commit) == ()


def test_what_was_cut_for_good_is_gone_on_with_by_the_next_run_which_says_what_is_here(forge: Forge) -> None:
    commit = forge.make("own/repo", many(1500, 300))
    forge.server.of("/own/").cuts = [None, None, 100_000, 0, 0]
    with pytest.raises(SourceError, match="nobody gave"):
        forge.bring(source(), commit)
    assert forge.mirrors().missing(source(), commit) == (f"own/repo: 1244 of 1500 files of commit {commit}",)
    forge.server.asked.clear()
    forge.bring(source(), commit)
    assert any("256 of 1500 files" in line and "earlier run" in line for line in forge.said)
    assert sum(len(one.wants) for one in forge.server.fetches) == 1244


def test_a_mirror_goes_on_where_the_first_was_cut(forge: Forge) -> None:
    files = many(1500, 300)
    commit = forge.make("own/repo", files)
    forge.make("copy/repo", files)
    forge.server.of("/own/").cuts = [None, None, 0, 0, 0]
    forge.bring(source(mirrors=[{"forge": "gitee", "repository": "copy/repo"}]), commit)
    assert sum(len(one.wants) for one in forge.server.fetches if one.path.startswith("/copy/")) == 1244


def test_after_a_kill_nothing_is_taken_for_whole_and_one_part_at_most_is_sent_again(forge: Forge) -> None:
    commit = forge.make("own/repo", many(1500, 300))
    forge.server.of("/own/").pause_at = 3
    running = start(forge, commit)
    wait_until(forge.server.paused.is_set)
    running.kill()
    running.communicate()
    assert len(forge.mirrors().missing(source(), commit)) == 1
    with pytest.raises(SourceError):
        forge.mirrors(offline=True).repository(source(), commit)
    forge.server.go_on.set()
    forge.server.of("/own/").pause_at = None
    forge.bring(source(), commit)
    assert forge.mirrors().missing(source(), commit) == ()
    assert wanted_twice(forge) <= 512


def test_locks_and_cut_packs_of_a_killed_git_are_no_obstacle(forge: Forge) -> None:
    first = forge.make("own/repo", {"a": b"1"})
    forge.bring(source(), first)
    mirror = forge.mirrors().repository(source(), first).common
    (mirror / "shallow.lock").write_bytes(b"")
    (mirror / "objects" / "pack" / "tmp_pack_Ab12Cd").write_bytes(b"PACK")
    second = forge.make("own/repo", {"a": b"2"})
    forge.bring(source(), second)
    assert forge.mirrors().missing(source(), second) == ()
    assert not list(mirror.glob("objects/pack/tmp_*"))


def test_of_two_processes_one_fetches_and_the_other_waits_and_says_for_whom(forge: Forge) -> None:
    commit = forge.make("own/repo", many(300))
    forge.server.of("/own/").pause_at = 1
    first = start(forge, commit)
    wait_until(forge.server.paused.is_set)
    second = start(forge, commit)
    assert second.stdout is not None
    line = second.stdout.readline()
    assert line.startswith(f"waiting for process {first.pid} ")
    assert line.endswith("which works on own/repo\n")
    forge.server.go_on.set()
    told = [first.communicate()[0], second.communicate()[0]]
    assert [first.returncode, second.returncode] == [0, 0], told
    assert wanted_twice(forge) == 0


def test_two_threads_bring_two_commits_of_one_repository(forge: Forge) -> None:
    commits = [forge.make("own/repo", many(100, seed=seed)) for seed in (1, 2)]
    mirrors = forge.mirrors()
    threads = [threading.Thread(target=mirrors.bring, args=(source(), one, unseen)) for one in commits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [mirrors.missing(source(), one) for one in commits] == [(), ()]
