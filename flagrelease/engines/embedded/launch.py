"""The host's side of the launcher: start it, know what runs inside, end it, say why it was refused."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flagrelease.engines.embedded.log_tail import tail_of
from flagrelease.errors import FlagReleaseError, SmokeError, ToolError

LAUNCHER = Path(__file__).with_name("namespace.py")
_SET_UP_WITHIN_S = 60.0
_REAPED_WITHIN_S = 10.0
_OWN_FOLDERS = ("dev", "proc", "tmp")


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run inside an image. `mounts` are (host path, path inside), shown read-only."""

    rootfs: Path
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str = "/"
    mounts: tuple[tuple[Path, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Contained:
    """A running image. `pid` is the host's pid of its first process, `pidns` the inode of its pid namespace."""

    launcher: "subprocess.Popen[bytes]"
    pid: int
    pidns: int
    first: int
    """A descriptor of the first process (pidfd_open(2)), so that no other process can be hit."""

    def processes(self) -> tuple[int, ...]:
        """Host pids of every process in the container."""
        names = (entry.name for entry in Path("/proc").iterdir())
        return tuple(pid for pid in map(int, filter(str.isdigit, names)) if _pidns(pid) == self.pidns)

    def alive(self) -> bool:
        """Whether the first process still runs."""
        return self.launcher.poll() is None

    def stop(self, within_s: float) -> int | None:
        """SIGTERM to the first process; its exit status, or None when it had to be killed after `within_s` seconds."""
        if self.alive():
            self.launcher.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.launcher.wait(within_s)
        self.kill()
        return None

    def kill(self) -> None:
        """End every process of the container: the kernel takes the others along with the first."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.first, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.launcher.wait(_REAPED_WITHIN_S)
            return
        self.launcher.kill()
        self.launcher.wait()


@contextlib.contextmanager
def launched(program: Program, *, log: Path) -> Iterator[Contained]:
    """Run `program` in namespaces of its own; leaving the block ends every process of it.

    The launcher dies with the thread that entered the block (PR_SET_PDEATHSIG), and all inside with the launcher.

    Raises:
        ToolError: This machine refuses a namespace, a mount, or the image's files may not be run.
        SmokeError: The image has no such program, or it is not one.
    """
    _check_mounts(program.mounts)
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(log.open("ab"))
        hearing, telling = os.pipe()
        stack.callback(os.close, hearing)
        try:
            launcher = _start(program, sink.fileno(), telling)
        finally:
            os.close(telling)
        stack.callback(_ended, launcher)
        told = _report(hearing)
        if "child" not in told or "step" in told:
            launcher.wait()
            raise refused(told, program, log=log)
        first = _pidfd(int(str(told["child"])))
        if first is not None:
            stack.callback(os.close, first)
        contained = Contained(
            launcher=launcher,
            pid=int(str(told["child"])),
            pidns=int(str(told["pidns"])),
            first=-1 if first is None else first,
        )
        stack.callback(_ended_first, contained)
        yield contained


def trial(within: Path) -> None:
    """Make every namespace and mount once, with an empty image; raises ToolError when this machine refuses one."""
    with tempfile.TemporaryDirectory(dir=within, prefix="trial-") as folder:
        rootfs, log = Path(folder, "rootfs").resolve(), Path(folder, "log")
        rootfs.mkdir()
        try:
            with launched(Program(rootfs=rootfs, argv=(), env={}), log=log) as contained:
                code = contained.launcher.wait(_SET_UP_WITHIN_S)
        except ToolError as error:
            # Its log goes with the folder, so what stands in it is told here.
            raise ToolError(f"{error.message}{tail_of(log)}", hint=error.hint) from error
        if code != 0:
            raise ToolError(f"the trial of a user namespace ended with status {code}", hint="see the kernel's log")


def refused(
    told: Mapping[str, object], program: Program, *, log: Path, sysctl: Path = Path("/proc/sys")
) -> FlagReleaseError:
    """The error for a launcher's report. `sysctl` is where the kernel shows its settings."""
    step, detail = str(told.get("step", "start the launcher")), str(told.get("detail", "it ended without a report"))
    if step.startswith("start "):
        if os.statvfs(program.rootfs).f_flag & os.ST_NOEXEC:
            hint = "set FLAGRELEASE_HOME to a folder on a file system that is not mounted noexec"
            return ToolError(f"no program can be run from {program.rootfs}: {detail}", hint=hint)
        return SmokeError(f"the image cannot {step}: {detail}", hint="see the bundle's `entrypoint`", log=log)
    return ToolError(f"an image cannot be run here: {step}: {detail}", hint=_hint(step, sysctl), log=log)


def _hint(step: str, sysctl: Path) -> str:
    settings = (
        ("kernel/unprivileged_userns_clone", "0", "1"),
        ("user/max_user_namespaces", "0", "15000"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
    )
    for name, refuses, allows in settings:
        with contextlib.suppress(OSError):
            if (sysctl / name).read_text().strip() == refuses:
                setting = name.replace("/", ".")
                return f"{setting} is {refuses} here: ask for `sysctl {setting}={allows}`"
    if step.startswith("mount proc"):
        return "this container hides parts of /proc: start it with `--security-opt systempaths=unconfined`"
    return "in a chroot or container, run on the host, or start it with `--security-opt seccomp=unconfined`"


def _check_mounts(mounts: Sequence[tuple[Path, str]]) -> None:
    taken: list[PurePosixPath] = []
    for host, inside in mounts:
        place = PurePosixPath(inside)
        parts = place.parts[1:]
        if not inside.startswith("/") or not parts or ".." in parts or parts[0] in _OWN_FOLDERS:
            raise ToolError(f"{host} cannot be shown at {inside}", hint="mount below another folder of the image")
        if any(place.is_relative_to(other) or other.is_relative_to(place) for other in taken):
            raise ToolError(
                f"{host} cannot be shown at {inside}, inside or around another mount", hint="mount them apart"
            )
        if not host.exists():
            raise ToolError(f"{host} is to be shown at {inside} but is not there", hint="run the stage before again")
        taken.append(place)


def _start(program: Program, log: int, report: int) -> "subprocess.Popen[bytes]":
    spec = {
        "rootfs": str(program.rootfs.resolve()),
        "mounts": [[str(host.resolve()), str(PurePosixPath(inside))] for host, inside in program.mounts],
        "argv": list(program.argv),
        "env": dict(program.env),
        "cwd": program.cwd,
        "parent": os.getpid(),
        "report": report,
    }
    # The spec goes by an inherited file without a name: nothing is left behind, and it has no length limit.
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(spec).encode())
        file.seek(0)
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), f"/proc/self/fd/{file.fileno()}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={},
            pass_fds=(report, file.fileno()),
            start_new_session=True,
        )


def _report(hearing: int) -> dict[str, object]:
    heard, deadline = b"", time.monotonic() + _SET_UP_WITHIN_S
    while True:
        ready, _, _ = select.select([hearing], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return {"step": "set up", "detail": f"it was not done within {_SET_UP_WITHIN_S:.0f} s"}
        piece = os.read(hearing, 65536)
        if not piece:
            break
        heard += piece
    told: dict[str, object] = {}
    for line in heard.splitlines():
        told.update(json.loads(line))
    return told


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _pidns(pid: int) -> int:
    """The inode of a process's pid namespace; 0 for one that has gone or belongs to somebody else."""
    try:
        return Path(f"/proc/{pid}/ns/pid").stat().st_ino
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0


def _ended_first(contained: Contained) -> None:
    if contained.alive():
        contained.kill()


def _ended(launcher: "subprocess.Popen[bytes]") -> None:
    if launcher.poll() is None:
        launcher.kill()
    launcher.wait()
