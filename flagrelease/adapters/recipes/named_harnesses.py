"""The harnesses that a policy's tasks name, with the hashes of what they are made of and of their tasks' files."""

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from flagrelease.adapters.recipes.found import Found
from flagrelease.domain.gate import HarnessTask, Policy
from flagrelease.domain.harness import Environment, Harness, PinnedHarness, PinnedTemplate
from flagrelease.formats.positions import Path as Key


def pinned_harnesses(found: Found, policy: Policy | None) -> Iterator[PinnedHarness]:
    """One a harness, in the order of the tasks. What is not there is noted, with its place."""
    if policy is None:
        return
    file = found.shelf.recipes / "gates" / f"{policy.name}.yaml"
    by_name: dict[str, dict[str, HarnessTask]] = {}
    for name, task in policy.harness_tasks.items():
        by_name.setdefault(task.harness, {})[name] = task
    for name, tasks in by_name.items():
        key = ("harness_tasks", next(iter(tasks)), "harness")
        harness = found.named("harnesses", name, key, found.shelf.harness, file=file)
        if harness is not None:
            yield PinnedHarness(
                harness=harness,
                requirements_sha256=_requirements(found, harness),
                templates=tuple(_templates(found, tasks, file)),
                called=dict(_called(found, name, tasks)),
            )


def _called(found: Found, harness: str, tasks: dict[str, HarnessTask]) -> Iterator[tuple[str, str]]:
    """A benchmark that has no recipe is lint's business: here it only has no other name."""
    known = found.shelf.names("benchmarks")
    for name, task in tasks.items():
        benchmark = found.read(partial(found.shelf.benchmark, task.benchmark)) if task.benchmark in known else None
        if benchmark and harness in benchmark.tasks:
            yield name, benchmark.tasks[harness]


def _requirements(found: Found, harness: Harness) -> str | None:
    if not isinstance(harness.runs, Environment):
        return None
    own = found.shelf.recipes / "harnesses" / f"{harness.name}.yaml"
    return _sha256(found, "lock of a harness", harness.runs.requirements, ("runs", "requirements"), own)


def _templates(found: Found, tasks: dict[str, HarnessTask], file: Path) -> Iterator[PinnedTemplate]:
    seen: set[str] = set()
    for name, task in tasks.items():
        for index, one in enumerate(task.asked.files if task.asked else ()):
            key = ("harness_tasks", name, "asked", "files", index, "template")
            if one.template not in seen and (sha256 := _sha256(found, "template", one.template, key, file)):
                seen.add(one.template)
                yield PinnedTemplate(path=one.template, sha256=sha256)


def _sha256(found: Found, what: str, path: str, key: Key, file: Path) -> str | None:
    content = found.content(what, found.shelf.recipes / "harnesses", path, key, file=file)
    return None if content is None else hashlib.sha256(content).hexdigest()
