"""Keys that harnesses need: out of the caller's environment, or of a file that it names, and into no file of ours."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from flagrelease.adapters.output import STRUCK
from flagrelease.domain.harness import Harness
from flagrelease.errors import ToolError

PREFIX: Final = "FLAGRELEASE_SECRET_"
"""Before a secret's name in capitals; with `_FILE` behind it, the variable names a file that holds the value."""

_LONGEST: Final = 4096
_SHORTEST: Final = 4
_PLAIN: Final = re.compile(r"[!-~]+")


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program that no key is for."""
    return {name: value for name, value in environ.items() if not name.startswith(PREFIX)}


def secrets_for(harness: Harness, environ: Mapping[str, str], *, judged: bool) -> dict[str, str]:
    """Values by the variable that the harness reads. Raises ToolError when one that is needed is not there."""
    found, missing = {}, []
    for name, secret in harness.secrets.items():
        variable = PREFIX + name.upper().replace("-", "_").replace(".", "_")
        value = _value(variable, environ)
        if value is not None:
            found[secret.variable] = value
        elif secret.needed == "always" or (secret.needed == "judge" and judged):
            missing.append((variable, secret.why))
    if missing:
        lines = "".join(f"\n  {variable}: {why}" for variable, why in missing)
        raise ToolError(
            f"{harness.title} needs what only you have:{lines}",
            hint=f"set {missing[0][0]}, or {missing[0][0]}_FILE to a file that holds it; it is written nowhere",
        )
    return found


def _value(variable: str, environ: Mapping[str, str]) -> str | None:
    value, source = environ.get(variable), variable
    if value is None and (path := environ.get(f"{variable}_FILE")):
        source = f"{variable}_FILE"
        try:
            value = Path(path).read_bytes()[: _LONGEST + 2].decode("ascii", "replace").rstrip("\r\n")
        except OSError as error:
            raise ToolError(f"{source}: `{path}` cannot be read: {error.strerror}", hint="name a file") from error
    if value is not None and not (_SHORTEST <= len(value) <= _LONGEST and _PLAIN.fullmatch(value)):
        # What it was is not said: it may be a key with a blank behind it.
        raise ToolError(
            f"{source}: wanted {_SHORTEST} to {_LONGEST} printable characters without blanks, found something else",
            hint="a key has no line end and no quotes",
        )
    return value


def strike_out(folder: Path, secrets: Sequence[str]) -> list[str]:
    """Overwrite every secret in the files below a folder; the names of the files that held one.

    A harness may write its own settings, and with them a key, although it was given that by a variable only.
    """
    held = []
    for path in _files(folder) if secrets else ():
        content = path.read_bytes()
        clean = content
        for secret in secrets:
            # Of equal length, so that a database or an archive stays what it is.
            clean = clean.replace(secret.encode(), STRUCK[:1] * len(secret))
        if clean != content:
            path.write_bytes(clean)
            held.append(path.relative_to(folder).as_posix())
    return held


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
