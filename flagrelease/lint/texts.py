"""Every text that recipes hold, with whether it acts (is run, set or fetched) or is only read by people."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flagrelease.domain.everything import Cell
from flagrelease.formats.positions import Path
from flagrelease.lint.found import Found, Severity
from flagrelease.lint.project import Project

_ACTING: Final = frozenset({
    "env", "on", "off", "when", "requires", "forbids", "arguments", "command", "start", "entrypoint", "settings",
    "wheels", "devices", "mounts", "security_options", "weights_folder", "working_folder", "folder", "placed_at",
    "served_name", "requested_model", "modes", "install", "index", "image", "base", "repository", "paths", "tmpfs",
    "path", "template",
})  # fmt: skip
"""Keys below which texts are run, set or fetched."""

_READ: Final = frozenset({
    "note", "sources", "provenance", "why", "reason", "what", "instead", "observed", "text", "dropped",
    "defects", "title", "terms", "terms_zh", "contact", "restricted", "refused", "advice", "first_install", "upgrade",
    "needs", "cost", "os", "stack", "licence", "description",
})  # fmt: skip
"""Keys whose texts are for people, also below an acting key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """One text of a recipe, and the variants that it is about."""

    file: str
    key: Path
    value: str
    cells: tuple[Cell, ...]

    @property
    def acts(self) -> bool:
        """Whether a program gets to see it."""
        names = [step for step in self.key if isinstance(step, str)]
        # A component's `source` is fetched; `source` with a text says where something is stated.
        is_read = self.name == "source" or bool(_READ.intersection(names))
        return not is_read and bool(_ACTING.intersection(names))

    @property
    def name(self) -> str:
        """The last name of its key: the variable, the option."""
        return next((step for step in reversed(self.key) if isinstance(step, str)), "")

    def found(self, text: str, *, hint: str = "", severity: Severity | None = None) -> Found:
        """A finding at this text."""
        return Found(
            file=self.file, key=self.key, text=text, hint=hint, severity=severity, cells=self.cells
        )  # fmt: skip


def texts_with(project: Project, mark: re.Pattern[str]) -> Iterator[Text]:
    """Every text in which `mark` is found; files without it are passed over as a whole, which takes hardly any time."""
    for one in texts_where(project, mark):
        if mark.search(one.value):
            yield one


def texts_where(project: Project, mark: re.Pattern[str]) -> Iterator[Text]:
    """Every text of the files in which `mark` is found somewhere, as JSON."""
    for file, value in project.documents:
        if mark.search(project.spelled(file)):
            for key, text in _strings(value.model_dump(mode="json", by_alias=True), ()):
                yield Text(file=file, key=key, value=text, cells=project.users(file, key))


def _strings(data: object, key: Path) -> Iterator[tuple[Path, str]]:
    match data:
        case str():
            yield key, data
        case dict():
            for name, item in data.items():
                yield from _strings(item, (*key, str(name)))
        case list():
            for index, item in enumerate(data):
                yield from _strings(item, (*key, index))
        case _:
            return
