"""Puts the commands together, imports each only when it is asked for, and turns errors into exit codes."""

import errno
import gc
import importlib
import keyword
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from flagrelease import __version__
from flagrelease.errors import FlagReleaseError, LockError, RecipeError, ToolError

# At each start pydantic would look through every installed package for plugins of its own. None is used here.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

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
    "lint": Listed("Recipes", "Check recipes against each other, and against the mistakes of published bundles."),
    "lock": Listed("Recipes", "Resolve recipes to locks, or check that locks are fresh."),
    "plan": Listed("Recipes", "Say what `build` would do, with commands, bytes and times, without doing it."),
    "explain": Listed("Recipes", "Say what a key of a recipe is, where it is written, and what it overrode."),
    "diff": Listed("Recipes", "Compare two bundles, or two git revisions of one, by meaning."),
    "impact": Listed("Recipes", "Say what another version of a component, SDK, model or policy would touch."),
    "matrix": Listed("Recipes", "List every bundle variant: for people, as JSON, or for GitHub Actions."),
    "new": Listed("Recipes", "Begin a chip, model or bundle recipe, with every gap marked."),
    "import-card": Listed("Recipes", "Turn a published model card into draft recipes, and list the card's defects."),
    "patch": Listed("Recipes", "Vendor patch sets: check, apply, add, import, seal and list them."),
    "migrate": Listed("Recipes", "Lift recipes and locks of an older schema version to the current one."),
    "schema": Listed("Recipes", "Write the JSON schemas of all recipe files."),
    "request": Listed("Bundle", "Write the mail to the vendor for what only the vendor gives out."),
    "supply": Listed("Bundle", "Take in a file that only its owner hands out, checked by its hash."),
    "build": Listed("Bundle", "Build, prove and pack a bundle, from its lock to the verdict and a draft card."),
    "export": Listed("Bundle", "Write a built image with its stages into one file, for the chip's host to go on from."),
    "evaluate": Listed("Bundle", "Ask a built bundle or a running server again, by tasks and harnesses of its policy."),
    "gate": Listed("Bundle", "Judge any two results of a harness by a policy: GO, NO-GO or HOLD."),
    "run": Listed("Bundle", "Start a bundle or an image by its digest here, or print how it is started."),
    "baseline": Listed("Evidence", "Recorded references: record, list, show, verify and expire them."),
    "evidence": Listed("Evidence", "Evidence from a chip's host as one file: pack it there, take it here."),
    "publish": Listed("Release", "Publish a bundle that the gate let through, and verify it by digest."),
    "doctor": Listed("Store", "Say what this machine can do, and what to change where it cannot."),
    "fsck": Listed("Store", "Check every byte of the store, and name the bundles that damage touches."),
    "gc": Listed("Store", "Remove from the store what no bundle needs."),
}
"""Every command, in the order of the pipeline, in panels by who uses it."""


class LazyGroup(TyperGroup):
    """Lists commands from a table and imports `<command>_command.py` when one is called."""

    listed: ClassVar[Mapping[str, Listed]] = COMMANDS
    package: ClassVar[str] = "flagrelease.cli"

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for name, listed in self.listed.items():
            self.commands.setdefault(name, TyperCommand(name, help=listed.summary, rich_help_panel=listed.panel))

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's shape
        """The commands in panels by who uses them, in the order of the pipeline.

        In plain text: loading rich to draw frames around them takes longer than everything else that help does.
        """
        longest = max(map(len, self.listed))
        for panel in dict.fromkeys(listed.panel for listed in self.listed.values()):
            rows = [(name.ljust(longest), one.summary) for name, one in self.listed.items() if one.panel == panel]
            with formatter.section(panel):
                formatter.write_dl(rows)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that is called, then let typer find it."""
        if args and args[0] in self.listed:
            self.commands[args[0]] = load(args[0], self.listed, self.package)
            args = [args[0], *_words(args[0], self.package, args[1:])]
        return super().resolve_command(ctx, args)


def load(name: str, listed: Mapping[str, Listed] = COMMANDS, package: str = "flagrelease.cli") -> Any:
    """The command of that name, or the group, from its module."""
    word = name.replace("-", "_")
    # What is loaded stays: to look through it for garbage, again and again, takes a tenth of a short command's time.
    gc.disable()
    module = importlib.import_module(f"{package}.{word}_command")
    gc.freeze()
    gc.enable()
    # A command that Python has a keyword for, such as `import`, is a function with a line behind its name.
    found = getattr(module, f"{word}_" if keyword.iskeyword(word) else word)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    single.command(name, help=listed[name].summary + "\n\n" + (module.__doc__ or ""))(found)
    return typer.main.get_command(single)


def _words(name: str, package: str, words: list[str]) -> list[str]:
    """The words of a command as its module reads them: typer knows no option whose value may be left out."""
    module = sys.modules.get(f"{package}.{name.replace('-', '_')}_command")
    reads = getattr(module, "words", None)
    return list(reads(words)) if reads else words


app = typer.Typer(
    cls=LazyGroup,
    name="flagrelease",
    no_args_is_help=True,
    rich_markup_mode=None,
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
    """Faults of recipes and locks are one a line, each an error; what is indented belongs to the line before."""
    first, *others = error.message.split("\n")
    sys.stderr.write(f"error: {first}\n")
    for line in others:
        begins = isinstance(error, RecipeError | LockError) and not line.startswith(" ")
        sys.stderr.write(f"{'error: ' if begins else ''}{line}\n")
    if error.hint:
        sys.stderr.write(f"  hint: {error.hint}\n")
    if error.log is not None:
        sys.stderr.write(f"  log: {error.log}\n")
