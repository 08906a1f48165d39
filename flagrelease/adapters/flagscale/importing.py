"""Folders of `hardware/` made into sets: each is applied to its base before it is written, whole or not at all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from flagrelease.adapters.flagscale.reading import Checkout, Prepared, Reading
from flagrelease.adapters.flagscale.unit_changes import Decrypt
from flagrelease.adapters.git.index import Index, temporary_index
from flagrelease.adapters.patches.add import Building, series_of
from flagrelease.adapters.patches.sets import StoredSet, write_files
from flagrelease.adapters.storage.place import changing
from flagrelease.domain.patch_series import SERIES_FILE, Series
from flagrelease.errors import SourceError
from flagrelease.patching.diff_values import RefusedPatchError
from flagrelease.patching.flagscale.backends import BACKENDS, TASKS
from flagrelease.patching.flagscale.findings import Findings
from flagrelease.patching.flagscale.layout import Unit
from flagrelease.patching.flagscale.outcome import Outcome, State, Wish
from flagrelease.patching.hostile import REASONS
from flagrelease.patching.series_yaml import series_yaml

Sealer: TypeAlias = Callable[[Mapping[str, bytes], str], Mapping[str, bytes]]
"""The files of a plain set made into those of a sealed one; the second argument is what messages call the set."""

_SHOWN: Final = 3


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What opens FlagScale's encrypted files, and what seals the sets that come of them."""

    decrypt: Decrypt | None = None
    seal: Sealer | None = None


