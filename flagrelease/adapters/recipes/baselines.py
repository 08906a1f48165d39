"""Recorded references below `recipes/baselines/`: found and read. `baseline_files.py` writes them.

    <model>/<stack>.json                         the statement, which locks pin
    <model>/<stack>/<task>-<12 digits>.jsonl     its records, by hash
    <model>/<stack>/<16 digits>.json             an earlier statement, by its hash, after another took its name
    <model>/<stack>/<16 digits>-<8 digits>.sig   a signature of the statement with that hash, by its key
    <model>/<stack>/<16 digits>.withdrawn        why and from when on that statement is no reference any more
    trusted/*.pub                                keys whose signature counts

Only the first is ever replaced, and last: whatever a kill leaves is a file that nothing names yet.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from flagrelease.adapters.recipes.found import unknown_name
from flagrelease.adapters.sealed.files import read_bounded
from flagrelease.domain.baseline import BaselineStatement, Withdrawal
from flagrelease.domain.evidence import Baseline
from flagrelease.domain.value import Value
from flagrelease.errors import RecipeError, SourceError
from flagrelease.formats.baseline import decoded
from flagrelease.formats.strict import decode_json

if TYPE_CHECKING:
    from flagrelease.sealing.detached import DetachedSignature, VerifyingKey

FOLDER: Final = "baselines"
TRUSTED: Final = "trusted"
SIGNATURE: Final = ".sig"
WITHDRAWN: Final = ".withdrawn"
DIGITS: Final = 16
"""Of a statement's hash, in the names of what is about it."""

_LIMIT: Final = 64 << 20
_SMALL: Final = 64 << 10
_V = TypeVar("_V", bound=Value)


@dataclass(frozen=True, kw_only=True)
class HeldBaseline:
    """One baseline as it lies there. `name` is its place below `recipes/baselines/`; `sha256` that of its bytes."""

    name: str
    path: Path
    data: bytes
    baseline: Baseline | BaselineStatement

    @property
    def sha256(self) -> str:
        """What a lock pins."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def statement(self) -> BaselineStatement | None:
        """The statement; None for a baseline of version 1."""
        return self.baseline if isinstance(self.baseline, BaselineStatement) else None

    @property
    def folder(self) -> Path:
        """Where its records lie, and what is about it."""
        return self.path.with_suffix("")

    @property
    def about(self) -> str:
        """What the names of files about this statement begin with."""
        return self.sha256[:DIGITS]

    def withdrawal(self) -> Withdrawal | None:
        """Why it is no reference any more. A damaged one withdraws as well: it raises RecipeError."""
        path = self.folder / f"{self.about}{WITHDRAWN}"
        if not path.exists():
            return None
        found = _small(path, Withdrawal)
        if (found.baseline, found.sha256) != (self.name, self.sha256):
            raise RecipeError(
                f"{path} is about {found.baseline} with sha256 {found.sha256}, wanted {self.name} with {self.sha256}",
                hint="a file with this name withdraws this baseline: restore it, or remove it on purpose",
            )
        return found

    def signatures(self) -> Iterator["DetachedSignature"]:
        """Every signature that is said to be of this statement. Raises RecipeError for a file that is none."""
        from flagrelease.sealing.detached import DetachedSignature  # noqa: PLC0415 - loads cryptography

        for path in sorted(self.folder.glob(f"{self.about}-*{SIGNATURE}")):
            yield _small(path, DetachedSignature)

    def signers(self, trusted: Iterable["VerifyingKey"]) -> tuple["VerifyingKey", ...]:
        """The trusted keys that signed exactly this statement under this name."""
        from flagrelease.sealing.detached import signer_of  # noqa: PLC0415 - as above

        keys = tuple(trusted)
        found = (signer_of(one, "flagrelease.baseline", self.name, self.sha256, keys) for one in self.signatures())
        return tuple(key for key in found if key is not None)

    def refuse_unless_good(self, on: date) -> None:
        """Raise RecipeError when it has expired or was withdrawn by that day."""
        text = self.why_not(on)
        if text:
            raise RecipeError(f"the baseline `{self.name}` {text}", hint=AGAIN)

    def why_not(self, on: date) -> str:
        """Why it cannot be a reference on that day; empty where it can."""
        withdrawn = self.withdrawal()
        if withdrawn is not None and withdrawn.since <= on:
            return f"was withdrawn on {withdrawn.since} by {withdrawn.by}: {withdrawn.reason}"
        if self.statement is not None and self.statement.expires < on:
            return f"was good until {self.statement.expires}"
        return ""


AGAIN: Final = "record the reference again (`flagrelease baseline record … --supersedes`), then `flagrelease lock`"


class Baselines:
    """The baselines below a recipe folder, by name: `<model>/<stack>.json`, or `<model>/<stack>`."""

    def __init__(self, recipes: Path) -> None:
        self.folder = recipes / FOLDER

    def names(self) -> list[str]:
        """Every baseline in force by its place, sorted; not those that another took the name of."""
        found = (path for path in self.folder.glob("*/*.json") if path.parent.name != TRUSTED)
        return sorted(path.relative_to(self.folder).as_posix() for path in found)

    def held(self, name: str) -> HeldBaseline:
        """The baseline of that name. Raises RecipeError, with the nearest names where there is none."""
        name = name if name.endswith(".json") else f"{name}.json"
        if name not in self.names():
            raise unknown_name("baseline", name, self.names(), self.folder)
        return held_at(self.folder / name, name)

    def trusted(self, more: Sequence[Path] = ()) -> tuple["VerifyingKey", ...]:
        """Keys whose signature counts: those committed below `trusted/`, and these. Raises SourceError."""
        from flagrelease.adapters.sealed.signing_keys import load_trusted  # noqa: PLC0415 - loads cryptography

        committed = self.folder / TRUSTED
        return load_trusted([*([committed] if committed.is_dir() else []), *more])


def held_at(path: Path, name: str) -> HeldBaseline:
    """The baseline in a file, of either version. Raises RecipeError."""
    try:
        data = read_bounded(path, _LIMIT)
    except SourceError as error:
        raise RecipeError(error.message, hint=error.hint) from error
    return HeldBaseline(name=name, path=path, data=data, baseline=decoded(data, str(path)))


def _small(path: Path, kind: type[_V]) -> _V:
    try:
        return decode_json(read_bounded(path, _SMALL), kind, source=str(path))
    except SourceError as error:
        raise RecipeError(error.message, hint=error.hint) from error
