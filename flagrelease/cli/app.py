"""Puts the commands together, imports each only when it is asked for, and turns errors into exit codes."""

import errno
import importlib
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from flagrelease import __version__
from flagrelease.errors import FlagReleaseError, ToolError

NOBODY_READS = 128 + signal.SIGPIPE
_MACHINE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOTDIR, errno.EISDIR,
    errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP, errno.EMFILE, errno.ENFILE,
}  # fmt: skip


class Listed(NamedTuple):
    """A command as `--help` lists it; its module is imported when it is called."""

    panel: str
    summary: str


COMMANDS = {
    "lock": Listed("Recipes", "Resolve a bundle's recipe to a lock, or check that the lock is fresh."),
    "schema": Listed("Recipes", "Write the JSON schemas of all recipe files."),
    "build": Listed("Bundle", "Build, prove and pack a bundle, from its lock to the verdict and a draft card."),
    "run": Listed("Bundle", "Start a built bundle's server on this machine."),
    "publish": Listed("Release", "Publish a bundle that the gate let through, and verify it by digest."),
    "doctor": Listed("Store", "Say what this machine can do, and what to change where it cannot."),
    "fsck": Listed("Store", "Check every byte of the store, and name the bundles that damage touches."),
    "gc": Listed("Store", "Remove from the store what no bundle needs."),
}
"""Every command, in the order of the pipeline, in panels by who uses it."""


class LazyGroup(TyperGroup):
    """Lists commands from COMMANDS and imports `<command>_command.py` when one is called."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for name, listed in COMMANDS.items():
            self.commands.setdefault(name, TyperCommand(name, help=listed.summary, rich_help_panel=listed.panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that is called, then let typer find it."""
        if args and args[0] in COMMANDS:
            self.commands[args[0]] = load(args[0])
        return super().resolve_command(ctx, args)


def load(name: str) -> TyperCommand:
    """The command of that name, from its module."""
    module = importlib.import_module(f"flagrelease.cli.{name}_command")
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command(name, help=COMMANDS[name].summary + "\n\n" + (module.__doc__ or ""))(getattr(module, name))
    command = typer.main.get_command(single)
    assert isinstance(command, TyperCommand)
    return command


app = typer.Typer(
    cls=LazyGroup,
    name="flagrelease",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"flagrelease {__version__}\n")
        raise typer.Exit


@app.callback()
def flagrelease(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Build, prove and publish chip + model bundles from recipes."""


def main() -> None:
    """Run the command line. The one place where an error becomes an exit code."""
    # Streams that were closed by our caller would make every message a bug of ours.
    nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open as long as the program runs
    sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    # As for Ctrl+C: what is open is closed, servers are ended, the terminal is left as it was.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except FlagReleaseError as error:
        _tell(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output has gone. Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(NOBODY_READS)
    except OSError as error:
        if error.errno not in _MACHINE or not error.filename:
            _bug()
        hint = "check that it is where it should be, may be written, and that its disk has room"
        _tell(ToolError(f"`{error.filename}` cannot be used: {error.strerror}", hint=hint))
        sys.exit(ToolError.exit_code)
    except Exception:  # noqa: BLE001 - the boundary: whatever comes here is a bug, and is shown whole
        _bug()


def _bug() -> NoReturn:
    traceback.print_exc()
    sys.stderr.write("error: this is a bug in flagrelease; please report the lines above\n")
    sys.exit(1)


def _tell(error: FlagReleaseError) -> None:
    sys.stderr.write(f"error: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"  hint: {error.hint}\n")
    if error.log is not None:
        sys.stderr.write(f"  log: {error.log}\n")
