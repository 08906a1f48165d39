"""Make a set from a vendor's changes, or extend the one that is there.

Without `--range` and `--mailbox` the checkout at `--repo` is taken as it lies there: what leads from the base, with the
patches that there are, to it, is one more patch. A range gives a patch a commit, a mailbox a patch a mail; authors are
kept. Every patch is applied before anything is written, and one that no patch may be is refused.
"""

import datetime as dt
import sys
from collections.abc import Sequence
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from flagrelease.adapters.git.index import Index, temporary_index
from flagrelease.adapters.git.repository import Repository, repository_at
from flagrelease.adapters.git.snapshot import Change, checkout_tree, diff_of, mailbox_changes, range_changes
from flagrelease.adapters.patches.add import Added, Building, finished
from flagrelease.adapters.patches.sets import StoredSet
from flagrelease.adapters.storage.place import changing
from flagrelease.cli.options import Json
from flagrelease.cli.patch.sets import Patches, chip_of_new, patches_folder
from flagrelease.domain.patch_series import BASE_DIGITS, SERIES_FILE
from flagrelease.domain.value import Name
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import pretty_json
from flagrelease.patching.mail_text import Authorship

Words = list[str] | None
Component = Annotated[str, typer.Option("--component", help="Component that is changed.")]
Repo = Annotated[Path, typer.Option("--repo", help="Clone of it, or the changed checkout.")]
Chip = Annotated[str, typer.Option("--chip", help="Chip that the set is for, by name or alias.")]
Base = Annotated[str | None, typer.Option("--base", help="Base commit (default: HEAD, or where the range begins).")]
Range = Annotated[str | None, typer.Option("--range", help="Commits A..B, one patch each.")]
Mailbox = Annotated[Path | None, typer.Option("--mailbox", help="Mailbox of `git format-patch --stdout`, or a diff.")]
Subject = Annotated[str | None, typer.Option("--subject", help="One line on what a checkout's patch does.")]
Author = Annotated[str | None, typer.Option("--author", help="Whose change it is, as `Name <mail>`.")]
Task = Annotated[Words, typer.Option("--task", help="train, inference or post_train; may be repeated.")]
Model = Annotated[Words, typer.Option("--model", help="Model that needs it; may be repeated.")]
Why = Annotated[str | None, typer.Option("--why", help="Why the set is needed.")]
Owner = Annotated[str | None, typer.Option("--owner", help="Who answers for it.")]
Upstream = Annotated[str | None, typer.Option("--upstream", help="Where it is offered upstream, or `none`.")]
RemoveWhen = Annotated[str | None, typer.Option("--remove-when", help="What has to happen before it can go.")]
Whitespace = Annotated[str | None, typer.Option("--whitespace", help="strict (default), or fix.")]


def add(
    component: Component,
    repo: Repo,
    chip: Chip,
    base: Base = None,
    range_: Range = None,
    mailbox: Mailbox = None,
    subject: Subject = None,
    author: Author = None,
    task: Task = None,
    model: Model = None,
    why: Why = None,
    owner: Owner = None,
    upstream: Upstream = None,
    remove_when: RemoveWhen = None,
    whitespace: Whitespace = None,
    patches: Patches = None,
    as_json: Json = False,
) -> None:
    """Write the set, and print its folder and what is new in it."""
    if range_ and mailbox:
        raise typer.BadParameter("use one of --range and --mailbox")
    given: dict[str, Any] = {
        "why": why,
        "owner": owner,
        "upstream": upstream,
        "remove_when": remove_when,
        "whitespace": whitespace,
    }
    given |= {"task": tuple(task) if task else None, "models": tuple(model) if model else None}
    by = _author(author, subject or why)
    component, chip = _name("--component", component), _name("--chip", chip_of_new(chip, patches_folder(patches)))
    clone = repository_at(repo)
    with temporary_index(clone) as index:
        begin, changes = range_changes(index, clone, range_) if range_ else (None, [])
        commit = _base(clone, base, begin)
        stored = StoredSet(patches_folder(patches).absolute() / component / commit[:BASE_DIGITS] / chip)
        with changing(stored.folder):
            facts = _facts(stored, given, {"component": component, "base": commit, "chip": chip})
            building = _building(index, commit, stored, facts)
            if mailbox:
                changes = mailbox_changes(mailbox)
            elif not range_:
                changes = [_checkout(clone, building, by)]
            new = [name for name in map(building.add, changes) if name]
            if not new:
                raise SourceError("there is nothing to add: the set makes this already", hint="change something first")
            made = finished(building, stored.folder, facts, new)
    _tell(made, as_json=as_json)


def _name(option: str, given: str) -> str:
    """A name that is a folder's: what it is put into a path for is made before the series is looked at."""
    try:
        return str(TypeAdapter(Name).validate_python(given))
    except ValidationError:
        raise typer.BadParameter(f"`{option} {given}`: wanted lower-case letters, digits, `-`, `_`, `.`") from None


def _base(clone: Repository, asked: str | None, begin: str | None) -> str:
    commit = clone.revision(asked) if asked else begin or clone.revision("HEAD")
    if commit is None:
        raise SourceError(f"{clone.top} has no commit {asked or 'HEAD'!a}", hint="name the base with --base")
    return commit


def _facts(stored: StoredSet, given: dict[str, Any], place: dict[str, str]) -> dict[str, Any]:
    """What the series says: as given, or as it said before."""
    before = stored.series.model_dump() if (stored.folder / SERIES_FILE).exists() else {}
    kept = {key: before[key] for key in given if key in before}
    return {**kept, **{key: value for key, value in given.items() if value is not None}, **place}


def _building(index: Index, commit: str, stored: StoredSet, facts: dict[str, Any]) -> Building:
    tree = index.tree_of(commit)
    building = Building(index=index, base_tree=tree, fix=facts.get("whitespace") == "fix", tree=tree)
    if (stored.folder / SERIES_FILE).exists():
        building.begin_with(stored)
    return building


def _checkout(clone: Repository, building: Building, by: Authorship) -> Change:
    """Read in an index of its own: the files are read as the user's git reads them, and the patch made as all are."""
    with temporary_index(clone, as_stored=False, beside=[building.index]) as reading:
        tree = checkout_tree(reading, clone, clone.revision("HEAD") or building.tree)
        return Change(by=by, diff=diff_of(reading, building.tree, tree))


def _author(author: str | None, subject: str | None) -> Authorship:
    name, sign, mail = (author or "").partition("<")
    if author and not (sign and mail.endswith(">")):
        raise typer.BadParameter(f"`--author {author}`: wanted `Name <mail>`")
    now = format_datetime(dt.datetime.now(dt.UTC))
    subject = subject or "Vendor changes"
    return Authorship(author=name.strip(), mail=mail.removesuffix(">").strip(), subject=subject, date=now)


def _tell(made: Added, *, as_json: bool) -> None:
    facts: Sequence[str] = made.new
    if as_json:
        data = {"folder": str(made.folder), "new": list(facts), "tree": made.series.result_tree}
        sys.stdout.write(pretty_json(data).decode())
        return
    sys.stdout.write(f"{made.folder}: {len(made.series.patches)} patches, tree {made.series.result_tree}\n")
    sys.stdout.writelines(f"  new: {name}\n" for name in facts)
