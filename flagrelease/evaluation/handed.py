"""What a harness is handed for one task: the selected items as it reads them, and its own files about the task."""

import json
from collections.abc import Callable, Mapping

from flagrelease.domain.gate import Asking, HarnessTask
from flagrelease.domain.value import Name
from flagrelease.errors import RecipeError
from flagrelease.evaluation.items import AnyItem, ChoiceItem, LineItem, PassageItem, read_items, read_lines, select

Fill = Callable[[str, str, Mapping[str, object]], str]
"""Fills a template: its text, what messages call it, and the values."""


def chosen_items(name: Name, asked: Asking, data: bytes) -> tuple[AnyItem, ...]:
    """The items of a task in the order of their selection; `data` is the dataset's file.

    Raises:
        SourceError: the dataset is not what its format says.
        RecipeError: it has another number of items than the policy says, an id twice, or too few items.
    """
    items: tuple[AnyItem, ...] = read_lines(data) if asked.format == "json_lines" else read_items(asked.format, data)
    if len(items) != asked.dataset.items_available:
        raise RecipeError(
            f"task `{name}`: wanted {asked.dataset.items_available} items in the dataset, found {len(items)}",
            hint=f"if the dataset changed on purpose, set `items_available: {len(items)}` and measure both sides anew",
        )
    return select(items, asked.selection.count, asked.selection.seed)


def handed(
    name: Name,
    task: HarnessTask,
    data: bytes,
    *,
    templates: Mapping[str, str],
    fill: Fill,
    values: Mapping[str, object],
    limit: int | None = None,
) -> dict[str, bytes]:
    """The files of a task's folder, by their paths in it. `templates` are texts by path, `values` fill them.

    Only the first `limit` items are handed out where one is given, so that what is out is out on both sides.

    Raises:
        SourceError: the dataset is not what its format says.
        RecipeError: a template asks for what is not there, or two files have one path.
    """
    asked = task.asked
    assert asked is not None
    items = chosen_items(name, asked, data)[:limit]
    files = {asked.items.path: b"".join(_line(name, asked, item, fill) for item in items)}
    for file in asked.files:
        if file.path in files:
            raise RecipeError(f"task `{name}`: wanted each file once, found `{file.path}` twice")
        files[file.path] = fill(templates[file.template], file.template, {**values, **_facts(task)}).encode()
    return files


def _line(name: Name, asked: Asking, item: AnyItem, fill: Fill) -> bytes:
    own = _fields_of(item)
    line = {field: fill(text, f"{name}: {field}", own) for field, text in asked.items.fields.items()}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _fields_of(item: AnyItem) -> Mapping[str, object]:
    match item:
        case ChoiceItem():
            return {"id": item.id, "question": item.question, "options": dict(item.options), "gold": item.gold}
        case PassageItem():
            return {"id": item.id, "context": item.context, "gold": item.gold}
        case LineItem():
            return {**item.record, "id": item.id}


def _facts(task: HarnessTask) -> Mapping[str, object]:
    return {"metric": task.metric, "shots": task.shots or 0, "repeats": task.repeats}
