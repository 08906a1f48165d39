"""The options of `docker run`, by name, with what cards get wrong in them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from flagrelease.importing.shell import Command

_FLAGS: Final = frozenset({
    "detach", "init", "privileged", "rm", "interactive", "tty", "read-only", "publish-all", "no-healthcheck",
    "oom-kill-disable", "sig-proxy",
})  # fmt: skip
_VALUES: Final = frozenset({
    "add-host", "cap-add", "cap-drop", "cgroup-parent", "cgroupns", "cpus", "cpuset-cpus", "cpuset-mems", "cpu-shares",
    "device", "device-cgroup-rule", "dns", "entrypoint", "env", "env-file", "expose", "gpus", "group-add", "hostname",
    "ip", "ipc", "label", "log-driver", "log-opt", "memory", "memory-swap", "mount", "name", "net", "network", "pid",
    "pids-limit", "platform", "publish", "pull", "restart", "runtime", "security-opt", "shm-size", "stop-signal",
    "sysctl", "tmpfs", "ulimit", "user", "userns", "uts", "volume", "volumes-from", "workdir",
})  # fmt: skip
_SHORT: Final = {
    "v": "volume", "e": "env", "p": "publish", "u": "user", "w": "workdir", "m": "memory", "h": "hostname",
    "l": "label",
}  # fmt: skip
_SHORT_FLAGS: Final = {"d": "detach", "i": "interactive", "t": "tty", "P": "publish-all"}
_SAME: Final = {"net": "network"}
_TRUE: Final = "true"


@dataclass(frozen=True, kw_only=True)
class DockerRun:
    """A container's start as a card shows it. `options` are long names without dashes, each with its values."""

    line: int
    last_line: int
    way: str
    image: str
    command: tuple[str, ...]
    options: dict[str, list[str]] = field(default_factory=dict)
    strange: tuple[str, ...] = ()

    def value(self, name: str) -> str:
        """The last value of an option, or an empty string."""
        return self.options.get(name, [""])[-1]

    def has(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.value(name).lower() == _TRUE

    @property
    def mounts(self) -> list[tuple[str, str, bool]]:
        """What is mounted: source, target, read-only."""
        found = []
        for text in self.options.get("volume", []):
            source, colon, rest = text.partition(":")
            target, _, mode = rest.partition(":")
            found.append((source, target if colon and target else source, "ro" in mode.split(",")))
        for text in self.options.get("mount", []):
            parts = dict(part.partition("=")[::2] for part in text.split(","))
            source = parts.get("src") or parts.get("source") or ""
            target = parts.get("dst") or parts.get("target") or parts.get("destination") or source
            if source:
                found.append((source, target, "readonly" in parts or "ro" in parts))
        return [(_folder(source), _folder(target), read_only) for source, target, read_only in found]


def _folder(path: str) -> str:
    return path.rstrip("/") or "/"


def docker_run(command: Command) -> DockerRun:
    """The parts of `docker run …`; what is no option and no image is kept as strange."""
    words, options, strange = list(command.words[2:]), dict[str, list[str]](), list[str]()
    while words and (words[0].startswith("-") or not words[0].strip()):
        word = words.pop(0)
        if not word.strip() or word == "-":
            continue
        if word.startswith("--"):
            _long(word[2:], words, options, strange)
        elif not _short(word[1:], words, options):
            strange.append(word)
    # `--name` without a name takes the image in its place.
    if "/" in (taken := (options.get("name") or [""])[-1]):
        words.insert(0, taken)
    return DockerRun(
        line=command.line,
        last_line=command.last_line,
        way=command.way,
        image=words[0] if words else "",
        command=tuple(words[1:]),
        options=options,
        strange=tuple(strange),
    )


def _long(text: str, words: list[str], options: dict[str, list[str]], strange: list[str]) -> None:
    name, equals, value = text.partition("=")
    if not equals and name in _VALUES:
        if words and not words[0].startswith("--"):
            value = words.pop(0)
        else:
            strange.append(f"--{name}")
    elif not equals:
        value = _TRUE
        if name not in _FLAGS:
            strange.append(f"--{name}")
    options.setdefault(_SAME.get(name, name), []).append(value)


def _short(text: str, words: list[str], options: dict[str, list[str]]) -> bool:
    """Whether these letters are options: `it`, `v`, or `v/a:/b`."""
    if all(letter in _SHORT_FLAGS for letter in text):
        for letter in text:
            options.setdefault(_SHORT_FLAGS[letter], []).append(_TRUE)
        return True
    name = _SHORT.get(text[0])
    # `-exec` is no variable called `xec`.
    if name is None or (len(text) > 1 and re.fullmatch(r"[a-z]+", text)):
        return False
    value = text[1:].removeprefix("=")
    if not value and words:
        value = words.pop(0)
    options.setdefault(name, []).append(value)
    return True


def exec_target(command: Command) -> str:
    """The container that `docker exec` goes into, or an empty string."""
    words: Sequence[str] = command.words[2:]
    index = 0
    while index < len(words) and words[index].startswith("-"):
        takes = words[index] in {"-e", "-u", "-w", "--env", "--user", "--workdir"}
        index += 2 if takes else 1
    return words[index] if index < len(words) else ""
