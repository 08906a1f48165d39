"""The commands that a card shows, read and never run: words as a shell would split them, with what is set before."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flagrelease.importing.layout import Line

_START: Final = re.compile(
    r"\s*(?:\$ )?(?:sudo )?(?:nohup )?(?:env )?"
    r"(?:[A-Za-z_][A-Za-z0-9_]*=(?:\"[^\"]*\"|'[^']*'|[^\s\"']\S*)?\s+\\?)*"
    r"(?:(?:metax-)?docker (?:run|pull|exec|load|start|cp|login)\b|(?:nerdctl|podman) (?:run|pull|exec)\b"
    r"|pip3? install\b|python3? -m \S|python3? \S+\.py\b|modelscope download\b|(?:huggingface-cli|hf) download\b"
    r"|git (?:clone|checkout|config|lfs)\b|(?:vllm|sglang) serve\b"
    r"|flagscale (?:serve|pull|train|install|inference)\b|curl\b|wget\b|cd \S+(?:\s+#.*|\s*&&.*|\s*)\Z|export \w+="
    r"|cd <[^>]{1,80}>|source \S*/\S|torchrun\b|bash \S+\.sh\b)"
)
_ASSIGNED_ALONE: Final = re.compile(
    r"\s*(?:nohup )?(?:env )?[A-Za-z_][A-Za-z0-9_]*=\S+(?:\s+[A-Za-z_][A-Za-z0-9_]*=\S+)*(?:\s+\\)?\s*\Z"
)
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)\Z", re.DOTALL)
_BEFORE: Final = frozenset({"sudo", "nohup", "env", "time", "exec"})
_SKIPPED_FENCES: Final = frozenset({"python", "py", "json", "yaml", "yml", "text", "markdown"})
_ESCAPED: Final = re.compile(r"\\([\"\\$`])")
_LONGEST: Final = 40_000
_MOST_LINES: Final = 80
_PLACEHOLDER: Final = re.compile(r"<([A-Za-z_][\w /.-]{0,60})>")


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command. `env` is what is set before it on its line; `last_line` where it ends."""

    line: int
    last_line: int
    words: tuple[str, ...]
    env: Mapping[str, str]
    way: str
    heading: str
    fenced: bool
    cut: bool = False

    @property
    def program(self) -> str:
        """Its first word."""
        return self.words[0]

    def starts(self, *words: str) -> bool:
        """Whether these are its first words."""
        return self.words[: len(words)] == words


def commands(lines: Sequence[Line], *, most: int = 1000) -> list[Command]:
    """The commands of a card, in their order, up to so many."""
    found: list[Command] = []
    index = 0
    while index < len(lines) and len(found) < most:
        line = lines[index]
        if line.fence in _SKIPPED_FENCES or not _begins(line):
            index += 1
            continue
        text, taken, cut = _whole(lines, index)
        last = lines[index + taken - 1].number
        made = (_command(words, line, last, cut=cut) for words in split(text))
        found += [command for command in made if command]
        index += taken
    return found


def _begins(line: Line) -> bool:
    if "|" in line.text[:2] or len(line.text) < 3:  # noqa: PLR2004 - no command is that short
        return False
    return bool(_START.match(line.text)) or (line.fence is not None and bool(_ASSIGNED_ALONE.match(line.text)))


def _whole(lines: Sequence[Line], index: int) -> tuple[str, int, bool]:
    """The command's text over its lines, how many they are, and whether a space at the end of one would cut it."""
    taken, cut = 0, False
    parts: list[str] = []
    quote = ""
    for line in lines[index : index + _MOST_LINES]:
        if line.fence != lines[index].fence:
            break
        text = line.text.rstrip() if not quote else line.text
        taken += 1
        quote = _open_quote(text, quote)
        goes_on = not quote and text.endswith("\\")
        cut = cut or (goes_on and line.text != line.text.rstrip())
        parts.append(text[:-1] + " " if goes_on else text + "\n")
        if not goes_on and not quote:
            return "".join(parts), taken, cut
    # A quote that is never closed is an apostrophe.
    return (lines[index].text.rstrip().rstrip("\\"), 1, cut) if quote else ("".join(parts), max(taken, 1), cut)


def _open_quote(text: str, quote: str) -> str:
    """The quote that is open behind this text, when `quote` was open before it."""
    escaped = False
    for position, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "#" and (position == 0 or text[position - 1].isspace()):
            break
    return quote


def split(text: str) -> Iterator[list[str]]:
    """Commands of a text as words, without redirections and comments. Never raises; nothing is substituted."""
    text = _PLACEHOLDER.sub(lambda found: f"‹{found[1].replace(' ', '_')}›", text[:_LONGEST])
    words = _Words()
    index = 0
    while index < len(text):
        character = text[index]
        index += 1
        if character == "\\" and index < len(text):
            words.add(text[index] if text[index] != "\n" else "")
            index += 1
        elif character in "'\"":
            end = _closing(text, index, character)
            inner = text[index:end]
            words.add(_ESCAPED.sub(r"\1", inner) if character == '"' else inner)
            index = end + 1
        elif character == "#" and words.is_between:
            index = _line_end(text, index)
        elif character in " \t\r":
            words.end()
        elif character in "<>":
            words.redirect()
        elif character in "\n;&|":
            yield from words.end_command(character)
        else:
            words.add(character)
    yield from words.end_command("\n")


class _Words:
    """The words of one command while it is read; the target of a redirection is dropped."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._word: list[str] | None = None
        self._drops = False

    @property
    def is_between(self) -> bool:
        """Whether no word has begun."""
        return self._word is None

    def add(self, text: str) -> None:
        """Go on with the word."""
        if self._word is None:
            self._word = []
        self._word.append(text)

    def end(self) -> None:
        """A word is complete."""
        if self._word is not None:
            if not self._drops:
                self._done.append("".join(self._word))
            self._word, self._drops = None, False

    def redirect(self) -> None:
        """`2>&1`: the number before it belongs to the redirection, and so does the word behind it."""
        if self._word is not None and "".join(self._word).isdigit():
            self._word = None
        self.end()
        self._drops = True

    def end_command(self, mark: str) -> Iterator[list[str]]:
        """The command is complete, unless the mark belongs to a redirection, as in `>&1`."""
        if mark == "&" and self._drops and self._word is None:
            return
        self.end()
        self._drops = False
        if self._done:
            yield self._done
            self._done = []


def _closing(text: str, index: int, quote: str) -> int:
    while index < len(text) and text[index] != quote:
        index += 2 if text[index] == "\\" and quote == '"' else 1
    return min(index, len(text))


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end


def _command(words: list[str], line: Line, last_line: int, *, cut: bool) -> Command | None:
    env: dict[str, str] = {}
    rest = list(words)
    while rest:
        if assigned := _ASSIGNMENT.match(rest[0]):
            env[assigned[1]] = assigned[2]
        elif rest[0] not in _BEFORE and rest[0] != "$":
            break
        rest.pop(0)
    if not rest and not env:
        return None
    return Command(
        line=line.number,
        last_line=last_line,
        words=tuple(rest) if rest else ("export", *(f"{name}={value}" for name, value in env.items())),
        env=env if rest else {},
        way=line.way,
        heading=line.heading,
        fenced=line.fence is not None,
        cut=cut,
    )
