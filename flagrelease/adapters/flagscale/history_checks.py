"""`patch_history.yaml` held against the commits that it names, and against the folders of today."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from flagrelease.adapters.flagscale.hardware import HARDWARE, tree_ids
from flagrelease.adapters.git.history import described
from flagrelease.adapters.git.index import Index
from flagrelease.patching.flagscale.backends import BACKENDS
from flagrelease.patching.flagscale.diff_yaml import DiffYaml, read_diff_yaml
from flagrelease.patching.flagscale.findings import Findings
from flagrelease.patching.flagscale.history import HISTORY, Entry
from flagrelease.patching.flagscale.sets import same_commit

_DIGITS: Final = 12
_DEVICE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}\Z")


def check_history(
    index: Index, entries: Sequence[Entry], now: Mapping[str, DiffYaml], trees: Mapping[str, str], findings: Findings
) -> None:
    """Tell what is wrong with each entry.

    Args:
        index: Of FlagScale's clone.
        entries: The history.
        now: The YAML file of each folder as it is imported.
        trees: Git's id of each folder as it is imported.
        findings: Where it is told.
    """
    then = _described(index, entries)
    for entry in entries:
        commit = index.repository.commit(entry.commit)
        if commit is None:
            findings.tell("history-unknown-commit", HISTORY, entry.words, line=entry.line)
            continue
        parts = {backend: then[entry.commit, f"{entry.device}/{backend}"] for backend in _known(entry)}
        lacking = [backend for backend in entry.backends if parts.get(backend) is None]
        for backend in lacking:
            what = f"no {HARDWARE}/{entry.device}/{backend} at {entry.words}"
            findings.tell("history-unknown-folder", HISTORY, what, line=entry.line)
        there = {backend: one for backend, one in parts.items() if one}
        _check_entry(entry, there, findings)
        if entry.is_newest:
            _check_age(index, entry, commit, (there, now, trees), findings)


def _known(entry: Entry) -> list[str]:
    """Its backends, where device and backends are words that may stand in a path."""
    return [one for one in entry.backends if one in BACKENDS] if _DEVICE.match(entry.device) else []


def _described(index: Index, entries: Sequence[Entry]) -> dict[tuple[str, str], DiffYaml | None]:
    """The YAML file of each entry's folders at its commit, all read by one git."""
    keys = sorted({(one.commit, f"{one.device}/{backend}") for one in entries for backend in _known(one)})
    contents = index.contents([f"{commit}:{HARDWARE}/{folder}/diff.yaml" for commit, folder in keys])
    quiet = Findings()
    return {
        (commit, folder): read_diff_yaml(data, "", folder.split("/")[0], quiet, folder) if data is not None else None
        for (commit, folder), data in zip(keys, contents, strict=True)
    }


def _check_entry(entry: Entry, there: Mapping[str, DiffYaml], findings: Findings) -> None:
    bases = {backend: one.commit.text for backend, one in there.items() if one.commit}
    first = next(iter(bases.values()), "")
    if any(not same_commit(base, first) for base in bases.values()):
        told = ", ".join(f"{backend} {base[:_DIGITS]}" for backend, base in bases.items())
        findings.tell("history-bases-differ", HISTORY, f"at {entry.words}: {told}", line=entry.line)
    for backend, one in there.items():
        if entry.task not in one.tasks:
            what = f"at {entry.words}: {one.stated_tasks} of {backend}"
            findings.tell(
                "history-wrong-task", HISTORY, what, line=entry.line, wanted=f"task {entry.task} at that commit"
            )


def _check_age(
    index: Index,
    entry: Entry,
    commit: str,
    sides: tuple[Mapping[str, DiffYaml], Mapping[str, DiffYaml], Mapping[str, str]],
    findings: Findings,
) -> None:
    """Whether what FlagScale's tool takes by default is what the folders have today."""
    then, now, trees = sides
    folders = [f"{entry.device}/{backend}" for backend in then if f"{entry.device}/{backend}" in now]
    # A folder that another task has taken since is told as that task's.
    folders = [folder for folder in folders if entry.task in now[folder].tasks]
    before = tree_ids(index, commit, folders) if folders else {}
    for folder in folders:
        if folder in trees and before.get(folder) != trees[folder]:
            day = described(index, commit).date
            words = _change(then[folder.split("/", 1)[1]], now[folder])
            what = f"{HARDWARE}/{folder} changed since {entry.words} ({day}){words}"
            findings.tell("history-stale", HISTORY, what, line=entry.line)


def _change(then: DiffYaml, now: DiffYaml) -> str:
    bases = [one.commit.text[:_DIGITS] if one.commit else "none" for one in (then, now)]
    versions = [", ".join(f"{key} {one.text}" for key, one in sorted(side.versions.items())) for side in (then, now)]
    told = [f"{word} {before} then, {after} now" for word, (before, after) in (("base", bases), ("versions", versions))
            if before != after]  # fmt: skip
    return f": {'; '.join(told)}" if told else ""
