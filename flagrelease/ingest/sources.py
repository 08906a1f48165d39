"""The files of one side, read once each, with limits: every one of them is somebody else's."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final, Protocol, TypeAlias

from flagrelease.domain.evalrun import SourceFile
from flagrelease.errors import RecipeError

Json: TypeAlias = Any
Row: TypeAlias = Mapping[str, Json]

DOCUMENT_LIMIT: Final = 256 << 20
"""Bytes of a JSON document: some thousand items with their chains of thought."""

VALUE_LIMIT: Final = 8_000_000
"""Values in one JSON document. They take ten times the memory of their text, and more where they are short."""

OBJECT_LIMIT: Final = 2_500_000
"""Objects and lists among them: two for each of a million items, and some more."""

TEXT_LIMIT: Final = 8 << 20
"""Bytes of a table."""

LINE_LIMIT: Final = 16 << 20
"""Bytes of one line: a sample with its prompt and answer."""

_BLOCK: Final = 1 << 20
_SPREADSHEETS: Final = (".xlsx", ".xls", ".pkl", ".parquet", ".feather", ".gz", ".zip")


class Files(Protocol):
    """A side's files: one, or all below a folder. Names are relative, with `/`; `title` is what people called it."""

    title: str
    names: Sequence[str]

    def open(self, name: str) -> BinaryIO:
        """The bytes of one of `names`."""


