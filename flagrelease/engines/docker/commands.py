"""The programs that drive an engine's BuildKit: found by what they can do, not by their name alone."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flagrelease.adapters.process import run_program
from flagrelease.errors import ToolError

_PLUGINS = "cli-plugins/docker-buildx"
_PLUGIN_FOLDERS = (
    "/usr/local/lib/docker", "/usr/local/libexec/docker", "/usr/lib/docker", "/usr/libexec/docker",
)  # fmt: skip
_VERSION = re.compile(r"(?:Docker version |buildx )v?(\d+)\.(\d+)[^\s,]*")
_NEEDS_BUILDX_FROM = 23
_PATIENCE_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Builder:
    """How BuildKit is driven: `argv` comes before the options of a build, `env` is set for it."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    buildx: bool


def find_builder(environ: Mapping[str, str]) -> Builder:
    """The first buildx; else the first client that has a BuildKit of its own, as those before version 23 do.

    Raises:
        ToolError: neither is here; with the clients that were found.
    """
    for program in _buildx(environ):
        found = _version(program, "version")
        if found:
            # The engine that DOCKER_HOST names, whatever builder this user has chosen for other work.
            argv = (str(program), "build", "--builder", environ.get("BUILDX_BUILDER") or "default")
            return Builder(name=f"buildx {found[0]}", argv=argv, env={}, buildx=True)
    seen = []
    for program in _on_path("docker", environ):
        found = _version(program, "--version")
        if found and found[1] < _NEEDS_BUILDX_FROM:
            env = {"DOCKER_BUILDKIT": "1"}
            return Builder(name="built-in", argv=(str(program), "build"), env=env, buildx=False)
        seen.append(f"{program} is {found[0] if found else 'no client'}")
    told = f": {', '.join(seen)}, which needs buildx to build" if seen else ""
    raise ToolError(
        f"a container engine's BuildKit cannot be driven from here: there is no buildx{told}",
        hint="install it: `docker-buildx` (Debian, Ubuntu) or `docker-buildx-plugin` (Docker's own packages)",
    )


def find_client(environ: Mapping[str, str]) -> Path:
    """Any docker command line: for what every version of it can do."""
    for program in _on_path("docker", environ):
        return program
    raise ToolError("the program `docker` is not on this machine", hint="install a docker client")


def _buildx(environ: Mapping[str, str]) -> Iterator[Path]:
    home = environ.get("HOME")
    config = environ.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else None)
    folders = [*([config] if config else []), *_PLUGIN_FOLDERS]
    yield from (path for folder in folders if _may_run(path := Path(folder, _PLUGINS)))
    for name in ("docker-buildx", "buildx"):
        yield from _on_path(name, environ)


def _on_path(name: str, environ: Mapping[str, str]) -> Iterator[Path]:
    folders = dict.fromkeys((environ.get("PATH") or os.defpath).split(os.pathsep))
    yield from (path for folder in folders if folder and _may_run(path := Path(folder, name)))


def _may_run(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _version(program: Path, word: str) -> tuple[str, int] | None:
    """Its version as it says it, and the first number of it. It asks no engine."""
    try:
        done = run_program((str(program), word), log=None, timeout_s=_PATIENCE_S)
    except ToolError:
        # Not a program of this machine: another architecture, a broken link.
        return None
    found = _VERSION.search(done.stdout)
    if done.returncode != 0 or found is None:
        return None
    return found[0].rpartition(" ")[2].removeprefix("v"), int(found[1])
