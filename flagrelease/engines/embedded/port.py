"""A port of this machine: whether it is free, and who has it."""

import socket

import psutil

from flagrelease.errors import ToolError

_UNPRIVILEGED = 1024
"""Ports below are for root (ip(7), ip_unprivileged_port_start)."""


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen at `host` and `port` now. Connections that are closing do not count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on at `host` now, and that the kernel gives to no other program for a minute.

    A connection that ended there keeps the port out of the kernel's choice while it is in TIME-WAIT (RFC 9293, 3.6.1;
    60 s on Linux, unless the machine has too many). Servers that set SO_REUSEADDR can listen there at once.
    """
    with (
        socket.create_server((host, 0), backlog=1) as listening,
        socket.create_connection(listening.getsockname()) as caller,
    ):
        answered, _ = listening.accept()
        # The side that closes first is the one that waits: it has to be the one with the port.
        answered.close()
        caller.recv(1)
        return int(listening.getsockname()[1])


def require_free(port: int, host: str = "127.0.0.1") -> None:
    """Raise ToolError, naming who has it as far as it can be seen, when `port` is taken."""
    if is_free(port, host):
        return
    if port < _UNPRIVILEGED and not _holder(port):
        hint = "choose one from 1024 on: `flagrelease run --port N`"
        raise ToolError(f"port {port} on {host} cannot be listened on", hint=hint)
    message = f"port {port} on {host} is taken{_holder(port) or ' by a process of another user'}"
    raise ToolError(message, hint="stop that process, or choose another port: `flagrelease run --port N`")


def _holder(port: int) -> str:
    try:
        found = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return ""
    for connection in found:
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
            try:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.NoSuchProcess:
                return ""
    return ""
