"""The parts of a card: headings, fenced blocks and tables, and which way of running the bundle each belongs to.

Cards that lost their Markdown on the way (no `#`, no fences) are read as well: headings are known by their words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

_FENCE: Final = re.compile(r" {0,12}(`{3,}|~{3,})")
_HEADING: Final = re.compile(r" {0,3}(#(?=\s)|#{2,6}(?!#))")
_DELIMITER: Final = re.compile(r":?-+:?\Z")
_WAY: Final = re.compile(
    r"\W*(?:with |by |use |using )?(transformers|vllm|sglang|flagscale|mindie|llama\.?cpp)[ -]?(?:version|part)\W*\Z",
    re.IGNORECASE,
)
_TOP: Final = re.compile(
    r"(introduction|technical (overview|summary)|evaluation results?|user guide|environment setup|benchmark results?"
    r"|how to run locally|bundle download|contributing|contact us|license|getting started)\W*\Z",
    re.IGNORECASE,
)
_UNESCAPED_PIPE: Final = re.compile(r"(?<!\\)\|")
_MARKUP: Final = re.compile(r"\*\*|__|`|<br ?/?>", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line. `fence` is the language of the block it is in, None outside; `way` is empty where it is for all."""

    number: int
    text: str
    fence: str | None
    heading: str
    way: str

    @property
    def is_prose(self) -> bool:
        """Whether people read it, rather than a program."""
        return self.fence is None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with its header; every row has as many cells as the header."""

    header: Row
    rows: tuple[Row, ...]
    way: str
    heading: str


def laid_out(lines: Sequence[str]) -> list[Line]:
    """Every line with what it stands in."""
    found: list[Line] = []
    fence, mark, heading, way, level = None, "", "", "", 0
    for number, text in enumerate(lines, start=1):
        opened = _fence(text)
        if fence is not None:
            closes = opened is not None and opened[0].startswith(mark) and not opened[1]
            found.append(Line(number=number, text="" if closes else text, fence=fence, heading=heading, way=way))
            fence = None if closes else fence
            continue
        if opened:
            mark, fence = opened
            found.append(Line(number=number, text="", fence=fence, heading=heading, way=way))
            continue
        if title := _heading(text):
            depth, heading = title
            if named := _WAY.match(heading):
                way, level = _way_name(named[1]), depth
            elif depth <= level or _TOP.match(heading):
                way, level = "", 0
        found.append(Line(number=number, text=text, fence=None, heading=heading, way=way))
    return _reopened(found)


def _reopened(lines: list[Line]) -> list[Line]:
    """A fence that is never closed hides the rest of a card, so from there on all is read as text."""
    if not lines or lines[-1].fence is None or lines[-1].text == "":
        return lines
    last = max((line.number for line in lines if line.fence is None), default=0)
    return [replace(line, fence=None) if line.number > last else line for line in lines]


def _fence(text: str) -> tuple[str, str] | None:
    """The mark that opens or closes a block, and the language behind it."""
    found = _FENCE.match(text)
    rest = text[found.end() :] if found else ""
    if found is None or (found[1][0] == "`" and "`" in rest):
        return None
    return found[1], (rest.split() or [""])[0].lower()


def _heading(text: str) -> tuple[int, str] | None:
    """Depth and title; a line that is a heading by its words alone has the depth that most of those have."""
    if marked := _HEADING.match(text):
        return len(marked[1]), _MARKUP.sub("", text[marked.end() :]).strip().rstrip("#").rstrip()
    bare = _MARKUP.sub("", text).strip()
    return (2, bare) if len(bare) < 60 and (_WAY.match(bare) or _TOP.match(bare)) else None  # noqa: PLR2004 - a title


def _way_name(word: str) -> str:
    return word.lower().replace(".", "")


def tables(lines: Sequence[Line]) -> list[Table]:
    """Every table outside fenced blocks."""
    found, index = [], 1
    while index < len(lines):
        above, here = lines[index - 1], lines[index]
        is_table = here.is_prose and "|" in above.text and _is_delimiter(here.text)
        if not is_table:
            index += 1
            continue
        header = Row(line=above.number, cells=_cells(above.text))
        rows = []
        index += 1
        while index < len(lines) and lines[index].is_prose and "|" in lines[index].text:
            cells = _cells(lines[index].text)
            padded = (*cells, *[""] * (len(header.cells) - len(cells)))[: len(header.cells)]
            rows.append(Row(line=lines[index].number, cells=padded))
            index += 1
        found.append(Table(header=header, rows=tuple(rows), way=above.way, heading=above.heading))
    return found


def _is_delimiter(text: str) -> bool:
    inner = text.strip().strip("|")
    return "|" in text and bool(inner) and all(_DELIMITER.match(cell.strip()) for cell in inner.split("|"))


def _cells(text: str) -> tuple[str, ...]:
    inner = text.strip()
    inner = inner.removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return tuple(_MARKUP.sub(" ", cell.replace("\\|", "|")).strip() for cell in _UNESCAPED_PIPE.split(inner))
