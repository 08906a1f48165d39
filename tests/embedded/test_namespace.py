"""What runs in an image sees the image and nothing of the host, and does not outlive whoever started it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flagrelease.engines.embedded.launch import Contained, Program, launched, refused, trial
from flagrelease.engines.embedded.memory import memory_of
from flagrelease.errors import SmokeError, ToolError

PYTHON = os.path.realpath(sys.executable)
HOSTS_FOLDERS = ("/usr", "/lib", "/lib64", "/bin", sys.base_prefix)


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    """An image without a program of its own: tests show it the host's."""
    root = tmp_path / "rootfs"
    (root / "etc").mkdir(parents=True)
    (root / "etc/os-release").write_text("NAME=image\n")
    (root / "opt/bundle/weights").mkdir(parents=True)
    (root / "opt/bundle/weights/w.bin").write_bytes(b"weights")
    (root / "top").write_text("a file at the top\n")
    (root / "link").symlink_to("opt/bundle")
    return root


def programs_of_the_host(root: Path) -> tuple[tuple[Path, str], ...]:
    mounts: list[tuple[Path, str]] = []
    for name in HOSTS_FOLDERS:
        folder = Path(name)
        if folder.is_symlink():
            if not (root / folder.name).is_symlink():
                (root / folder.name).symlink_to(folder.readlink())
        elif folder.is_dir() and not any(folder.is_relative_to(inside) for _, inside in mounts):
            mounts.append((folder, name))
    return tuple(mounts)


def python(root: Path, code: str, **more: object) -> Program:
    mounts = (*programs_of_the_host(root), *more.pop("mounts", ()))  # type: ignore[misc]
    return Program(rootfs=root, argv=(PYTHON, "-I", "-S", "-u", "-c", code), env={"LANG": "C.UTF-8"}, mounts=mounts)


def ran(program: Program, tmp_path: Path) -> tuple[int, str]:
    log = tmp_path / "ran.log"
    log.write_bytes(b"")
    with launched(program, log=log) as contained:
        status = contained.launcher.wait(30)
    return status, log.read_text()


def told(root: Path, tmp_path: Path, expression: str, **more: object) -> object:
    """The value of a Python expression inside the image."""
    code = f"import json, os; print(json.dumps({expression}))"
    status, text = ran(python(root, code, **more), tmp_path)
    assert status == 0, text
    return json.loads(text)


def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def running(program: Program, log: Path) -> Iterator[Contained]:
    """A contained program that has said `up`."""
    log.write_bytes(b"")
    with launched(program, log=log) as contained:
        assert eventually(lambda: "up" in log.read_text()), log.read_text()
        yield contained


SLEEPER = "import time; print('up'); time.sleep(600)"


# What is seen ----------------------------------------------------------------------------------------


