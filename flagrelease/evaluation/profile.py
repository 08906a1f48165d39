"""The environment that answers were given in: what a server was started as, with what switches, on what machine."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from flagrelease.domain.evalrun import SWITCH, UNSET, HostFacts, ServerFacts
from flagrelease.ports import Server

HIDDEN: Final = "(hidden)"
_SECRET: Final = re.compile(r"(?i)(?:^|_)(?:key|token|secret|passw(?:or)?d|credentials?|auth)(?:_|$)|(?:key|token)$")
_STRANGE: Final = re.compile(r"[\x00-\x1f\x7f]+")
_LONGEST: Final = 4000


def profile_of(server: Server, switches: Iterable[str], settings: Mapping[str, str]) -> ServerFacts:
    """The server's first process as it is now; `switches` are the variables that matter to the bundle's reference."""
    argv, env = server.started_as()
    shown = {name: HIDDEN if _SECRET.search(name) else _plain(value) for name, value in sorted(env.items())}
    return ServerFacts(
        settings=dict(settings),
        argv=tuple(map(_plain, argv)),
        env=shown,
        switches={name: _plain(env[name]) if name in env else None for name in sorted(set(switches))},
    )


def as_settings(server: ServerFacts | None, host: HostFacts | None) -> dict[str, str]:
    """The same as words, for records that have no place of their own for it."""
    told: dict[str, str] = {}
    if server:
        told |= {f"server.env.{name}": value for name, value in server.env.items()}
        for name, value in server.switches.items():
            told[f"{SWITCH}{name}" if value is not None else f"{UNSET}{name}"] = value or ""
        told["server.argv"] = " ".join(server.argv)
    if host:
        told |= {f"host.{name}": str(value) for name, value in host.model_dump().items() if value is not None}
    return told


def differing(wanted: Mapping[str, str | None], found: Mapping[str, str | None]) -> list[str]:
    """Switches that are not as they were wanted, in words."""
    return [
        f"{name}: wanted {_told(value)}, found {_told(found.get(name))}"
        for name, value in sorted(wanted.items())
        if found.get(name) != value
    ]


def _told(value: str | None) -> str:
    return "unset" if value is None else value


def _plain(text: str) -> str:
    return _STRANGE.sub(" ", text)[:_LONGEST]
