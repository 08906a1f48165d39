"""`docker run` as data: options by their long names, with their values in one spelling."""

from dataclasses import dataclass

_FLAGS = {"-d": "detach", "-i": "interactive", "-t": "tty"}
_FLAGS |= {f"--{name}": name for name in ("detach", "init", "interactive", "privileged", "rm", "tty")}

_VALUES = {"-e": "env", "-p": "publish", "-u": "user", "-v": "volume", "-w": "workdir", "--net": "network"}
_VALUES |= {
    f"--{name}": name
    for name in (
        *("cap-add", "cap-drop", "device", "entrypoint", "env", "gpus", "group-add", "ipc", "name", "network", "pid"),
        *("publish", "runtime", "security-opt", "shm-size", "tmpfs", "ulimit", "user", "volume", "workdir"),
    )
}

_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}

Options = dict[str, frozenset[str]]
Setting = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One command: its options, the image, and what is started in it."""

    options: Options
    image: str
    command: tuple[str, ...]

    @property
    def settings(self) -> set[Setting]:
        """Each option with each of its values, and the image."""
        return settings(self.options) | {("image", self.image)}


def settings(options: Options) -> set[Setting]:
    """Each option with each of its values."""
    return {(name, value) for name, values in options.items() for value in values}


def parse(argv: tuple[str, ...]) -> Run:
    """Read a whole command. Raises ValueError for an option that is not known here."""
    program, run, *words = argv
    if (program, run) != ("docker", "run"):
        raise ValueError(f"no `docker run`: {program} {run}")
    found: dict[str, set[str]] = {}
    while words and words[0].startswith("-"):
        word, _, value = words.pop(0).partition("=")
        names = [_FLAGS.get(f"-{letter}") for letter in word[1:]] if word[1:2] != "-" else [_FLAGS.get(word)]
        if not value and None not in names:
            for name in names:
                found.setdefault(str(name), set()).add("")
        elif word in _VALUES:
            name = _VALUES[word]
            found.setdefault(name, set()).add(spelled(name, value or words.pop(0)))
        else:
            raise ValueError(f"unknown option {word}")
    image, *command = words
    # Docker starts the one with the other behind it.
    command = [*found.pop("entrypoint", ()), *command]
    return Run(options={name: frozenset(values) for name, values in found.items()}, image=image, command=tuple(command))


def spelled(option: str, value: str) -> str:
    """The same value in one spelling: sizes in bytes, paths without a last slash, volumes with their mode."""
    if option == "shm-size":
        return str(int(value[:-1]) * _UNITS[value[-1].lower()] if value[-1].isalpha() else int(value))
    if option == "volume":
        source, target, *mode = value.split(":")
        return ":".join((source.rstrip("/"), target.rstrip("/"), *(mode or ["rw"])))
    return value
