"""Files of variables, such as CANN's set_env.sh, as the environment of an image: nobody has to source them."""

import re
from pathlib import Path
from typing import Final

from flagrelease.building.bench import DOCKERFILE, Bench, tag_of
from flagrelease.errors import BuildError
from flagrelease.rendering.dockerfile import env_dockerfile

_READ: Final = 'for file in "$@"; do . "$file" >/dev/null || exit 1; done; exec env -0'
"""Constant, and read by the shell of the image: files of variables are its language. Paths are its arguments."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f]{0,4000}")
_OF_THE_SHELL: Final = {"PWD", "OLDPWD", "SHLVL", "_", "HOME", "HOSTNAME", "TERM"}
_NO_SUCH_PROGRAM: Final = 127
_WITHIN_S: Final = 120.0


def with_variables(bench: Bench, tag: str, kind: str, files: tuple[str, ...]) -> str:
    """The image with what the files set as its environment; its tag. Without files, the image itself.

    Raises:
        BuildError: a file is not there, ends with an error, or sets something that no image can have.
    """
    if not files:
        return tag
    made = tag_of(kind, tag, list(files))
    if not bench.tools.container_engine.image(made):
        folder = bench.here / kind
        folder.mkdir(exist_ok=True)
        (folder / DOCKERFILE).write_text(env_dockerfile(tag, variables(bench, tag, files)), encoding="utf-8")
        bench.build("", tag=made, arguments={}, folder=folder, name=kind)
    return made


def variables(bench: Bench, tag: str, files: tuple[str, ...]) -> dict[str, str]:
    """What the files set or change, read by the image's own shell. Raises BuildError."""
    log = bench.here / "environment.log"
    before, after = (_environment(bench, tag, some, log) for some in ((), files))
    return {name: value for name, value in after.items() if before.get(name) != value and name not in _OF_THE_SHELL}


def _environment(bench: Bench, tag: str, files: tuple[str, ...], log: Path) -> dict[str, str]:
    said = _said(bench, tag, files, log)
    found = {}
    for pair in said.decode(errors="replace").split("\0"):
        name, _, value = pair.partition("=")
        if not name:
            continue
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise BuildError(f"{', '.join(files)} sets {name[:100]!r} to what no image can have", log=log)
        found[name] = value
    return found


def _said(bench: Bench, tag: str, files: tuple[str, ...], log: Path) -> bytes:
    # CANN's own file asks bash where it lies; a small image has sh alone.
    for shell in ("bash", "sh"):
        argv = (shell, "-c", _READ, shell, *files)
        status, said = bench.tools.container_engine.run_once(tag, argv, log=log, timeout_s=_WITHIN_S)
        if status == 0:
            return said
        if status != _NO_SUCH_PROGRAM:
            raise BuildError(
                f"{', '.join(files) or 'the environment'}: read by `{shell}` in the image, it ended with {status}",
                hint="the installer did not bring the file that the recipe says, or it cannot be read there",
                log=log,
            )
    raise BuildError("the image has no shell, so the SDK's files of variables cannot be read", log=log)
