"""A container from its creation to its end; nothing of it stays, also when flagrelease is killed."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from flagrelease.engines.docker.sdk import EngineFaultError, Sdk
from flagrelease.engines.embedded.memory import memory_of
from flagrelease.errors import SmokeError, ToolError

LABEL = "org.flagrelease.process"
"""On every container: which process of which machine it belongs to."""

_LEASH = Path(__file__).with_name("leash.py")
_POLL_S = 0.05
_KILLED_WITHIN_S = 10.0
_OUTPUT_WITHIN_S = 10.0
MOST_OUTPUT = 16 << 20
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to run. `mounts` are (host path, path inside), read-only; `port` is published on 127.0.0.1 only.

    `env` comes on top of the image's own variables, and `without` names those of them that are taken out.
    """

    image: str
    entrypoint: Sequence[str]
    arguments: Sequence[str] = ()
    env: Mapping[str, str] | None = None
    without: frozenset[str] = frozenset()
    mounts: Sequence[tuple[Path, str]] = ()
    port: tuple[int, int] | None = None
    shm_bytes: int = 64 << 20
    own_tmp: bool = True


def configuration(order: Order) -> dict[str, Any]:
    """The order as the Engine API's ContainerCreate wants it: no capability, no new rights, a read-only root.

    It has no network but for a published port, and no name of the host's but its own process ids.
    """
    inner = f"{order.port[1]}/tcp" if order.port else ""
    host: dict[str, Any] = {
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "Privileged": False,
        "ReadonlyRootfs": True,
        "Init": False,
        "IpcMode": "private",
        "ShmSize": order.shm_bytes,
        "Tmpfs": {"/tmp": "rw,exec,mode=1777"} if order.own_tmp else {},  # noqa: S108 - the container's own
        "NetworkMode": "bridge" if order.port else "none",
        "Mounts": [
            {
                "Type": "bind",
                "Source": str(source.resolve()),
                "Target": target,
                "ReadOnly": True,
                "BindOptions": {"Propagation": "rprivate"},
            }
            for source, target in order.mounts
        ],
        "RestartPolicy": {"Name": "no"},
    }
    if order.port:
        host["PortBindings"] = {inner: [{"HostIp": "127.0.0.1", "HostPort": str(order.port[0])}]}
    return {
        "Image": order.image,
        "Entrypoint": list(order.entrypoint),
        "Cmd": list(order.arguments),
        # A name without a value takes the image's own variable out (Engine API, ContainerCreate).
        "Env": [*(f"{name}={value}" for name, value in sorted((order.env or {}).items())), *sorted(order.without)],
        "ExposedPorts": {inner: {}} if inner else {},
        "Labels": {LABEL: f"{os.uname().nodename}:{os.getpid()}"},
        "HostConfig": host,
        "NetworkDisabled": False,
        "AttachStdin": False,
        "Tty": False,
    }


@dataclass
class Running:
    """A container that was started. `pid` is the host's pid of its first process, 0 once it has ended."""

    sdk: Sdk
    id: str
    pid: int

    def state(self) -> Mapping[str, Any]:
        """Its state as the engine has it; empty where the container is gone."""
        found = self.sdk.container(self.id)
        return dict(found["State"]) if found else {}

    def alive(self) -> bool:
        """Whether its first process still runs."""
        return bool(self.state().get("Running"))

    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        state = self.state()
        return None if state.get("Running") else int(state.get("ExitCode", -1))

    def wait(self, within_s: float) -> int | None:
        """Its exit status; None when `within_s` seconds were not enough."""
        deadline, pause = time.monotonic() + within_s, _POLL_S
        while (status := self.status()) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, 1.0)
        return status

    def processes(self) -> tuple[int, ...]:
        """Host pids of every process in it."""
        return self.sdk.processes(self.id) if self.alive() else ()

    def memory(self) -> int:
        """Bytes of memory that its processes hold now."""
        pids = self.processes()
        try:
            return memory_of(pids)
        except PermissionError:
            # Somebody who may ask the engine need not be allowed to look into its processes.
            return self.sdk.memory(self.id) if pids else 0

    def stop(self, within_s: float) -> int | None:
        """SIGTERM to its first process; its exit status, or None when it had to be killed after `within_s` seconds."""
        self.sdk.kill(self.id, "SIGTERM")
        status = self.wait(within_s)
        if status is None:
            self.sdk.kill(self.id, "SIGKILL")
            self.wait(_KILLED_WITHIN_S)
        return status


@contextmanager
def running(sdk: Sdk, client: Path, order: Order, *, log: Path, stdout: "Output | None" = None) -> Iterator[Running]:
    """Create, start, follow its outputs into `log`; leaving the block takes it away with its volumes.

    Raises:
        SmokeError: the image's program cannot be started.
        ToolError: the engine does not answer, or refuses the container.
    """
    container = _refusing(sdk.create, configuration(order), "create a container", log)
    try:
        with (
            _leashed(client, sdk.host, container),
            log.open("ab") as sink,
            sdk.attached(container) as outputs,
            _followed(outputs, sink, stdout),
        ):
            try:
                _refusing(sdk.start, container, f"start {order.entrypoint[0]}", log)
                found = sdk.container(container)
                yield Running(sdk=sdk, id=container, pid=int(found["State"]["Pid"]) if found else 0)
            finally:
                sdk.remove(container)
    finally:
        sdk.remove(container)


class Output:
    """What a container wrote to stdout, up to a limit."""

    def __init__(self, limit: int = MOST_OUTPUT) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """Keep it, as long as there is room."""
        self._size += len(chunk)
        if self._size <= self._limit:
            self._parts.append(chunk)

    def content(self, log: Path) -> bytes:
        """All of it. Raises ToolError when it was more than may be kept."""
        if self._size > self._limit:
            raise ToolError(f"a program in the image said more than {self._limit} bytes", hint="see its log", log=log)
        return b"".join(self._parts)


@contextmanager
def _followed(outputs: Iterator[tuple[bool, bytes]], sink: IO[bytes], stdout: Output | None) -> Iterator[None]:
    def follow() -> None:
        try:
            for is_stdout, chunk in outputs:
                sink.write(chunk)
                sink.flush()
                if stdout is not None and is_stdout:
                    stdout.add(chunk)
        except OSError as error:
            sink.write(f"\nthe engine gives no more output: {error}\n".encode())

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(_OUTPUT_WITHIN_S)


@contextmanager
def _leashed(client: Path, host: str, container: str) -> Iterator[None]:
    env = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "DOCKER_CONFIG")
           if name in os.environ}  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-I", "-S", str(_LEASH), str(client), container],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=env | {"DOCKER_HOST": host},
        start_new_session=True,
    ) as leash:
        assert leash.stdin is not None
        try:
            yield
        finally:
            leash.stdin.write(b".")
            leash.stdin.flush()


def _refusing(action: Callable[[Any], _T], argument: object, what: str, log: Path) -> _T:
    try:
        return action(argument)
    except EngineFaultError as error:
        told = str(error)
        if what.startswith("start") and any(word in told for word in _NO_PROGRAM):
            raise SmokeError(
                f"the image cannot {what}: {told}", hint="see the bundle's `entrypoint`", log=log
            ) from error
        raise ToolError(f"the engine does not {what}: {told}", hint="see the engine's own log", log=log) from error


_NO_PROGRAM = ("executable file not found", "no such file or directory", "permission denied", "exec format error")
