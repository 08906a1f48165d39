"""Shell scripts of stand-ins: an installer, a file of variables, what `make` and a component's own script are."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from flagrelease.domain.chip import Installer
from flagrelease.domain.stand_in import Variables

_HERE: Final = Path(__file__).parent
_INSTALL_PATH: Final = "--install-path="


def installer_script(installer: Installer, name: str, variables: Variables | None, recorded: Iterable[str]) -> bytes:
    """A vendor's installer as a script: it writes down its call, and makes the file of variables below its folder."""
    home, below = _places(installer)
    return _script(
        f"A stand-in for {name}: it installs nothing.",
        {"stand_in_name": name, "variables": " ".join(recorded), "home_folder": home, "sets": below},
        f"set_variables() {{\n{_setting(variables or Variables())}}}\n",
        (_HERE / "install.sh").read_text(encoding="utf-8"),
    )


def _places(installer: Installer) -> tuple[str, str]:
    """The folder an installer goes to where nothing else is said, and its file of variables below that."""
    if installer.sets is None:
        return "/", ""
    stated = [word.removeprefix(_INSTALL_PATH) for word in installer.arguments if word.startswith(_INSTALL_PATH)]
    file = PurePosixPath(installer.sets)
    # Without a path in the recipe: a vendor's folder has a folder for each product, which has the file.
    home = PurePosixPath(stated[-1]) if stated else file.parent.parent
    if not file.is_relative_to(home):
        return "/", str(file.relative_to("/"))
    return str(home), str(file.relative_to(home))


def variables_file(variables: Variables) -> bytes:
    """A file of variables that finds out where it lies: it is unpacked, so nobody tells it."""
    where = 'folder=$(cd "$(dirname "${BASH_SOURCE:-$0}")" && pwd)\n'
    lines = [f'export {name}="$folder{_slash(below)}"' for name, below in sorted(variables.home.items())]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.fixed.items())]
    lines += [
        f'export {name}="$folder{_slash(below)}${{{name}:+:${{{name}}}}}"'
        for name, below in sorted(variables.prepend.items())
    ]
    return (f"# A stand-in's variables.\n{where}" + "\n".join(lines) + "\n").encode()


def own_script(component: str, path: str, recorded: Iterable[str], made: Mapping[str, bytes]) -> bytes:
    """A component's own script, or what its Makefile calls: it writes down its call and leaves files behind.

    Args:
        component: What the call is written down as.
        path: Its place in the tree.
        recorded: Names of the variables that are written down.
        made: The files by their place in the tree.
    """
    up = "/".join([".."] * (len(PurePosixPath(path).parts) - 1)) or "."
    steps = [f'cd "$(dirname "$0")/{up}"']
    for place, content in sorted(made.items()):
        steps.append(f"mkdir -p {shlex.quote(str(PurePosixPath(place).parent))}")
        steps.append(f"printf '%s' {shlex.quote(content.decode())} >{shlex.quote(place)}")
    return _script(
        f"A stand-in for a script of {component}: it builds nothing.",
        {"variables": " ".join(recorded)},
        f'write_down {shlex.quote(component)} "${{stand_in_called_as:-{path}}}" "$@"\n' + "\n".join(steps) + "\n",
    )


def makefile(script: str) -> bytes:
    """A Makefile for any target: it writes down the variables and targets it is given, and makes what it has to."""
    return (
        "# A stand-in: it compiles nothing.\n"
        ".DEFAULT_GOAL := all\n"
        ".PHONY: all\n"
        f"all:\n\t@stand_in_called_as=make sh {script} $(MAKECMDGOALS) $(MAKEOVERRIDES)\n"
        "%: all\n\t@:\n"
        "Makefile: ;\n"
    ).encode()


def _setting(variables: Variables) -> str:
    """The lines of the function that prints a file of variables for `$folder`."""
    lines = [f'    exported {name} "$folder{_slash(below)}"\n' for name, below in sorted(variables.home.items())]
    lines += [f"    exported {name} {shlex.quote(value)}\n" for name, value in sorted(variables.fixed.items())]
    lines += [f'    before {name} "$folder{_slash(below)}"\n' for name, below in sorted(variables.prepend.items())]
    return "".join(lines) or "    :\n"


def _slash(below: str) -> str:
    return f"/{below}" if below else ""


def _script(about: str, assigned: Mapping[str, str], *parts: str) -> bytes:
    head = "".join(f"{name}={shlex.quote(value)}\n" for name, value in assigned.items())
    record = (_HERE / "record.sh").read_text(encoding="utf-8")
    return "\n".join(("#!/bin/sh\n# " + about, "set -eu\n" + head, record, *parts)).encode()