class Sources:
    """Files as documents, tables and lines. Whatever is no such thing is a RecipeError with its place.

    `column` is the one of a table that was asked for.
    """

    def __init__(self, files: Files, *, column: str = "") -> None:
        self.title, self.names, self.column = files.title, tuple(files.names), column
        self._files = files
        self._documents: dict[str, Json] = {}
        self._hashes: dict[str, str] = {}
        self._kept = 0

    def forget(self) -> None:
        """Let go of the documents that were kept."""
        self._documents.clear()
        self._kept = 0

    def place(self, name: str) -> str:
        """What messages call a file."""
        if len(self.names) == 1 and name != self.names[0] and self.title.endswith(f"/{self.names[0]}"):
            # A file beside the one that was named, which names it.
            return f"{self.title.removesuffix(self.names[0])}{name}" if name else self.title
        return self.title if name in ("", self.title) or self.title.endswith(f"/{name}") else f"{self.title}/{name}"

    def refuse(self, name: str, text: str, *, hint: str = "") -> RecipeError:
        """The error of a file that makes no record."""
        return RecipeError(f"{self.place(name)}: {_STRANGE.sub(' ', text)}", hint=_STRANGE.sub(" ", hint))

    def source(self, name: str, kind: str) -> SourceFile:
        """The file as a record names it. What no reader took to its end is read for its hash alone."""
        if name not in self._hashes:
            total = hashlib.sha256()
            with self._files.open(name) as stream:
                while block := stream.read(_BLOCK):
                    total.update(block)
            self._hashes[name] = total.hexdigest()
        return SourceFile(path=name[:2000], sha256=self._hashes[name], format=kind)

    def opened(self, name: str) -> BinaryIO:
        """The file's bytes, to look at its beginning."""
        return self._files.open(name)

    def named(self, suffix: str) -> Iterator[str]:
        """The files with that ending."""
        return (name for name in self.names if name.lower().endswith(suffix))

    # Whole files ----------------------------------------------------------------------------------

    def data(self, name: str, limit: int) -> bytes:
        """All bytes of a file. Raises RecipeError when they are more than `limit`."""
        if name.lower().endswith(_SPREADSHEETS):
            raise self.refuse(
                name,
                f"wanted JSON, JSON lines, CSV, TSV or Markdown, found `{name.rpartition('.')[2]}`",
                hint="save the sheet as `.tsv` beside it; VLMEvalKit writes TSV itself with `PRED_FORMAT=tsv`",
            )
        with self._files.open(name) as stream:
            found = stream.read(limit + 1)
        if len(found) > limit:
            raise self.refuse(name, f"wanted at most {limit:,} bytes, found more")
        self._hashes[name] = hashlib.sha256(found).hexdigest()
        return found

    def text(self, name: str, limit: int = TEXT_LIMIT) -> str:
        """The text of a file. Raises RecipeError when it is no UTF-8."""
        try:
            return self.data(name, limit).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self.refuse(
                name, f"not UTF-8 at byte {error.start:,}", hint="save the file as UTF-8; nothing is guessed"
            ) from error

    def document(self, name: str) -> Json:
        """A JSON file, kept until `forget`. Raises RecipeError: NaN, a key twice, cut off, too large or too deep."""
        if name not in self._documents:
            if self._kept > DOCUMENT_LIMIT:
                self.forget()
            text = self.text(name, DOCUMENT_LIMIT)
            self._refuse_too_many(name, text)
            self._documents[name] = self._parsed(name, text)
            self._kept += len(text)
        return self._documents[name]

    def _refuse_too_many(self, name: str, text: str) -> None:
        """Before they are made: a quarter of a gigabyte of `{}` becomes ten. What stands in texts is not counted."""
        objects, values = _objects_and_values(text)
        if objects > OBJECT_LIMIT or values > VALUE_LIMIT:
            objects, values = _objects_and_values(_TEXT.sub("", text))
        for what, found, limit in (("objects and lists", objects, OBJECT_LIMIT), ("values", values, VALUE_LIMIT)):
            if found > limit:
                raise self.refuse(
                    name,
                    f"wanted at most {limit:,} {what}, found {found:,}",
                    hint="no benchmark has so many items: give the output of one run",
                )

    def _parsed(self, name: str, text: str) -> Json:
        try:
            found = _STRICT.decode(text)
        except json.JSONDecodeError as error:
            words = f"line {error.lineno}: not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
            raise self.refuse(name, words, hint=_CUT) from error
        except RecursionError as error:
            raise self.refuse(name, f"nested more than {_DEPTH} deep") from error
        except ValueError as error:
            raise self.refuse(name, _words(error)) from error
        if _is_deeper(found, _DEPTH):
            raise self.refuse(name, f"nested more than {_DEPTH} deep")
        return found

    # Lines ----------------------------------------------------------------------------------------

    def first(self, name: str) -> Row:
        """The first line of a file of JSON lines; empty where it is none."""
        with self._files.open(name) as stream:
            line = stream.readline(LINE_LIMIT)
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def lines(self, name: str) -> Iterator[Row]:
        """Each line of a file of JSON lines. No more than a block is held at a time."""
        total, number, rest = hashlib.sha256(), 0, b""
        with self._files.open(name) as stream:
            while block := stream.read(_BLOCK):
                total.update(block)
                *whole, rest = (rest + block).split(b"\n")
                if len(rest) > LINE_LIMIT:
                    at = number + len(whole) + 1
                    raise self.refuse(name, f"line {at}: wanted at most {LINE_LIMIT:,} bytes, found more")
                yield from self._rows(name, whole, number)
                number += len(whole)
        yield from self._rows(name, [rest], number)
        self._hashes[name] = total.hexdigest()

    def _rows(self, name: str, lines: list[bytes], before: int) -> Iterator[Row]:
        """The lines as objects: all at once, and one by one only to find the bad one."""
        full = [line for line in lines if line and not line.isspace()]
        try:
            rows = _STRICT.decode(f"[{b','.join(full).decode()}]")
        except (ValueError, RecursionError):
            rows = None
        if rows is not None and len(rows) == len(full) and all(type(row) is dict for row in rows):
            yield from rows
            return
        for number, line in enumerate(lines, start=before + 1):
            if line and not line.isspace():
                yield self._row(name, line, number)

    def _row(self, name: str, line: bytes, number: int) -> Row:
        try:
            row = _STRICT.decode(line.decode())
        except UnicodeDecodeError as error:
            raise self.refuse(name, f"line {number}: not UTF-8 at byte {error.start:,}") from error
        except RecursionError as error:
            raise self.refuse(name, f"line {number}: nested more than {_DEPTH} deep") from error
        except json.JSONDecodeError as error:
            text = f"line {number}: not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
            raise self.refuse(name, text, hint=_CUT) from error
        except ValueError as error:
            raise self.refuse(name, f"line {number}: {_words(error)}") from error
        if not isinstance(row, dict):
            raise self.refuse(name, f"line {number}: wanted an object, found {type(row).__name__}")
        return row


_STRANGE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""What a terminal would obey, and halves of characters; a line's end stays."""

_TEXT: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""A text in JSON; possessive, and its end may be missing, so that it takes one pass whatever is there."""


def _objects_and_values(text: str) -> tuple[int, int]:
    objects = text.count("{") + text.count("[")
    return objects, objects + text.count(",")


_CUT: Final = "the file may have been cut off: copy it again, whole"


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _words(error: ValueError) -> str:
    """Python's own words for a number of many digits are advice to programmers."""
    return "a whole number has too many digits" if "digits" in str(error) else str(error)


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number)
_DEPTH: Final = 60


def _is_deeper(value: Json, left: int) -> bool:
    if not isinstance(value, dict | list) or not value:
        return False
    below = value.values() if isinstance(value, dict) else value
    return left == 0 or any(_is_deeper(one, left - 1) for one in below)
