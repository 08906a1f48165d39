"""A source with its submodules, and theirs, as far as their commits are here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from flagrelease.adapters.mirrors.addresses import Upstream, upstreams
from flagrelease.adapters.mirrors.submodule_url import RefusedUrlError, submodule_upstreams
from flagrelease.adapters.mirrors.whole import Gitlink, Whole
from flagrelease.domain.component import GitSource
from flagrelease.errors import SourceError

DEEPEST: Final = 8
MOST: Final = 500


@dataclass(frozen=True, kw_only=True)
class Part:
    """A commit of a repository: that of the source itself, or of a submodule at `path` below it."""

    root: str
    upstreams: tuple[Upstream, ...]
    commit: str
    path: str = ""
    depth: int = 0

    @property
    def name(self) -> str:
        """What people call it."""
        if not self.path:
            return self.root
        return f"{self.upstreams[0].name} (submodule {self.path} of {self.root})"

    @property
    def folder(self) -> str:
        """Its mirror's folder name."""
        return self.upstreams[0].folder

    def below(self, link: Gitlink) -> "Part":
        """The part that a submodule is. Raises SourceError where its entry cannot be used."""
        path = f"{self.path}/{link.path}".lstrip("/")
        fault = link.fault
        try:
            found = submodule_upstreams(link.url, self.upstreams) if not fault else ()
        except RefusedUrlError as error:
            found, fault = (), f"has the address {link.url[:200]!a}, which {error}"
        if not found:
            raise SourceError(
                f"{self.name}: the submodule {link.path} of commit {self.commit} {fault}",
                hint="write `submodules: false` if the component is built without it, or lock a commit that is sound",
            )
        return Part(root=self.root, upstreams=found, commit=link.commit, path=path, depth=self.depth + 1)


def root_part(source: GitSource, commit: str) -> Part:
    """The source itself."""
    if len(commit) != 40 or not set(commit) <= set("0123456789abcdef"):  # noqa: PLR2004
        raise SourceError(f"{source.repository}: wanted a commit of 40 digits, found {commit!a}", hint="lock it anew")
    return Part(root=source.repository, upstreams=upstreams(source), commit=commit)


def check_number(part: Part, number: int) -> None:
    """Refuse what is nested too deeply, or has too many parts. Raises SourceError."""
    if part.depth > DEEPEST or number > MOST:
        raise SourceError(
            f"{part.name}: wanted at most {MOST} submodules, {DEEPEST} below each other, found more",
            hint="write `submodules: false` if the component is built without them",
        )


def walk(source: GitSource, commit: str, visit: Callable[[Part], Whole | None]) -> Iterator[tuple[Part, Whole]]:
    """Visit the source and, if it is built with them, its submodules, each repository and commit once.

    Args:
        source: The source.
        commit: Its commit.
        visit: Tells what is noted of a part; none where it is not here, and nothing below it is known then.

    Raises:
        SourceError: an entry of a submodule cannot be used, or they are nested too deeply or too many.
    """
    waiting, seen = [root_part(source, commit)], set[tuple[str, str]]()
    while waiting:
        part = waiting.pop()
        if (part.folder, part.commit) in seen:
            continue
        seen.add((part.folder, part.commit))
        check_number(part, len(seen))
        whole = visit(part)
        if whole is None:
            continue
        yield part, whole
        if source.submodules:
            waiting += [part.below(link) for link in reversed(whole.gitlinks)]
