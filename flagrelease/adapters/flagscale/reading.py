"""A checkout's `hardware/` read and held against itself, until each folder is changes to a component at a base."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flagrelease.adapters.flagscale.authors import Authors
from flagrelease.adapters.flagscale.bases import Base, Bases
from flagrelease.adapters.flagscale.clones import Clones
from flagrelease.adapters.flagscale.hardware import MOST_AT_ONCE, Hardware, blob_id, tree_ids
from flagrelease.adapters.flagscale.history_checks import check_history
from flagrelease.adapters.flagscale.unit_changes import Decrypt, Origin, UnitChanges, unit_changes
from flagrelease.adapters.git.index import Index
from flagrelease.formats.yaml_text import sentence
from flagrelease.patching.flagscale.backends import BACKENDS
from flagrelease.patching.flagscale.diff_yaml import DiffYaml, read_diff_yaml
from flagrelease.patching.flagscale.findings import KINDS, Findings
from flagrelease.patching.flagscale.history import HISTORY, read_history
from flagrelease.patching.flagscale.layout import Unit, units
from flagrelease.patching.flagscale.outcome import Wish
from flagrelease.patching.flagscale.sets import check_sets

_DIGITS = 12
_GIVEN = ("owner", "upstream", "remove_when", "task")


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """Where everything is. `index` and `commit` are those of FlagScale's clone, where the checkout is one.

    `chips` has each chip's name by its names and aliases.
    """

    hardware: Hardware
    clones: Clones
    index: Index | None
    commit: str | None
    chips: Mapping[str, str]

    @property
    def at(self) -> str:
        """The commit for people."""
        return f" at {self.commit[:_DIGITS]}" if self.commit else ""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A folder that can be made into a set, or into a part of one."""

    unit: Unit
    chip: str
    base: Base
    changes: UnitChanges
    facts: Mapping[str, Any]

    @property
    def component(self) -> str:
        """Whose files are changed."""
        return BACKENDS[self.changes.backend]


