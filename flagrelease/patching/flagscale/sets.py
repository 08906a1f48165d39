"""Backends that are patched together: their YAML files held against each other."""

from collections.abc import Mapping
from typing import Final

from flagrelease.formats.positions import quoted
from flagrelease.patching.flagscale.backends import BACKENDS
from flagrelease.patching.flagscale.diff_yaml import DiffYaml
from flagrelease.patching.flagscale.findings import Findings

_DIGITS: Final = 12


def check_sets(described: Mapping[str, DiffYaml], findings: Findings) -> None:
    """Hold each folder `<device>/<backend>` against those whose versions it names: they were made as one set."""
    for folder, one in described.items():
        device, _, backend = folder.partition("/")
        for named, version in one.versions.items():
            if named == backend:
                continue
            other = described.get(f"{device}/{named}")
            if other is None:
                what = "none" if named in BACKENDS else f"{quoted(named)}, which is no backend"
                findings.tell("part-missing", one.path, what, folder=folder, line=version.line)
                continue
            _check_pair(folder, one, other, findings)


def _check_pair(folder: str, one: DiffYaml, other: DiffYaml, findings: Findings) -> None:
    if one.commit and other.commit and not same_commit(one.commit.text, other.commit.text):
        found = f"{one.commit.text[:_DIGITS]} here and {other.commit.text[:_DIGITS]} in hardware/{other.path}"
        findings.tell("bases-differ", one.path, f"{found}:{other.commit.line}", folder=folder, line=one.commit.line)
    lacking = [task for task in one.tasks if task not in other.tasks]
    if lacking:
        found = f"{other.stated_tasks} in hardware/{other.path}:{other.task_line}"
        findings.tell(
            "wrong-task", one.path, found, folder=folder, line=one.task_line, wanted=f"{', '.join(lacking)}, as here"
        )


def same_commit(one: str, other: str) -> bool:
    """Whether both may be the same commit, cut off or not."""
    return one.startswith(other) or other.startswith(one)