def test_a_file_of_the_host_cannot_be_seen_by_any_way_known(rootfs: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("only on the host")
    above = "/".join([".."] * 30)
    ways = [
        str(secret),
        f"/proc/1/root{secret}",
        f"/proc/self/root{secret}",
        f"/proc/self/cwd/{above}{secret}",
        f"/{above}{secret}",
        f"/proc/1/cwd/{above}{secret}",
        f"/old{secret}",
        f"/mnt{secret}",
    ]
    code = f"""
import os
for way in {ways!r}:
    assert not os.path.lexists(way), way
for fd in os.listdir("/proc/self/fd"):
    try:
        to = os.readlink("/proc/self/fd/" + fd)
    except OSError:
        continue
    assert to.startswith(("/proc", "/dev/null")) or fd in "12", (fd, to)
    try:
        os.stat("/proc/self/fd/" + fd + {str(secret)!r})
    except (FileNotFoundError, NotADirectoryError):
        continue
    raise SystemExit(f"{{fd}} {{to}}")
"""
    assert ran(python(rootfs, code), tmp_path) == (0, "")


def test_the_old_root_is_not_among_the_mounts(rootfs: Path, tmp_path: Path) -> None:
    lines = told(rootfs, tmp_path, "open('/proc/self/mountinfo').read().splitlines()")
    assert isinstance(lines, list)
    places = [line.split()[4] for line in lines]
    assert places.count("/") == 1
    hosts = {mount[1] for mount in programs_of_the_host(rootfs)}
    assert [p for p in places if not p.startswith(("/dev", "/proc", "/tmp", "/etc", "/opt", "/top")) and p != "/"] == [
        p for p in places if p in hosts
    ]


def test_an_inherited_descriptor_does_not_get_inside(rootfs: Path, tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)  # noqa: FBT003 - positional only
        assert told(rootfs, tmp_path, "sorted(map(int, os.listdir('/proc/self/fd')))") == [0, 1, 2, 3]


def test_the_image_is_shown_with_its_files_folders_and_links(rootfs: Path, tmp_path: Path) -> None:
    assert told(rootfs, tmp_path, "open('/etc/os-release').read()") == "NAME=image\n"
    assert told(rootfs, tmp_path, "open('/top').read()") == "a file at the top\n"
    assert told(rootfs, tmp_path, "open('/link/weights/w.bin').read()") == "weights"


def test_the_environment_is_the_images_and_nothing_else(rootfs: Path, tmp_path: Path) -> None:
    assert told(rootfs, tmp_path, "dict(os.environ)") == {"LANG": "C.UTF-8"}


def test_other_processes_of_the_host_cannot_be_seen(rootfs: Path, tmp_path: Path) -> None:
    assert told(rootfs, tmp_path, "[n for n in os.listdir('/proc') if n.isdigit()]") == ["1"]


def test_it_has_root_inside_no_capability_and_cannot_gain_one(rootfs: Path, tmp_path: Path) -> None:
    status = told(rootfs, tmp_path, "open('/proc/self/status').read()")
    assert isinstance(status, str)
    found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert found["Uid"].split() == ["0"] * 4
    assert {found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert found["NoNewPrivs"] == "1"


def test_every_namespace_but_the_networks_is_its_own(rootfs: Path, tmp_path: Path) -> None:
    names = ("user", "mnt", "pid", "ipc", "uts", "net")
    inside = told(rootfs, tmp_path, f"{{n: os.readlink('/proc/self/ns/' + n) for n in {names!r}}}")
    assert isinstance(inside, dict)
    assert [name for name in names if inside[name] == str(Path("/proc/self/ns", name).readlink())] == ["net"]


def test_it_cannot_make_a_user_namespace_of_its_own(rootfs: Path, tmp_path: Path) -> None:
    code = "import ctypes; print(ctypes.CDLL(None, use_errno=True).unshare(0x10000000), ctypes.get_errno())"
    assert ran(python(rootfs, code), tmp_path) == (0, "-1 28\n")


def test_it_has_no_terminal(rootfs: Path, tmp_path: Path) -> None:
    assert told(rootfs, tmp_path, "[os.path.lexists('/dev/tty'), os.getsid(0), os.isatty(0)]") == [False, 1, False]


# What is written ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/new",
        "/etc/os-release",
        "/opt/new",
        "/opt/bundle/weights/w.bin",
        "/top",
        "/dev/new",
        "/shown/file",
        "/proc/sys/kernel/core_pattern",
        "/proc/sysrq-trigger",
        "/proc/self/oom_score_adj",
    ],
)
def test_it_cannot_write(rootfs: Path, tmp_path: Path, path: str) -> None:
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown/file").write_text("host")
    code = f"open({path!r}, 'a').write('x')"
    status, text = ran(python(rootfs, code, mounts=((tmp_path / "shown", "/shown"),)), tmp_path)
    assert status == 1
    assert "Read-only file system" in text or "Permission denied" in text or "No such file" in text
    assert (tmp_path / "shown/file").read_text() == "host"
    assert (rootfs / "etc/os-release").read_text() == "NAME=image\n"


