"""Values that are a template, a command of a shell, or what somebody meant to fill in later."""

import re
from collections.abc import Iterator
from typing import Final

from flagrelease.formats.placeholders import is_placeholder
from flagrelease.formats.positions import Path, quoted
from flagrelease.lint.found import Found
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.texts import texts_where, texts_with

_TEMPLATE: Final = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|\$\(|`")
_SHELL_ONLY: Final = re.compile(r"`")
_UNFINISHED: Final = re.compile(
    r"\W{0,3}(?:FIXME|TBD|XXX+|CHANGE[ _-]?ME|REPLACE[ _-]?ME|PLACEHOLDER)\b|<[\w -]+>\Z", re.IGNORECASE
)
_MARK: Final = re.compile(r"(?i)todo|fixme|tbd|xxx|change.?me|replace.?me|placeholder|\"<")
_WIDE: Final = re.compile("[\uff01-\uff5e\u3000\u2018\u2019\u201c\u201d\u2013\u2014\u00a0\u200b]")


@rule(
    "FR711",
    "error",
    "a value that looks like a template or a command",
    why=(
        "Values are filled into templates, cards and commands, and nothing in a recipe may run when it is read. A "
        "value with {{…}} or $(…) does not do what its writer expected, or does it somewhere else."
    ),
    hint="write the value itself; what differs from run to run is a gap of a template below `dockerfiles/`",
    bad={"variant.env": {"STAMP": "$(date)"}},
    good={"variant.env": {"STAMP": "r1"}},
)
def template_in_a_value(project: Project) -> Iterator[Found]:
    """In what acts, and in titles, which are filled into cards; there, a backtick is only a way of writing."""
    for one in texts_with(project, _TEMPLATE):
        shell_only = not _TEMPLATE.search(_SHELL_ONLY.sub("", one.value))
        if (one.acts and one.key[0] != "commands") or (one.name == "title" and not shell_only):
            yield one.found(f"`{_TEMPLATE.findall(one.value)[0]}` in a value")


@rule(
    "FR712",
    "error",
    "something that was to be filled in",
    why=(
        "A Moore Threads card was published as gpu_mthreads and driver_x, with the template's own words. `flagrelease "
        "new` leaves such gaps on purpose, and lint passes when they are filled."
    ),
    hint="fill it in, or take the key out",
    bad={"variant.title": "TODO: what it is"},
    good={"variant.title": "Tiny on Alpha"},
)
def placeholder(project: Project) -> Iterator[Found]:
    """What `flagrelease new` leaves, in values and as names of keys; other words for it; a gap in angle brackets."""
    told: set[tuple[str, Path]] = set()
    for one in texts_where(project, _MARK):
        for depth, step in enumerate(one.key, start=1):
            place = (one.file, one.key[:depth])
            if is_placeholder(step) and place not in told:
                told.add(place)
                yield Found(file=one.file, key=place[1], text=f"the name {quoted(str(step))} was to be filled in")
        if is_placeholder(one.value) or _UNFINISHED.match(one.value):
            yield one.found(f"{quoted(one.value)} was to be filled in")


@rule(
    "FR713",
    "warning",
    "a character that looks like another one",
    why=(
        "DeepSeek-VL's page pipes through ｜, a full-width bar. A shell and a parser see a letter there, not what the "
        "writer sees."
    ),
    hint="write the character of the keyboard",
    bad={"variant.env": {"LEVEL": "a｜b"}},
    good={"variant.env": {"LEVEL": "a|b"}},
)
def look_alike(project: Project) -> Iterator[Found]:
    """Full-width forms, curled quotes, long dashes and spaces of another kind, in what acts."""
    for one in texts_with(project, _WIDE):
        if one.acts:
            found = _WIDE.findall(one.value)[0]
            yield one.found(f"U+{ord(found):04X} in a value")
