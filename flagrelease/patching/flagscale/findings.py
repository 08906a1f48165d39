"""What can be wrong with a `hardware/` folder: each finding has an id, a place, what was wanted, found and done."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from flagrelease.formats.positions import printable

_LONGEST: Final = 400
NOT_IMPORTED: Final = "not imported"


class Kind(NamedTuple):
    """What was wanted and what is done. `may_pass`: an error that `--accept` makes a warning."""

    severity: Literal["error", "warning"]
    wanted: str
    done: str = NOT_IMPORTED
    may_pass: bool = False

    @property
    def is_error(self) -> bool:
        """Whether the set that it concerns is not imported."""
        return self.severity == "error"


KINDS: Final[dict[str, Kind]] = {
    # The folders
    "outside-backend": Kind("error", "each patch in hardware/<device>/<backend or commit>/"),
    "bad-name": Kind("error", "names of plain characters"),
    "not-a-file": Kind("error", "files and folders only"),
    "too-large": Kind("error", "no more and no larger files than patches have"),
    "unknown-backend": Kind("error", "a backend of FlagScale's, or 8 digits of a base commit"),
    "unclear-generation": Kind("error", "the layout of one generation"),
    "other-generation": Kind("warning", "a folder of the generation that is asked for", "left out"),
    "stray-file": Kind("warning", "patches and their YAML file only", "left out"),
    "two-patches": Kind("error", "one patch a file"),
    "unknown-chip": Kind("error", "a chip's name or alias; or --chip with --device-type"),
    "chip-spelling": Kind(
        "warning", "a chip's name or alias", "taken for the chip that is spelled so but for capitals"
    ),
    # The YAML beside the patches
    "no-diff-yaml": Kind("error", "the YAML file beside the patches"),
    "bad-yaml": Kind("error", "what FlagScale's tool writes"),
    "unknown-key": Kind("warning", "a key that FlagScale's tool writes", "left out"),
    "other-device": Kind("error", "the device type of the folder", may_pass=True),
    "bad-task": Kind("error", "train, inference or post_train", may_pass=True),
    "version-form": Kind("warning", "a version such as 0.8.0", "left out: the base commit says which version it is"),
    "no-contact": Kind("warning", "the contact", "the owner has to be given"),
    "models-form": Kind("warning", "names of models without blanks around them, each once", "the blanks are taken off"),
    "base-missing": Kind("error", "the base commit, 7 to 40 digits of 0-9 and a-f"),
    "bases-disagree": Kind("error", "one base commit in the file's name and in its YAML"),
    # One set of backends
    "bases-differ": Kind(
        "error",
        "one FlagScale base in one set of backends",
        "not imported: `--at` a commit where they agree, or `--accept bases-differ`",
        may_pass=True,
    ),
    "wrong-task": Kind(
        "error",
        "the set's task in each of its backends",
        "not imported: `--at` a commit where they agree, or `--accept wrong-task`",
        may_pass=True,
    ),
    "part-missing": Kind("warning", "a folder of each backend that the set names", "the others are imported"),
    # The history
    "no-history": Kind(
        "warning", "a git clone with the whole history", "patch_history.yaml is not held against commits"
    ),
    "bad-history": Kind("warning", "device, task, backends and a list of commits", "what cannot be read is left out"),
    "history-unknown-commit": Kind("warning", "a commit of FlagScale", "the folder is what is imported"),
    "history-unknown-folder": Kind("warning", "the folder at that commit", "the folder of today is what is imported"),
    "history-bases-differ": Kind("warning", "one FlagScale base at that commit", "the folder is what is imported"),
    "history-wrong-task": Kind("warning", "the entry's task at that commit", "the folder is what is imported"),
    "history-stale": Kind(
        "warning", "the newest state of the folder as newest entry", "the folder is what is imported"
    ),
    # The patches
    "needs-key": Kind("error", "`--key`, the folder of the private key that opens it"),
    "cannot-be-opened": Kind("error", "a patch that the key opens"),
    "would-be-plain": Kind("error", "`--seal-for` and `--sign-with`, or `--plain`: the vendor encrypted it"),
    "no-proof": Kind("warning", "encryption that shows changes", "taken as it is: only the checkout vouches for it"),
    "refused-patch": Kind("error", "a patch that does nothing that no patch may"),
    "other-path": Kind("error", "a patch of the one file that it is named for"),
    "base-unknown": Kind("error", "the base commit in a clone: fetch it, or pass `--repo COMPONENT=PATH`"),
    "does-not-apply": Kind("error", "a patch that applies to its base"),
    "whitespace": Kind("warning", "a patch that applies as it is", "applied and recorded with `whitespace: fix`"),
    "rename-lost": Kind("warning", "a moved file as one change", "found again, and stored as a rename"),
    "left-out": Kind("warning", "all of the vendor's files", "left out, as asked"),
    "author-unknown": Kind("warning", "a commit that made the patch, or a contact", "stored without an author"),
    # What comes of it
    "lacks-facts": Kind("error", "what a set has to say and FlagScale does not know"),
    "same-set-twice": Kind("error", "one folder for a component, base and chip"),
    "set-there": Kind("error", "no set in its place, or the same", may_pass=True),
}
"""Every finding by its id."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding. `folder` is `<device>/<backend>` of the set that it concerns; none where it is no set's."""

    id: str
    is_error: bool
    at: str
    folder: str
    wanted: str
    found: str
    done: str

    @property
    def line(self) -> str:
        """For people."""
        word = "error" if self.is_error else "warning"
        return f"{self.at}: {word} ({self.id}): wanted {self.wanted}, found {self.found}; {self.done}"


class Findings:
    """What was found until now, each once. `accept`: ids that are no error here."""

    def __init__(self, accept: Collection[str] = ()) -> None:
        self._accept = accept
        self._told: dict[Finding, None] = {}
        self._by_folder: dict[str, list[Finding]] = {}

    @property
    def told(self) -> tuple[Finding, ...]:
        """All of them in the order in which they were found."""
        return tuple(self._told)

    def tell(self, id_: str, at: str, found: str, *, folder: str = "", line: int = 0, wanted: str = "") -> None:
        """Add one. `at` is below hardware/."""
        kind = KINDS[id_]
        passes = kind.is_error and kind.may_pass and id_ in self._accept
        place = printable(f"hardware/{at}")
        self._add(
            Finding(
                id=id_,
                is_error=kind.is_error and not passes,
                at=f"{place}:{line}" if line else place,
                folder=printable(folder),
                wanted=wanted or kind.wanted,
                found=_shown(found),
                done="imported all the same, as asked" if passes else kind.done,
            )
        )

    def _add(self, one: Finding) -> None:
        if one not in self._told:
            self._told[one] = None
            self._by_folder.setdefault(one.folder, []).append(one)

    def keep(self, concerns: Callable[[Finding], bool]) -> None:
        """Forget all others."""
        kept = [one for one in self._told if concerns(one)]
        self._told, self._by_folder = {}, {}
        for one in kept:
            self._add(one)

    def of(self, folder: str) -> Sequence[Finding]:
        """Those of a folder."""
        return self._by_folder.get(printable(folder), ())

    def stop(self, folder: str) -> bool:
        """Whether something of this folder is an error."""
        return any(one.is_error for one in self.of(folder))

    @property
    def has_errors(self) -> bool:
        """Whether anything needs somebody."""
        return any(one.is_error for one in self._told)


def _shown(text: str) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
