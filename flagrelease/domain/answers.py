"""The items of a record in columns: some 100 bytes an item instead of a thousand."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from flagrelease.domain.evalrun import FINISHES, STATUSES, EvalRunFile, Finish, RunFacts, RunItem, Status

OK = STATUSES.index("ok")
_UNKNOWN_FINISH = 255


_SPELLED = re.compile(r"[0-9a-f]{16}")


def fingerprint(text: str | None) -> int:
    """64 bits of a hash of what identifies a document, a prompt or an answer; 0 where nothing does.

    A fingerprint that is spelled out, as in a record's file, is that fingerprint.
    """
    if not text:
        return 0
    if _SPELLED.fullmatch(text):
        return int(text, 16)
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()) or 1


@dataclass(slots=True)
class Answers:
    """One row an answer. `repeats` counts from 0; a cluster is empty where the source names none.

    `documents`, `prompts` and `said` (the answer's text) are fingerprints, 0 where the source has none; `tokens` is -1
    where it is not known. `struck` is the sum of what the source gave to answers that are not `ok`.
    """

    ids: list[str] = field(default_factory=list)
    repeats: array[int] = field(default_factory=lambda: array("L"))
    scores: array[float] = field(default_factory=lambda: array("d"))
    statuses: bytearray = field(default_factory=bytearray)
    finishes: bytearray = field(default_factory=bytearray)
    tokens: array[int] = field(default_factory=lambda: array("q"))
    documents: array[int] = field(default_factory=lambda: array("Q"))
    prompts: array[int] = field(default_factory=lambda: array("Q"))
    said: array[int] = field(default_factory=lambda: array("Q"))
    clusters: list[str] = field(default_factory=list)
    struck: float = 0.0

    def add(
        self,
        item: str,
        score: float,
        *,
        repeat: int = 0,
        status: Status = "ok",
        document: str | None = None,
        prompt: str | None = None,
        said: str | None = None,
        cluster: str | None = None,
        finish: Finish | None = None,
        tokens: int | None = None,
    ) -> None:
        """One more answer. What is not `ok` scores 0, whatever its source says."""
        self.ids.append(item)
        self.repeats.append(repeat)
        self.statuses.append(STATUSES.index(status))
        self.scores.append(score if status == "ok" else 0.0)
        self.struck += score if status != "ok" else 0.0
        self.finishes.append(FINISHES.index(finish) if finish else _UNKNOWN_FINISH)
        self.tokens.append(-1 if tokens is None else tokens)
        self.documents.append(fingerprint(document))
        self.prompts.append(fingerprint(prompt))
        self.said.append(fingerprint(said))
        self.clusters.append(cluster or "")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def items(self) -> int:
        """How many different items there are, each with one answer or more."""
        return len(self.ids) if not any(self.repeats) else len(set(self.ids))

    def count(self, status: Status) -> int:
        """Answers of this status."""
        return self.statuses.count(STATUSES.index(status))

    @property
    def is_binary(self) -> bool:
        """Whether every answer is right or wrong."""
        return all(score in (0.0, 1.0) for score in self.scores)

    @property
    def truncated(self) -> float | None:
        """The share of answers that ended at the limit of tokens; None where no answer says how it ended."""
        known = len(self) - self.finishes.count(_UNKNOWN_FINISH)
        return self.finishes.count(FINISHES.index("length")) / known if known else None

    @property
    def mean_tokens(self) -> float | None:
        """The mean length of an answer, over those whose length is known."""
        known = [count for count in self.tokens if count >= 0]
        return sum(known) / len(known) if known else None


@dataclass(frozen=True, slots=True)
class Record:
    """What one side's files say of one task. `answers` is None for an aggregate."""

    facts: RunFacts
    answers: Answers | None = None

    def as_file(self) -> EvalRunFile:
        """The documented record. Fingerprints stand where the source's own identifiers were."""
        items = None if self.answers is None else tuple(_rows(self.answers))
        facts, headline = self.facts, self.facts.headline
        if headline is not None and self.answers is not None:
            struck = headline.model_copy(update={"struck": self.answers.struck})
            facts = facts.model_copy(update={"headline": struck})
        return EvalRunFile(**facts.model_dump(by_alias=True), items=items)


def _rows(answers: Answers) -> Iterator[RunItem]:
    for row, item in enumerate(answers.ids):
        finish = answers.finishes[row]
        yield RunItem(
            id=item,
            repeat=answers.repeats[row],
            status=STATUSES[answers.statuses[row]],
            score=answers.scores[row],
            cluster=answers.clusters[row] or None,
            document=f"{answers.documents[row]:016x}" if answers.documents[row] else None,
            prompt=f"{answers.prompts[row]:016x}" if answers.prompts[row] else None,
            answer=f"{answers.said[row]:016x}" if answers.said[row] else None,
            finish_reason=None if finish == _UNKNOWN_FINISH else FINISHES[finish],
            out_tokens=answers.tokens[row] if answers.tokens[row] >= 0 else None,
        )
