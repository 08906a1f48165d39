"""Passphrases come from a terminal or a descriptor, never from an argument. Loads no cryptography."""

import getpass
import os
import sys
import warnings
from threading import Lock
from typing import Annotated, Protocol

import typer

_LONGEST = 4096

PassphraseFd = Annotated[
    int | None, typer.Option("--passphrase-fd", help="File descriptor whose first line is the passphrase.")
]


class Named(Protocol):
    """A public key, as far as a question needs it."""

    @property
    def shown(self) -> str:
        """Name and id."""


class Passphrases:
    """Asks for each passphrase once, however many sets it is needed for, at one time for one of them.

    Args:
        fd: The descriptor whose first line is the passphrase of every key; None asks on the terminal.
    """

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        self._known: dict[str, bytes | None] = {}
        self._turn = Lock()

    def __call__(self, key: Named) -> bytes | None:
        """That of a key; None where there is none to be had."""
        name = key.shown if self._fd is None else "of all"
        with self._turn:
            if name not in self._known:
                fd = self._fd
                self._known[name] = _prompt(f"Passphrase of {key.shown}: ") if fd is None else _from_descriptor(fd)
            return self._known[name]


def new_passphrase(fd: int | None) -> bytes:
    """The passphrase of a new key: asked twice on a terminal."""
    if fd is not None:
        return _from_descriptor(fd)
    first = _prompt("Passphrase of the new key: ")
    if first is None:
        raise typer.BadParameter("`--passphrase` asks on a terminal, and there is none; use `--passphrase-fd`")
    if first != _prompt("The same again: "):
        raise typer.BadParameter("the two passphrases differ")
    if not first:
        raise typer.BadParameter("the passphrase is empty; leave `--passphrase` out for a key without one")
    return first


def _from_descriptor(fd: int) -> bytes:
    data = b""
    try:
        while len(data) < _LONGEST and b"\n" not in data and (part := os.read(fd, _LONGEST)):
            data += part
    except OSError as error:
        raise typer.BadParameter(f"`--passphrase-fd {fd}` cannot be read: {error.strerror}") from error
    passphrase = data.split(b"\n", 1)[0]
    if not passphrase:
        raise typer.BadParameter(f"`--passphrase-fd {fd}` has an empty first line")
    return passphrase


def _prompt(text: str) -> bytes | None:
    """What was typed, or None where there is no terminal that can keep it from being seen."""
    if not sys.stdin.isatty():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(text).encode()
        except (getpass.GetPassWarning, EOFError):
            return None
