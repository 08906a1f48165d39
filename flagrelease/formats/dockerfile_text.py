"""Values as they stand in a Dockerfile, so that BuildKit reads back what was meant and nothing else.

What expands there: `$` in ENV, LABEL, ARG, WORKDIR, COPY and ADD, also inside double quotes; a backslash at the end of
a line joins it with the next; `<<` in RUN and COPY begins a here-document for newer readers. RUN and ENTRYPOINT as JSON
expand nothing and reach no shell.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

from flagrelease.domain.engine_build import Bind, Step
from flagrelease.errors import RecipeError

LINE_LIMIT: Final = 60_000
"""Bytes: BuildKit's reader takes lines of 65,535 at most."""

_WIDTH: Final = 112
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*", re.ASCII)
_UNWRITABLE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_PRAGMA: Final = re.compile(r"(hadolint|shellcheck|[a-z0-9_-]+\s*=)", re.IGNORECASE)


def exec_form(words: Sequence[str]) -> str:
    """A command as a JSON array, over several lines where one would be too long."""
    lines: list[str] = []
    for index, word in enumerate(words):
        spelled = _json(word) + ("," if index + 1 < len(words) else "]")
        if lines and len(lines[-1]) + len(spelled) < _WIDTH:
            lines[-1] += f" {spelled}"
        else:
            lines.append(f"     {spelled}" if lines else f"[{spelled}")
    return _bounded(" \\\n".join(lines), words[0] if words else "")


def quoted(value: str) -> str:
    """One value of ENV, LABEL, ARG or WORKDIR, in double quotes.

    Raises:
        RecipeError: it has a line end or another control character, which cannot be written there.
    """
    bad = _UNWRITABLE.search(value)
    if bad:
        raise RecipeError(
            f"a value has the character U+{ord(bad[0]):04X}, which a Dockerfile cannot hold there: {value[:60]!r}",
            hint="leave the character out of the recipe",
        )
    text = '"' + re.sub(r'(["\\$])', r"\\\1", value) + '"'
    return _bounded(text, value)


def copy_form(source: str, target: str) -> str:
    """Source and target of COPY or ADD as a JSON array, in which `$`, quotes and backslashes still have a meaning."""
    words = (re.sub(r"([\\$\"'])", r"\\\1", one) for one in (source, target))
    return "[" + ", ".join(_json(one) for one in words) + "]"


def context_path(path: str) -> str:
    """A path of the image as a path of the build's folder: plain characters stay, the others become %20 and the like.

    COPY reads `*`, `?` and `[` in a source as patterns.
    """
    return quote(path.lstrip("/"), safe="/+@=,~")


def comment(text: str) -> str:
    """A sentence as one comment line, whatever white space and invisible characters it holds."""
    plain = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    # A comment can be an order to a linter.
    return f"# Note: {plain}" if _PRAGMA.match(plain) else f"# {plain}".rstrip()


def name_form(name: str) -> str:
    """A name that stands as it is: of a stage, a variable, a label, a user. Raises RecipeError for any other."""
    if not _NAME.fullmatch(name):
        raise RecipeError(
            f"wanted a name of letters, digits and . _ - : in a Dockerfile, found {name[:60]!r}",
            hint="correct the name in the recipe",
        )
    return name


def number_form(number: int) -> str:
    """A number."""
    return str(int(number))


def mode_form(mode: int) -> str:
    """A file's mode in octal."""
    return f"{mode:04o}"


def run_form(step: Step) -> str:
    """What stands behind RUN: mounts and the command. Variables go through `env`, so that no layer keeps them."""
    words = step.argv
    if step.env:
        words = ("env", *(f"{name}={value}" for name, value in step.env.items()), *words)
    return " \\\n    ".join((*_mounts(step), exec_form(words)))


def _mounts(step: Step) -> Iterable[str]:
    yield from (_bind(one) for one in step.binds)
    yield from (f"--mount=type=cache,target={one},sharing=locked" for one in step.caches)
    yield from (f"--mount=type=secret,id={one}" for one in step.secrets)


def _bind(bind: Bind) -> str:
    stage = f"from={bind.from_stage}," if bind.from_stage else ""
    return f"--mount=type=bind,{stage}source={bind.source},target={bind.target}"


def _json(word: str) -> str:
    """A JSON string: what cannot be seen is written as its number, and so is `<`."""
    return "".join(_character(one) for one in json.dumps(word, ensure_ascii=False))


def _character(one: str) -> str:
    if one == "<":
        return "\\u003c"
    return one if one.isprintable() else json.dumps(one)[1:-1]


def _bounded(text: str, what: str) -> str:
    size = max(len(line) for line in text.encode().split(b"\n"))
    if size > LINE_LIMIT:
        raise RecipeError(
            f"a line of the Dockerfile would have {size:,} bytes, {LINE_LIMIT:,} is the limit: {what[:60]!r}…",
            hint="shorten the value in the recipe",
        )
    return text
