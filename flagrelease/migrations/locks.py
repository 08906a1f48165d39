"""The steps that lift lock files. Nobody writes comments into those, so they are spelled anew."""

from collections.abc import Mapping
from typing import Any, cast

from flagrelease.domain.value import Value
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.json_tree import JsonTree, check_json
from flagrelease.formats.positions import Mapping as MappingNode
from flagrelease.formats.positions import Node, Scalar, UnreadableError, path_text, plain
from flagrelease.formats.strict import refuse
from flagrelease.migrations.edits import as_mapping
from flagrelease.migrations.recipes import engine_name


def read_json(text: str, *, source: str) -> Node:
    """The document as a tree. Raises RecipeError when it is no JSON, or has a key twice."""
    tree = JsonTree()
    try:
        check_json(text)
        root = tree.read(text)
    except UnreadableError as stop:
        refuse([*tree.faults, stop.fault], Value, source)
    if tree.faults:
        refuse(tree.faults, Value, source)
    return root


def lockfile_to_2(text: str, source: str, engines: Mapping[str, str]) -> str:
    """The engine by name and title, `memory` as `memory_probe`, and that the lock is a whole one."""
    root = as_mapping(read_json(text, source=source))
    data = cast("dict[str, Any]", plain(root))
    data["schema"] = "flagrelease.lockfile/v2"
    variants = root.entries.get("variants")
    for name, entry in as_mapping(variants.node if variants else None).entries.items():
        if isinstance(entry.node, MappingNode):
            at = f"variants.{path_text((name,))}"
            data["variants"][name] = _lock(data["variants"][name], entry.node, at, source, engines)
    return pretty_json(data).decode()


def _lock(lock: dict[str, Any], node: MappingNode, at: str, source: str, engines: Mapping[str, str]) -> dict[str, Any]:
    if lock.get("schema") != "flagrelease.lock/v1":
        return lock
    lifted = {key: value for key, value in lock.items() if key != "memory"}
    lifted |= {"schema": "flagrelease.lock/v2", "kind": "whole"}
    if "memory" in lock:
        lifted["memory_probe"] = lock["memory"]
    engine = node.entries.get("engine")
    if engine and isinstance(engine.node, Scalar):
        lifted["engine"] = engine_name(engine.node, f"{at}.engine", source, engines)
        lifted["engine_title"] = engine.node.value
    if isinstance(policy := lock.get("policy"), dict):
        lifted["policy"] = {"harness_tasks": {}, **policy}
    return lifted
