"""What a check found out about a set at a commit."""

from typing import Annotated, Final, Literal

from pydantic import Field

from flagrelease.domain.patch_series import BASE_DIGITS, CommitId, TreeId
from flagrelease.domain.value import Name, Sha256, Value

WITHHELD: Final = "(sealed)"
"""Stands for the name of a file that a sealed patch changes."""


class UpstreamCommit(Value):
    """The commit that changed what a hunk wants to find."""

    id: CommitId
    date: str
    subject: str


class Conflict(Value):
    """One hunk, or one file, that does not fit. `found_at`: the line where most of the hunk's lines were found.

    `nearest` is what stands there, `wanted` and `found` the first line that is another one. `reason` may go on behind a
    colon, with words of the patch or of git.
    """

    patch: str
    path: str
    hunk: str | None = None
    reason: str
    found_at: int | None = None
    fits: int = 0
    of: int = 0
    wanted: str | None = None
    found: str | None = None
    nearest: tuple[str, ...] = ()
    upstream: UpstreamCommit | None = None

    def without_words(self) -> "Conflict":
        """The same of a sealed patch: what stands around a hunk may be what a patch before it has put there."""
        bare = {"path": WITHHELD, "reason": self.reason.partition(":")[0], "wanted": None, "found": None, "nearest": ()}
        return self.model_copy(update=bare)


class Applies(Value):
    """Every patch applies. `retired` are those that upstream has already."""

    state: Literal["applies"] = "applies"
    tree: TreeId
    retired: tuple[str, ...] = ()


class OtherTree(Value):
    """Every patch applies at the base, and what comes out is not what was recorded."""

    state: Literal["other_tree"] = "other_tree"
    wanted: TreeId
    tree: TreeId


class AlreadyUpstream(Value):
    """The whole set can be taken back from the commit: it is in there, and can go."""

    state: Literal["already_upstream"] = "already_upstream"


class Conflicts(Value):
    """At least one patch does not apply."""

    state: Literal["conflicts"] = "conflicts"
    conflicts: tuple[Conflict, ...]
    fits: int
    of: int
    retired: tuple[str, ...] = ()


class BaseUnknown(Value):
    """The commit is not there, or no clone of the component was named."""

    state: Literal["base_unknown"] = "base_unknown"
    reason: str


class NeedsKey(Value):
    """Sealed, and none of the keys at hand opens it."""

    state: Literal["needs_key"] = "needs_key"
    keys: tuple[str, ...]


class Refused(Value):
    """The set is damaged, or has a patch that is never applied."""

    state: Literal["refused"] = "refused"
    reason: str
    text: str


Finding = Annotated[
    Applies | OtherTree | AlreadyUpstream | Conflicts | BaseUnknown | NeedsKey | Refused, Field(discriminator="state")
]


class Checked(Value):
    """A set, the commit that it was checked at, and what was found.

    `base` has all digits where the set could be read, and otherwise those of its folder.
    """

    component: Name
    base: Annotated[str, Field(pattern=r"^[0-9a-f]{12,40}$")]
    chip: Name
    against: str
    digest: Sha256 | None
    patches: int
    finding: Finding

    @property
    def is_good(self) -> bool:
        """Whether nobody has to do anything: it applies, and what comes out is what was recorded."""
        return isinstance(self.finding, Applies)


def conflict_lines(one: Conflict) -> list[str]:
    """The patch, the hunk, what is nearest to it, and who changed that."""
    lines = [f"{one.patch}: {one.path}{f' {one.hunk}' if one.hunk else ''}: {one.reason}"]
    if one.found_at is not None:
        lines.append(f"  nearest: line {one.found_at}, {one.fits} of {one.of} lines are there")
    elif one.hunk:
        lines.append("  nothing like it is in the file")
    if one.wanted is not None:
        lines.append(f"  wanted: {one.wanted}")
        if one.found is not None:
            lines.append(f"  found:  {one.found}")
    lines += [f"  | {text}" for text in one.nearest]
    if one.upstream:
        lines.append(
            f"  changed upstream by {one.upstream.id[:BASE_DIGITS]} ({one.upstream.date}) {one.upstream.subject}"
        )
    return lines
