"""The group of commands on vendor patch sets."""

import typer

from flagrelease.cli.app import LazyGroup, Listed

PATCH_COMMANDS = {
    "check": Listed("Patch sets", "Say of each set whether it applies, without a checkout."),
    "apply": Listed("Patch sets", "Write a component with its patches into a folder: all of them, or nothing."),
    "status": Listed("Patch sets", "List every set: age, owner, upstream state, when it can go."),
    "add": Listed("Vendors", "Make a set, or extend one, from a checkout, a commit range or a mailbox."),
    "import": Listed("Vendors", "Make sets of the patches in a FlagScale checkout, and say what contradicts itself."),
    "export": Listed("Vendors", "Write a set into a FlagScale checkout's hardware/, a patch a file."),
    "keygen": Listed("Sealing", "Make a key pair for sealed patches."),
    "seal": Listed("Sealing", "Encrypt and sign a set for its recipients."),
    "open": Listed("Sealing", "Check and decrypt a sealed set."),
    "rekey": Listed("Sealing", "Give a sealed set other recipients."),
}
"""Every command of the group; each is imported from `flagrelease/cli/patch/<command>_command.py` when it is called."""


class PatchGroup(LazyGroup):
    """The group, with its own table."""

    listed = PATCH_COMMANDS
    package = "flagrelease.cli.patch"


patch = typer.Typer(
    cls=PatchGroup,
    name="patch",
    help="Vendor patch sets: `patches/<component>/<base commit, 12 digits>/<chip>/`.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@patch.callback()
def group() -> None:
    """Vendor patch sets: `patches/<component>/<base commit, 12 digits>/<chip>/`."""