@pytest.mark.parametrize("path", ["/tmp/new", "/dev/shm/new", "/dev/null"])
def test_it_can_write(rootfs: Path, tmp_path: Path, path: str) -> None:
    assert told(rootfs, tmp_path, f"open({path!r}, 'w').write('xy')") == 2
    assert not (rootfs / path.lstrip("/")).exists()


def test_a_mount_point_that_the_image_lacks_is_made_without_touching_the_image(rootfs: Path, tmp_path: Path) -> None:
    before = sorted(str(path) for path in rootfs.rglob("*"))
    (tmp_path / "second.gguf").write_bytes(b"second")
    mounts = (
        (tmp_path / "second.gguf", "/opt/bundle/second/deep/second.gguf"),
        (tmp_path / "second.gguf", "/opt/bundle/serve.json"),
        (tmp_path, "/elsewhere"),
    )
    found = told(
        rootfs,
        tmp_path,
        "[open(p).read() for p in ('/opt/bundle/second/deep/second.gguf', '/opt/bundle/serve.json',"
        " '/elsewhere/second.gguf', '/opt/bundle/weights/w.bin')]",
        mounts=mounts,
    )
    assert found == ["second", "second", "second", "weights"]
    after = sorted(str(path) for path in rootfs.rglob("*") if path.name not in {"bin", "lib", "lib64"})
    assert after == before


@pytest.mark.parametrize("inside", ["/tmp/x", "/dev/x", "/proc/x", "relative", "/a/../b", "/"])
def test_a_mount_point_that_would_not_be_seen_is_refused(rootfs: Path, tmp_path: Path, inside: str) -> None:
    program = Program(rootfs=rootfs, argv=(), env={}, mounts=((tmp_path, inside),))
    with pytest.raises(ToolError, match="cannot be shown at"), launched(program, log=tmp_path / "log"):
        pass


def test_a_mount_point_below_a_link_of_the_image_is_refused(rootfs: Path, tmp_path: Path) -> None:
    program = Program(rootfs=rootfs, argv=(), env={}, mounts=((tmp_path, "/link/below"),))
    with pytest.raises(ToolError, match="symbolic link in the image"), launched(program, log=tmp_path / "log"):
        pass


# How it ends ----------------------------------------------------------------------------------------


def test_its_exit_status_comes_out(rootfs: Path, tmp_path: Path) -> None:
    assert ran(python(rootfs, "raise SystemExit(42)"), tmp_path)[0] == 42


def test_a_program_killed_by_a_signal_ends_with_128_and_the_signal(rootfs: Path, tmp_path: Path) -> None:
    with running(python(rootfs, SLEEPER), tmp_path / "log") as contained:
        os.kill(contained.pid, signal.SIGKILL)
        assert contained.launcher.wait(10) == 128 + signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_launcher_reaches_the_first_process(
    rootfs: Path, tmp_path: Path, number: signal.Signals
) -> None:
    code = f"""
import signal, sys, time
signal.signal({int(number)}, lambda *_: sys.exit(7))
print('up'); time.sleep(600)
"""
    with running(python(rootfs, code), tmp_path / "log") as contained:
        contained.launcher.send_signal(number)
        assert contained.launcher.wait(10) == 7
        assert contained.processes() == ()


def test_a_program_that_ignores_sigterm_is_killed_in_the_end(rootfs: Path, tmp_path: Path) -> None:
    with running(python(rootfs, SLEEPER), tmp_path / "log") as contained:
        assert contained.stop(0.3) is None
        assert not contained.alive()
        assert contained.processes() == ()


def test_leaving_the_block_ends_every_process_of_it(rootfs: Path, tmp_path: Path) -> None:
    code = "import os, time\nfor _ in range(3): os.fork()\nos.setsid() if os.getpid() > 1 else None\n" + SLEEPER
    with running(python(rootfs, code), tmp_path / "log") as contained:
        assert eventually(lambda: len(contained.processes()) == 8)
    assert contained.processes() == ()


