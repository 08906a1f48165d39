"""Read the vendor patches of a FlagScale checkout, of all three generations of its `hardware/`, and make sets of them.

Every patch is applied to its base, which takes the objects of FlagScale and of the patched backends: those of the
checkout and its submodules, or of `--repo`. What contradicts itself is told with its place and an id, and is not
imported; all else is. Authors are those of the mails, of the commits that last touched a patch, or the contact.

`--at` reads a commit without checking it out: patches of the first generation are in old commits only. What FlagScale
does not know has to be given: --upstream and --remove-when always, --owner where there is no contact, --task where
there is no YAML. Ends with 5 where something needs somebody.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from flagrelease.adapters.flagscale.clones import Clones, clone_at
from flagrelease.adapters.flagscale.hardware import HARDWARE, Hardware, at_commit, in_folder
from flagrelease.adapters.flagscale.importing import Importing, Keys
from flagrelease.adapters.flagscale.reading import Checkout
from flagrelease.adapters.git.index import temporary_index
from flagrelease.cli.options import Json
from flagrelease.cli.patch.flagscale import decrypter, known_chips, named_chip, sealer
from flagrelease.cli.patch.passphrases import PassphraseFd
from flagrelease.cli.patch.sets import Patches, clones, patches_folder
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import pretty_json
from flagrelease.patching.flagscale.backends import BACKENDS, TASKS
from flagrelease.patching.flagscale.findings import KINDS, Findings
from flagrelease.patching.flagscale.layout import Generation
from flagrelease.patching.flagscale.outcome import Outcome, Wish
from flagrelease.report.patch_import import import_data, import_summary, import_table

Words = list[str] | None
Path_ = Annotated[Path, typer.Argument(metavar="PATH", help="FlagScale checkout, or with --at a clone of it.")]
From = Annotated[Literal["flagscale"], typer.Option("--from", help="Whose patches they are; `flagscale`.")]
GenerationOption = Annotated[
    Literal["auto", "1", "2", "3"], typer.Option("--generation", help="Only folders of this generation.")
]
At = Annotated[str | None, typer.Option("--at", help="Read this revision, not the files that lie there.")]
Device = Annotated[str | None, typer.Option("--device-type", help="Only this folder of hardware/.")]
Chip = Annotated[str | None, typer.Option("--chip", help="Only this chip; with --device-type, the chip that it is.")]
Component = Annotated[str | None, typer.Option("--component", help="Only this component, such as vllm.")]
Repo = Annotated[Words, typer.Option("--repo", metavar="COMPONENT=PATH", help="Clone of a component; may be repeated.")]
Key = Annotated[Path | None, typer.Option("--key", help="Folder of FlagScale's private_key.pem.")]
SealFor = Annotated[
    list[Path] | None, typer.Option("--seal-for", help="Public key that shall open what was encrypted.")
]
SignWith = Annotated[Path | None, typer.Option("--sign-with", help="Private key that signs what is sealed.")]
Plain = Annotated[bool, typer.Option("--plain", help="Write encrypted patches in plain text.")]
Task = Annotated[Words, typer.Option("--task", help="train, inference or post_train, where no YAML says; repeatable.")]
Why = Annotated[str | None, typer.Option("--why", help="Why the sets are needed (default: where they are from).")]
Owner = Annotated[str | None, typer.Option("--owner", help="Who answers for sets without a contact.")]
Upstream = Annotated[str | None, typer.Option("--upstream", help="Where it is offered upstream, or `none`.")]
RemoveWhen = Annotated[str | None, typer.Option("--remove-when", help="What has to happen before it can go.")]
Accept = Annotated[Words, typer.Option("--accept", metavar="ID", help="Import in spite of this error; repeatable.")]
LeaveOut = Annotated[
    Words, typer.Option("--leave-out", metavar="FILE", help="Do not take the change to this file; repeatable.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Do all but write.")]


def import_(
    path: Path_,
    from_: From,
    generation: GenerationOption = "auto",
    at: At = None,
    device_type: Device = None,
    chip: Chip = None,
    component: Component = None,
    repo: Repo = None,
    patches: Patches = None,
    task: Task = None,
    why: Why = None,
    owner: Owner = None,
    upstream: Upstream = None,
    remove_when: RemoveWhen = None,
    accept: Accept = None,
    leave_out: LeaveOut = None,
    key: Key = None,
    seal_for: SealFor = None,
    sign_with: SignWith = None,
    passphrase_fd: PassphraseFd = None,
    plain: Plain = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Print a line a folder with what is wrong in it, and write the sets."""
    _check(from_, accept, task, component, plain=plain, seal_for=seal_for, sign_with=sign_with)
    chips, findings = known_chips(), Findings(accept=frozenset(accept or ()))
    facts = {"owner": owner, "why": why, "upstream": upstream, "remove_when": remove_when}
    wish = Wish(
        device=device_type,
        chip=named_chip(chip) if chip else None,
        component=component,
        generation=_GENERATIONS.get(generation),
        facts={**facts, "task": tuple(task) if task else None},
        leave_out=frozenset(leave_out or ()),
        plain=plain,
        dry_run=dry_run,
    )
    keys = _keys(key, seal_for, sign_with, passphrase_fd)
    places = Clones(checkout=path, own=clone_at(path), named=clones(repo, BACKENDS.values()))
    with _checkout(places, at, chips, findings) as checkout:
        outcomes = Importing(checkout, wish, keys, patches_folder(patches), findings).run()
    _tell(outcomes, findings, checkout, as_json=as_json)


