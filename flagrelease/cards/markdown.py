"""Markdown from templates in which every value is escaped where it is printed."""

import re
import shlex

from jinja2 import Environment, PackageLoader, StrictUndefined

# An underscore inside a word is no markup (CommonMark, emphasis).
_SPECIAL = re.compile(r"([\\`*{}\[\]<>|#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_SMALLEST_P = 1e-12
_NAME = re.compile(r"[a-z0-9._-]+")


class Ready(str):
    """Text that is Markdown already."""

    __slots__ = ()


def environment() -> Environment:
    """Jinja with the filters that cards share; a value is escaped unless a filter made Markdown of it."""
    made = Environment(
        loader=PackageLoader("flagrelease.cards", "."),
        undefined=StrictUndefined,
        finalize=_escaped,
        autoescape=False,  # noqa: S701 - Markdown, not HTML: `finalize` escapes every value
        keep_trailing_newline=True,
    )
    made.filters.update(
        code=_code,
        plain=_plain,
        shell=_shell,
        points=lambda fraction: Ready("–" if fraction is None else f"{100 * fraction:.2f}"),
        signed=lambda fraction: Ready("–" if fraction is None else f"{100 * fraction:+.2f}"),
        p_value=lambda p: Ready(f"= {p:.1e}" if p >= _SMALLEST_P else f"< {_SMALLEST_P:.0e}"),
        thousands=lambda number: Ready(f"{number:,}"),
        words=lambda name: str(name).replace("_", " "),
        sentence=lambda text: text[:1].upper() + text[1:],
    )
    return made


def _escaped(value: object) -> str:
    if isinstance(value, Ready):
        return value
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def _code(value: object) -> Ready:
    return Ready("`" + str(value).replace("`", "'").replace("|", "¦") + "`")


def _plain(name: str) -> Ready:
    """A name that goes into a command as it is; names are checked when a recipe is read."""
    assert _NAME.fullmatch(name), name
    return Ready(name)


def _shell(text: str) -> Ready:
    """One word of a command in a block of code: quoted for a shell, which no Markdown in it can end."""
    assert "\n" not in text, text
    return Ready(shlex.quote(text))
