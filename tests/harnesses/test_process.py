"""A program on a tether ends with whoever asked for it, and with all that it started."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flagrelease.adapters.process import run_program
from flagrelease.errors import ToolError

ROOT = Path(__file__).parents[2]
CHILD = "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(60)"
NEST = (
    "import os, subprocess, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n');"
    f"subprocess.Popen([sys.executable, '-c', {CHILD!r}, sys.argv[1]]); time.sleep(60)"
)
ASK = (
    "import sys;from pathlib import Path;from flagrelease.adapters.process import run_program;"
    "run_program([sys.executable,'-c',sys.argv[1],sys.argv[2]],log=None,timeout_s=60,tethered=True)"
)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition: object, within_s: float = 20) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def test_a_killed_caller_takes_the_program_and_its_children_along(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    pids.touch()
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    caller = subprocess.Popen([sys.executable, "-c", ASK, NEST, str(pids)], env=env)
    assert wait_for(lambda: len(pids.read_text().split()) == 2)
    children = [int(pid) for pid in pids.read_text().split()]
    assert all(map(alive, children))
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    assert wait_for(lambda: not any(map(alive, children)))


def test_the_exit_status_and_a_signal_come_through_the_tether(tmp_path: Path) -> None:
    def status(code: str) -> int:
        return run_program([sys.executable, "-c", code], log=None, timeout_s=60, tethered=True).returncode

    assert status("raise SystemExit(7)") == 7
    assert status("import os,signal;os.kill(os.getpid(),signal.SIGTERM)") == 128 + signal.SIGTERM
    missing = run_program([str(tmp_path / "nothing")], log=None, timeout_s=60, tethered=True)
    assert missing.returncode == 127
    assert "No such file" in missing.tail


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(ToolError, match="did not end within 3 s"):
        run_program([sys.executable, "-c", NEST, str(pids)], log=None, timeout_s=3, tethered=True)
    assert wait_for(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))


def test_what_is_heard_comes_line_by_line_and_no_secret_is_in_the_log(tmp_path: Path) -> None:
    heard: list[str] = []
    code = "import os;print('1 of 2\\r2 of 2');print('key',os.environ['KEY'])"
    done = run_program(
        [sys.executable, "-c", code],
        log=tmp_path / "log",
        timeout_s=60,
        env={"KEY": "canary-77"},
        heard=heard.append,
        secrets=["canary-77"],
        tethered=True,
    )
    assert heard == ["1 of 2", "2 of 2", "key ***"]
    assert "canary-77" not in (tmp_path / "log").read_text() + done.tail
