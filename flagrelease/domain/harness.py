"""A harness as a recipe: what it is made of, how it is started, what it reads, and what a task tells it."""

import re
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from flagrelease.domain.container import EnvName, EnvValue
from flagrelease.domain.value import Name, RelativePath, Sha256, Text, Value

PLACES: Final = {
    "base_url": "address of the server's OpenAI-compatible API, up to and with `/v1`",
    "model": "the name that the server's clients send",
    "task": "the task's name in the policy",
    "called": "what the harness itself calls the task, by its benchmark's recipe, or else the task's name",
    "tasks": "folder of the task's files: its items, and what its templates gave",
    "items": "the file of items in it",
    "output": "folder that the harness writes its results into",
    "cache": "folder that it may keep answers in, so that a run that was cut off goes on",
    "count": "how many items are asked",
    "seed": "the seed of the task's selection",
    "shots": "examples before each item, where the task says how many",
    "resumed": "there where an earlier run has left something to go on from",
    "judge": "the judging model, where the task has one",
    "judge_url": "address of the judging model's API, where the task has one",
    "arguments": "the task's arguments of generation, a mapping",
}
"""What a harness's command, its variables and its templates may be filled with."""

_PLACE: Final = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)")
_TAG: Final = re.compile(r"\{[%#]")

Word = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One argument of a command: a template, filled by itself, so that no value can become two."""


def _filled_with(text: str) -> str:
    if _TAG.search(text):
        raise ValueError("wanted values in {{ }} only, found a statement")
    if unknown := sorted(set(_PLACE.findall(text)) - PLACES.keys()):
        raise ValueError(f"wanted one of {', '.join(PLACES)} in {{{{ }}}}, found {', '.join(unknown)}")
    return text


class Given(Value):
    """Words that are left out where there is no such value."""

    given: Literal["shots", "judge", "judge_url", "resumed"]
    words: tuple[Word, ...] = Field(min_length=1)

    @field_validator("words")
    @classmethod
    def _words_are_filled(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_filled_with, words))


class Secret(Value):
    """A key that the harness reads from a variable. Its value is the caller's, and stands in no file.

    `judge` needs it where the task has a judge; what is `never` needed is handed on where the caller has it.
    """

    variable: EnvName
    needed: Literal["always", "judge", "never"] = "always"
    why: Text


class Resume(Value):
    """How a run that was cut off goes on: from what it left in the folder that it `keeps`, the other one is emptied.

    `begun` is there once there is something to go on from; `lines` are files of lines, as globs, whose last line may
    have been cut off.
    """

    how: Text
    keeps: Literal["cache", "output"]
    begun: RelativePath | None = None
    lines: tuple[RelativePath, ...] = ()


class Environment(Value):
    """A Python environment of the harness's own, made of a lock of hashes.

    `build` are packages of the lock that have to be there first: `sources`, those that have no wheel, are built with
    them. Everything else is installed from wheels, or not at all.
    """

    kind: Literal["environment"]
    requirements: RelativePath
    build: tuple[Name, ...] = ()
    sources: tuple[Name, ...] = ()


EditedValue = str | int | tuple[str, ...]


class Edit(Value):
    """What is changed in a file of the harness or of its items, before it runs.

    `values` are by key, nested ones with dots between: of the file's one object, or, with `each_line`, of the object on
    every line. In capitals stands what only that machine knows: WEIGHTS, the folder of the weights, ITEMS, that of the
    items, IMAGE, one of their images.
    """

    file: RelativePath
    each_line: bool = False
    values: dict[Text, EditedValue] = Field(min_length=1)


class Outside(Value):
    """A harness that runs where the chip's own image has it: its evidence is brought here. `where` says how to.

    `first` are the commands that prepare it there, and `edits` what is changed before it runs.
    """

    kind: Literal["outside"]
    where: Text
    first: tuple[Text, ...] = ()
    edits: tuple[Edit, ...] = ()


class Harness(Value):
    """`recipes/harnesses/<harness>.yaml`.

    `reads` is the reader of its output (`flagrelease/ingest`). `argv` follows the environment's Python, or is the whole
    command where it runs outside; `evidence` says then which files are brought. `progress` finds, in a line of its
    output, `done` and, if it says that, `total`.
    """

    schema_: Literal["flagrelease.harness/v1"] = Field(alias="schema")
    name: Name
    title: Text
    version: Text
    runs: Annotated[Environment | Outside, Field(discriminator="kind")]
    reads: Name
    argv: tuple[Word | Given, ...] = Field(min_length=1)
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    secrets: dict[Name, Secret] = Field(default_factory=dict)
    resume: Resume | None = None
    progress: tuple[Text, ...] = ()
    evidence: tuple[Text, ...] = ()
    within_s: Annotated[int, Field(ge=1, le=30 * 86400, description="seconds after which a run is given up")] = 86400
    sources: tuple[Text, ...] = ()
    note: Text | None = None

    @field_validator("argv")
    @classmethod
    def _argv_is_filled(cls, argv: tuple[str | Given, ...]) -> tuple[str | Given, ...]:
        for word in argv:
            if isinstance(word, str):
                _filled_with(word)
        return argv

    @field_validator("env")
    @classmethod
    def _env_is_filled(cls, env: dict[str, str]) -> dict[str, str]:
        return {name: _filled_with(value) for name, value in env.items()}

    @field_validator("progress")
    @classmethod
    def _progress_is_found(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                found = re.compile(pattern)
            except re.error as error:
                raise ValueError(f"wanted a regular expression, found {pattern!r}: {error}") from error
            if "done" not in found.groupindex:
                raise ValueError(f"wanted a group `done` in {pattern!r}, found {', '.join(found.groupindex) or 'none'}")
        return patterns

    @model_validator(mode="after")
    def _secrets_have_own_variables(self) -> "Harness":
        for name, secret in self.secrets.items():
            if secret.variable in self.env:
                raise ValueError(f"wanted `{secret.variable}` to be set by secret `{name}` only, found it in `env`")
        return self


class PinnedTemplate(Value):
    """A template below `recipes/harnesses/`, by the hash of its bytes."""

    path: RelativePath
    sha256: Sha256


class PinnedHarness(Value):
    """A harness as a lock has it: the recipe, the hash of its environment's own lock, and its tasks' templates.

    `called` is what it calls each task of the policy that it has a name of its own for.
    """

    harness: Harness
    requirements_sha256: Sha256 | None = None
    templates: tuple[PinnedTemplate, ...] = ()
    called: dict[Name, Text] = Field(default_factory=dict)
