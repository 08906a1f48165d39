"""The group of commands on recorded references."""

import typer

from flagrelease.cli.app import LazyGroup, Listed

BASELINE_COMMANDS = {
    "record": Listed("Baselines", "Keep a reference run from a harness's files, or add a rerun of it."),
    "list": Listed("Baselines", "List every baseline: model, chip, age, until when, signed by whom."),
    "show": Listed("Baselines", "Say what answered, what was asked, and how."),
    "verify": Listed("Baselines", "Check signature, hashes and records, and whether it fits a bundle."),
    "expire": Listed("Baselines", "Withdraw a baseline, with a reason: from then on it is no reference."),
}
"""Every command of the group; each is imported from `flagrelease/cli/baseline/<command>_command.py` when called."""


class BaselineGroup(LazyGroup):
    """The group, with its own table."""

    listed = BASELINE_COMMANDS
    package = "flagrelease.cli.baseline"


baseline = typer.Typer(
    cls=BaselineGroup,
    name="baseline",
    help="Recorded references: `recipes/baselines/<model>/<stack>.json`.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@baseline.callback()
def group() -> None:
    """Recorded references: `recipes/baselines/<model>/<stack>.json`."""