def test_kill_minus_nine_of_the_launcher_leaves_no_process(rootfs: Path, tmp_path: Path) -> None:
    code = "import os\nfor _ in range(2): os.fork()\n" + SLEEPER
    with running(python(rootfs, code), tmp_path / "log") as contained:
        assert eventually(lambda: len(contained.processes()) == 4)
        contained.launcher.kill()
        assert eventually(lambda: contained.processes() == ())


def test_kill_minus_nine_of_the_caller_leaves_no_process(rootfs: Path, tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from flagrelease.engines.embedded.launch import Program, launched
mounts = tuple((Path(host), inside) for host, inside in {[(str(h), i) for h, i in programs_of_the_host(rootfs)]!r})
argv = ({PYTHON!r}, "-I", "-S", "-u", "-c", {SLEEPER!r})
program = Program(rootfs=Path({str(rootfs)!r}), argv=argv, env={{}}, mounts=mounts)
with launched(program, log=Path({str(tmp_path / "log")!r})) as contained:
    print(contained.pidns, flush=True)
    contained.launcher.wait()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdout is not None
        namespace = int(caller.stdout.readline())
        assert members(namespace) != []
        caller.kill()
    assert eventually(lambda: members(namespace) == [])


def members(namespace: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "ns/pid").stat().st_ino == namespace:
                found.append(int(entry.name))
    return found


def test_a_server_inside_answers_on_the_hosts_loopback(rootfs: Path, tmp_path: Path) -> None:
    code = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print("up", server.getsockname()[1])
server.accept()[0].sendall(b"hello")
"""
    log = tmp_path / "log"
    with running(python(rootfs, code), log) as contained:
        with socket.create_connection(("127.0.0.1", int(log.read_text().split()[1])), timeout=10) as client:
            assert client.recv(5) == b"hello"
        assert contained.launcher.wait(10) == 0


def test_memory_counts_what_the_processes_hold_and_what_lies_in_memory_files(rootfs: Path, tmp_path: Path) -> None:
    code = """
import time
held = b"x" * (64 << 20)
open("/dev/shm/file", "wb").write(b"y" * (32 << 20))
""" + SLEEPER.replace("'up'", "len(held), 'up'")
    with running(python(rootfs, code), tmp_path / "log") as contained:
        found = memory_of(contained.processes())
        assert 96 << 20 <= found < 150 << 20
    assert memory_of(contained.processes()) == 0


# What is said when it is refused ----------------------------------------------------------------------------------


def test_the_trial_of_this_machine_leaves_nothing_behind(tmp_path: Path) -> None:
    trial(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("argv", [("/no/such/program",), ("/top",)])
def test_a_program_that_cannot_be_started_is_the_images_fault(
    rootfs: Path, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    program = Program(rootfs=rootfs, argv=argv, env={})
    with pytest.raises(SmokeError, match=f"the image cannot start {argv[0]}: "), launched(program, log=tmp_path / "l"):
        pass


@pytest.mark.parametrize(
    ("setting", "value", "hint"),
    [
        ("kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=15000"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"),
        ("kernel/unprivileged_userns_clone", "1", "seccomp=unconfined"),
    ],
)
def test_a_refused_namespace_names_the_setting_that_refuses_it(
    rootfs: Path, tmp_path: Path, setting: str, value: str, hint: str
) -> None:
    (tmp_path / "sys" / setting).parent.mkdir(parents=True)
    (tmp_path / "sys" / setting).write_text(f"{value}\n")
    report = {"step": "user namespace", "errno": 1, "detail": "Operation not permitted"}
    program = Program(rootfs=rootfs, argv=("/x",), env={})
    error = refused(report, program, log=tmp_path / "log", sysctl=tmp_path / "sys")
    assert isinstance(error, ToolError)
    assert error.message == "an image cannot be run here: user namespace: Operation not permitted"
    assert hint in error.hint
    assert "\n" not in error.message + error.hint
