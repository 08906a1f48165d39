"""The YAML file beside a vendor's patches: every word with its line, numbers as the text that they were written as.

FlagScale's own reader takes the commit 57637057 for a number, and 0e12345 for zero.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from flagrelease.formats.characters import checked_yaml
from flagrelease.formats.positions import Listing, Node, Reading, Scalar, UnreadableError, found, quoted
from flagrelease.formats.positions import Mapping as Keys
from flagrelease.formats.yaml_tree import YamlTree
from flagrelease.patching.flagscale.backends import TASKS
from flagrelease.patching.flagscale.findings import Findings

_KEYS: Final = {"backends_commit", "backends_version", "commit", "contact", "device_type", "models", "task"}
_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}\Z")
_VERSION: Final = re.compile(r"[0-9]+(\.[0-9]+)+((\.|-)?(a|b|rc|post|dev)[0-9]+)*\Z")
Tell: TypeAlias = Callable[[str, str, int], None]
"""A finding's id, what was found, and the line."""


@dataclass(frozen=True, kw_only=True)
class Stated:
    """A word and where it stands."""

    text: str
    line: int


@dataclass(frozen=True, kw_only=True)
class DiffYaml:
    """What it says. Tasks are only those that there are, models and contact without blanks around them."""

    path: str
    commit: Stated | None = None
    versions: Mapping[str, Stated]
    commits: Mapping[str, Stated]
    contact: str = ""
    device_type: str = ""
    models: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    task_line: int = 0

    @property
    def stated_tasks(self) -> str:
        """Its tasks for people."""
        return ", ".join(self.tasks) or "none"


def read_diff_yaml(data: bytes, path: str, device: str, findings: Findings, folder: str) -> DiffYaml | None:
    """The file; None where it cannot be read at all. Everything that is odd in it is told."""

    def tell(id_: str, what: str, line: int) -> None:
        findings.tell(id_, path, what, folder=folder, line=line)

    root = yaml_keys(data, "bad-yaml", tell)
    if root is None:
        return None
    for key in sorted(set(root.entries) - _KEYS):
        tell("unknown-key", quoted(key), root.entries[key].key_at.line)
    commit = _commit(root, tell)
    contact = _text(root, "contact", tell)
    if not contact.text.strip():
        tell("no-contact", "none", contact.line)
    device_type = _text(root, "device_type", tell)
    if device_type.text != device:
        tell("other-device", quoted(device_type.text), device_type.line)
    versions = _words(root, "backends_version", tell)
    for backend, version in versions.items():
        if not _VERSION.match(version.text):
            tell("version-form", f"{quoted(version.text)} of {backend}", version.line)
    tasks = _items(root, "task", tell)
    return DiffYaml(
        path=path,
        commit=commit,
        versions=versions,
        commits={key: one for key, one in _words(root, "backends_commit", tell).items() if _is_commit(one, tell)},
        contact=contact.text.strip(),
        device_type=device_type.text,
        models=_models(_items(root, "models", tell), tell),
        tasks=_tasks(tasks, tell),
        task_line=tasks[0].line if tasks else root.at.line,
    )


def yaml_keys(data: bytes, id_: str, tell: Tell) -> Keys | None:
    """The mapping that a file is; None where it is none. Faults are told under the id."""
    tree = YamlTree()
    try:
        root = tree.read(checked_yaml(data))
    except UnreadableError as stop:
        tell(id_, stop.fault.text, stop.fault.at.line)
        return None
    faults = [fault for fault in tree.faults if "the key is there twice" in fault.text]
    for fault in faults:
        tell(id_, f"{fault.path}: {fault.text}", fault.at.line)
    if not isinstance(root, Keys):
        tell(id_, found(root), root.at.line)
        return None
    return root


def word(node: Node) -> str | None:
    """A scalar as it was written, nothing for null; None where it is no scalar."""
    if not isinstance(node, Scalar):
        return None
    return "" if node.value is None or node.reads_as == Reading.NULL else node.raw


def _text(root: Keys, key: str, tell: Tell) -> Stated:
    entry = root.entries.get(key)
    if entry is None:
        return Stated(text="", line=root.at.line)
    text = word(entry.node)
    if text is None:
        tell("bad-yaml", f"{found(entry.node)} as {key}", entry.key_at.line)
    return Stated(text=text or "", line=entry.key_at.line)


def _words(root: Keys, key: str, tell: Tell) -> dict[str, Stated]:
    entry = root.entries.get(key)
    if entry is None or word(entry.node) == "":
        return {}
    if not isinstance(entry.node, Keys):
        tell("bad-yaml", f"{found(entry.node)} as {key}", entry.key_at.line)
        return {}
    pairs = {name: (word(one.node), one) for name, one in entry.node.entries.items()}
    for name, (text, one) in pairs.items():
        if text is None:
            tell("bad-yaml", f"{found(one.node)} as {key} of {quoted(name)}", one.key_at.line)
    return {name: Stated(text=text, line=one.key_at.line) for name, (text, one) in pairs.items() if text is not None}


def _items(root: Keys, key: str, tell: Tell) -> list[Stated]:
    entry = root.entries.get(key)
    if entry is None:
        return []
    if not isinstance(entry.node, Listing):
        tell("bad-yaml", f"{found(entry.node)} as {key}", entry.key_at.line)
        return []
    items = [(word(item), item) for item in entry.node.items]
    for text, item in items:
        if text is None:
            tell("bad-yaml", f"{found(item)} in {key}", item.at.line)
    return [Stated(text=text, line=item.at.line) for text, item in items if text is not None]


def _commit(root: Keys, tell: Tell) -> Stated | None:
    stated = _text(root, "commit", tell)
    return stated if stated.text and _is_commit(stated, tell) else None


def _is_commit(one: Stated, tell: Tell) -> bool:
    if not one.text:
        return False
    fits = bool(_COMMIT.match(one.text))
    if not fits:
        tell("base-missing", quoted(one.text), one.line)
    return fits


def _models(items: list[Stated], tell: Tell) -> tuple[str, ...]:
    for one in items:
        if one.text != one.text.strip() or not one.text:
            tell("models-form", quoted(one.text), one.line)
    return tuple(dict.fromkeys(" ".join(one.text.split()) for one in items if one.text.strip()))


def _tasks(items: list[Stated], tell: Tell) -> tuple[str, ...]:
    for one in items:
        if one.text not in TASKS:
            tell("bad-task", quoted(one.text), one.line)
    return tuple(dict.fromkeys(one.text for one in items if one.text in TASKS))
