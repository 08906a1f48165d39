"""Stand-ins of Python projects: the module, the wheel, the tree that a wheel is built from."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from flagrelease.adapters.stand_ins.in_image import FACTS, wheel_bytes, wheel_name
from flagrelease.domain.stand_in import StandInParts, StandInProject
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import pretty_json

_IN_IMAGE: Final = Path(__file__).parent / "in_image.py"
_BACKEND: Final = "flagrelease_stand_in"
_PYPROJECT: Final = f"""# A stand-in: its build back end lies beside it and asks for nothing.
[build-system]
requires = []
build-backend = "{_BACKEND}"
backend-path = ["."]
"""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A Python project by its real name and version, and what its stand-in has."""

    name: str
    version: str
    looks: StandInProject = field(default_factory=StandInProject)

    @property
    def file_name(self) -> str:
        """Its name as wheels spell it (binary distribution format, PyPA specifications)."""
        return canonicalize_name(self.name).replace("-", "_")

    @property
    def module(self) -> str:
        """What is imported of it."""
        return self.looks.module or re.sub(r"\W", "_", self.file_name)

    def files(self) -> dict[str, bytes]:
        """Its module: it has a version and fixed answers, and writes down that it was imported."""
        lines = [
            f'"""A stand-in for {self.name} {self.version}: nothing of it works."""',
            f"from {self.module}._stand_in import imported",
            f"__version__ = {self.version!r}",
            f"imported({self.module!r})",
            *(f"def {name}():\n    return {answer!r}" for name, answer in sorted(self.looks.answers.items())),
        ]
        return {
            f"{self.module}/__init__.py": ("\n".join(lines) + "\n").encode(),
            f"{self.module}/_stand_in.py": _IN_IMAGE.read_bytes(),
        }

    def facts(self, platform: str = "any") -> dict[str, object]:
        """What its metadata is made from."""
        return {
            "project": self.file_name,
            "version": self.version,
            "summary": f"stand-in for {self.name} in a rehearsal",
            "requires": list(self.looks.requires),
            "platform": platform,
        }


def project_of(parts: StandInParts, name: str, version: str, answers: Mapping[str, bool | int | str]) -> Project:
    """A project as the recipes say it looks; `answers` go before theirs.

    Raises:
        RecipeError: the version is none of a Python project's.
    """
    try:
        spelled = str(Version(version))
    except InvalidVersion as error:
        raise RecipeError(
            f"wanted a version of the project {name} as PEP 440 spells it, found {version!r}",
            hint="write the exact version into the recipe that names it",
        ) from error
    looks = next(
        (one for key, one in parts.projects.items() if canonicalize_name(key) == canonicalize_name(name)),
        StandInProject(),
    )
    known = {key: answer for key, answer in answers.items() if key in looks.answers}
    return Project(name=name, version=spelled, looks=looks.model_copy(update={"answers": {**looks.answers, **known}}))


def wheel(project: Project, platform: str = "any") -> tuple[str, bytes]:
    """The wheel of a project: its file name and its bytes."""
    return wheel_name(project.file_name, project.version, platform), wheel_bytes(
        project.facts(platform), project.files()
    )


def tree(project: Project, component: str, path: str, recorded: Iterable[str]) -> dict[str, bytes]:
    """The files of a tree that pip builds the project from, and that writes down how that went.

    Args:
        project: What is built.
        component: What the call is written down as.
        path: The folder of the component that the tree is in, `.` for all of it.
        recorded: Names of the variables that are written down.
    """
    facts = {
        **project.facts(),
        "module": project.module,
        "component": component,
        "path": path,
        "variables": list(recorded),
    }
    return {
        "pyproject.toml": _PYPROJECT.encode(),
        f"{_BACKEND}.py": _IN_IMAGE.read_bytes(),
        FACTS: pretty_json(facts),
        **project.files(),
    }
