"""The same without root: an unpacked image runs for a user who has no privilege at all."""

import os
import subprocess
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2]
NOBODY = 65534

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")]

SCRIPT = """
import os, sys
from pathlib import Path
from flagrelease.engines.embedded.launch import Program, launched, trial
folder = Path(sys.argv[1])
assert os.geteuid() == 65534
trial(folder)
root = folder / "rootfs"
(root / "etc").mkdir(parents=True)
(root / "etc/name").write_text("image")
mounts = []
for name in ("/usr", "/lib", "/lib64"):
    at = Path(name)
    if at.is_symlink():
        (root / at.name).symlink_to(at.readlink())
    else:
        mounts.append((at, name))
argv = ("/usr/bin/env", "-i", "/usr/bin/cat", "/etc/name", "/proc/self/uid_map", "/etc/passwd")
with launched(Program(rootfs=root, argv=argv, env={}, mounts=tuple(mounts)), log=folder / "log") as contained:
    status = contained.launcher.wait(30)
assert status == 1, status
print((folder / "log").read_text())
argv = ("/usr/bin/sleep", "600")
with launched(Program(rootfs=root, argv=argv, env={}, mounts=tuple(mounts)), log=folder / "log") as contained:
    assert contained.processes() == (contained.pid,), contained.processes()
    from flagrelease.engines.embedded.memory import memory_of
    assert memory_of(contained.processes()) > 0
    contained.launcher.kill()
    contained.launcher.wait()
    import time
    for _ in range(200):
        if not contained.processes():
            break
        time.sleep(0.02)
    assert contained.processes() == ()
"""


def test_an_ordinary_user_runs_an_image_and_sees_nothing_of_the_host(tmp_path: Path) -> None:
    # Below a folder of root's own a user cannot look: pytest's is one.
    folder = Path(subprocess.run(["mktemp", "-d"], check=True, capture_output=True, text=True).stdout.strip())
    python = subprocess.run(["which", "-a", "python3"], check=True, capture_output=True, text=True).stdout.split()
    usable = [name for name in python if runs_as_nobody(name)]
    if not usable:
        pytest.skip("no Python of this machine can be run by another user")
    copy = folder / "code"
    copy.mkdir()
    subprocess.run(["cp", "-r", str(PACKAGE / "flagrelease"), str(copy)], check=True)
    work = folder / "work"
    work.mkdir()
    os.chown(work, NOBODY, NOBODY)
    subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)
    try:
        done = subprocess.run(
            [
                "setpriv",
                "--reuid",
                str(NOBODY),
                "--regid",
                str(NOBODY),
                "--clear-groups",
                usable[0],
                "-c",
                SCRIPT,
                work,
            ],
            env={"PYTHONPATH": str(copy), "PATH": os.environ["PATH"]},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "image" in done.stdout
        assert f"0      {NOBODY}          1" in done.stdout
        assert "/etc/passwd: No such file" in done.stdout
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


def runs_as_nobody(name: str) -> bool:
    code = "import sys; sys.exit(sys.version_info < (3, 11))"
    argv = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", name, "-c", code]
    return subprocess.run(argv, check=False, cwd="/", capture_output=True).returncode == 0
