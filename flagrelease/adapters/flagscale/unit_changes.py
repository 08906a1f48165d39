"""The patches of one folder of `hardware/` as changes with their authors: opened, read, held against their names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from flagrelease.adapters.flagscale.authors import Touched
from flagrelease.adapters.git.snapshot import Change, mail_changes
from flagrelease.adapters.patches.sets import read_patch
from flagrelease.adapters.storage.private_folder import private_folder
from flagrelease.errors import SourceError
from flagrelease.patching.diff_values import Diff, RefusedPatchError
from flagrelease.patching.flagscale.backends import FLAGSCALE, own_changes
from flagrelease.patching.flagscale.findings import Findings
from flagrelease.patching.flagscale.layout import PatchPath, Unit
from flagrelease.patching.hostile import REASONS
from flagrelease.patching.mail_text import Authorship

Decrypt: TypeAlias = Callable[[bytes, str], bytes]
"""An encrypted file of FlagScale's in plain text, in memory. Raises SourceError."""

_OLD_ENCRYPTION: Final = "AES-CBC without a MAC: a changed file opens as well"


@dataclass(frozen=True, kw_only=True)
class UnitChanges:
    """What a folder changes. `authors` says where the authors are from; `is_secret`: the vendor encrypted it."""

    backend: str
    changes: tuple[Change, ...]
    authors: str
    is_secret: bool


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What the changes are said to be of, where no mail says it."""

    touched: Mapping[str, Touched]
    contact: str
    at: str

    def by(self, path: str, unit: Unit) -> Authorship:
        """The author of a patch file: of the commit that last touched it, or whom to ask."""
        from_ = f"Imported from FlagScale's hardware/{unit.folder}{self.at}."
        found = self.touched.get(path)
        if found is None:
            return Authorship(mail=self.contact, subject=f"Changes of {unit.device} to {unit.backend}", body=from_)
        one = found.by
        body = f"{one.body}\n\n{from_}" if one.body else from_
        return Authorship(author=one.author, mail=one.mail, date=one.date, subject=one.subject, body=body)


def unit_changes(
    unit: Unit, texts: Mapping[str, bytes], decrypt: Decrypt | None, origin: Origin, findings: Findings
) -> UnitChanges | None:
    """The changes of a folder, the oldest first; None where one of its files is not as it should be."""
    plain = _plain(unit, texts, decrypt, findings)
    is_secret = any(one.is_encrypted for one in unit.patches)
    if plain is None:
        return None
    if unit.generation == 1:
        return _mails(unit, plain, origin, findings, is_secret=is_secret)
    diffs = {
        path: diff for path, text in plain.items() if (diff := _read(unit, path, text, findings, is_secret=is_secret))
    }
    if unit.generation == 3:  # noqa: PLR2004 - the generation
        _check_names(unit, [one for one in unit.patches if one.path in diffs], diffs, findings)
    if findings.stop(unit.folder) or not diffs:
        return None
    return UnitChanges(
        backend=_backend(unit, list(diffs.values())),
        changes=_by_commit(unit, diffs, origin),
        authors=_from_where(diffs, origin, unit, findings),
        is_secret=is_secret,
    )


def _plain(
    unit: Unit, texts: Mapping[str, bytes], decrypt: Decrypt | None, findings: Findings
) -> dict[str, bytes] | None:
    encrypted = [one.path for one in unit.patches if one.is_encrypted and one.path in texts]
    if encrypted and decrypt is None:
        count = f"{len(encrypted)} encrypted patches" if len(encrypted) > 1 else "an encrypted patch"
        findings.tell("needs-key", encrypted[0], f"{count} and no key", folder=unit.folder)
        return None
    plain = dict(texts)
    for path in encrypted:
        try:
            plain[path] = decrypt(texts[path], f"hardware/{path}") if decrypt else b""
        except SourceError as error:
            findings.tell("cannot-be-opened", path, error.message, folder=unit.folder)
            return None
    if encrypted:
        findings.tell("no-proof", encrypted[0], _OLD_ENCRYPTION, folder=unit.folder)
    return plain


def _read(unit: Unit, path: str, text: bytes, findings: Findings, *, is_secret: bool) -> Diff | None:
    try:
        return read_patch(path, text).diff
    except RefusedPatchError as error:
        what = f"{error.reason}: {REASONS[error.reason] if is_secret else error.what}"
        findings.tell("refused-patch", path, what, folder=unit.folder, line=error.line)
        return None


def _mails(
    unit: Unit, plain: Mapping[str, bytes], origin: Origin, findings: Findings, *, is_secret: bool
) -> UnitChanges | None:
    changes: list[Change] = []
    for path, text in plain.items():
        try:
            # In memory where there is such a place: it may be the plain text of what a vendor encrypted.
            with private_folder("flagrelease-mail-") as here:
                found = mail_changes(text, f"hardware/{path}", here)
        except RefusedPatchError as error:
            findings.tell("refused-patch", path, f"{error.reason}: {REASONS[error.reason]}", folder=unit.folder)
            continue
        except SourceError as error:
            findings.tell("refused-patch", path, error.message, folder=unit.folder)
            continue
        changes += [one if one.by.mail else Change(by=origin.by(path, unit), diff=one.diff) for one in found]
        for one in found:
            _read(unit, path, one.diff, findings, is_secret=is_secret)
    if findings.stop(unit.folder) or not changes:
        return None
    return UnitChanges(backend=FLAGSCALE, changes=tuple(changes), authors="mails", is_secret=is_secret)


def _check_names(unit: Unit, patches: Sequence[PatchPath], diffs: Mapping[str, Diff], findings: Findings) -> None:
    """Each patch is of the one file that it is named for: FlagScale's tool applies what it says, wherever that is."""
    for one in patches:
        named, changes = one.of.encode("utf-8", "surrogateescape"), diffs[one.path].changes
        # A file that becomes a symlink, or the other way round, is taken away and made.
        is_one = len(changes) == 1 or [change.kind for change in changes] == ["delete", "add"]
        for change in changes:
            if change.new_path != named or not is_one:
                what = change.new_path.decode("utf-8", "replace")
                findings.tell("other-path", one.path, what, folder=unit.folder, line=change.line)


