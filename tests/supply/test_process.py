import os
import sys
import time
from pathlib import Path

import pytest

from flagrelease.adapters.process import run_program
from flagrelease.errors import ToolError


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_log_begins_with_the_exact_command_and_holds_both_outputs(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)"
    done = run_program(python(code), log=log, timeout_s=60)
    assert done.returncode == 3
    assert done.stdout == "out\n"
    assert sorted(done.tail.splitlines()) == ["err", "out"]
    lines = log.read_text().splitlines()
    assert lines[0].startswith(f"$ {sys.executable} -c 'import sys; ")
    assert sorted(lines[1:]) == ["err", "out"]


def test_the_log_is_written_while_the_program_runs(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = (
        "import pathlib, sys, time; print('now', flush=True)\n"
        "while 'now\\n' not in pathlib.Path(sys.argv[1]).read_text().splitlines(True): time.sleep(0.01)\n"
    )
    assert run_program([*python(code), str(log)], log=log, timeout_s=20).returncode == 0


def test_a_missing_program_is_a_tool_error() -> None:
    with pytest.raises(ToolError, match="`no-such-program` is not on this machine"):
        run_program(["no-such-program"], log=None, timeout_s=60)


def test_a_file_that_may_not_be_run_is_a_tool_error(tmp_path: Path) -> None:
    (tmp_path / "program").write_text("")
    with pytest.raises(ToolError, match="may not be run"):
        run_program([str(tmp_path / "program")], log=None, timeout_s=60)


def test_a_program_that_does_not_end_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        "import os, pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(pids)!r}).write_text(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(60)\n"
    )
    with pytest.raises(ToolError, match="did not end within 1 s"):
        run_program(python(code), log=None, timeout_s=1)
    for pid in pids.read_text().split():
        assert _ends(int(pid))


def test_a_stray_child_that_holds_the_outputs_open_is_ended() -> None:
    code = "import subprocess; subprocess.Popen(['sleep', '60']); print('done')"
    started = time.monotonic()
    assert run_program(python(code), log=None, timeout_s=60).stdout == "done\n"
    assert time.monotonic() - started < 30


def test_the_environment_and_the_folder_are_those_given(tmp_path: Path) -> None:
    code = "import os; print(os.getcwd(), os.environ.get('A'), os.environ.get('HOME'))"
    done = run_program(python(code), log=None, timeout_s=60, env={"A": "b"}, cwd=tmp_path)
    assert done.stdout == f"{tmp_path} b None\n"


def _ends(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False
