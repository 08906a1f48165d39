"""Ports of this machine that are leased, one to each bundle that runs: the kernel ends a lease with its process."""

import fcntl
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flagrelease.adapters.storage.disk import writing
from flagrelease.errors import ToolError

FOLDER = "ports"
"""Below the store."""


@contextmanager
def leased_port(home: Path, first: int, last: int) -> Iterator[int]:
    """A port from `first` to `last` that no other bundle of this machine has, and that nobody listens on now.

    A lease is a lock on a file of the port. The folder is this machine's own: a store may be shared by several.

    Raises:
        ToolError: all of them are leased or taken.
    """
    folder = home / FOLDER / re.sub(r"[^A-Za-z0-9.-]+", "-", os.uname().nodename)
    folder.mkdir(parents=True, exist_ok=True)
    holders: list[str] = []
    for port in range(first, last + 1):
        path = folder / f"{port}.lease"
        with writing(path, 0):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            if not _locked(fd):
                holders.append(os.pread(fd, 100, 0).decode("utf-8", "replace").strip())
            elif _is_free(port):
                with writing(path, 0):
                    os.ftruncate(fd, 0)
                    os.pwrite(fd, f"process {os.getpid()}\n".encode(), 0)
                yield port
                return
        finally:
            # The file stays: whoever opened it in the meantime has to meet the same lock.
            os.close(fd)
    said = ", ".join(dict.fromkeys(filter(None, holders)))
    raise ToolError(
        f"every port from {first} to {last} is taken" + (f", {len(holders)} by {said}" if said else ""),
        hint="end a bundle that runs here, or widen master_port_first and master_port_last in the variant's settings",
    )


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(port: int) -> bool:
    """Whether a server could listen there on every address of this machine: devices of others come from outside."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("", port))
        except OSError:
            return False
    return True
