"""Benchmark files to items: each format, what it refuses, and how items are drawn."""

import hashlib
import json
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from flagrelease.errors import RecipeError, SourceError

Format = Literal["commonsense_qa", "boolq_passage"]

CONTEXT_WORDS = 24
"""Words of a passage that are read before one is asked for."""

LOOK_AHEAD_WORDS = 20
"""How far behind the context a plain word is looked for."""

MAX_LINE_BYTES = 256 * 1024

MIN_OPTIONS = 2

# Control characters besides tab and line feed, and halves of surrogate pairs, which cannot be sent as UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_LABELLED = re.compile(r"\n([A-Z])\. ")
_ANSWER = re.compile(r"([A-Z])\. (.+)", re.DOTALL)
_PLAIN_WORD = re.compile(r"[A-Za-z]+[.,;:!?')]*")


@dataclass(frozen=True, kw_only=True)
class ChoiceItem:
    """A question with its distinct options by label; `gold` is a label among them.

    An option that repeats the text of an earlier one is left out, since a model cannot tell the two apart.
    """

    id: str
    sha256: str
    question: str
    options: tuple[tuple[str, str], ...]
    gold: str


@dataclass(frozen=True, kw_only=True)
class PassageItem:
    """The beginning of a passage and the word that follows it."""

    id: str
    sha256: str
    context: str
    gold: str


@dataclass(frozen=True, kw_only=True)
class LineItem:
    """A JSON object as it was found: for harnesses, which know what its fields mean."""

    id: str
    sha256: str
    record: dict[str, Any]


ItemSource = ChoiceItem | PassageItem
AnyItem = ChoiceItem | PassageItem | LineItem
S = TypeVar("S", ChoiceItem, PassageItem, ChoiceItem | PassageItem, AnyItem)


def read_items(format_: Format, data: bytes) -> tuple[ItemSource, ...]:
    """The items of a benchmark file, in its order; an item's id is `line-` and its line number.

    `commonsense_qa`: JSON lines with `question`, `options` (labelled lines) and `answer` (a labelled option); every
    line is an item.

    `boolq_passage`: JSON lines with `passage`. A passage is cut behind its first CONTEXT_WORDS words, or behind the
    next few, until a plain word follows. A line is an item when it has such a word and its passage has not come before.

    Raises:
        SourceError: a line is not what the format says; the message names the line.
    """
    lines = _lines(data, format_)
    if format_ == "commonsense_qa":
        return tuple(_choice(line) for line in lines)
    return tuple(_passages(lines))


def read_lines(data: bytes) -> tuple[LineItem, ...]:
    """JSON lines as they are. An item's id is its `id`, where that is a text or a whole number, or else its line's.

    Raises:
        SourceError: a line is no JSON object; the message names the line.
    """
    return tuple(_line_item(line) for line in _lines(data, "json_lines"))


def _line_item(line: "_Line") -> LineItem:
    own = line.record.get("id")
    named = isinstance(own, str | int) and not isinstance(own, bool) and own != ""
    return LineItem(id=str(own) if named else line.id, sha256=line.sha256, record=line.record)


def select(items: Sequence[S], count: int, seed: int) -> tuple[S, ...]:
    """`count` of the items, drawn without replacement: those with the lowest SHA-256 of `<seed>:<id>`, in that order.

    A hash and not a random generator, so that the draw is the same on every Python, and a larger count only adds items.

    Raises:
        RecipeError: there are fewer items than asked for, or two have the same id.
    """
    if len({item.id for item in items}) != len(items):
        raise RecipeError("wanted items with distinct ids, found an id twice")
    if count > len(items):
        raise RecipeError(
            f"wanted {count} items to be selected, found {len(items)} in the dataset",
            hint=f"set the task's `selection.count` to {len(items)} or less",
        )
    return tuple(sorted(items, key=lambda item: hashlib.sha256(f"{seed}:{item.id}".encode()).digest())[:count])


# Formats ------------------------------------------------------------------------------------------


def _choice(line: "_Line") -> ChoiceItem:
    # In a few lines of the carrier, options or the question's last sign stand in the wrong field: read both as one.
    question, *rest = _LABELLED.split(line.text("question") + line.text("options"))
    answer = _ANSWER.fullmatch(line.text("answer"))
    labels, options = rest[0::2], [option.strip() for option in rest[1::2]]
    if not question.strip() or len(labels) < MIN_OPTIONS or labels != list(string.ascii_uppercase[: len(labels)]):
        raise line.refused("a question and options `A.`, `B.` and so on", f"labels {labels}")
    options[-1] = options[-1].removesuffix("?")
    if not all(options):
        raise line.refused("a text behind every label", "an empty option")
    labelled = list(zip(labels, options, strict=True))
    if answer is None or (answer[1], answer[2].strip()) not in labelled:
        raise line.refused("an `answer` that is one of the options", "another one")
    first = {option: label for label, option in reversed(labelled)}
    distinct = tuple((label, option) for label, option in labelled if first[option] == label)
    if len(distinct) < MIN_OPTIONS:
        raise line.refused("two different options", "one")
    return ChoiceItem(
        id=line.id, sha256=line.sha256, question=question.strip(), options=distinct, gold=first[answer[2].strip()]
    )


def _passages(lines: "Iterator[_Line]") -> Iterator[PassageItem]:
    seen: set[str] = set()
    for line in lines:
        words = line.text("passage").split()
        passage = " ".join(words)
        if passage in seen:
            continue
        seen.add(passage)
        for cut in range(CONTEXT_WORDS, min(CONTEXT_WORDS + LOOK_AHEAD_WORDS, len(words))):
            if _PLAIN_WORD.fullmatch(words[cut]):
                yield PassageItem(id=line.id, sha256=line.sha256, context=" ".join(words[:cut]), gold=words[cut])
                break


# Lines --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One line as a JSON object, and where it stands."""

    format: Format | Literal["json_lines"]
    number: int
    sha256: str
    record: dict[str, Any]

    @property
    def id(self) -> str:
        return f"line-{self.number}"

    def text(self, key: str) -> str:
        value = self.record.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.refused(f"a text as `{key}`", "none")
        if _UNPRINTABLE.search(value):
            raise self.refused(f"printable text as `{key}`", "a character that is not")
        return value

    def refused(self, wanted: str, found: str) -> SourceError:
        return SourceError(f"line {self.number} of the {self.format} items: wanted {wanted}, found {found}")


def _lines(data: bytes, format_: Format | Literal["json_lines"]) -> Iterator[_Line]:
    raws = data.removesuffix(b"\n").split(b"\n")
    for number, raw in enumerate(raws, start=1):
        line = _Line(format=format_, number=number, sha256=hashlib.sha256(raw).hexdigest(), record={})
        if len(raw) > MAX_LINE_BYTES:
            raise line.refused(f"at most {MAX_LINE_BYTES} bytes", f"{len(raw)}")
        try:
            record = json.loads(raw.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_constant)
        except (ValueError, RecursionError) as error:
            raise line.refused("a JSON object", f"what cannot be read: {error}") from error
        if not isinstance(record, dict):
            raise line.refused("a JSON object", f"a {type(record).__name__}")
        yield replace(line, record=record)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key is there twice")
    return record


def _constant(word: str) -> float:
    raise ValueError(f"{word} is no JSON")
