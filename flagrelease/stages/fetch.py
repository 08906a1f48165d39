"""fetch: bring every locked file into the store, by hash; without a network call for what is there."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from flagrelease.domain.gate import Policy
from flagrelease.domain.lock import Lock
from flagrelease.domain.source import LockedDeb, LockedFile, LockedWheel, Sources
from flagrelease.domain.value import Digest, Name
from flagrelease.evaluation.handed import chosen_items
from flagrelease.evaluation.prompts import prompts_of
from flagrelease.ports import Events, Progress, Tools

T = TypeVar("T", LockedDeb, LockedFile, LockedWheel)


def fetch(tools: Tools, here: Path, lock: Lock) -> Sources:  # noqa: ARG001 - every stage has the same shape
    """Everything the lock names, in the store; harnesses as environments that need no network from then on.

    Raises:
        SourceError: a file cannot be had, is not what the lock says, or holds no items of its task's format.
        RecipeError: a dataset has another number of items than the policy says.
    """
    supplier, debs, wheels = tools.supplier, lock.base.packages, lock.wheels
    datasets = tuple(dataset.file for dataset in lock.datasets)
    files = (*lock.weights.files, *datasets, *lock.second_model.files)
    supplier.check(debs, wheels, files)
    total = sum(x.size for x in debs) + sum(x.size for x in wheels) + sum(x.size for x in files)
    done = 0

    def bring(wanted: Sequence[T], get: Callable[[T, Progress], Digest]) -> tuple[Digest, ...]:
        nonlocal done
        digests = []
        for one in wanted:
            digests.append(get(one, _part_of_all(tools.events, before=done, size=one.size, total=total)))
            done += one.size
        return tuple(digests)

    for component in lock.components:
        tools.events.said(f"{component.name}: {component.source.repository} at {component.commit}")
        tools.components.bring(component, lambda done, whole: tools.events.progress(done, whole, "items"))
    sources = Sources(
        debs=bring(debs, supplier.deb),
        wheels=bring(wheels, supplier.wheel),
        weights=bring(lock.weights.files, supplier.file),
        datasets=bring(datasets, supplier.file),
        second_model=bring(lock.second_model.files, supplier.file),
        bytes_total=total,
    )
    for dataset in lock.datasets:
        # Minutes before they are asked: here a wrong policy costs no build and no evaluation.
        _look_at_items(lock.policy, dataset.task, tools.store.path(dataset.file.digest).read_bytes())
    for harness in lock.harnesses:
        tools.harnesses.bring(harness, lambda count, whole: tools.events.progress(count, whole, "items"))
    return sources


def _look_at_items(policy: Policy, name: Name, data: bytes) -> None:
    """Raises what asking would raise."""
    if name in policy.tasks:
        prompts_of(name, policy.tasks[name], data)
    elif asked := policy.harness_tasks[name].asked:
        chosen_items(name, asked, data)


def _part_of_all(events: Events, *, before: int, size: int, total: int) -> Progress:
    # A carrier may be larger than the member that is wanted of it.
    return lambda done, _whole: events.progress(before + min(done, size), total, "bytes")
