"""Sources of components in the store.

Layout below `home`::

    git/<host>-<owner>-<name>.<16 hex>.git/   one bare repository for each upstream repository, shared by all bundles
        objects/                              as git keeps them; each part of a fetch is a pack of its own
        refs/whole/<commit>                   a commit that is here as a whole
        whole/<commit>.json                   its submodules and LFS pointers, and the packs there were
    blobs/, partial/                          LFS objects by digest, and those that were cut

A commit is taken for whole only by its note, which is written last, and while the packs it names have their sizes.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from flagrelease.adapters.git.repository import Repository
from flagrelease.adapters.mirrors.addresses import upstreams
from flagrelease.adapters.mirrors.bare import Bare, Survey
from flagrelease.adapters.mirrors.fetching import Fetching
from flagrelease.adapters.mirrors.fill import fill_pointer, fill_submodule
from flagrelease.adapters.mirrors.gitmodules import gitlinks
from flagrelease.adapters.mirrors.parts import Part, check_number, root_part, walk
from flagrelease.adapters.mirrors.pointers import pointers
from flagrelease.adapters.mirrors.remote import STALL_S, Remote, check_version
from flagrelease.adapters.mirrors.whole import Whole, as_bytes, drop_changed, note, noted, packs_of
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.component import GitSource
from flagrelease.errors import SourceError
from flagrelease.ports import Progress

FOLDER = "git"
_SHOWN = 5


def _quiet(_text: str) -> None:
    """Say nothing."""


class Mirrors:
    """Repositories of components, each kept once in a store; several processes may use it at once.

    Args:
        home: The store's folder.
        environ: Environment variables: where forges are, proxies, authorities.
        offline: Ask nobody; what is missing is an error.
        say: Takes lines for people.
        stall_s: Seconds without a byte after which a server is given up.
        pause_s: Seconds before a server that broke off is asked again.
    """

    def __init__(
        self,
        home: Path,
        *,
        environ: Mapping[str, str],
        offline: bool = False,
        say: Callable[[str], None] = _quiet,
        stall_s: int = STALL_S,
        pause_s: float = 0.5,
    ) -> None:
        self._folder = home / FOLDER
        self._store = FileStore(home, on_wait=say, on_damage=say)
        self._remote = Remote(environ=environ, stall_s=stall_s)
        self._offline = offline
        self._say = say
        self._pause_s = pause_s

    def missing(self, source: GitSource, commit: str) -> tuple[str, ...]:
        """What is not here of the commit: itself, a submodule's commit, LFS objects, one line each. Asks nobody.

        Raises:
            SourceError: what is here cannot be used, such as a submodule without an address.
        """
        lines: list[str] = []

        def visit(part: Part) -> Whole | None:
            whole, lacking = self._here(part)
            lines.extend(lacking)
            return whole

        for part, whole in walk(source, commit, visit):
            if source.lfs:
                lines += [
                    f"{part.name}: LFS object {one.digest} ({one.size} bytes) of {one.path}"
                    for one in whole.pointers
                    if not self._store.has(one.digest)
                ]
        return tuple(lines)

    def bring(self, source: GitSource, commit: str, progress: Progress) -> None:
        """Have the whole commit here: every object of its tree, its submodules and LFS objects if they are wanted.

        Nobody is asked where all is here. Whoever calls it holds the store in use, so that `gc` waits.

        Args:
            source: Where it is from.
            commit: Its 40 digits.
            progress: Called with files done and total, or bytes of an LFS object.

        Raises:
            SourceError: nobody gave it, a submodule or pointer of it cannot be used, or it is missing and `offline`
                is set.
            ToolError: git is not on this machine, or the disk is full.
        """
        if self._offline and (lacking := self.missing(source, commit)):
            raise SourceError(
                "\n".join([f"{source.repository}: offline, and this is not here:", *(f"  {one}" for one in lacking)]),
                hint="run the command once without --offline",
            )
        for part, whole in walk(source, commit, lambda part: self._brought(part, progress)):
            _check_pointers(source, part, whole)
            if source.lfs and whole.pointers:
                addresses = [one.address(self._remote.environ) for one in part.upstreams]
                from flagrelease.adapters.mirrors.lfs import LfsObjects  # noqa: PLC0415 - loads requests

                objects = LfsObjects(store=self._store, name=part.name, remote=self._remote, say=self._say)
                objects.bring(whole.pointers, addresses, progress)

    def repository(self, source: GitSource, commit: str) -> Repository:
        """The bare mirror that has the commit. Raises SourceError when it is not here as a whole."""
        part = root_part(source, commit)
        if self._noted(part) is None:
            raise self._not_here(part)
        return self._bare(part).repository

    def having(self, source: GitSource, digits: str) -> Repository | None:
        """The mirror, if it has a whole commit that begins with these digits. Asks nobody."""
        bare = Bare(self._folder / upstreams(source)[0].folder)
        fits = [one for one in bare.whole_commits() if one.startswith(digits)]
        return bare.repository if any(noted(bare.folder, one) for one in fits) else None

    def fill(self, source: GitSource, commit: str, folder: Path) -> None:
        """Write the submodules' files and the LFS content into a new tree of that commit.

        What is no longer that empty folder or that pointer, since a patch changed it, is left alone. No symlink is
        followed. A folder that this was killed in is made anew by its owner.

        Args:
            source: Where the commit is from.
            commit: Its 40 digits.
            folder: Its tree, or that with patches applied.

        Raises:
            SourceError: not all is here.
            ToolError: the disk is full.
        """
        if not source.submodules and not source.lfs:
            return
        for number, (part, whole, there) in enumerate(self._places(source, root_part(source, commit), folder)):
            check_number(part, number)
            if source.lfs:
                for one in whole.pointers:
                    fill_pointer(one, self._store, there)

    def kept(self, source: GitSource, commit: str) -> tuple[frozenset[str], frozenset[str]]:
        """What of the store a commit needs, as far as it is here: folders below `git`, and digests of LFS objects."""
        folders, digests = set[str](), set[str]()

        def visit(part: Part) -> Whole | None:
            folders.add(part.folder)
            return self._noted(part)

        # What cannot be used of it is not here either.
        with suppress(SourceError):
            for _, whole in walk(source, commit, visit):
                digests |= {one.digest for one in whole.pointers}
        return frozenset(folders), frozenset(digests)

    # Inside ----------------------------------------------------------------------------------------

    def _places(self, source: GitSource, part: Part, folder: Path) -> Iterator[tuple[Part, Whole, Path]]:
        whole = self._noted(part)
        if whole is None:
            raise self._not_here(part)
        yield part, whole, folder
        for link in whole.gitlinks if source.submodules else ():
            below = part.below(link)
            if self._noted(below) is None:
                raise self._not_here(below)
            if fill_submodule(link, self._bare(below).repository, folder):
                yield from self._places(source, below, folder / os.fsdecode(as_bytes(link.path)))

    def _not_here(self, part: Part) -> SourceError:
        return SourceError(
            f"{part.name}: the commit {part.commit} is not in {self._folder}",
            hint="run the command again without --offline to fetch it",
        )

    def _bare(self, part: Part) -> Bare:
        return Bare(self._folder / part.folder)

    def _noted(self, part: Part) -> Whole | None:
        return noted(self._folder / part.folder, part.commit)

    def _here(self, part: Part) -> tuple[Whole | None, list[str]]:
        """What is known of a part, or what is missing of it. A run that was cut may have left all but the note."""
        if whole := self._noted(part):
            return whole, []
        survey = self._bare(part).survey(part.commit)
        if survey is None:
            return None, [f"{part.name}: commit {part.commit}"]
        if survey.missing:
            return None, [f"{part.name}: {len(survey.missing)} of {len(survey.sizes)} files of commit {part.commit}"]
        return self._described(part, survey), []

    def _described(self, part: Part, survey: Survey) -> Whole:
        bare = self._bare(part)
        return Whole(
            commit=part.commit,
            packs=packs_of(bare.folder),
            gitlinks=gitlinks(bare, survey),
            pointers=pointers(bare, part.commit, survey),
        )

    def _brought(self, part: Part, progress: Progress) -> Whole:
        if whole := self._noted(part):
            return whole
        with self._store.lock(f"git {part.folder}", shown=part.name):
            # Whoever held the lock may have brought it.
            return self._noted(part) or self._fetched(part, progress)

    def _fetched(self, part: Part, progress: Progress) -> Whole:
        bare = self._bare(part)
        check_version()
        bare.begin()
        for pack in drop_changed(bare.folder):
            self._say(f"{part.name}: {pack} in {bare.folder} is not as it was written; what it held is fetched again")
        survey = bare.survey(part.commit)
        if survey is None or survey.missing:
            addresses = [one.address(self._remote.environ) for one in part.upstreams]
            survey = Fetching(
                bare=bare,
                commit=part.commit,
                name=part.name,
                remote=self._remote,
                say=self._say,
                progress=progress,
                pause_s=self._pause_s,
            ).run(addresses)
        bare.keep(part.commit)
        whole = self._described(part, survey)
        note(bare.folder, whole)
        return whole


def _check_pointers(source: GitSource, part: Part, whole: Whole) -> None:
    """Refuse pointers in the place of files: whoever builds with them finds out late, and not by name."""
    if whole.pointers and not source.lfs:
        paths = [one.path for one in whole.pointers]
        more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
        raise SourceError(
            f"{part.name}: the commit {part.commit} has files that Git LFS keeps apart, and `lfs` is not set: "
            f"{', '.join(paths[:_SHOWN])}{more}",
            hint="write `lfs: true` into the source",
        )
