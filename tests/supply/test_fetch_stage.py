"""What was fetched is what the policy asks: a wrong number of items is told here, not after the whole evaluation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.supplier import HostSupplier
from flagrelease.domain.gate import Policy
from flagrelease.domain.lock import Lock, LockedDataset
from flagrelease.domain.source import FromFolder, LockedFile
from flagrelease.errors import RecipeError, SourceError
from flagrelease.stages.fetch import fetch
from tests.evaluation.samples import KeptEvents, choice_task, choices
from tests.serving.locks import a_lock


@dataclass
class Tools:
    """What the stage needs, and nothing else."""

    store: FileStore
    supplier: HostSupplier
    events: KeptEvents

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"fetch needs no {name}")


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    store = FileStore(tmp_path / "home")

    def no_origins() -> Any:
        raise AssertionError("all of it is there")

    return Tools(store, HostSupplier(store, recipes=tmp_path, offline=False, origins=no_origins), KeptEvents())


def a_lock_of(tools: Tools, items: bytes, *, available: int, count: int) -> Lock:
    """A lock whose only task is asked from this file; weights are a byte that is there."""
    task = choice_task(available, count=count)
    lock = a_lock()
    files = {
        name: LockedFile(
            path="p",
            size=len(content),
            sha256=tools.store.add_bytes(content).removeprefix("sha256:"),
            origin=FromFolder(kind="folder", folder=".", path="p"),
        )
        for name, content in (("weights", b"w"), ("items", items))
    }
    weights = {"files": (files["weights"],)}
    return lock.model_copy(
        update={
            "weights": lock.weights.model_copy(update=weights),
            "second_model": lock.second_model.model_copy(update=weights),
            "policy": Policy(schema="flagrelease.gate/v1", name="p", title="p", tasks={"t": task}),
            "datasets": (LockedDataset(task="t", source=task.dataset.source, file=files["items"]),),
        }
    )


def test_items_as_the_policy_says_are_fetched(tools: Tools, tmp_path: Path) -> None:
    lock = a_lock_of(tools, choices(4), available=4, count=2)
    assert fetch(tools, tmp_path, lock).datasets == (lock.datasets[0].file.digest,)


def test_another_number_of_items_than_the_policy_says_is_told_when_they_are_fetched(
    tools: Tools, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="task `t`: wanted 5 items in the dataset, found 4") as refused:
        fetch(tools, tmp_path, a_lock_of(tools, choices(4), available=5, count=2))
    assert "items_available: 4" in refused.value.hint


def test_items_that_are_none_are_told_when_they_are_fetched(tools: Tools, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="line 1 of the commonsense_qa items"):
        fetch(tools, tmp_path, a_lock_of(tools, b"{}\n", available=1, count=1))
