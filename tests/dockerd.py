"""A container engine of the tests' own: Debian's dockerd with private sockets and folders, gone without a trace.

It has a bridge of its own and leaves packet filters and forwarding alone; published ports are passed on by its own
proxy, so that they can be reached from here. Its mounts are in a mount namespace and end with it. A keeper runs
beside it, which cleans up as well when the tests were killed.
"""

import ctypes
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

DOCKERD, CLIENT = Path("/usr/sbin/dockerd"), Path("/usr/bin/docker")
"""Where Debian's package has them: a newer client may come before it on PATH."""

_READY_WITHIN_S = 60.0
_ENDS_WITHIN_S = 20.0
_BRIDGES = range(256)
_APPLETS = (
    "sh",
    "cat",
    "cp",
    "dd",
    "echo",
    "env",
    "false",
    "httpd",
    "id",
    "ls",
    "mkdir",
    "nc",
    "sleep",
    "touch",
    "true",
)
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Dockerd:
    """A running dockerd. `folder` and all below is its own; `pid` is that of its process."""

    folder: Path
    pid: int

    @property
    def host(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    @property
    def log(self) -> Path:
        return self.folder / "dockerd.log"

    @property
    def bridge(self) -> str:
        """The link of its containers' network, and the group of its containers."""
        return (self.folder / "bridge").read_text()

    def environment(self, **more: str) -> dict[str, str]:
        """This process's variables, with the engine for whoever asks for one."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "BUILDX_"))}
        return clean | {"DOCKER_HOST": self.host, "DOCKER_CONFIG": str(self.folder / "client")} | more

    def call(self, *argv: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """What Debian's client says; a failure is the test's."""
        done = subprocess.run(
            [str(CLIENT), *argv], env=self.environment(**(env or {})), input=stdin, capture_output=True, check=False
        )
        assert done.returncode == 0, f"docker {' '.join(argv)}: {done.stderr.decode()}"
        return done.stdout.decode()

    def left(self) -> dict[str, list[str]]:
        """What a test could have left in it: containers, networks of somebody, volumes."""
        return {
            "containers": self.call("ps", "--all", "--quiet", "--no-trunc").split(),
            "networks": self.call("network", "ls", "--quiet", "--filter", "type=custom").split(),
            "volumes": self.call("volume", "ls", "--quiet").split(),
        }


BUSYBOX = Path(__file__).parents[1] / ".cache" / "tools" / "bin" / "busybox"
"""One program without libraries that is a shell and more (Debian's busybox-static, unpacked by the Makefile)."""


def a_base(files: Mapping[str, bytes] | None = None) -> bytes:
    """A tar to import as an image: a shell, its companions, and these files, which may be run."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in ("bin", "tmp", "etc", "dev", "proc", "sys", "www"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(folder)
        for name, content in {"bin/busybox": BUSYBOX.read_bytes(), **(files or {})}.items():
            file = tarfile.TarInfo(name)
            file.mode, file.size = 0o755, len(content)
            archive.addfile(file, io.BytesIO(content))
        for name in _APPLETS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    return out.getvalue()


def why_none() -> str | None:
    """Why this machine can run no dockerd; nothing when it can."""
    missing = [str(path) for path in (DOCKERD, CLIENT) if not path.exists()]
    if missing:
        return f"no container engine: {' and '.join(missing)} missing (INSTALL=1 make test installs Debian's docker.io)"
    if os.geteuid() != 0:
        return "no container engine: dockerd needs root"
    return None


@contextmanager
def running_dockerd(*, data_bytes: int = 0) -> Iterator[Dockerd]:
    """Start one, and end it with all it has. `data_bytes` is the room for its data, where it shall be little."""
    # A short name: containerd refuses a socket whose path has more than 104 letters.
    folder = Path(tempfile.mkdtemp(prefix="fr-", dir="/tmp"))
    with subprocess.Popen(
        [sys.executable, __file__, str(folder), str(data_bytes)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as keeper:
        try:
            yield _when_ready(folder, keeper)
        finally:
            assert keeper.stdin is not None
            keeper.stdin.close()
            keeper.wait(_ENDS_WITHIN_S * 3)


def _when_ready(folder: Path, keeper: "subprocess.Popen[bytes]") -> Dockerd:
    deadline = time.monotonic() + _READY_WITHIN_S
    found = Dockerd(folder, 0)
    while time.monotonic() < deadline and keeper.poll() is None:
        with suppress(FileNotFoundError, ValueError, AssertionError):
            pid = int((folder / "pid").read_text())
            found.call("version", "--format", "{{.Server.Version}}")
            return Dockerd(folder, pid)
        time.sleep(0.05)
    said = found.log.read_text(errors="replace")[-4000:] if found.log.exists() else ""
    pytest.fail(f"dockerd does not start:\n{said}")


# The keeper ---------------------------------------------------------------------------------------


def _keep(folder: Path, data_bytes: int) -> int:
    """Run dockerd until standard input is closed, then end it and clean up."""
    # What dockerd leaves running becomes this process's child, and can be ended by its pid.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    name = _bridge()
    (folder / "bridge").write_text(name)
    try:
        with (folder / "dockerd.log").open("wb") as log:
            dockerd = subprocess.Popen(
                _argv(folder, name, data_bytes), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            sys.stdin.buffer.read()
            _remove_containers(folder)
            dockerd.terminate()
            with suppress(subprocess.TimeoutExpired):
                dockerd.wait(_ENDS_WITHIN_S)
    finally:
        _end_the_rest()
        subprocess.run(["ip", "link", "delete", name], check=True)
        for group in Path("/sys/fs/cgroup").glob(f"**/{name}"):
            for below in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
                below.rmdir()
            group.rmdir()
        shutil.rmtree(folder)
    return 0


def _remove_containers(folder: Path) -> None:
    """Else dockerd waits ten seconds and more for each that does not hear SIGTERM."""
    docker = [str(CLIENT), "--host", f"unix://{folder}/docker.sock"]
    with suppress(subprocess.TimeoutExpired):
        names = subprocess.run([*docker, "ps", "--quiet"], capture_output=True, check=False, timeout=10).stdout.split()
        if names:
            subprocess.run([*docker, "rm", "--force", *names], capture_output=True, check=False, timeout=10)


def _bridge() -> str:
    """A bridge of our own; its name says which of the networks set aside for tests (RFC 2544) it has."""
    for number in _BRIDGES:
        name = f"frtest{number}"
        made = subprocess.run(["ip", "link", "add", name, "type", "bridge"], capture_output=True, check=False)
        if made.returncode == 0:
            subprocess.run(["ip", "address", "add", f"198.18.{number}.1/24", "dev", name], check=True)
            subprocess.run(["ip", "link", "set", name, "up"], check=True)
            return name
        if b"File exists" not in made.stderr:
            raise RuntimeError(made.stderr.decode())
    raise RuntimeError("every bridge of the tests is taken")


def _argv(folder: Path, bridge: str, data_bytes: int) -> list[str]:
    config = folder / "daemon.json"
    # Without it dockerd writes a key into /etc.
    config.write_text(json.dumps({"deprecated-key-path": str(folder / "key.json")}))
    options = {
        "host": f"unix://{folder}/docker.sock",
        "data-root": str(folder / "data"),
        "exec-root": str(folder / "exec"),
        "pidfile": str(folder / "pid"),
        "config-file": str(config),
        "storage-driver": "overlay2",
        "bridge": bridge,
        "cgroup-parent": f"/{bridge}",
        "iptables": "false",
        "ip-masq": "false",
        "ip-forward": "false",
    }
    own_mounts = ["unshare", "--mount", "--propagation", "private"]
    argv = [str(DOCKERD), *(f"--{name}={value}" for name, value in options.items())]
    if data_bytes:
        (folder / "data").mkdir()
        # Ends with the mounts of the namespace.
        script = 'mount -t tmpfs -o size=$1 none "$2" && shift 2 && exec "$@"'
        argv = ["sh", "-c", script, "sh", str(data_bytes), str(folder / "data"), *argv]
    return [*own_mounts, *argv]


def _end_the_rest() -> None:
    while children := psutil.Process().children(recursive=True):
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        for child in children:
            with suppress(ChildProcessError):
                os.waitpid(child.pid, os.WNOHANG)
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(_keep(Path(sys.argv[1]), int(sys.argv[2])))
