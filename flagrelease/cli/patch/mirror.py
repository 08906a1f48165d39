"""The mirror of a component in the store, for a set that no clone was named for."""

from collections.abc import Iterable
from pathlib import Path

from flagrelease.adapters.git.repository import Repository, repository_at
from flagrelease.adapters.mirrors.mirrors import Mirrors
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.settings import settings
from flagrelease.domain.component import GitSource
from flagrelease.errors import SourceError


def sources_of(component: str) -> tuple[GitSource, ...]:
    """The repositories that bundles name for a component, without those that are named twice.

    Raises:
        SourceError: they differ, so that nobody knows which one a set is for.
    """
    here = settings()
    if not (here.recipes / "bundles").is_dir():
        return ()
    found: dict[tuple[str, str], GitSource] = {}
    for bundle in cached_catalogue(here).everything().bundles.values():
        for variant in bundle.variants.values():
            named = variant.components.get(component)
            for source in (named.source, *named.alternatives) if named else ():
                if isinstance(source, GitSource):
                    found.setdefault((source.forge, source.repository.removesuffix(".git")), source)
    if len(found) > 1:
        names = ", ".join(sorted(f"{forge} {repository}" for forge, repository in found))
        raise SourceError(
            f"{component}: bundles name several repositories for it: {names}",
            hint=f"name a clone of the one that is meant: --repo {component}=PATH",
        )
    return tuple(found.values())


def clone_or_mirror(component: str, base: str) -> Repository:
    """The clone that one is in, if it has the commit; otherwise the store's mirror of the component.

    Raises:
        SourceError: neither is there, or bundles name several repositories for the component.
    """
    try:
        here = repository_at(Path())
    except SourceError as error:
        if mirror := mirror_of(component, [base]):
            return mirror
        raise SourceError(
            f"{error.message}, and no mirror in the store has a commit {base} of {component}", hint=error.hint
        ) from error
    # A clone without the commit is still named by the error about it.
    return here if here.commit(base) else mirror_of(component, [base]) or here


def mirror_of(component: str, bases: Iterable[str]) -> Repository | None:
    """The store's mirror of a component that has one of these commits; none where it has not. Asks nobody.

    Raises:
        SourceError: bundles name several repositories for it.
    """
    here = settings()
    mirrors = Mirrors(here.home, environ=here.environ, offline=True)
    for source in sources_of(component):
        for base in bases:
            if found := mirrors.having(source, base):
                return found
    return None
