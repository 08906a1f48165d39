"""Write a set as the third generation of FlagScale's `hardware/`: a patch a file, and diff.yaml.

What the set changes in all is written, after it was applied to its base and, a patch a file, once more. What this
layout cannot carry is told. A folder that is there is only replaced where this command made it and nobody changed it
since. A sealed set is refused, but for `--plain`: FlagScale's own encryption shows no change and is never written.
"""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.flagscale.export import Export, export_set
from flagrelease.adapters.git.repository import repository_at
from flagrelease.adapters.patches.sets import StoredSet, chosen_set, stored_sets
from flagrelease.cli.options import Json
from flagrelease.cli.patch.flagscale import known_chips
from flagrelease.cli.patch.passphrases import PassphraseFd
from flagrelease.cli.patch.sets import Key, Patches, Signer, chip_meant, opener, patches_folder
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import pretty_json

Component = Annotated[str, typer.Option("--component", help="Component that the set is for.")]
Chip = Annotated[str, typer.Option("--chip", help="Chip, by name or alias.")]
To = Annotated[Path, typer.Option("--to", help="The `hardware` folder; TO/<device type>/<backend> is written.")]
Commit = Annotated[str | None, typer.Option("--commit", help="Base commit (default: the only one that there is).")]
Repo = Annotated[Path | None, typer.Option("--repo", help="Clone of the component (default: where you are).")]
Device = Annotated[
    str | None, typer.Option("--device-type", help="FlagScale's word for the chip (default: its alias).")
]
FlagScale = Annotated[
    str | None, typer.Option("--flagscale-commit", help="FlagScale's commit that a backend's patches are for.")
]
Version = Annotated[str | None, typer.Option("--version", help="Version of the backend, for its readers.")]
Plain = Annotated[bool, typer.Option("--plain", help="Write a sealed set in plain text.")]

_DEVICE = re.compile(r"[A-Z][A-Za-z0-9.-]*_[A-Za-z0-9.-]+\Z")
_COMMIT = re.compile(r"[0-9a-f]{7,40}\Z")


def export(
    component: Component,
    chip: Chip,
    to: To,
    commit: Commit = None,
    repo: Repo = None,
    device_type: Device = None,
    flagscale_commit: FlagScale = None,
    version: Version = None,
    patches: Patches = None,
    key: Key = None,
    signer: Signer = None,
    passphrase_fd: PassphraseFd = None,
    plain: Plain = False,
    as_json: Json = False,
) -> None:
    """Print the folder, and on stderr what it cannot carry."""
    if flagscale_commit and not _COMMIT.match(flagscale_commit):
        raise typer.BadParameter(f"`--flagscale-commit {flagscale_commit}`: wanted 7 to 40 digits of 0-9 and a-f")
    sets = patches_folder(patches)
    name = chip_meant(chip, sets)
    stored = _set(sets, component, commit, name)
    if stored.is_sealed and not plain:
        raise SourceError(
            f"{stored.name} is sealed; its patches would be in plain text there, and FlagScale's own encryption, "
            "which shows no change, is never written",
            hint="pass --plain, with the key that opens it, if whoever reads the folder may read them",
        )
    export_ = Export(
        stored=stored,
        device=_device(device_type, name),
        hardware=to,
        flagscale=flagscale_commit,
        version=version,
    )
    done = export_set(export_, repository_at(repo or Path()), opener(key, signer, passphrase_fd))
    if as_json:
        data = {"folder": str(done.folder), "patches": done.files, "lost": list(done.lost)}
        sys.stdout.write(pretty_json(data).decode())
    else:
        sys.stdout.write(f"{done.folder}: {done.files} patches and diff.yaml\n")
    sys.stderr.writelines(f"not carried: {text}\n" for text in done.lost)


def _set(sets: Path, component: str, commit: str | None, chip: str) -> StoredSet:
    if commit:
        return chosen_set(sets, component, commit, chip)
    there = stored_sets(sets, component=component, chip=chip)
    if len(there) != 1:
        bases = ", ".join(one.base for one in there) or "none"
        raise SourceError(
            f"wanted one set of {chip} for {component}, found {bases} in {sets}", hint="name the base with --commit"
        )
    return there[0]


def _device(given: str | None, chip: str) -> str:
    """FlagScale's word: two parts, the first letter upper-case."""
    words = [given] if given else [word for word, name in known_chips().items() if name == chip]
    fitting = [word for word in words if _DEVICE.match(word)]
    if len(fitting) != 1:
        found = given or ", ".join(fitting) or f"none among the aliases of {chip}"
        raise SourceError(
            f"wanted a device type such as Cambricon_MLU: two parts, the first letter upper-case; found {found}",
            hint="name it with --device-type",
        )
    return fitting[0]
