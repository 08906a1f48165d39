"""The versions that a card states: in its table of the environment, in names of images, in lines of pip."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from flagrelease.importing.image_name import ImageFacts
from flagrelease.importing.layout import Row, Table
from flagrelease.importing.shell import Command
from flagrelease.importing.vendors import BY_SDK, BY_WORD

_LABELS: Final = tuple(
    (component, re.compile(pattern, re.IGNORECASE))
    for component, pattern in (
        ("driver", r"driver"),
        ("flagtree", r"flag[- _]?tree"),
        ("flaggems", r"flag[- _]?gems"),
        ("flagcx", r"flag[- _]?cx"),
        ("flagscale", r"flag[- _]?scale"),
        ("vllm-plugin-fl", r"vllm[- _](plugin[- _])?fl\b|plugin"),
        ("vllm", r"\bvllm"),
        ("python", r"\bpython"),
        ("torch", r"\b(py)?torch(?![_-]?npu|[_-]?mlu|[_-]?musa)"),
        ("flagos", r"\bflagos"),
        ("docker", r"\bdocker"),
        ("os", r"operating system|\bos\b"),
    )
)
_VERSION: Final = re.compile(r"(?<![A-Za-z0-9.])[vV]?(\d[\w.]*(?:[+-][\w.]+)*)")
_CUDA_BUILD: Final = re.compile(r"cuda_(\d+\.\d+)[\w./]*")
_NOTHING: Final = re.compile(r"\s*(n/?a|none|-+|tbd|unknown|)\s*\Z", re.IGNORECASE)
_PROJECTS: Final = {
    "flag-gems": "flaggems", "flaggems": "flaggems", "flagtree": "flagtree", "vllm": "vllm", "torch": "torch",
    "flagcx": "flagcx", "flagscale": "flagscale",
}  # fmt: skip
_MOST_ROWS: Final = 100
_PINNED: Final = re.compile(r"([A-Za-z0-9._-]+)===?([0-9A-Za-z.+!-]+)\Z")


@dataclass(frozen=True, kw_only=True)
class Stated:
    """One version that is stated somewhere. `value` is empty where a place for it says nothing.

    `short` is a version without its dots, of which only the beginning may be there; `sdk` is the toolkit's word.
    """

    component: str
    value: str
    line: int
    where: str
    way: str = ""
    short: bool = False
    sdk: str = ""
    text: str = ""


def in_tables(tables: Sequence[Table]) -> list[Stated]:
    """What tables of two columns say, the header's row included: some cards begin with the first component."""
    found: list[Stated] = []
    for table in tables:
        if len(table.header.cells) == 2:  # noqa: PLR2004 - what, and its version
            for row in (table.header, *table.rows[:_MOST_ROWS]):
                found += _row(row, table.way)
    return found


def _row(row: Row, way: str) -> Iterator[Stated]:
    label, value = row.cells[0], row.cells[1]
    if label.lower().startswith(("item", "metric", "---")):
        return
    if "vllm" in label.lower() and "plugin" in label.lower() and " + " in value:
        first, _, second = value.partition(" + ")
        yield _stated("vllm", first, row.line, way)
        yield _stated("vllm-plugin-fl", second, row.line, way)
        return
    component = next((name for name, pattern in _LABELS if pattern.search(label)), "")
    words = re.findall(r"[a-z]+", label.lower())
    sdk = next((word for word in words if word in BY_SDK), "") or next(
        (word for word in words if word in BY_WORD and {"sdk", "version", "build"} & set(words)), ""
    )
    if component:
        yield _stated(component, value, row.line, way)
    elif sdk or "sdk" in words:
        yield _stated("sdk", value, row.line, way, sdk=sdk)


def _stated(component: str, value: str, line: int, way: str, sdk: str = "") -> Stated:
    build = _CUDA_BUILD.search(value)
    version = build or _VERSION.search(value)
    said = version[1] if version and not _NOTHING.match(value) else ""
    return Stated(
        component=component, value=said.rstrip(".,"), line=line, where="table", way=way, sdk=sdk,
        text=build[0] if build else value,
    )  # fmt: skip


def in_image(image: ImageFacts, line: int, way: str) -> list[Stated]:
    """What an image's name says."""
    return [
        Stated(
            component=component, value=value, line=line, where="image name", way=way, sdk=image.sdk,
            short=component in image.short, text=value,
        )
        for component, value in image.versions.items()
    ]  # fmt: skip


def in_pip(commands: Sequence[Command]) -> list[Stated]:
    """What pip is told to install."""
    found = []
    for command in commands:
        if is_pip_install(command):
            for word in command.words:
                pinned = _PINNED.match(word)
                component = _PROJECTS.get(pinned[1].lower().replace("_", "-")) if pinned else None
                if pinned and component:
                    found.append(
                        Stated(
                            component=component, value=pinned[2], line=command.line, where="pip", way=command.way,
                            text=word,
                        )
                    )  # fmt: skip
    return found


def is_pip_install(command: Command) -> bool:
    """Whether the command installs by pip."""
    words = command.words
    return words[0] in {"pip", "pip3"} or (words[0].startswith("python") and words[1:3] == ("-m", "pip"))


_RELEASE: Final = re.compile(r"[._-]?(rc|a|b|alpha|beta|dev|post)[._-]?(\d+)")


def same_version(one: Stated, other: Stated) -> bool:
    """Whether two places state one version: spelling apart, and as far as a short one goes."""
    if one.short or other.short:
        short, whole = (one, other) if one.short else (other, one)
        digits = re.sub(r"\D", "", whole.value)
        wanted = re.sub(r"\D", "", short.value)
        return digits.startswith(wanted) or (whole.short and wanted.startswith(digits))
    return _spelled(one.value) == _spelled(other.value)


def _spelled(value: str) -> str:
    plain = value.lower().removeprefix("v").replace("_", "+")
    return _RELEASE.sub(r"\1\2", plain)
