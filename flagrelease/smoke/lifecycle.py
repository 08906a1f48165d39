"""Checks of starting and stopping: what a server leaves behind, what it needs when it starts again, another model."""

import json
import signal
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from flagrelease.domain.bundle import Serving
from flagrelease.errors import SmokeError
from flagrelease.ports import Endpoint, Server
from flagrelease.smoke.chat import lists_its_model
from flagrelease.smoke.check import Measured, Talk
from flagrelease.smoke.openai import check_usage, complete, shown

CYCLES = 3
GROWTH_BYTES = 64 << 20
GROWTH_SHARE = 0.10
SECOND_FOLDER = "/opt/second-model"
SECOND_CONFIG = f"{SECOND_FOLDER}/serve.json"
SERVE_SCHEMA = "flagrelease.serve/v1"
STOPPED = (0, 128 + signal.SIGTERM)
"""Exit statuses of a server that ended as it was told to: by itself, or by the signal (128 + the signal's number)."""
_POLL_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Start:
    """How to start one server for a check."""

    serve: Callable[[], AbstractContextManager[Server]]
    endpoint: Callable[[str], Endpoint]
    serving: Serving
    seed: str
    stop_within_s: float

    def talk(self, server: Server) -> Talk:
        """The server as the other checks see it."""
        return Talk(endpoint=self.endpoint(server.base_url), serving=self.serving, seed=self.seed)


def becomes_ready(server: Server, serving: Serving, measured: Measured) -> str:
    """Healthy in time, while the process lives."""
    measured["ready_s"] = round(server.wait_until_healthy(serving.ready_within_s), 3)
    measured["memory_bytes"] = server.memory()
    return f"healthy after {measured['ready_s']:.1f} s"


def stops(server: Server, within_s: float, measured: Measured) -> str:
    """SIGTERM ends the server in time, with a status that says so; no process, no listener and no memory is left."""
    started = time.monotonic()
    status = server.stop(within_s)
    measured["stop_s"] = round(time.monotonic() - started, 3)
    if status is None:
        raise SmokeError(f"SIGTERM: the server had to be killed after {within_s:g} s")
    measured["exit_status"] = status
    if status not in STOPPED:
        raise SmokeError(f"SIGTERM: wanted exit status {' or '.join(map(str, STOPPED))}, found {status}")
    while left := _left_behind(server):
        if time.monotonic() - started > within_s:
            raise SmokeError(f"SIGTERM: {left} after {within_s:g} s")
        time.sleep(_POLL_S)
    measured["memory_bytes_after"] = server.memory()
    return f"ended with status {status} after {measured['stop_s']:.1f} s"


def _left_behind(server: Server) -> str:
    if pids := server.processes():
        return f"processes {', '.join(map(str, pids))} are left"
    if held := server.memory():
        return f"{held} bytes of memory are held"
    host, port = server.base_url.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=_POLL_S).close()
    except OSError:
        return ""
    return f"port {port} still answers"


def starts_again(start: Start, before: int, measured: Measured) -> str:
    """Start, answer and stop several times over: memory goes back to where it began.

    Measured are the bytes that the server holds each time it became ready, which must not grow over the starts, and
    after each stop, which must be none. `before` is what the server that ran before holds now that it was stopped.
    """
    measured["memory_bytes_before"] = before
    held: list[float] = []
    kept: list[float] = []
    for cycle in range(1, CYCLES + 1):
        with start.serve() as server:
            found: Measured = {}
            becomes_ready(server, start.serving, found)
            held.append(found["memory_bytes"])
            measured[f"ready_s_{cycle}"], measured[f"memory_bytes_{cycle}"] = found["ready_s"], found["memory_bytes"]
            _completes(start.talk(server))
            stops(server, start.stop_within_s, found)
            measured[f"stop_s_{cycle}"] = found["stop_s"]
            kept.append(found["memory_bytes_after"])
            measured[f"memory_bytes_after_{cycle}"] = found["memory_bytes_after"]
    growth = max(held) - held[0]
    limit = max(GROWTH_BYTES, GROWTH_SHARE * held[0])
    measured["growth_bytes"], measured["growth_limit_bytes"] = growth, limit
    if growth > limit:
        raise SmokeError(f"memory when ready grew by {growth:.0f} bytes in {CYCLES} starts, limit {limit:.0f}")
    grew = f"memory when ready grew by {growth / (1 << 20):.1f} MiB"
    return f"{CYCLES} starts, {grew}; {before} bytes held before the first start, {max(kept):.0f} after each stop"


def serves_another_model(start: Start, first_name: str, measured: Measured) -> str:
    """The same image with other weights at the same port: it is the other model that answers."""
    with start.serve() as server:
        becomes_ready(server, start.serving, measured)
        talk = start.talk(server)
        name = lists_its_model(talk, {})
        if first_name in talk.endpoint.get("/v1/models").body.decode(errors="replace"):
            raise SmokeError(f"/v1/models: {first_name} is listed after another model was started")
        text = _completes(talk)
        stops(server, start.stop_within_s, measured)
    return f"{name} answered {shown(text)}"


def _completes(talk: Talk) -> str:
    body: dict[str, object] = {
        "model": talk.serving.served_name,
        "prompt": "1 2 3 4",
        "max_tokens": 8,
        "temperature": 0,
    }
    answer = complete(talk.endpoint, body)
    check_usage(answer.usage, asked="completion")
    return answer.choices[0].text


def second_config(serving: Serving, weights: str) -> bytes:
    """What a bundle's entry point reads with `--config`: the contract of every bundle, whatever its engine.

    `weights` is the path of the weights inside the image. The bundle's own configuration has the same keys.
    """
    keys = {
        "schema": SERVE_SCHEMA,
        "model": weights,
        "served_name": serving.served_name,
        "context_length": serving.context_length,
        "slots": serving.slots,
        "threads": serving.threads,
        "port": serving.port,
    }
    return json.dumps(keys, indent=2).encode() + b"\n"


def second_mounts(config: Path, weights: tuple[tuple[Path, str], ...]) -> tuple[tuple[Path, str], ...]:
    """The configuration and the weights files (host path, path in the weights folder) at their places inside."""
    placed = ((host, f"{SECOND_FOLDER}/{path}") for host, path in weights)
    return ((config, SECOND_CONFIG), *placed)
