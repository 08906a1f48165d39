"""Installing: sources, packages, folders, and switches that nobody sets."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from flagrelease.importing.defect import CardDefect
from flagrelease.importing.shell import Command
from flagrelease.importing.stated import is_pip_install
from flagrelease.importing.subject import Subject

_INDEX: Final = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--index")
_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}\Z")
_WHOLE: Final = 40
_FROM_ELSEWHERE: Final = ("/", "~", "$", "‹")
_DEEPEST: Final = 40
_SWITCH: Final = re.compile(r"\b(USE_FLAGGEMS|USE_FLAGOS|FLAGCX_PATH|VLLM_PLUGINS)\b")


def indexes(subject: Subject) -> Iterator[CardDefect]:
    """Addresses of package indexes and mirrors in lines of pip."""
    for command in subject.card.commands:
        if is_pip_install(command):
            for option, value in _pairs(command):
                if option in _INDEX and value:
                    what = f"`{option} {value}` writes a package index into the instructions"
                    yield CardDefect(line=command.line, kind="index-address", what=what)
                if option == "--trusted-host":
                    what = f"`--trusted-host {value}` switches the check of certificates off"
                    yield CardDefect(line=command.line, kind="weakened-tls", what=what)
        if command.program in {"curl", "wget"} and {"-k", "--insecure", "--no-check-certificate"} & set(command.words):
            yield CardDefect(line=command.line, kind="weakened-tls", what="the check of certificates is switched off")


def _pairs(command: Command) -> Iterator[tuple[str, str]]:
    words = command.words
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        yield name, value if equals else (words[index + 1] if index + 1 < len(words) else "")


def clones(subject: Subject) -> Iterator[CardDefect]:
    """Repositories that are taken as they are today."""
    for clone in subject.card.clones:
        if not clone.ref:
            what = f"`{clone.url}` is cloned without a commit, so it is what its main branch is today"
            yield CardDefect(line=clone.line, kind="unpinned-clone", what=what)
        elif not _COMMIT.match(clone.ref):
            what = f"`{clone.url}` is cloned at the name `{clone.ref}`, which can be moved"
            yield CardDefect(line=clone.line, kind="unpinned-clone", what=what)
    for command in subject.card.commands:
        for option, value in _pairs(command):
            if option in {"--commit-id", "--commit"} and _COMMIT.match(value) and len(value) < _WHOLE:
                what = f"the commit `{value}` is given by {len(value)} of its {_WHOLE} digits"
                yield CardDefect(line=command.line, kind="short-commit", what=what)


def folder_order(subject: Subject) -> Iterator[CardDefect]:
    """A `cd` that is right only from another folder than the one that the steps before it end in."""
    for command, here in _walk(subject.card.commands):
        down = _down(command)
        if down and _leads_nowhere(down, here):
            what = f"`cd {command.words[1]}` from `{'/'.join(here)}`, where the steps before it end, leads nowhere"
            yield CardDefect(line=command.line, kind="folder-order", what=what)


def twice(subject: Subject) -> Iterator[CardDefect]:
    """A repository whose package is installed from its folder more than once."""
    installed: dict[str, int] = {}
    for command, here in _walk(subject.card.commands):
        if is_pip_install(command) and {".", "./"} & set(command.words) and here:
            name = here[-1]
            if name in installed:
                what = f"`{name}` is installed from its folder a second time (first on line {installed[name]})"
                yield CardDefect(line=command.line, kind="installed-twice", what=what)
            installed.setdefault(name, command.line)


def _walk(commands: Sequence[Command]) -> Iterator[tuple[Command, list[str]]]:
    """Each command with the folder that it is called in, as far as `cd` says; a wrong `cd` is taken as it was meant."""
    here: list[str] = []
    for command in commands:
        yield command, here
        if command.program != "cd" or len(command.words) == 1:
            continue
        path = command.words[1]
        if path.startswith(_FROM_ELSEWHERE):
            here = [path]
            continue
        down = _down(command)
        if down and _leads_nowhere(down, here):
            here = here[: here.index(down[0])]
        for step in path.split("/"):
            here = here[:-1] if step == ".." else here if step in ("", ".") else [*here, step][:_DEEPEST]


def _down(command: Command) -> list[str]:
    """The folders that a relative `cd` goes down into."""
    if command.program != "cd" or len(command.words) == 1 or command.words[1].startswith(_FROM_ELSEWHERE):
        return []
    return [step for step in command.words[1].split("/") if step not in ("", ".", "..")]


def _leads_nowhere(down: list[str], here: list[str]) -> bool:
    """Whether the path begins with a folder that one is below already; a package is often called as its repository."""
    return down[0] in here[:-1] or (len(down) > 1 and down[0] in here)


def switches(subject: Subject) -> Iterator[CardDefect]:
    """A variable is said to switch FlagOS on, and nothing sets it."""
    spoken: dict[str, int] = {}
    for line in subject.card.lines:
        for name in _SWITCH.findall(line.text):
            spoken.setdefault(name, line.number)
    set_somewhere = {name for command in subject.card.commands for name in _set_by(command)}
    for name, number in spoken.items():
        if name not in set_somewhere:
            what = f"`{name}` is said to be set, and no command sets it"
            yield CardDefect(line=number, kind="unset-switch", what=what)


def _set_by(command: Command) -> Iterator[str]:
    yield from command.env
    for word in command.words:
        name, equals, _ = word.partition("=")
        if equals:
            yield name


CHECKS: Final = (indexes, clones, folder_order, twice, switches)
