"""Apply each set in a temporary index and say what comes out. No checkout is made, and the clones stay as they are.

At its base a set has to make the tree that it records. With `--against`, it is applied to another commit of upstream:
it applies there; upstream has it, and it can be retired; or it conflicts: the hunk, the nearest place, and the upstream
commit that changed it. A set that did not change is not applied again. Ends with 5 where a set needs somebody.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import typer

from flagrelease.adapters.git.repository import Repository
from flagrelease.adapters.patches.checks import CheckCache, check_set
from flagrelease.adapters.patches.sets import StoredSet, stored_sets
from flagrelease.cli.options import Json
from flagrelease.cli.patch.mirror import mirror_of
from flagrelease.cli.patch.passphrases import PassphraseFd
from flagrelease.cli.patch.sets import (
    Key,
    Patches,
    Signer,
    chip_meant,
    clones,
    opener,
    patches_folder,
    tell_left_behind,
)
from flagrelease.cli.settings import settings
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import pretty_json
from flagrelease.patching.report import AlreadyUpstream, Checked
from flagrelease.report.patches import checks_data, checks_table

All = Annotated[bool, typer.Option("--all", help="Every set (the default without --component, --chip, --commit).")]
Component = Annotated[str | None, typer.Option("--component", help="Only sets of this component.")]
Chip = Annotated[str | None, typer.Option("--chip", help="Only sets of this chip, by name or alias.")]
Commit = Annotated[str | None, typer.Option("--commit", help="Only sets whose base begins with these digits.")]
Repo = Annotated[
    list[str] | None, typer.Option("--repo", metavar="[COMPONENT=]PATH", help="Clone of a component; may be repeated.")
]
Against = Annotated[str | None, typer.Option("--against", help="Apply to this revision instead of the base.")]
Anew = Annotated[bool, typer.Option("--anew", help="Do not use what was found before.")]


def check(
    everything: All = False,
    component: Component = None,
    chip: Chip = None,
    commit: Commit = None,
    repo: Repo = None,
    against: Against = None,
    patches: Patches = None,
    key: Key = None,
    signer: Signer = None,
    passphrase_fd: PassphraseFd = None,
    anew: Anew = False,
    as_json: Json = False,
) -> None:
    """Print one table over all sets."""
    if everything and (component or chip or commit):
        raise typer.BadParameter("`--all` is every set: leave out --component, --chip and --commit")
    folder = patches_folder(patches)
    sets = stored_sets(folder, component=component, chip=chip_meant(chip, folder) if chip else None)
    sets = [one for one in sets if one.base.startswith((commit or "")[: len(one.base)])]
    tell_left_behind(folder)
    if not sets:
        sys.stderr.write(f"there are no such sets in {folder}\n")
    repositories = clones(repo, (one.component for one in sets)) if sets else {}
    for name in sorted({one.component for one in sets} - repositories.keys()):
        if mirror := mirror_of(name, [one.base for one in sets if one.component == name]):
            repositories[name] = mirror
    revisions = {name: _revision(name, clone, against) for name, clone in repositories.items()} if against else {}
    opens, kept = opener(key, signer, passphrase_fd), None if anew else CheckCache(settings().home)

    def one_set(stored: StoredSet) -> Checked:
        clone = repositories.get(stored.component)
        at = revisions.get(stored.component)
        return check_set(stored, clone, against=at, opener=opens, kept=kept if clone else None)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = list(pool.map(one_set, sets))
    sys.stdout.write(pretty_json(checks_data(found)).decode() if as_json else checks_table(found))
    if any(not one.is_good and not (against and isinstance(one.finding, AlreadyUpstream)) for one in found):
        raise typer.Exit(SourceError.exit_code)


def _revision(component: str, clone: Repository, asked: str) -> str:
    commit = clone.revision(asked)
    if commit is None:
        cut = "; its history is cut off" if clone.is_shallow else ""
        raise SourceError(f"{component}: {clone.top} has no revision {asked!a}{cut}", hint="fetch it from upstream")
    return commit