class Reading:
    """Reads one checkout."""

    def __init__(self, checkout: Checkout, wish: Wish, findings: Findings) -> None:
        self._checkout, self._wish, self._findings = checkout, wish, findings
        self._bases = Bases(clones=checkout.clones, index=checkout.index, findings=findings)
        self._described: dict[str, DiffYaml] = {}

    def units(self) -> list[Unit]:
        """The folders that are wanted, after they were held against each other and against the history."""
        wish, findings = self._wish, self._findings
        paths = [path for path in self._checkout.hardware.sizes if self.is_wanted(path.split("/")[0])]
        found = units(paths, findings, generation=wish.generation)
        for unit in found:
            if unit.yaml and (one := self._described_by(unit, unit.yaml)):
                self._described[unit.folder] = one
        check_sets(self._described, findings)
        self._check_history()
        wanted = [unit for unit in found if wish.component in (None, BACKENDS[unit.backend])]
        left_out = {unit.folder for unit in found} - {unit.folder for unit in wanted}
        findings.keep(lambda one: one.folder not in left_out and self._concerns(one.at))
        return wanted

    def is_wanted(self, device: str) -> bool:
        """Whether the device type is one that was asked for."""
        wish = self._wish
        if wish.device:
            return device == wish.device
        return wish.chip is None or self._known_chip(device) == wish.chip

    def prepared(self, unit: Unit, decrypt: Decrypt | None) -> Prepared | None:
        """The folder's changes with all that a set needs; None where it was told what is in the way."""
        chip, facts = self._chip(unit), self._facts(unit)
        changes = None if self._findings.stop(unit.folder) and self._is_hopeless(unit) else self._changes(unit, decrypt)
        backend = changes.backend if changes else unit.backend
        base = self._bases.of(unit, backend, self._described.get(unit.folder))
        if self._findings.stop(unit.folder) or changes is None or base is None or chip is None:
            return None
        return Prepared(unit=unit, chip=chip, base=base, changes=changes, facts=facts)

    def _concerns(self, at: str) -> bool:
        parts = at.removeprefix("hardware/").split(":")[0].split("/")
        return len(parts) == 1 or self.is_wanted(parts[0])

    def _described_by(self, unit: Unit, path: str) -> DiffYaml | None:
        data = self._checkout.hardware.read([path])[path]
        return read_diff_yaml(data, path, unit.device, self._findings, unit.folder)

    def _check_history(self) -> None:
        checkout, findings = self._checkout, self._findings
        if HISTORY not in checkout.hardware.sizes:
            return
        entries = read_history(checkout.hardware.read([HISTORY])[HISTORY], findings)
        if checkout.index is None or checkout.commit is None:
            findings.tell("no-history", HISTORY, "no clone")
            return
        if checkout.index.repository.is_shallow:
            findings.tell("no-history", HISTORY, "a clone whose history is cut off")
        entries = [one for one in entries if self.is_wanted(one.device)]
        trees = tree_ids(checkout.index, checkout.commit, self._described) if self._described else {}
        check_history(checkout.index, entries, self._described, trees, findings)

    def _known_chip(self, device: str) -> str | None:
        chips = self._checkout.chips
        if device in chips:
            return chips[device]
        alike = {name for word, name in chips.items() if word.casefold() == device.casefold()}
        return alike.pop() if len(alike) == 1 else None

    def _chip(self, unit: Unit) -> str | None:
        if self._wish.chip and self._wish.device:
            return self._wish.chip
        chip = self._known_chip(unit.device)
        if chip is None:
            self._findings.tell("unknown-chip", unit.folder, unit.device, folder=unit.folder)
        elif unit.device not in self._checkout.chips:
            self._findings.tell("chip-spelling", unit.folder, f"{unit.device} for {chip}", folder=unit.folder)
        return chip

    def _facts(self, unit: Unit) -> dict[str, Any]:
        """What the series says. FlagScale knows tasks, models and whom to ask; nobody but a person the rest."""
        given, described = self._wish.facts, self._described.get(unit.folder)
        contact = sentence(described.contact) if described else ""
        tasks = tuple(described.tasks) if described else ()
        facts: dict[str, Any] = {
            "task": tasks or given.get("task"),
            "models": tuple(sentence(one) for one in described.models) if described else (),
            "owner": contact or given.get("owner"),
            "why": given.get("why") or self._why(unit),
            "upstream": given.get("upstream"),
            "remove_when": given.get("remove_when"),
        }
        if lacking := [f"--{key.replace('_', '-')}" for key in _GIVEN if not facts[key]]:
            what = "neither in its YAML nor as an option"
            at = unit.yaml or unit.folder
            self._findings.tell("lacks-facts", at, what, folder=unit.folder, wanted=", ".join(lacking))
        return facts

    def _why(self, unit: Unit) -> str:
        passed = sorted(
            {one.id for one in self._findings.of(unit.folder) if not one.is_error}
            & {id_ for id_, kind in KINDS.items() if kind.is_error}
        )
        accepted = f"; accepted: {', '.join(passed)}" if passed else ""
        return (
            f"vendor changes of {unit.device} to {unit.backend}, imported from FlagScale{self._checkout.at}{accepted}"
        )

    def _is_hopeless(self, unit: Unit) -> bool:
        """Whether the patches need not be read: the folder's layout is wrong."""
        layout = ("two-patches", "not-a-file", "too-large", "no-diff-yaml", "bad-yaml")
        return any(one.is_error and one.id in layout for one in self._findings.of(unit.folder))

    def _changes(self, unit: Unit, decrypt: Decrypt | None) -> UnitChanges | None:
        checkout, findings = self._checkout, self._findings
        paths = [one.path for one in unit.patches if one.of not in self._wish.leave_out or unit.generation < 3]  # noqa: PLR2004
        for one in unit.patches:
            if one.path not in paths:
                findings.tell("left-out", one.path, f"the vendor's change to {one.of}", folder=unit.folder)
        if (total := sum(checkout.hardware.sizes[path] for path in paths)) > MOST_AT_ONCE:
            findings.tell("too-large", unit.folder, f"{total:,} bytes of patches", folder=unit.folder)
            return None
        texts = checkout.hardware.read(paths)
        ids = {path: blob_id(text) for path, text in texts.items()}
        touched = (
            Authors(index=checkout.index, commit=checkout.commit).of(unit.folder, ids)
            if checkout.index and checkout.commit
            else {}
        )
        described = self._described.get(unit.folder)
        origin = Origin(touched=touched, contact=described.contact if described else "", at=checkout.at)
        return unit_changes(unit, texts, decrypt, origin, findings)
