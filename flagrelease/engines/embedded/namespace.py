"""The launcher: runs one program in an unpacked image, inside namespaces of its own. A script, not a module of ours.

Started as `python -I -S namespace.py SPEC.json`; it imports the standard library only, so it starts in about 30 ms and
needs nothing that the caller installed. Written with ctypes because `os.unshare` came with Python 3.12 and mount(2),
pivot_root(2) and capset(2) have no binding at all.

What it makes (namespaces(7), user_namespaces(7), mount_namespaces(7), pivot_root(2), capabilities(7), prctl(2)):

* a user namespace whose root is the caller and nobody else, so no privilege on the host is needed or gained
* pid, ipc, uts and mount namespaces; the network is the host's, for servers on the loopback address
* the image read-only, below a read-only tmpfs that holds the mount points the image lacks (overlayfs would need
  Linux 5.11 in a user namespace; this does with 5.10); `/tmp` and `/dev/shm` fresh and writable; six devices; `/proc`
  of the new pid namespace, read-only, because for a caller who is root on the host the files of `/proc/sys` and
  `/proc/sysrq-trigger` would be the host's and writable
* the old root detached, all descriptors but 0-2 closed, a session without a terminal, no capability, no way to gain one

Why not a program that exists: bubblewrap does nearly all of this and is what to compare with, but it is not on a fresh
machine, not on the package index, and takes root to install; util-linux's `unshare` is on every machine, but chroots
instead of pivoting, keeps the capabilities, and leaves every mount to a shell script inside.

The spec: `rootfs`, `mounts` ([host path, path inside], read-only), `argv`, `env`, `cwd`, `parent` (pid of the caller),
`report` (descriptor of a pipe). An empty `argv` tries everything but the program. The report is one JSON object a line:
`{"child", "pidns"}` once the first process exists, `{"step", "errno", "detail"}` when something was refused; it ends
without the latter when the program was started. The exit status is the program's, or 128 + the signal that ended it.
"""

# Paths are strings: pathlib takes a third of the time to start, and "." is the image here.
# ruff: noqa: PTH102, PTH106, PTH112, PTH114, PTH115, PTH116, PTH118, PTH123, PTH208, PTH211
import contextlib
import ctypes
import errno
import json
import os
import signal
import stat
import sys
from typing import TypedDict

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID = 0x10000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_NOATIME, MS_NODIRATIME, MS_BIND, MS_REC, MS_PRIVATE, MS_RELATIME = 1024, 2048, 4096, 16384, 1 << 18, 1 << 21
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
LAST_CAPABILITY = 63
CAPABILITY_VERSION_3 = 0x20080522
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
NOT_STARTED = 125

DEVICES = ("null", "zero", "full", "random", "urandom")
# What the kernel keeps us from clearing on a mount that came from the host (mount_namespaces(7), locked flags).
KEPT_FLAGS = (
    (os.ST_NOEXEC, MS_NOEXEC),
    (os.ST_NOATIME, MS_NOATIME),
    (os.ST_NODIRATIME, MS_NODIRATIME),
    (os.ST_RELATIME, MS_RELATIME),
)

libc = ctypes.CDLL(None, use_errno=True)


class Spec(TypedDict):
    """What to run, see the top of this file."""

    rootfs: str
    mounts: list[tuple[str, str]]
    argv: list[str]
    env: dict[str, str]
    cwd: str
    parent: int
    report: int


class RefusedError(Exception):
    """A step that did not work, and the error number it ended with."""

    def __init__(self, step: str, number: int, detail: str = "") -> None:
        super().__init__(step)
        self.line: dict[str, object] = {"step": step, "errno": number, "detail": detail or os.strerror(number)}


def call(step: str, name: str, *arguments: object) -> int:
    """Call a function of the C library that returns -1 and sets errno."""
    result = int(getattr(libc, name)(*arguments))
    if result == -1:
        raise RefusedError(step, ctypes.get_errno())
    return result


