"""A set written as generation 3 of FlagScale's `hardware/`: what it changes in all, a patch a file."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flagrelease.adapters.flagscale.hardware import in_folder
from flagrelease.adapters.git.apply import Patch, apply_series
from flagrelease.adapters.git.index import Index, temporary_index
from flagrelease.adapters.git.repository import Repository
from flagrelease.adapters.git.snapshot import diff_of
from flagrelease.adapters.patches.sets import Opener, StoredSet, read_patch
from flagrelease.adapters.storage.place import beside, changing, put_in_place
from flagrelease.errors import SourceError
from flagrelease.patching.diff_values import Diff
from flagrelease.patching.flagscale.backends import FLAGSCALE, backend_of
from flagrelease.patching.flagscale.findings import Findings
from flagrelease.patching.flagscale.layout import DIFF_YAML
from flagrelease.patching.flagscale.written_yaml import is_ours, written_yaml

_SUFFIX: Final = ".patch"


@dataclass(frozen=True, kw_only=True)
class Export:
    """What is written where. `flagscale` is the base in FlagScale that a backend's patches are for."""

    stored: StoredSet
    device: str
    hardware: Path
    flagscale: str | None
    version: str | None

    @property
    def backend(self) -> str:
        """FlagScale's name of the component. Raises SourceError where it has none."""
        backend = backend_of(self.stored.component)
        if backend is None:
            raise SourceError(
                f"FlagScale has no backend for the component {self.stored.component}",
                hint="`flagrelease patch apply` writes the files themselves",
            )
        return backend

    @property
    def folder(self) -> Path:
        """The folder that is written."""
        return self.hardware.absolute() / self.device / self.backend


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What lies there now, and what of the set does not."""

    folder: Path
    files: int
    lost: tuple[str, ...]


def export_set(export: Export, repository: Repository, opener: Opener | None) -> Exported:
    """Write the folder, all of it or nothing.

    Raises:
        SourceError: the set is not as recorded, cannot be written so, or another's folder is there.
    """
    series, backend = export.stored.series, export.backend
    flagscale = series.base if backend == FLAGSCALE else export.flagscale
    if flagscale is None:
        raise SourceError(
            f"FlagScale applies patches of {backend} at a commit of its own, and the set does not say which",
            hint="pass it with --flagscale-commit",
        )
    _check_ours(export.folder)
    with temporary_index(repository) as index:
        patches = export.stored.patches(opener)
        files = _files(index, export.stored, patches)
    yaml = written_yaml(
        series, files, device=export.device, backend=backend, flagscale=flagscale, version=export.version
    )
    with changing(export.folder), beside(export.folder) as (made, _):
        for name, data in {**files, DIFF_YAML: yaml}.items():
            _write(made / name, data)
        _check_ours(export.folder)
        put_in_place(made, export.folder)
    return Exported(folder=export.folder, files=len(files), lost=tuple(_lost(export, patches, files)))


def _files(index: Index, stored: StoredSet, patches: Sequence[Patch]) -> dict[str, bytes]:
    """A patch for each file that the whole set changes; they were applied, and make the tree of the set."""
    series = stored.series
    found = index.found(series.base)
    if found is None:
        raise SourceError(
            f"wanted the commit {series.base} in {index.repository.top}, found none", hint="fetch it from upstream"
        )
    made = apply_series(index, found[1], patches, fix=series.whitespace == "fix")
    if made != series.result_tree:
        raise SourceError(f"{stored.name} does not make its recorded tree", hint="`patch check` says why")
    whole = read_patch(stored.name, diff_of(index, found[1], made)).diff
    texts: dict[str, bytes] = {}
    for change in whole.changes:
        name = change.new_path.decode()
        texts[name] = texts.get(name, b"") + Diff(data=whole.data, preamble=b"", changes=(change,)).for_git
    _check_names(texts)
    parts = [read_patch(name, text) for name, text in texts.items()]
    if apply_series(index, found[1], parts) != made:
        raise SourceError(
            f"{stored.name}: a patch a file does not make its tree", hint="`patch apply` writes the files"
        )
    return {f"{name}{_SUFFIX}": text for name, text in texts.items()}


def _check_names(texts: Mapping[str, bytes]) -> None:
    """Refuse what FlagScale's tool, which applies one file after the other in any order, cannot take."""
    written = {f"{name}{_SUFFIX}" for name in texts}
    for name in texts:
        parts = name.split("/")
        for above in ("/".join(parts[:count]) for count in range(1, len(parts))):
            if above in texts:
                raise SourceError(
                    f"{above} is a file once and a folder of {name} once: patches of single files cannot say so",
                    hint="`flagrelease patch apply` writes the files themselves",
                )
            if above in written:
                raise SourceError(
                    f"the patch of {above.removesuffix(_SUFFIX)} and the folder of {name}'s would have one name",
                    hint="`flagrelease patch apply` writes the files themselves",
                )


def _check_ours(folder: Path) -> None:
    """Refuse a folder that is not ours, or that somebody changed since."""
    if not os.path.lexists(folder):
        return
    findings = Findings()
    files: dict[str, bytes] = {}
    if folder.is_dir() and not folder.is_symlink():
        lying = in_folder(folder, findings)
        files = lying.read(lying.sizes)
    if not is_ours(files.pop(DIFF_YAML, b""), files) or findings.told:
        raise SourceError(
            f"{folder} is there, and is not as `patch export` wrote it: it stays as it is",
            hint="write to another folder, or remove this one yourself",
        )


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _lost(export: Export, patches: Sequence[Patch], files: Iterable[str]) -> list[str]:
    """What this layout cannot carry."""
    series = export.stored.series
    moved = sum(change.kind in ("rename", "copy") for patch in patches for change in patch.diff.changes)
    authors = {one.author for one in series.patches if one.author}
    lost = ["why the set is needed, where it is offered upstream, and when it can go"]
    if moved:
        lost.append(f"{moved} moved or copied files: each is a deletion and an addition, or an addition")
    if strange := [name for name in files if re.fullmatch(r"(diff|[0-9a-f]{7})\.patch", name)]:
        lost.append(f"what {strange[0]} is: it reads as a patch of generation 2, so import it with --generation 3")
    if len(series.patches) > 1:
        lost.append(f"that it is {len(series.patches)} patches in an order")
    if authors:
        lost.append(f"subjects, dates and {len(authors)} authors; whoever commits the folder becomes the author")
    if series.whitespace == "fix":
        lost.append("that white space was mended: the patches make the tree as they are")
    if export.version is None:
        lost.append("a version of the backend: the set has none, --version gives one")
    return lost
