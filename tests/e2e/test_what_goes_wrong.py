"""What a person sees when something is wrong, and what is left behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sysconfig
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.e2e.project import CHIP, HOLD, MODEL, ROOT, Project, make_project

pytestmark = pytest.mark.slow

NO_NAMESPACES = 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"'
SMALL_DISK = """
mount -t tmpfs -o size=120m tmpfs "$1"; disk=$1; shift
"$@"; echo "first $?"
mount -o remount,size=1g "$disk"
"$@"; echo "second $?"
"""


def edit_lock(project: Project, name: str, **changes: str) -> None:
    """Change one Debian package of the lock."""
    path = project.recipes / "bundles" / CHIP / f"{MODEL}.lock.json"
    lock = json.loads(path.read_text())
    for package in lock["variants"]["llamacpp"]["base"]["packages"]:
        if package["name"] == name:
            package.update(changes)
    path.write_text(json.dumps(lock))


def in_user_namespace(script: str, argv: list[str], project: Project, *, mount: bool = False) -> str:
    """Run a script as the root of a new user namespace; both outputs."""
    words = ["unshare", "--user", "--map-root-user", *(["--mount"] if mount else []), "sh", "-c", script, "sh", *argv]
    done = subprocess.run(words, env=project.env(), cwd=project.folder, capture_output=True, text=True, check=False)
    return f"{done.stdout}{done.stderr}exit {done.returncode}"


def test_a_wrong_hash_ends_with_5_and_names_the_file(project: Project) -> None:
    edit_lock(project, "libkeyutils1", sha256="0" * 64)
    done = project.call("build")
    assert done.returncode == 5
    assert "libkeyutils1" in done.stderr
    assert not list(project.home.glob(f"blobs/sha256/00/{'0' * 62}"))


def test_a_package_that_the_mirror_no_longer_serves_ends_with_5_and_the_command_that_helps(project: Project) -> None:
    edit_lock(project, "libmd0", sha256="1" * 64, path="pool/main/libm/libmd/libmd0_0.0.1-1_amd64.deb")
    done = project.call("build")
    assert done.returncode == 5
    assert "libmd0" in done.stderr
    assert "lock --upgrade debian" in done.stderr


def test_a_full_disk_names_the_stage_and_the_path_and_the_next_run_completes(tmp_path: Path) -> None:
    home = tmp_path / "small"
    home.mkdir()
    project = make_project(tmp_path / "project", home)
    argv = [str(home), *project.argv("build", "--until", "build")]
    said = in_user_namespace(SMALL_DISK, argv, project, mount=True)
    assert "first 10" in said
    assert re.search(rf"^error: (fetch|build): no room .*{re.escape(str(home))}", said, re.MULTILINE)
    assert re.search(r"(fetch|build): failed", said)
    assert "second 0" in said


def test_without_user_namespaces_it_says_which_setting_forbids_them(project: Project) -> None:
    said = in_user_namespace(NO_NAMESPACES, project.argv("build"), project)
    assert said.endswith("exit 10")
    assert "user.max_user_namespaces" in said
    assert "log:" not in said, "the trial's log is gone by then"


def test_run_serves_until_interrupted_and_leaves_no_process(built: Project) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = built.start("run", "--port", str(port))
    try:
        models = _get_json(f"http://127.0.0.1:{port}/v1/models", within_s=60)
        assert models["data"][0]["id"] == MODEL
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.wait()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_run_on_a_taken_port_says_who_has_it(built: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = built.call("run", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 10
    assert f"pid {os.getpid()}" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="the whole suite already runs as an ordinary user")
def test_an_ordinary_user_builds_and_proves_the_same_image(built: Project, tmp_path: Path) -> None:
    # pytest's own folders are closed to others.
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    try:
        project = make_project(folder / "project", folder / "home")
        subprocess.run(["chown", "-R", "65534:65534", str(folder)], check=True)
        user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        _, *words = project.argv("build", "--until", "smoke_serving")
        # The interpreter of the tests may lie in a folder of root's; Debian's is for everybody.
        argv = [*user, "/usr/bin/python3", *words]
        paths = [str(ROOT), sysconfig.get_path("purelib")]
        environment = {**project.env(), "HOME": str(folder), "PYTHONPATH": os.pathsep.join(paths)}
        reaches = [*argv[: argv.index("-m")], "-c", "import flagrelease.cli.app, pydantic, requests, yaml"]
        if subprocess.run(reaches, env=environment, cwd="/", capture_output=True, check=False).returncode != 0:
            pytest.skip("an ordinary user cannot read this checkout, or Debian's Python is another than the tests'")
        done = subprocess.run(argv, env=environment, cwd=project.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert project.image() == built.image()
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_a_server_that_dies_while_it_is_asked_ends_with_7_and_the_next_build_goes_on(project: Project) -> None:
    process = project.start("build")
    _wait_for(lambda: any(e["stage"] == "evaluate" and e["kind"] == "progress" for e in project.events()))
    for server in psutil.Process(process.pid).children(recursive=True):
        server.kill()
    assert process.wait(120) == 7
    done = project.call("build")
    assert done.returncode == HOLD, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_says_so_leaves_no_process_and_goes_on(project: Project, number: int) -> None:
    process = project.start("build")
    _wait_for(lambda: any(e["stage"] == "smoke_serving" and e["kind"] == "progress" for e in project.events()))
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    assert process.wait(60) == 130
    assert not any(child.is_running() for child in children)
    log = next(project.folder.glob("build-*.log")).read_text()
    assert "interrupted: finished stages are kept" in log
    assert project.events()[-1]["kind"] == "failed"
    assert project.call("build", "--until", "smoke_serving").returncode == 0


def test_what_cannot_be_written_is_named_without_a_traceback(project: Project, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    for words, environment in (((), {"FLAGRELEASE_HOME": str(in_the_way)}), (("--out", str(in_the_way)), {})):
        project.environment = environment
        done = project.call("build", *words)
        assert done.returncode == 10
        assert str(in_the_way) in done.stderr
        assert "Traceback" not in done.stderr


def test_closed_streams_are_no_bug(project: Project) -> None:
    words = ["sh", "-c", '"$@" 2>&-', "sh", *project.argv("build", "--until", "patch")]
    assert (
        subprocess.run(words, env=project.env(), cwd=project.folder, capture_output=True, check=False).returncode == 0
    )


def _wait_for(condition: Callable[[], bool], within_s: float = 120) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _get_json(url: str, *, within_s: float) -> dict[str, list[dict[str, str]]]:
    deadline = time.monotonic() + within_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                found: dict[str, list[dict[str, str]]] = json.load(answer)
                return found
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
