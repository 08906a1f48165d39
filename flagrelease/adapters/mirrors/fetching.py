"""One commit into its mirror, from the first address that has it; what came before a cut is kept.

A server is asked for the commit and its folders alone, then for the files that are missing, some hundred at a time:
each such part is a pack of its own, so that a cut loses one part. A server that cannot leave files out gives all at
once; one that gives no commit by its id gives its branches and tags, as deep as is needed.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from flagrelease.adapters.git.run import Said
from flagrelease.adapters.mirrors.addresses import Address
from flagrelease.adapters.mirrors.bare import Bare, Survey
from flagrelease.adapters.mirrors.remote import REMOTE, Remote, told
from flagrelease.errors import SourceError
from flagrelease.ports import Progress

_TRIES: Final = 3
_PAUSE_S: Final = 0.5
_MOST_MOVES: Final = 3
_FIRST: Final = 256
_FEWEST: Final = 16
_MOST: Final = 8192
_SMALL: Final = 4 << 20
_LARGE: Final = 12 << 20
_DEPTHS: Final = (1, 50, 1000, 2147483647)
_FETCH: Final = ("fetch", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--recurse-submodules=no")
_NOT_THERE: Final = re.compile(r"not our ref|no such remote ref|couldn't find remote ref|missing object")
_NO_IDS: Final = re.compile(r"does not allow request for unadvertised object")
_NO_FILTER: Final = re.compile(r"filtering not recognized|filter.*not supported|unexpected line: 'filter")
_MOVED: Final = re.compile(r"returned error: 30[12378]|unable to update url base from redirection")
_FINAL: Final = re.compile(
    r"returned error: 4(?!08|29)\d\d|not found|does not appear to be a git|Authentication failed"
    r"|could not read Username|not allowed|dubious ownership|fsck|certificate|corrupt|hash mismatch",
    re.IGNORECASE,
)
_ANSWERS: Final = (_NOT_THERE, _NO_IDS, _NO_FILTER, _MOVED, _FINAL)


class _NoAnswerError(Exception):
    """Why an address gave no whole commit."""


@dataclass(frozen=True, kw_only=True)
class Fetching:
    """A commit that is wanted. `name` is what people call its repository; `say` takes lines for them."""

    bare: Bare
    commit: str
    name: str
    remote: Remote
    say: Callable[[str], None]
    progress: Progress
    pause_s: float = _PAUSE_S

    def run(self, addresses: Sequence[Address]) -> Survey:
        """Ask the addresses in their order. Raises SourceError that says what each answered, or ToolError."""
        failures = []
        kept = self.bare.survey(self.commit)
        if kept and kept.missing:
            here = len(kept.sizes) - len(kept.missing)
            size = self.bare.bytes_of_packs()
            self.say(f"{self.name}: {here} of {len(kept.sizes)} files and {size} bytes are here from an earlier run")
        for address in addresses:
            try:
                return self._from(address)
            except _NoAnswerError as error:
                failures.append(f"  {address.shown}: {error}")
                if address != addresses[-1]:
                    self.say(f"{self.name}: {address.shown}: {error}; its next mirror is asked")
            finally:
                self.bare.tidy()
        raise SourceError(
            "\n".join([f"{self.name}: nobody gave the commit {self.commit}", *failures]),
            hint="upstream may have dropped it: add a mirror that has it to `mirrors`, or lock another commit",
        )

    def _from(self, address: Address, moves: int = 0) -> Survey:
        survey = self._folders(address, moves)
        total, size = len(survey.sizes), _FIRST
        while survey.missing:
            self.progress(total - len(survey.missing), total)
            some, before = survey.missing[:size], self.bare.bytes_of_packs()
            said = self._tried(address, *_FETCH, "--filter=blob:none", "--stdin", REMOTE, partial=True, wanted=some)
            if said.status and not (_NO_IDS.search(said.error) or _NOT_THERE.search(said.error)):
                raise _NoAnswerError(told(said))
            if said.status:
                self.say(f"{self.name}: {address.shown} gives no file by its id; the whole commit is fetched at once")
                survey = self._at_once(address)
                break
            got = self.bare.bytes_of_packs() - before
            size = min(_MOST, size * 2) if got < _SMALL else max(_FEWEST, size // 2) if got > _LARGE else size
            survey = self._further(survey)
        self.progress(total, total)
        return survey

    def _further(self, before: Survey) -> Survey:
        now = self._surveyed()
        if len(now.missing) >= len(before.missing):
            raise _NoAnswerError("it said that it sent files, and sent none")
        return now

    def _surveyed(self) -> Survey:
        survey = self.bare.survey(self.commit)
        if survey is None:
            raise _NoAnswerError("it said that it sent the commit, and did not send its folders")
        return survey

    def _folders(self, address: Address, moves: int) -> Survey:
        """The commit with all of its folders, and without the files if the server can leave them out."""
        if survey := self.bare.survey(self.commit):
            return survey
        said = self._tried(address, *_FETCH, "--depth=1", "--filter=blob:none", REMOTE, self.commit, partial=True)
        if moves < _MOST_MOVES and _MOVED.search(said.error) and (at := self._moved(address)):
            self.say(f"{self.name}: {address.shown} has moved to {at.shown}")
            return self._from(at, moves + 1)
        if _NO_IDS.search(said.error):
            self.say(f"{self.name}: {address.shown} gives no commit by its id; its branches and tags are fetched")
            return self._by_refs(address)
        if _NO_FILTER.search(said.error):
            self.say(
                f"{self.name}: {address.shown} cannot leave files out; the whole commit is fetched at once, and a cut "
                "begins anew"
            )
            return self._at_once(address)
        if said.status:
            raise _NoAnswerError(self._refusal(said))
        return self._surveyed()

    def _moved(self, address: Address) -> Address | None:
        from flagrelease.adapters.mirrors.moved import moved_to  # noqa: PLC0415 - loads requests

        return moved_to(address, self.remote)

    def _at_once(self, address: Address) -> Survey:
        """The commit with all its files. Without the promise that the server has the rest, git itself looks for it."""
        survey = self.bare.survey(self.commit)
        if survey is None or survey.missing:
            said = self._tried(address, *_FETCH, "--depth=1", REMOTE, self.commit)
            if said.status:
                raise _NoAnswerError(self._refusal(said))
            survey = self._surveyed()
        if survey.missing:
            raise _NoAnswerError(f"it said that it sent the commit, and {len(survey.missing)} of its files are missing")
        return survey

    def _by_refs(self, address: Address) -> Survey:
        refs = ("+refs/heads/*:refs/seen/heads/*", "+refs/tags/*:refs/seen/tags/*")
        for depth in _DEPTHS:
            said = self._tried(address, *_FETCH, "--prune", f"--depth={depth}", REMOTE, *refs)
            if said.status:
                raise _NoAnswerError(told(said))
            survey = self.bare.survey(self.commit)
            if survey and not survey.missing:
                return survey
        raise _NoAnswerError("it has no such commit on any branch or tag")

    def _refusal(self, said: Said) -> str:
        return f"it has no such commit ({told(said)})" if _NOT_THERE.search(said.error) else told(said)

    def _tried(self, address: Address, *words: str, partial: bool = False, wanted: Sequence[str] = ()) -> Said:
        """Fetch; what may be a passing trouble is tried again."""
        stdin = "".join(f"{one}\n" for one in wanted).encode()
        # For single files nothing is compared: git would offer commits, and none of them says what files are here.
        more = "noop" if wanted else ""
        number = 1
        while True:
            said = self.remote.git(address, *words, at=self.bare.folder, partial=partial, stdin=stdin, more=more)
            if not said.status or number == _TRIES or any(one.search(said.error) for one in _ANSWERS):
                return said
            self.say(f"{self.name}: {address.shown}: {told(said)}; tried again")
            self.bare.tidy()
            time.sleep(self.pause_s * number)
            number += 1
