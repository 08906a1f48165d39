"""Waiting for a server that is starting: healthy, dead or too late."""

import time
from collections.abc import Callable
from pathlib import Path

from flagrelease.engines.embedded.log_tail import tail_of
from flagrelease.errors import SmokeError
from flagrelease.ports import Endpoint

_POLL_S = 0.05
_HEALTHY = 200


def wait_until_healthy(endpoint: Endpoint, alive: Callable[[], bool], within_s: float, *, log: Path) -> float:
    """Ask `/health` until it says 200; the seconds that took.

    Raises:
        SmokeError: The process ended, or `within_s` seconds were not enough; with the end of its log.
    """
    started = time.monotonic()
    found = "nothing answered yet"
    while (waited := time.monotonic() - started) < within_s:
        if not alive():
            raise SmokeError(f"the server ended by itself after {waited:.1f} s{tail_of(log)}", log=log)
        try:
            status = endpoint.get("/health").status
        except SmokeError as error:
            found = error.message
        else:
            if status == _HEALTHY:
                return time.monotonic() - started
            found = f"GET /health: status {status}"
        time.sleep(_POLL_S)
    raise SmokeError(f"the server was not healthy within {within_s:g} s: {found}{tail_of(log)}", log=log)
