"""Where in a Dockerfile a step of a build is: BuildKit names a step by its stage and number, older ones by no line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE)
_HEREDOC = re.compile(r"<<-?\s*([\"']?)([A-Za-z_][A-Za-z0-9_]*)\1")
_COUNTED = ("RUN", "COPY", "ADD", "WORKDIR")


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction: the lines it stands on (from 1), and its words in one line."""

    first: int
    last: int
    text: str

    @property
    def word(self) -> str:
        """Its first word in capitals: RUN, COPY."""
        return self.text.partition(" ")[0].upper()


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage: `steps` are those that BuildKit numbers, from 1."""

    name: str
    begin: Instruction
    steps: tuple[Instruction, ...]


def read_stages(text: str) -> tuple[Stage, ...]:
    """The stages of a Dockerfile, in order; one without a name is `stage-N`, as BuildKit says it."""
    stages: list[Stage] = []
    for instruction in _instructions(text.splitlines()):
        begin = _FROM.match(instruction.text)
        if begin:
            base, name = begin[1], begin[2] or f"stage-{len(stages)}"
            # A base that is another stage, or nothing, is no step.
            own = base.lower() == "scratch" or any(base.lower() == other.name.lower() for other in stages)
            stages.append(Stage(name=name, begin=instruction, steps=() if own else (instruction,)))
        elif stages and instruction.word in _COUNTED:
            last = stages[-1]
            stages[-1] = Stage(name=last.name, begin=last.begin, steps=(*last.steps, instruction))
    return tuple(stages)


def find_step(stages: Sequence[Stage], stage: str, number: int) -> tuple[Stage, Instruction] | None:
    """The instruction that is step `number` of `stage`; an empty name is that of the only stage."""
    for one in stages:
        if (not stage or one.name.lower() == stage.lower()) and 1 <= number <= len(one.steps):
            return one, one.steps[number - 1]
    return None


def cut_before(text: str, instruction: Instruction) -> str:
    """The Dockerfile up to an instruction: what the failed stage was before it."""
    return "".join(f"{line}\n" for line in text.splitlines()[: instruction.first - 1])


def _instructions(lines: Sequence[str]) -> Iterator[Instruction]:
    at = 0
    while at < len(lines):
        if _is_nothing(lines[at]):
            at += 1
            continue
        first, words = at, list[str]()
        while at < len(lines):
            line = lines[at].rstrip()
            at += 1
            if _is_nothing(line) and words:
                continue
            words.append(line.removesuffix("\\").strip())
            if not line.endswith("\\"):
                break
        text = " ".join(words)
        for mark in _HEREDOC.findall(text) if text.upper().startswith(("RUN", "COPY", "ADD")) else ():
            while at < len(lines) and lines[at].strip() != mark[1]:
                at += 1
            at += 1
        yield Instruction(first=first + 1, last=at, text=text)


def _is_nothing(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")
