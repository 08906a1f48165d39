"""A harness as a program: its environment by real pip, its work across kills, its key nowhere."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.harnesses.runner import HostHarnesses
from flagrelease.domain.harness import Harness, PinnedHarness
from flagrelease.errors import FlagReleaseError, SourceError, ToolError
from flagrelease.formats.requirements import Pin
from flagrelease.harness_ports import HarnessOrder, HarnessResult
from tests.harnesses.askit import make_wheel

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KEY = "canary-askit-4711"
RECIPE = {
    "schema": "flagrelease.harness/v1", "name": "askit", "title": "Askit", "version": "1.0", "reads": "flagrelease",
    "runs": {"kind": "environment", "requirements": "askit.lock"},
    "argv": ("-m", "askit", "{{ tasks }}", "{{ output }}"),
    "secrets": {"askit_key": {"variable": "ASKIT_KEY", "needed": "judge", "why": "to see where it goes"}},
    "progress": (r"asked (?P<done>\d+)/(?P<total>\d+)",),
    "resume": {"how": "answers are lines", "keeps": "output", "begun": "answers.jsonl", "lines": ("answers.jsonl",)},
}  # fmt: skip


@dataclass
class Bench:
    """A store, a folder of wheels, and the lock of the one harness."""

    home: Path
    wheels: Path
    lock: bytes
    said: list[str]

    def harness_file(self, path: str, *, sha256: str) -> bytes:
        assert (path, sha256) == ("askit.lock", hashlib.sha256(self.lock).hexdigest())
        return self.lock

    def pinned(self) -> PinnedHarness:
        return PinnedHarness(
            harness=Harness.model_validate(RECIPE), requirements_sha256=hashlib.sha256(self.lock).hexdigest()
        )

    def host(self, *, offline: bool = False, fresh: bool = False, **environ: str) -> HostHarnesses:
        pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_CONFIG_FILE": os.devnull}
        given = {"PATH": os.environ["PATH"], "UNRELATED": "mine", **pip, **environ}
        return HostHarnesses(self.home, self, environ=given, offline=offline, say=self.said.append, fresh=fresh)

    def order(
        self, host: HostHarnesses, key: str, *, items: int = 8, pause: float = 0.0, judged: bool = False, **files: bytes
    ) -> HarnessOrder:
        digest = hashlib.sha256(key.encode()).hexdigest()
        place = host.place(self.pinned(), digest)
        rows = b"".join(json.dumps({"id": f"i{n}"}).encode() + b"\n" for n in range(items))
        return HarnessOrder(
            harness=self.pinned(), key=digest,
            argv=("-m", "askit", str(place.tasks), str(place.output), str(pause)),
            env={"ASKIT_MODE": "plain"}, files={"items.jsonl": rows, **files}, items=items, judged=judged,
            log=self.home / f"{key}.log",
        )  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    top = tmp_path_factory.mktemp("harness")
    (top / "wheels").mkdir()
    pin = make_wheel(top / "wheels")
    made = Bench(home=top / "home", wheels=top / "wheels", lock=pin.lines().encode(), said=[])
    made.host().bring(made.pinned(), lambda _done, _total: None)
    return made


def nothing(_done: int, _total: int) -> None:
    pass


def left(result: HarnessResult) -> dict[str, Any]:
    """What it wrote of itself."""
    with result.results.open("settings.json") as file:
        found: dict[str, Any] = json.load(file)
    return found


def soon(condition: Callable[[], object], within_s: float = 30) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_an_environment_is_made_once_and_then_needs_no_network(bench: Bench) -> None:
    (made,) = [path for path in (bench.home / "harnesses").iterdir() if path.is_dir()]
    before = (made / "made.json").stat().st_mtime_ns
    bench.host(offline=True, PIP_FIND_LINKS="/nowhere").bring(bench.pinned(), nothing)
    assert (made / "made.json").stat().st_mtime_ns == before
    assert made.name.startswith(hashlib.sha256(bench.lock).hexdigest())


def test_without_network_a_missing_environment_is_an_error_with_what_to_do(bench: Bench, tmp_path: Path) -> None:
    apart = Bench(home=tmp_path, wheels=bench.wheels, lock=bench.lock, said=[])
    with pytest.raises(SourceError, match="Askit is not in the store") as caught:
        apart.host(offline=True).bring(apart.pinned(), nothing)
    assert "without --offline" in caught.value.hint


def test_a_package_that_is_not_the_one_locked_makes_no_environment(bench: Bench, tmp_path: Path) -> None:
    wrong = Pin(name="askit", version="1.0", marker="", hashes=("0" * 64,)).lines().encode()
    apart = Bench(home=tmp_path, wheels=bench.wheels, lock=wrong, said=[])
    with pytest.raises(SourceError, match="Askit: pip cannot install its lock") as caught:
        apart.host().bring(apart.pinned(), nothing)
    assert caught.value.log is not None
    assert [path for path in (tmp_path / "harnesses").iterdir() if path.is_dir()] == []


def test_it_runs_with_its_own_environment_and_tells_how_far_it_is(bench: Bench) -> None:
    host, heard = bench.host(), []
    order = bench.order(host, "plain", items=5)
    result = host.run(order, lambda done, total: heard.append((done, total)))
    assert (result.starts, heard[-1]) == (1, (5, 5))
    settings = left(result)
    assert "UNRELATED" not in settings["env"]
    assert not [name for name in settings["env"] if name.startswith(("PIP_", "FLAGRELEASE_"))]
    assert str(ROOT) not in settings["path"]
    again = host.run(order, nothing)
    assert left(again)["pid"] == settings["pid"], "done once"
    host.tidy()
    assert not (bench.home / "evaluations" / order.key).exists()


KILLED = """
import sys
from pathlib import Path
from tests.harnesses.test_runner import Bench, nothing
home, wheels, lock = map(Path, sys.argv[1:4])
bench = Bench(home=home, wheels=wheels, lock=lock.read_bytes(), said=[])
host = bench.host()
host.run(bench.order(host, "killed", items=12, pause=0.2), nothing)
"""


def test_after_kill_9_it_goes_on_with_whole_lines_only_and_asks_nothing_twice(bench: Bench, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_bytes(bench.lock)
    argv = [sys.executable, "-c", KILLED, str(bench.home), str(bench.wheels), str(lock)]
    caller = subprocess.Popen(argv, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    host = bench.host()
    key = bench.order(host, "killed").key
    answers = bench.home / "evaluations" / key / "output" / "answers.jsonl"
    assert soon(lambda: answers.is_file() and answers.read_bytes().count(b"\n") >= 3)
    pid = json.loads((answers.parent / "settings.json").read_text())["pid"]
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    assert soon(lambda: not Path(f"/proc/{pid}").exists()), "it ended with its caller"
    kept = answers.read_bytes().count(b"\n")
    with answers.open("ab") as file:
        file.write(b'{"id": "i11", "ask')

    heard: list[tuple[int, int]] = []
    assert host.place(bench.pinned(), key).resumed
    result = host.run(bench.order(host, "killed", items=12), lambda *both: heard.append(both))
    with result.results.open("answers.jsonl") as file:
        rows = [json.loads(line) for line in file]
    assert [row["id"] for row in rows] == [f"i{n}" for n in range(12)]
    assert sum(row["asked_by"] == pid for row in rows) == kept
    assert result.starts == 2
    assert heard[0][0] == kept + 1
    assert heard[-1] == (12, 12)


def test_what_was_kept_is_thrown_away_when_asked_to(bench: Bench) -> None:
    first = bench.host()
    first.run(bench.order(first, "fresh"), nothing)
    host = bench.host(fresh=True)
    order = bench.order(host, "fresh")
    result = host.run(order, nothing)
    assert (result.starts, result.is_fresh) == (1, True)


def test_a_key_reaches_the_harness_and_is_struck_out_of_all_that_it_says_and_writes(bench: Bench) -> None:
    host = bench.host(FLAGRELEASE_SECRET_ASKIT_KEY=KEY)
    order = bench.order(host, "keys", judged=True)
    result = host.run(order, nothing)
    settings = left(result)
    assert settings["key"] == "*" * len(KEY)
    assert "key ***" in order.log.read_text()
    for file in bench.home.rglob("*"):
        if file.is_file() and not file.is_symlink():
            assert KEY.encode() not in file.read_bytes(), file
    assert any("struck out of `output/settings.json`" in one for one in bench.said)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "FLAGRELEASE_SECRET_ASKIT_KEY: to see where it goes"),
        ({"FLAGRELEASE_SECRET_ASKIT_KEY": "two words"}, "wanted 4 to 4096 printable characters"),
        ({"FLAGRELEASE_SECRET_ASKIT_KEY": ""}, "wanted 4 to 4096 printable characters"),
        ({"FLAGRELEASE_SECRET_ASKIT_KEY_FILE": "/nowhere/key"}, "`/nowhere/key` cannot be read"),
    ],
)
def test_a_key_that_is_missing_or_no_key_is_told_before_anything_runs(
    bench: Bench, environ: dict[str, Any], words: str
) -> None:
    with pytest.raises(ToolError) as caught:
        bench.host(**environ).check(bench.pinned(), judged=True)
    assert words in caught.value.message
    assert "two words" not in caught.value.message + caught.value.hint


def test_a_key_may_come_out_of_a_file_and_is_not_wanted_without_a_judge(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    bench.host(FLAGRELEASE_SECRET_ASKIT_KEY_FILE=str(tmp_path / "key")).check(bench.pinned(), judged=True)
    bench.host().check(bench.pinned(), judged=False)


def test_a_harness_that_fails_is_an_error_with_the_end_of_what_it_said(bench: Bench) -> None:
    host = bench.host()
    with pytest.raises(ToolError, match="Askit ended with status 1") as caught:
        host.run(bench.order(host, "fails", fail=b""), nothing)
    assert "askit: told to fail" in caught.value.message
    assert caught.value.log is not None


def test_two_at_once_on_one_task_answer_it_once(bench: Bench) -> None:
    results: list[Any] = []

    def one() -> None:
        host = bench.host()
        try:
            results.append(host.run(bench.order(host, "twice", pause=0.05), nothing).starts)
        except FlagReleaseError as error:
            results.append(error)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [1, 1]
