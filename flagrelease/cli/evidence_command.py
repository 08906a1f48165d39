"""The group of commands on evidence that was made on another machine."""

import typer

from flagrelease.cli.app import LazyGroup, Listed

EVIDENCE_COMMANDS = {
    "pack": Listed("Evidence", "Write what smoke and evaluation recorded here into one file, bound to the image."),
    "show": Listed("Evidence", "Say what a pack is about, where it was made, and who signed it."),
    "take": Listed("Evidence", "Take a pack as the result of a bundle's smoke and evaluation."),
}
"""Every command of the group; each is imported from `flagrelease/cli/evidence/<command>_command.py` when called."""


class EvidenceGroup(LazyGroup):
    """The group, with its own table."""

    listed = EVIDENCE_COMMANDS
    package = "flagrelease.cli.evidence"


evidence = typer.Typer(
    cls=EvidenceGroup,
    name="evidence",
    help="Evidence from a chip's host, as one file.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@evidence.callback()
def group() -> None:
    """Evidence from a chip's host, as one file."""