@dataclass
class Importing:
    """Imports one checkout into a folder of sets."""

    checkout: Checkout
    wish: Wish
    keys: Keys
    patches: Path
    findings: Findings
    _made: dict[str, str] = field(default_factory=dict)

    def run(self) -> list[Outcome]:
        """What came of each folder; what is wrong is told in the findings."""
        reading = Reading(self.checkout, self.wish, self.findings)
        found = reading.units()
        outcomes: list[Outcome] = []
        for device in dict.fromkeys(unit.device for unit in found):
            of_device = [unit for unit in found if unit.device == device]
            prepared = [reading.prepared(unit, self.keys.decrypt) for unit in of_device]
            outcomes += [_not_imported(unit) for unit, one in zip(of_device, prepared, strict=True) if one is None]
            groups: dict[tuple[str, str, str], list[Prepared]] = {}
            for one in prepared:
                if one is not None:
                    groups.setdefault((one.component, one.base.commit, one.chip), []).append(one)
            for group in groups.values():
                outcomes += self._group(group)
        return sorted(outcomes, key=lambda one: one.folder)

    def _group(self, group: Sequence[Prepared]) -> list[Outcome]:
        """One set: of one folder, but where FlagScale's own files for a backend lie in that backend's folder."""
        first = group[0]
        is_secret = any(one.changes.is_secret for one in group)
        with temporary_index(first.base.repository) as index:
            building = self._built(index, group, is_secret=is_secret)
            if building is None:
                return [_not_imported(one.unit, one) for one in group]
            try:
                series = series_of(building, _facts(group, building))
            except SourceError as error:
                # It does not keep the others from being imported.
                self.findings.tell("does-not-apply", first.unit.folder, error.message, folder=first.unit.folder)
                return [_not_imported(one.unit, one) for one in group]
        state = self._state(group, series, building)
        return [
            Outcome(
                folder=one.unit.folder,
                generation=one.unit.generation,
                state=state,
                component=one.component,
                base=one.base.commit,
                chip=one.chip,
                patches=len(series.patches),
                tree=series.result_tree,
                authors=one.changes.authors,
                whitespace=series.whitespace,
                sealed=is_secret and not self.wish.plain,
                place=series.folder,
            )
            for one in group
        ]

    def _built(self, index: Index, group: Sequence[Prepared], *, is_secret: bool) -> Building | None:
        """Every change applied to the base; where that goes only with white space mended, with that."""
        folder, tree, first_error = group[0].unit.folder, index.tree_of(group[0].base.commit), ""
        for fix in (False, True):
            building = Building(index=index, base_tree=tree, fix=fix, tree=tree)
            try:
                for one in group:
                    for change in one.changes.changes:
                        building.add(change)
            except RefusedPatchError as error:
                what = f"{error.reason}: {REASONS[error.reason] if is_secret else error.what}"
                self.findings.tell("refused-patch", folder, what, folder=folder)
                return None
            except SourceError as error:
                first_error = first_error or error.message
                continue
            if not building.patches:
                self.findings.tell("does-not-apply", folder, "nothing that changes the base", folder=folder)
                return None
            self._tell_of(building, group)
            return building
        what = "one that does not" if is_secret else first_error
        self.findings.tell("does-not-apply", folder, f"{what} (base {group[0].base.commit[:12]})", folder=folder)
        return None

    def _tell_of(self, building: Building, group: Sequence[Prepared]) -> None:
        unit = group[0].unit
        if building.fix:
            self.findings.tell("whitespace", unit.folder, "one that needs its white space mended", folder=unit.folder)
        moved = [one for patch in building.patches for one in patch.diff.changes if one.kind == "rename"]
        if moved and unit.generation == 3:  # noqa: PLR2004 - the generation
            names = ", ".join(
                f"{one.old_path.decode('utf-8', 'replace')} to {one.new_path.decode('utf-8', 'replace')}"
                for one in moved[:_SHOWN]
            )
            what = f"{len(moved)} as a deletion and an addition: {names}"
            self.findings.tell("rename-lost", unit.folder, what, folder=unit.folder)

    def _state(self, group: Sequence[Prepared], series: Series, building: Building) -> State:
        """Write the set, unless something is in the way or it is there."""
        unit, place = group[0].unit, self.patches.absolute() / series.folder
        if other := self._made.get(series.folder):
            what = f"hardware/{other}, and this one, for {series.folder}"
            self.findings.tell("same-set-twice", unit.folder, what, folder=unit.folder)
            return "not imported"
        is_secret = any(one.changes.is_secret for one in group)
        if is_secret and not self.keys.seal and not self.wish.plain:
            self.findings.tell("would-be-plain", unit.folder, "neither", folder=unit.folder)
            return "not imported"
        if (place / SERIES_FILE).exists():
            there = _tree_of(place)
            if there == series.result_tree:
                self._made[series.folder] = unit.folder
                return "unchanged"
            what = f"one in {place} that makes tree {there[:12]}, this one makes {series.result_tree[:12]}"
            self.findings.tell("set-there", unit.folder, what, folder=unit.folder)
            if self.findings.stop(unit.folder):
                return "not imported"
        self._made[series.folder] = unit.folder
        if self.wish.dry_run:
            return "would be imported"
        files: Mapping[str, bytes] = {
            **{one.file: text for one, text in zip(series.patches, building.stored, strict=True)},
            SERIES_FILE: series_yaml(series),
        }
        if is_secret and self.keys.seal and not self.wish.plain:
            files = self.keys.seal(files, str(place))
        with changing(place):
            write_files(place, files)
        return "imported"


def _tree_of(place: Path) -> str:
    """The tree that a set says it makes; `unknown` where it is damaged."""
    try:
        return StoredSet(place).series.result_tree
    except SourceError:
        return "unknown"


def _facts(group: Sequence[Prepared], building: Building) -> dict[str, Any]:
    first = group[0]
    tasks = {task for one in group for task in one.facts["task"]}
    models = dict.fromkeys(model for one in group for model in one.facts["models"])
    return {
        **first.facts,
        "component": first.component,
        "base": first.base.commit,
        "chip": first.chip,
        "task": tuple(task for task in TASKS if task in tasks),
        "models": tuple(models),
        "whitespace": "fix" if building.fix else "strict",
    }


def _not_imported(unit: Unit, prepared: Prepared | None = None) -> Outcome:
    return Outcome(
        folder=unit.folder,
        generation=unit.generation,
        state="not imported",
        component=prepared.component if prepared else BACKENDS[unit.backend],
        base=prepared.base.commit if prepared else "",
        chip=prepared.chip if prepared else "",
    )
