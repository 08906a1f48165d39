"""A clone, and a set of two patches that its vendor sealed for a maintainer, with the keys of everybody as files."""

import contextlib
import io
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flagrelease.adapters.git.repository import Repository, repository_at
from flagrelease.adapters.patches.apply import Written, apply_set
from flagrelease.adapters.patches.checks import check_set
from flagrelease.adapters.patches.sets import Opener, StoredSet, stored_sets
from flagrelease.adapters.sealed.key_files import load_private, make_key
from flagrelease.adapters.sealed.set_folder import seal_folder
from flagrelease.cli.patch.add_command import add
from flagrelease.cli.patch.sets import opener
from flagrelease.patching.report import Checked
from tests.patching.vendor import commit, made_clone, tree_of, write

CANARY = "canary-5f1c"
HOLDERS = ("vendor", "maintainer", "stranger")


@dataclass(frozen=True)
class SealedPlace:
    """Where everything is."""

    top: Path
    base: str
    tree: str

    @property
    def clone(self) -> Path:
        """The clone, clean at the base."""
        return self.top / "clone"

    @property
    def repository(self) -> Repository:
        """The same, to read from."""
        return repository_at(self.clone)

    @property
    def set(self) -> Path:
        """The set's folder."""
        return self.top / "patches" / "flagscale" / self.base[:12] / "cambricon_mlu"

    @property
    def all_stored(self) -> list[StoredSet]:
        """Every set there is."""
        return stored_sets(self.top / "patches")

    @property
    def stored(self) -> StoredSet:
        """The set, not read yet."""
        return StoredSet(self.set)

    def key(self, holder: str) -> Path:
        """Somebody's private key."""
        return self.top / "keys" / f"{holder}.key"

    def public(self, holder: str) -> Path:
        """Somebody's public key."""
        return self.top / "keys" / f"{holder}.pub"

    def opener(self, holder: str = "maintainer", signer: str = "vendor") -> Opener:
        """Opens sets as somebody who trusts the signer."""
        return opener([self.key(holder)], [self.public(signer)], None)

    def check(self, opens: Opener | None = None, *, against: str | None = None) -> Checked:
        """What a check finds of it."""
        return check_set(self.stored, self.repository, against=against, opener=opens or self.opener())

    def apply(self, to: Path, opens: Opener | None = None) -> Written:
        """Write it."""
        return apply_set(self.stored, self.repository, to, opener=opens or self.opener())

    def copied(self, to: Path) -> "SealedPlace":
        """The same anew, for a test that changes something."""
        shutil.copytree(self.top, to, symlinks=True)
        return SealedPlace(top=to, base=self.base, tree=self.tree)


def plain_place(top: Path, word: str = CANARY) -> SealedPlace:
    """The same before it is sealed: the word is in the lines, the name of a file and the description of each patch."""
    base = made_clone(top / "clone")
    train = (top / "clone/flagscale/train.py").read_bytes()
    write(top / "clone", {"flagscale/train.py": train.replace(b"line 50\n", f"line 50 {word}\n".encode())})
    commit(top / "clone", f"First\n\nIt is for {word}.")
    write(top / "clone", {f"flagscale/{word}.py": f"{word} = 1\n".encode()})
    commit(top / "clone", f"Second\n\nIt is for {word}.")
    tree, tip = tree_of(top / "clone"), (top / "clone/.git/refs/heads/main").read_text()
    place = SealedPlace(top=top, base=base, tree=tree)
    _add(place, range_=f"{base}..{tip.strip()}")
    for holder in HOLDERS:
        make_key(top / "keys", holder, None)
    return place


def extended(
    place: SealedPlace, files: Mapping[str, bytes], *, base: str | None = None, mailbox: Path | None = None
) -> None:
    """Add what the checkout is with these files, or a mailbox, to the set, as one more patch."""
    write(place.clone, files)
    _add(place, base=base or place.base, mailbox=mailbox)


def _add(place: SealedPlace, **more: str | Path | None) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        add(
            component="flagscale",
            repo=place.clone,
            chip="cambricon_mlu",
            task=["inference"],
            why="the MLU has no CUDA",
            owner="vendor@example.com",
            upstream="none",
            remove_when="never",
            patches=place.top / "patches",
            **more,  # type: ignore[arg-type]
        )


def seal(place: SealedPlace) -> None:
    """Seal it for vendor and maintainer."""
    (signer,) = load_private([place.key("vendor")], lambda _: None)
    (maintainer,) = load_private([place.key("maintainer")], lambda _: None)
    seal_folder(place.set, signer=signer, recipients=[signer.public, maintainer.public])
