"""Programs of this machine, run from an argument list, with all they say in a log."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from flagrelease.adapters.output import lines_of
from flagrelease.errors import ToolError

TETHER = Path(__file__).with_name("tether.py")
_TAIL_LINES = 200
_LINE_LIMIT = 65536
_KEPT_LIMIT = 256 << 20
_STRAY_S = 2.0


@dataclass(frozen=True, kw_only=True)
class CompletedText:
    """How a program ended: its exit status (negative: the signal that ended it) and what it said."""

    returncode: int
    stdout: str
    """All of its standard output; nothing where somebody listened to it line by line."""
    tail: str
    """The last 200 lines of both its outputs."""


def run_program(
    argv: Sequence[str],
    *,
    log: Path | None,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    heard: Callable[[str], None] | None = None,
    secrets: Sequence[str] = (),
    tethered: bool = False,
) -> CompletedText:
    """Run a program to its end.

    Args:
        argv: The program, looked up on PATH, and its arguments.
        log: Where `$ argv` and then both outputs are appended as they come.
        timeout_s: Seconds after which the program and all it started are killed.
        env: The whole environment of the program; none means this process's.
        cwd: Where it runs.
        heard: Called with each line of both outputs, from threads of their own, one at a time.
        secrets: What is struck out of all that it says.
        tethered: Whether it ends with this process, however that does: for programs that leave something behind.

    Raises:
        ToolError: The program is not on this machine, or did not end in time.
    """
    with ExitStack() as stack:
        sink = stack.enter_context(log.open("ab")) if log else None
        if sink:
            sink.write(f"$ {shlex.join(argv)}\n".encode())
            sink.flush()
        process = stack.enter_context(_started(argv, env=env, cwd=cwd, tethered=tethered))
        pump = _Pump(sink, heard, tuple(secret.encode() for secret in secrets))
        readers = [pump.read(process.stdout, keep=heard is None), pump.read(process.stderr, keep=False)]
        try:
            returncode = process.wait(timeout_s)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise ToolError(
                    f"`{shlex.join(argv)}` did not end within {timeout_s:g} s", hint="see what it said", log=log
                ) from error
            raise
        finally:
            _join(readers, process.pid)
    if pump.overflowed:
        raise ToolError(f"`{argv[0]}` said more than {_KEPT_LIMIT} bytes", hint="see what it said", log=log)
    return CompletedText(returncode=returncode, stdout=pump.stdout(), tail=pump.tail())


def _join(readers: Sequence[threading.Thread], group: int) -> None:
    deadline = time.monotonic() + _STRAY_S
    for reader in readers:
        reader.join(max(0.0, deadline - time.monotonic()))
    if any(reader.is_alive() for reader in readers):
        # Something it started still holds its outputs open.
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        for reader in readers:
            reader.join()


def _started(
    argv: Sequence[str], *, env: Mapping[str, str] | None, cwd: Path | None, tethered: bool
) -> "subprocess.Popen[bytes]":
    before = (sys.executable, "-I", "-S", str(TETHER)) if tethered else ()
    try:
        return subprocess.Popen(
            [*before, *argv],
            # The end of the tether: it is held open for as long as this process lives.
            stdin=subprocess.PIPE if tethered else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        if cwd is not None and not cwd.is_dir():
            raise
        raise ToolError(f"the program `{argv[0]}` is not on this machine", hint=f"install `{argv[0]}`") from error
    except PermissionError as error:
        raise ToolError(f"the program `{argv[0]}` may not be run: {error.strerror}", hint="see its mode") from error


class _Pump:
    """Reads both outputs at once, so that neither can block the program."""

    def __init__(self, sink: IO[bytes] | None, heard: Callable[[str], None] | None, secrets: Sequence[bytes]) -> None:
        self._sink = sink
        self._heard = heard
        self._secrets = secrets
        self._guard = threading.Lock()
        self._tail: deque[bytes] = deque(maxlen=_TAIL_LINES)
        self._kept: list[bytes] = []
        self._size = 0

    def read(self, stream: IO[bytes] | None, *, keep: bool) -> threading.Thread:
        assert stream is not None
        thread = threading.Thread(target=self._drain, args=(stream, keep), daemon=True)
        thread.start()
        return thread

    def _drain(self, stream: IO[bytes], keep: bool) -> None:  # noqa: FBT001  # a thread's arguments are positional
        for line in self._lines(stream):
            with self._guard:
                self._tail.append(line)
                if keep:
                    self._keep(line)
                if self._sink:
                    self._sink.write(line)
                    self._sink.flush()
                if self._heard:
                    self._heard(line.decode("utf-8", "replace").rstrip("\n"))

    def _lines(self, stream: IO[bytes]) -> Iterator[bytes]:
        """As they are, where nobody listens for single lines."""
        if self._heard or self._secrets:
            return lines_of(stream, self._secrets)
        return iter(lambda: stream.readline(_LINE_LIMIT), b"")

    def _keep(self, line: bytes) -> None:
        self._size += len(line)
        if not self.overflowed:
            self._kept.append(line)

    @property
    def overflowed(self) -> bool:
        return self._size > _KEPT_LIMIT

    def stdout(self) -> str:
        return b"".join(self._kept).decode("utf-8", "replace")

    def tail(self) -> str:
        return b"".join(self._tail).decode("utf-8", "replace")
