"""The ledger of all sets: how old, who answers for them, whether upstream was asked, and when they can go.

The age is that of a set's oldest patch. Whether upstream has a set by now is what `patch check --against` finds out.
"""

import datetime as dt
import sys

from flagrelease.adapters.patches.sets import stored_sets
from flagrelease.cli.options import Json
from flagrelease.cli.patch.check_command import Chip, Component
from flagrelease.cli.patch.sets import Patches, chip_meant, patches_folder, tell_left_behind
from flagrelease.formats.canonical import pretty_json
from flagrelease.patching.series_digest import series_digest
from flagrelease.report.patches import ledger_data, ledger_table


def status(component: Component = None, chip: Chip = None, patches: Patches = None, as_json: Json = False) -> None:
    """Print one entry a set."""
    folder = patches_folder(patches)
    found = stored_sets(folder, component=component, chip=chip_meant(chip, folder) if chip else None)
    tell_left_behind(folder)
    series = [one.series for one in found]
    today = dt.datetime.now(dt.UTC).date()
    if as_json:
        sys.stdout.write(pretty_json(ledger_data(series, list(map(series_digest, series)), today)).decode())
        return
    sys.stdout.write(ledger_table(series, today))
    if not series:
        sys.stderr.write(f"there are no sets in {folder}\n")
