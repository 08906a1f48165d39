"""Items into columns, each checked: a score outside 0 to 1, an id twice or too many items make no record."""

import math
import re
from typing import Any, Final

from flagrelease.domain.answers import Answers
from flagrelease.domain.evalrun import Finish, Kind, Status
from flagrelease.errors import RecipeError
from flagrelease.ingest.say import number_of
from flagrelease.ingest.sources import Sources

ITEM_LIMIT: Final = 1_000_000
"""Answers of one task on one side. The largest benchmark among the recipes has 14,042; more is a mistake."""

RUN_LIMIT: Final = 10_000
"""Runs of one item."""

METRIC_LIMIT: Final = 200
"""Metrics of one task, each filter's counted by itself. EvalScope's ROUGE and BLEU make thirteen."""

_ID_LIMIT: Final = 500
_STRANGE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_FINISHES: Final[dict[str, Finish]] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
}


class Items:
    """Fills `answers` from one file after the other. `full_score` is what an answer that is wholly right is given."""

    def __init__(self, sources: Sources, *, full_score: float = 1.0) -> None:
        self.answers = Answers()
        self._sources = sources
        self._full = full_score
        self._seen: set[str | tuple[str, int]] = set()

    def add(
        self,
        name: str,
        item: Any,
        score: Any,
        *,
        repeat: int = 0,
        status: Status = "ok",
        document: Any = None,
        prompt: Any = None,
        said: Any = None,
        cluster: Any = None,
        finish: Any = None,
        tokens: Any = None,
    ) -> None:
        """One answer out of the file `name`; what is no text where one belongs is none. Raises RecipeError."""
        if type(item) is not str:
            item = _spelled(item)
        if not item or len(item) > _ID_LIMIT:
            raise self._refuse(name, f"wanted an id of 1 to {_ID_LIMIT} characters for each item, found {item[:60]!r}")
        if not item.isprintable() and _STRANGE.search(item):
            raise self._refuse(name, f"item {item[:60]!r}: wanted an id without control characters")
        if not 0 <= repeat < RUN_LIMIT:
            raise self._refuse(name, f"item {item[:60]!r}: wanted a run from 0 to {RUN_LIMIT - 1:,}, found {repeat}")
        key = (item, repeat) if repeat else item
        if key in self._seen:
            raise self._refuse(name, f"item {item[:60]!r} is there twice{f' in run {repeat + 1}' if repeat else ''}")
        self._seen.add(key)
        if len(self._seen) > ITEM_LIMIT:
            raise self._refuse(name, f"wanted at most {ITEM_LIMIT:,} answers of one task, found more")
        # An answer that failed may have no mark at all.
        number = 0.0 if status != "ok" and number_of(score) is None else self._score(name, item, score)
        self.answers.add(
            item,
            number,
            repeat=repeat,
            status=status,
            document=document if type(document) is str else None,
            prompt=prompt if type(prompt) is str else None,
            said=said if type(said) is str else None,
            cluster=cluster if type(cluster) is str else None,
            finish=finish_of(finish),
            tokens=tokens if type(tokens) is int and 0 <= tokens < 1 << 40 else None,
        )

    def _score(self, name: str, item: str, score: Any) -> float:
        if type(score) is not float and type(score) is not int and type(score) is not bool:
            raise self._refuse(name, f"item {item[:60]!r}: wanted a number as score, found {str(score)[:60]!r}")
        try:
            number = score / self._full
        except OverflowError:
            number = math.inf
        if not (math.isfinite(number) and 0 <= number <= 1):
            text = f"item {item[:60]!r}: wanted a score from 0 to {self._full:g}, found {number * self._full:g}"
            raise self._refuse(name, text, hint="scores of single items are never rescaled: two scales are mixed here")
        return number

    def _refuse(self, name: str, text: str, *, hint: str = "") -> RecipeError:
        return self._sources.refuse(name, text, hint=hint)

    def kind(self, *, judged: bool = False) -> Kind:
        """What the scores are, by what they are and by who gave them."""
        if judged:
            return "judge"
        return "proportion" if self.answers.is_binary else "bounded_mean"


class Columns:
    """The items of one task under each of its metrics, made when an item first has one."""

    def __init__(self, sources: Sources) -> None:
        self.found: dict[str, Items] = {}
        self._sources = sources

    def of(self, name: str, metric: str) -> Items:
        """The metric's items. Raises RecipeError for more metrics in the file `name` than any task has."""
        items = self.found.get(metric)
        if items is None:
            if len(self.found) == METRIC_LIMIT:
                raise self._sources.refuse(name, f"wanted at most {METRIC_LIMIT} metrics of one task, found more")
            items = self.found[metric] = Items(self._sources)
        return items


def finish_of(word: Any) -> Finish | None:
    """How an answer ended, in one of the words that harnesses have for it."""
    if not isinstance(word, str) or not word:
        return None
    return _FINISHES.get(word.lower(), "other")


def _spelled(item: Any) -> str:
    """An id that is a whole number or a text; anything else is none."""
    return str(item) if type(item) is int else item if isinstance(item, str) else ""