def _backend(unit: Unit, diffs: Sequence[Diff]) -> str:
    """Whose files they are: at first, a backend's patch was of FlagScale's own files for it."""
    below = own_changes(unit.backend).encode()
    paths = (path for diff in diffs for change in diff.changes for path in change.paths)
    return FLAGSCALE if all(path.startswith(below) for path in paths) else unit.backend


def _by_commit(unit: Unit, diffs: Mapping[str, Diff], origin: Origin) -> tuple[Change, ...]:
    """One change for each commit that made patches of the folder, the oldest first; each path is in one of them."""
    groups: dict[int | None, list[str]] = {}
    for path in diffs:
        found = origin.touched.get(path)
        groups.setdefault(found.order if found else None, []).append(path)
    ordered = sorted(groups, key=lambda order: (order is None, order or 0))
    return tuple(
        Change(by=origin.by(groups[order][0], unit), diff=b"".join(diffs[path].for_git for path in groups[order]))
        for order in ordered
    )


def _from_where(diffs: Mapping[str, Diff], origin: Origin, unit: Unit, findings: Findings) -> str:
    by_commit = sum(path in origin.touched for path in diffs)
    if by_commit == len(diffs):
        return "commits"
    if not origin.contact:
        what = f"neither for {len(diffs) - by_commit} of {len(diffs)} patches"
        findings.tell("author-unknown", unit.folder, what, folder=unit.folder)
        return "commits, and none" if by_commit else "none"
    return "commits and contact" if by_commit else "contact"
