"""series.yaml with other patch files in it, and every comment and line end where it was."""

import re
from collections.abc import Mapping
from typing import Final

from flagrelease.domain.patch_series import PatchFile, Series
from flagrelease.errors import RecipeError, SourceError
from flagrelease.formats import positions
from flagrelease.formats.strict import decode_yaml, read_yaml
from flagrelease.formats.yaml_text import Plain, spelled

WITHHELD: Final = "sealed"
"""What the subject of a sealed patch is replaced by: it says what the patch does."""

_QUOTED: Final = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'"
# Plain ones end at a comment or with the line, and between brackets at a comma or bracket, too.
_IN_BLOCK: Final = re.compile(rf"{_QUOTED}|\S(?:(?!\s+#|\s*$).)*\S?(?=\s|$)")
_IN_FLOW: Final = re.compile(rf"{_QUOTED}|[^\s,\[\]{{}}](?:(?!\s+#|\s*$)[^,\[\]{{}}])*(?<!\s)")


def read_series(data: bytes, where: str) -> Series:
    """The series. Raises SourceError with one line a fault."""
    try:
        return decode_yaml(data, Series, source=where)
    except RecipeError as error:
        raise SourceError(error.message, hint=error.hint) from error


def with_patches(data: bytes, where: str, new: Mapping[int, PatchFile]) -> bytes:
    """The text with these entries of `patches` in place of what is there, by their number from 0.

    Raises:
        SourceError: It is written in a way that cannot be edited in place.
    """
    series = read_series(data, where)
    wanted = [new.get(number, patch) for number, patch in enumerate(series.patches)]
    text = data.decode()
    lines = text.split("\n")
    root, _ = read_yaml(text, Series, source=where)
    assert isinstance(root, positions.Mapping)
    listing = root.entries["patches"].node
    assert isinstance(listing, positions.Listing)
    for number in sorted(new, reverse=True):
        entry = listing.items[number]
        assert isinstance(entry, positions.Mapping)
        _edit(lines, entry, new[number])
    edited = "\n".join(lines).encode()
    if _reads_as(edited, where) != series.model_copy(update={"patches": tuple(wanted)}):
        raise SourceError(
            f"{where}: its `patches` are written so that they cannot be changed in place",
            hint="write every key of a patch on a line of its own, and each value on one line",
        )
    return edited


def _reads_as(edited: bytes, where: str) -> Series | None:
    try:
        return read_series(edited, where)
    except SourceError:
        return None


def _edit(lines: list[str], entry: positions.Mapping, patch: PatchFile) -> None:
    """From the end to the beginning, so that what is still to be replaced stays in its place."""
    values: dict[str, Plain] = {"file": patch.file, "sha256": patch.sha256, "size": patch.size, "sealed": patch.sealed}
    if patch.subject is not None:
        values["subject"] = patch.subject
    in_flow = lines[entry.at.line - 1][entry.at.column - 1] == "{"
    for key, found in sorted(entry.entries.items(), key=lambda item: item[1].node.at, reverse=True):
        if key not in values:
            continue
        row, column = found.node.at.line - 1, found.node.at.column - 1
        token = (_IN_FLOW if in_flow else _IN_BLOCK).match(lines[row], column)
        end = token.end() if token else len(lines[row])
        before, rest = lines[row][:column] + spelled(values[key], in_flow=True), lines[row][end:]
        if key == "file" and "sealed" not in entry.entries:
            # On a line of its own it comes after what else is on this one, a comment perhaps.
            alone = f"{rest}\n{' ' * (found.key_at.column - 1)}sealed: true"
            rest = f", sealed: true{rest}" if in_flow else alone
        lines[row] = before + rest