def _keys(key: Path | None, seal_for: list[Path] | None, sign_with: Path | None, passphrase_fd: int | None) -> Keys:
    seal = sealer(seal_for, sign_with, passphrase_fd) if seal_for and sign_with else None
    return Keys(decrypt=decrypter(key) if key else None, seal=seal)


def _tell(outcomes: list[Outcome], findings: Findings, checkout: Checkout, *, as_json: bool) -> None:
    told = findings.told
    if not outcomes and not findings.has_errors:
        raise SourceError(
            f"no folder of patches in {checkout.clones.checkout / HARDWARE} is one that was asked for",
            hint="leave out --device-type, --chip, --component and --generation to see all",
        )
    if as_json:
        sys.stdout.write(pretty_json(import_data(outcomes, told, checkout.commit)).decode())
    else:
        sys.stdout.write(import_table(outcomes, told))
        sys.stderr.write(import_summary(outcomes, told))
    if findings.has_errors:
        raise typer.Exit(SourceError.exit_code)


@contextmanager
def _checkout(places: Clones, at: str | None, chips: Mapping[str, str], findings: Findings) -> Iterator[Checkout]:
    """The checkout with its history, where it has one. Raises SourceError where there is nothing to read."""
    clone = places.flagscale
    commit = clone.revision(at or "HEAD") if clone else None
    if at and commit is None:
        where = clone.top if clone else places.checkout
        raise SourceError(
            f"{where} has no revision {at!a}", hint="name a clone that has it, with --repo flagscale=PATH"
        )
    if clone is None or commit is None:
        lying = in_folder(places.checkout / HARDWARE, findings)
        yield Checkout(hardware=lying, clones=places, index=None, commit=None, chips=chips)
        return
    with temporary_index(clone) as index:
        hardware: Hardware = (
            at_commit(index, commit, findings) if at else in_folder(places.checkout / HARDWARE, findings)
        )
        yield Checkout(hardware=hardware, clones=places, index=index, commit=commit, chips=chips)


def _check(
    from_: str,
    accept: Words,
    task: Words,
    component: str | None,
    *,
    plain: bool,
    seal_for: list[Path] | None,
    sign_with: Path | None,
) -> None:
    """Refuse words that mean nothing."""
    assert from_ == "flagscale"
    acceptable = [id_ for id_, kind in KINDS.items() if kind.may_pass]
    for option, words, known in (
        ("--accept", accept, acceptable),
        ("--task", task, TASKS),
        ("--component", [component] if component else None, list(BACKENDS.values())),
    ):
        if strange := [word for word in words or () if word not in known]:
            raise typer.BadParameter(f"`{option} {strange[0]}`: wanted one of {', '.join(known)}")
    if bool(seal_for) != bool(sign_with):
        raise typer.BadParameter("`--seal-for` says who may read, `--sign-with` who vouches: use both or none")
    if plain and seal_for:
        raise typer.BadParameter("use one of `--plain` and `--seal-for`")


_GENERATIONS: Mapping[str, Generation] = {"1": 1, "2": 2, "3": 3}
