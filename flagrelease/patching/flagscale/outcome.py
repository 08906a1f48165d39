"""What is asked of an import, and what came of each folder."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from flagrelease.patching.flagscale.layout import Generation

State: TypeAlias = Literal["imported", "unchanged", "would be imported", "not imported"]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is wanted.

    `facts` are those of the command line, for sets that do not say. `device` and `chip` limit; both together say which
    chip a device type is. `leave_out`: files of generation 3 that are not taken.
    """

    device: str | None = None
    chip: str | None = None
    component: str | None = None
    generation: Generation | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    leave_out: Collection[str] = ()
    plain: bool = False
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a folder `<device>/<backend>`. What is not known is empty."""

    folder: str
    generation: int
    state: State
    component: str = ""
    base: str = ""
    chip: str = ""
    patches: int = 0
    tree: str = ""
    authors: str = ""
    whitespace: str = ""
    sealed: bool = False
    place: str = ""
