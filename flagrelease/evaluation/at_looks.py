"""Ask the first items of a task's order, look whether they decide, and go on only where they do not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flagrelease.domain.evidence import EvalRun
from flagrelease.domain.gate import Task
from flagrelease.domain.value import Name
from flagrelease.evaluation.ask import NOTHING, Answered, Keep, Side, ask, forget
from flagrelease.ports import Completions, Events


@dataclass(frozen=True, kw_only=True)
class Looks:
    """When to look at a task: `after` so many items of the `order`, rising; `goes_on` says whether to ask the next."""

    order: Sequence[str]
    after: Sequence[int]
    goes_on: Callable[[EvalRun], bool]


def ask_at_looks(
    name: Name,
    task: Task,
    data: bytes,
    side: Side,
    completions: Completions,
    *,
    events: Events,
    looks: Looks,
    answered: Mapping[str, Answered] = NOTHING,
    keep: Keep = forget,
) -> EvalRun:
    """The record up to the look after which it does not go on, or of all items.

    No item is asked twice, whatever its answer was; `answered` and `keep` are those of `ask`. Raises as `ask` does, and
    ValueError where there is no look.
    """
    known = dict(answered)

    def keep_all(record: Answered) -> None:
        known[record.item.id] = record
        keep(record)

    found: EvalRun | None = None
    for items in looks.after:
        run = ask(
            name,
            task,
            data,
            side,
            completions,
            events=events,
            only=frozenset(looks.order[:items]),
            answered=known,
            keep=keep_all,
        )
        found = run if found is None else run.model_copy(update={"started": found.started})
        if not looks.goes_on(found):
            break
        events.said(f"{name}: not decided after {items:,} items")
    if found is None:
        raise ValueError("wanted at least one look, found none")
    return found
