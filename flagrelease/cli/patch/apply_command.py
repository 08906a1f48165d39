"""Take a component at the base commit, apply the chip's set, and write the files into a folder.

The tree has to be the one that the set records, or nothing is written. A folder that is there is only replaced where
this command made it and nobody edited it since. The clone that is read stays as it is. Without `--repo` that is the
clone that you are in, or the store's mirror of the component where you are in none that has the commit.

In a FlagScale clone, the words of FlagScale's own tool do the same, into its layout:
`flagrelease patch apply --device-type cambricon_MLU --commit-id 57637057 --dir build` writes
`build/cambricon_MLU/FlagScale`.
"""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.git.repository import repository_at
from flagrelease.adapters.patches.apply import apply_set
from flagrelease.adapters.patches.sets import chosen_set
from flagrelease.cli.options import Json
from flagrelease.cli.patch.mirror import clone_or_mirror
from flagrelease.cli.patch.passphrases import PassphraseFd
from flagrelease.cli.patch.sets import Key, Patches, Signer, chip_meant, opener, patches_folder
from flagrelease.formats.canonical import pretty_json

Component = Annotated[str | None, typer.Option("--component", help="Component that the set is for.")]
Repo = Annotated[
    Path | None, typer.Option("--repo", help="Clone of the component (default: where you are, or the store's mirror).")
]
Chip = Annotated[str | None, typer.Option("--chip", help="Chip, by name or alias.")]
Commit = Annotated[str | None, typer.Option("--commit", help="Base commit, at least its first 7 digits.")]
To = Annotated[Path | None, typer.Option("--to", help="Folder to write.")]
DeviceType = Annotated[str | None, typer.Option("--device-type", help="FlagScale's word for the chip.")]
CommitId = Annotated[str | None, typer.Option("--commit-id", help="FlagScale's word for the base commit.")]
Dir = Annotated[Path | None, typer.Option("--dir", help="FlagScale's word: DIR/<device type>/FlagScale is written.")]
Force = Annotated[bool, typer.Option("--force", help="Drop what was edited in a folder that this wrote before.")]

_DIGITS = re.compile(r"[0-9a-f]{7,40}\Z")
_DEVICE = re.compile(r"\w[\w.-]*\Z", re.ASCII)


def apply(
    component: Component = None,
    repo: Repo = None,
    chip: Chip = None,
    commit: Commit = None,
    to: To = None,
    device_type: DeviceType = None,
    commit_id: CommitId = None,
    dir_: Dir = None,
    patches: Patches = None,
    key: Key = None,
    signer: Signer = None,
    passphrase_fd: PassphraseFd = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Print the tree and where it is."""
    old = (device_type, commit_id, dir_)
    if any(old) and any((chip, commit, to)):
        raise typer.BadParameter("use `--chip --commit --to`, or FlagScale's `--device-type --commit-id --dir`")
    word, digits, target = old if any(old) else (chip, commit, to)
    component = component or ("flagscale" if any(old) else None)
    if not (component and word and digits and target):
        raise typer.BadParameter("wanted --component, --chip, --commit and --to")
    if not _DIGITS.match(digits):
        raise typer.BadParameter(f"the commit `{digits}`: wanted 7 to 40 digits of 0-9 and a-f")
    if any(old) and not _DEVICE.match(word):
        raise typer.BadParameter(f"`--device-type {word}`: wanted a word such as cambricon_MLU")
    sets = patches_folder(patches)
    stored = chosen_set(sets, component, digits, chip_meant(word, sets))
    folder, tree_at = (target / word, "FlagScale") if any(old) else (target, ".")
    clone = repository_at(repo) if repo else clone_or_mirror(component, stored.base)
    opens = opener(key, signer, passphrase_fd)
    made = apply_set(stored, clone, folder, tree_at=tree_at, opener=opens, force=force)
    if as_json:
        facts = {"folder": str(made.folder), "tree": made.tree, "base": made.base, "series": made.digest}
        sys.stdout.write(pretty_json({**facts, "patches": made.patches}).decode())
    else:
        sys.stdout.write(f"{made.folder}: tree {made.tree}, {made.patches} patches on {made.base}\n")
