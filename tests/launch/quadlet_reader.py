"""A strict reader of `.container` files, for tests: sections, keys, and words as systemd.syntax(7) has them."""

import re

_SECTION = re.compile(r"\[([A-Z][a-z]+)\]")
_KEY = re.compile(r"([A-Z][A-Za-z]+)=(.*)")
_ESCAPES = {"\\": "\\", '"': '"'}
SPLIT = {"Environment", "Exec", "GlobalArgs"}


def read(text: str) -> dict[str, list[tuple[str, str]]]:
    """Sections with their keys in order. Raises ValueError for a line that is none of a unit's."""
    found: dict[str, list[tuple[str, str]]] = {}
    section = ""
    for line in text.split("\n"):
        if not line or line.startswith(("#", ";")):
            continue
        if heading := _SECTION.fullmatch(line):
            section = heading[1]
            if section in found:
                raise ValueError(f"the section {section} is there twice")
            found[section] = []
        elif (key := _KEY.fullmatch(line)) and not line.endswith("\\"):
            found[section].append((key[1], key[2]))
        else:
            raise ValueError(f"no line of a unit: {line!r}")
    return found


def words(value: str) -> list[str]:
    """The words of a value after quotes, escapes, specifiers and variables. Raises ValueError for what is left open."""
    made: list[str] = []
    rest = value
    while rest:
        if not rest.startswith('"'):
            raise ValueError(f"a word without quotes: {rest!r}")
        word, rest = _word(rest[1:])
        made.append(word)
        if rest and not rest.startswith(" "):
            raise ValueError(f"two words without a space: {rest!r}")
        rest = rest[1:]
    return made


def _word(text: str) -> tuple[str, str]:
    made, at = "", 0
    while text[at] != '"':
        two = text[at : at + 2]
        if text[at] == "\\" and two[1:] == "U":
            made, at = made + chr(int(text[at + 2 : at + 10], 16)), at + 10
        elif text[at] == "\\":
            made, at = made + _ESCAPES[two[1]], at + 2
        elif text[at] in "%$":
            if two[1:] != text[at]:
                raise ValueError(f"systemd would put something in the place of {two!r}")
            made, at = made + text[at], at + 2
        else:
            made, at = made + text[at], at + 1
    return made, text[at + 1 :]
