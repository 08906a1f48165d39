"""Items to prompts: the texts a task sends, and the hashes that say both sides were asked the same."""

from collections.abc import Iterable
from dataclasses import dataclass

from flagrelease.domain.gate import Task
from flagrelease.domain.value import Sha256
from flagrelease.errors import RecipeError
from flagrelease.evaluation.items import ChoiceItem, ItemSource, PassageItem, read_items, select
from flagrelease.formats.canonical import sha256_of


@dataclass(frozen=True, kw_only=True)
class OptionPrompt:
    """Which of `options` (label and text) follows `context` most probably; `gold` is the right label."""

    id: str
    item_sha256: Sha256
    context: str
    options: tuple[tuple[str, str], ...]
    gold: str

    @property
    def sha256(self) -> Sha256:
        """Hash of every text that is sent for this item."""
        return sha256_of(["option_loglikelihood", self.context, [list(option) for option in self.options]])


@dataclass(frozen=True, kw_only=True)
class WordPrompt:
    """Which word follows `context`, asked with at most `max_tokens` tokens; `gold` is the right one."""

    id: str
    item_sha256: Sha256
    context: str
    max_tokens: int
    gold: str

    @property
    def sha256(self) -> Sha256:
        """Hash of every text and number that is sent for this item."""
        return sha256_of(["next_word", self.context, self.max_tokens])


Prompt = OptionPrompt | WordPrompt


def prompts_of(name: str, task: Task, data: bytes) -> tuple[Prompt, ...]:
    """The prompts of a task's selected items, in the order they are asked; `data` is the dataset's file.

    Raises:
        SourceError: the file is not what its format says.
        RecipeError: the task's kind, format and metric do not fit, or the file has another number of items than the
            policy says.
    """
    _check_fit(name, task)
    items = read_items(task.format, data)
    if len(items) != task.dataset.items_available:
        raise RecipeError(
            f"task `{name}`: wanted {task.dataset.items_available} items in the dataset, found {len(items)}",
            hint=f"if the dataset changed on purpose, set `items_available: {len(items)}` and record a new baseline",
        )
    return tuple(prompt_of(item, task) for item in select(items, task.selection.count, task.selection.seed))


def prompt_of(item: ItemSource, task: Task) -> Prompt:
    """The prompt of one item."""
    match item:
        case ChoiceItem():
            return OptionPrompt(
                id=item.id,
                item_sha256=item.sha256,
                context=f"Question: {item.question}\nAnswer:",
                options=item.options,
                gold=item.gold,
            )
        case PassageItem():
            return WordPrompt(
                id=item.id,
                item_sha256=item.sha256,
                context=item.context,
                max_tokens=task.max_tokens,
                gold=item.gold,
            )


def prompts_sha256(hashes: Iterable[Sha256]) -> Sha256:
    """Hash of all prompts of a task by the hash of each, in the order they are asked."""
    return sha256_of(list(hashes))


def _check_fit(name: str, task: Task) -> None:
    fits = {
        "option_loglikelihood": ("commonsense_qa", "acc_norm"),
        "next_word": ("boolq_passage", "exact_match"),
    }
    if fits[task.kind] != (task.format, task.metric):
        wanted = " with format `{}` and metric `{}`".format(*fits[task.kind])
        raise RecipeError(
            f"task `{name}`: wanted kind `{task.kind}`{wanted}, found format `{task.format}` and metric `{task.metric}`"
        )
