"""What a harness is handed: items by hash, its own files, and no template that came with an item."""

import json
from typing import Any

import pytest

from flagrelease.adapters.templates import SandboxedTemplates
from flagrelease.domain.gate import HarnessTask
from flagrelease.errors import RecipeError, SourceError
from flagrelease.evaluation.handed import handed

TEMPLATES = SandboxedTemplates()


def a_task(count: int = 3, **asked: Any) -> HarnessTask:
    whole: dict[str, Any] = {
        "dataset": {
            "source": {"kind": "folder", "folder": "items", "files": ("a.jsonl",)}, "split": "test",
            "items_available": 3, "licence": "ours",
        },
        "selection": {"count": count, "seed": 1},
        "format": "json_lines",
        "items": {"path": "items.jsonl", "fields": {"id": "{{ id }}", "ask": "Say: {{ q }}"}},
        **asked,
    }  # fmt: skip
    task = {"harness": "some", "benchmark": "quiz", "metric": "acc", "items": count, "margin_pt": 3.0, "asked": whole}
    return HarnessTask.model_validate(task)


def files(task: HarnessTask, rows: list[Any], *, limit: int | None = None, **templates: str) -> dict[str, bytes]:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()

    def fill(text: str, name: str, values: Any) -> str:
        return TEMPLATES.fill(text, name=name, values=dict(values))

    return handed("quiz", task, data, templates=templates, fill=fill, values={"task": "quiz"}, limit=limit)


ROWS = [{"id": name, "q": f"question {name}"} for name in "abc"]


def lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def test_items_come_in_the_order_of_their_selection_with_the_fields_that_the_policy_says() -> None:
    found = lines(files(a_task(), ROWS)["items.jsonl"])
    assert sorted(row["id"] for row in found) == ["a", "b", "c"]
    assert all(row["ask"] == f"Say: question {row['id']}" for row in found)
    assert lines(files(a_task(2), ROWS)["items.jsonl"]) == found[:2]
    assert lines(files(a_task(), ROWS, limit=1)["items.jsonl"]) == found[:1]


def test_what_stands_in_an_item_is_never_a_template_nor_a_line_of_its_own() -> None:
    hostile = '{{ 7 * 7 }} {% raw %}\n{"id": "more"}\u2028\u0000'
    found = lines(files(a_task(1), [{"id": "a", "q": hostile}, *ROWS[1:]], limit=None)["items.jsonl"])
    whole = lines(files(a_task(), [{"id": "a", "q": hostile}, *ROWS[1:]])["items.jsonl"])
    assert len(found) == 1
    assert next(row for row in whole if row["id"] == "a")["ask"] == f"Say: {hostile}"


def test_a_task_has_its_own_files_filled_with_what_the_policy_says() -> None:
    task = a_task(files=({"path": "task.yaml", "template": "t"},))
    assert files(task, ROWS, t="{{ task }} {{ metric }} {{ shots }}")["task.yaml"] == b"quiz acc 0"
    with pytest.raises(RecipeError, match="secret"):
        files(task, ROWS, t="{{ secret }}")
    with pytest.raises(RecipeError, match=r"`items\.jsonl` twice"):
        files(a_task(files=({"path": "items.jsonl", "template": "t"},)), ROWS, t="")


def test_a_dataset_that_is_not_what_the_policy_says_is_refused() -> None:
    with pytest.raises(RecipeError, match="wanted 3 items in the dataset, found 2"):
        files(a_task(), ROWS[:2])
    with pytest.raises(RecipeError, match="an id twice"):
        files(a_task(), [ROWS[0], ROWS[0], ROWS[1]])
    with pytest.raises(SourceError, match="line 2"):
        files(a_task(), [ROWS[0], ["no object"], ROWS[1]])
    with pytest.raises(RecipeError, match="q"):
        files(a_task(), [*ROWS[:2], {"id": "c"}])


def test_a_task_whose_number_of_items_is_not_that_of_its_selection_is_no_task() -> None:
    with pytest.raises(ValueError, match=r"asked\.selection\.count"):
        HarnessTask.model_validate(a_task().model_dump() | {"items": 2})