def mounted(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Call the C library's mount; see mount(2)."""
    packed = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    call(f"mount {kind or 'bind'} on {target}", "mount", *packed, ctypes.c_ulong(flags), data and data.encode())


def bind(source: str, target: str, flags: int) -> None:
    """Show `source` at `target` with `flags`; not recursive, so that nothing mounted below it comes along writable."""
    mounted(source, target, None, MS_BIND)
    found = os.statvfs(target).f_flag
    kept = sum(ours for theirs, ours in KEPT_FLAGS if found & theirs)
    mounted("none", target, None, MS_BIND | MS_REMOUNT | flags | kept)


Holes = dict[str, "Holes"]


def holes_for(paths: list[str]) -> Holes:
    """The paths as a tree; an empty tree is a mount point."""
    tree: Holes = {}
    for path in paths:
        here = tree
        for part in path.strip("/").split("/"):
            here = here.setdefault(part, {})
    return tree


def graft(source: str, target: str, holes: Holes) -> None:
    """Show the image's folder `source` in the fresh folder `target`, leaving an empty folder for each hole."""
    names = os.listdir(source) if os.path.lexists(source) else []
    for name in names:
        if name in holes:
            continue
        theirs, ours = os.path.join(source, name), os.path.join(target, name)
        mode = os.lstat(theirs).st_mode
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(theirs), ours)
            continue
        if stat.S_ISDIR(mode):
            os.mkdir(ours)
        else:
            os.close(os.open(ours, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        bind(theirs, ours, MS_RDONLY | MS_NOSUID | MS_NODEV)
    for name, below in holes.items():
        theirs, ours = os.path.join(source, name), os.path.join(target, name)
        if os.path.islink(theirs):
            raise RefusedError(f"mount on {theirs}", errno.ENOTDIR, "it is a symbolic link in the image")
        os.mkdir(ours, 0o755)
        if below:
            graft(theirs, ours, below)


def place_mount(host: str, inside: str) -> None:
    """Show the host's file or folder at `inside`, read-only."""
    if not os.path.isdir(host):
        os.rmdir(inside)
        os.close(os.open(inside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    bind(host, inside, MS_RDONLY | MS_NOSUID | MS_NODEV)


def fill_dev(dev: str) -> None:
    """A `/dev` without a terminal: a program inside cannot type into the one flagrelease was started from."""
    mounted("tmpfs", dev, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k")
    for name in DEVICES:
        os.close(os.open(f"{dev}/{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        bind(f"/dev/{name}", f"{dev}/{name}", MS_NOSUID | MS_NOEXEC)
    for name, to in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{to}", f"{dev}/{name}")
    os.mkdir(f"{dev}/shm")
    mounted("tmpfs", f"{dev}/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777")
    mounted("none", dev, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC)


def fill_proc(proc: str) -> None:
    """The processes of the new pid namespace; no user namespace can be made below this one."""
    mounted("proc", proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    with open(f"{proc}/sys/user/max_user_namespaces", "w") as limit:
        limit.write("0")
    mounted("none", proc, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)


def enter_root(rootfs: str, mounts: list[tuple[str, str]]) -> None:
    """Make the image the root of this process; afterwards no file of the host has a name."""
    call("mount namespace", "unshare", CLONE_NEWNS)
    mounted("none", "/", None, MS_REC | MS_PRIVATE)
    # The image is reached from here on as ".", below the tmpfs that now covers its name.
    os.chdir(rootfs)
    mounted("tmpfs", rootfs, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755")
    graft(".", rootfs, holes_for(["dev", "proc", "tmp", *(inside for _, inside in mounts)]))
    for host, inside in mounts:
        place_mount(host, rootfs + inside)
    fill_dev(f"{rootfs}/dev")
    fill_proc(f"{rootfs}/proc")
    mounted("tmpfs", f"{rootfs}/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")  # noqa: S108 - the image's
    mounted("none", rootfs, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
    os.chdir(rootfs)
    machine = os.uname().machine
    if machine not in PIVOT_ROOT:
        raise RefusedError("pivot_root", errno.ENOSYS, f"the number of pivot_root(2) on {machine} is not known here")
    call("pivot_root", "syscall", ctypes.c_long(PIVOT_ROOT[machine]), b".", b".")
    call("detach the old root", "umount2", b".", MNT_DETACH)
    os.chdir("/")


def drop_privileges() -> None:
    """No capability, none to be gained, and death with the launcher."""
    call("no_new_privs", "prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for capability in range(LAST_CAPABILITY + 1):
        # EINVAL ends the list of this kernel's capabilities.
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == -1:
            if ctypes.get_errno() == errno.EINVAL:
                break
            raise RefusedError(f"drop capability {capability}", ctypes.get_errno())
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    call("drop capabilities", "capset", header, (ctypes.c_uint32 * 6)())
    # Last, since a change of credentials clears it (prctl(2)).
    call("die with the launcher", "prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def first_process(spec: Spec, report: int, launcher_gone: int) -> None:
    """PID 1 of the new namespace, up to the program itself. Does not return."""
    argv = spec["argv"]
    try:
        os.setsid()
        call("host name", "sethostname", b"flagrelease", 11)
        enter_root(spec["rootfs"], spec["mounts"])
        os.chdir(spec["cwd"])
        os.umask(0o022)
        drop_privileges()
        os.set_blocking(launcher_gone, False)
        with contextlib.suppress(BlockingIOError):
            # The pipe ends only with the launcher: it died before it could take this process along.
            os.read(launcher_gone, 1)
            os._exit(NOT_STARTED)
        os.closerange(3, report)
        os.closerange(report + 1, 1 << 20)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        if not argv:
            os._exit(0)
        step = f"start {argv[0]}"
        try:
            os.execve(argv[0], argv, spec["env"])  # noqa: S606 - from an argument list
        except OSError as error:
            raise RefusedError(step, error.errno or 0) from error
    except RefusedError as refused:
        say(report, refused.line)
    except OSError as error:
        say(report, {"step": str(error.filename or "set up"), "errno": error.errno, "detail": str(error.strerror)})
    os._exit(NOT_STARTED)


def say(report: int, line: dict[str, object]) -> None:
    """One line of the report."""
    os.write(report, json.dumps(line).encode() + b"\n")


def become_root_inside() -> None:
    """The new user namespace and its one user: root inside is the caller outside."""
    uid, gid = os.geteuid(), os.getegid()
    call("user namespace", "unshare", CLONE_NEWUSER)
    for name, content in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        try:
            with open(f"/proc/self/{name}", "w") as file:
                file.write(content)
        except OSError as error:
            raise RefusedError(f"user namespace: {name}", error.errno or 0) from error
    call("pid, ipc and uts namespaces", "unshare", CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS)


def launch(spec: Spec, report: int) -> int:
    """Start the first process, pass signals on to it, wait for its end."""
    call("die with the caller", "prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    become_root_inside()
    call("die with the caller", "prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != spec["parent"]:
        return NOT_STARTED
    passed_on = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)
    launcher_gone, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        first_process(spec, report, launcher_gone)
    for number in passed_on:
        signal.signal(number, lambda received, _: os.kill(child, received))
    say(report, {"child": child, "pidns": os.stat("/proc/self/ns/pid_for_children").st_ino})
    os.close(report)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


def main() -> int:
    """Read the spec and do what it says."""
    with open(sys.argv[1], encoding="utf-8") as file:
        spec: Spec = json.load(file)
    report = spec["report"]
    os.set_inheritable(report, False)  # noqa: FBT003 - positional only
    try:
        return launch(spec, report)
    except RefusedError as refused:
        say(report, refused.line)
        return NOT_STARTED


if __name__ == "__main__":
    sys.exit(main())
