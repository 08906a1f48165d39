"""Where the git objects of FlagScale and of its backends are: in the checkout, its submodules, or a named clone."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flagrelease.adapters.git.index import Index
from flagrelease.adapters.git.repository import Repository, repository_at
from flagrelease.errors import SourceError
from flagrelease.patching.flagscale.backends import BACKENDS, FLAGSCALE, submodule

_GITLINK: Final = b"160000"


@dataclass(frozen=True, kw_only=True)
class Clones:
    """`named` are those of the command line, by component; they go before what the checkout has."""

    checkout: Path
    own: Repository | None
    named: Mapping[str, Repository]

    @property
    def flagscale(self) -> Repository | None:
        """FlagScale's own."""
        return self.named.get(BACKENDS[FLAGSCALE]) or self.own

    def of(self, backend: str) -> Repository | None:
        """A backend's; None where there is none at hand."""
        if backend == FLAGSCALE:
            return self.flagscale
        if named := self.named.get(BACKENDS[backend]):
            return named
        places = [self.checkout / submodule(backend)]
        if self.own:
            places.append(self.own.common / "modules" / submodule(backend))
        return next((one for place in places if (one := clone_at(place))), None)

    def where(self, backend: str) -> str:
        """Where one was looked for."""
        return f"{submodule(backend)} of the checkout" if backend != FLAGSCALE else str(self.checkout)


def clone_at(place: Path) -> Repository | None:
    """The clone that is exactly there: an empty folder of a submodule lies in another one's checkout."""
    if not place.is_dir():
        return None
    with suppress(SourceError):
        found = repository_at(place)
        # What `.git` points to may be gone.
        return found if found.top == place.resolve() and found.objects.is_dir() else None
    return None


def gitlink(index: Index, commit: str, backend: str) -> str | None:
    """The commit of a backend that a commit of FlagScale names."""
    listed = index.run("ls-tree", "-z", "--full-tree", commit, submodule(backend), wanted=f"reading {commit}").out
    facts = listed.partition(b"\t")[0].split()
    return facts[2].decode() if facts and facts[0] == _GITLINK else None
