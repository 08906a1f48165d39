"""Trees in the place of upstream repositories: what the steps of a component's installation ask for."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from packaging.version import InvalidVersion, Version

from flagrelease.adapters.stand_ins.projects import project_of, tree
from flagrelease.adapters.stand_ins.repository import TreeFile
from flagrelease.adapters.stand_ins.scripts import makefile, own_script, variables_file
from flagrelease.domain.component import Component, Install
from flagrelease.domain.stand_in import StandInParts, StandInSource, Variables
from flagrelease.errors import RecipeError

NO_VERSION: Final = "0.0.0"
"""What a stand-in is versioned where the component's own version is none that Python knows."""

_OWN_SCRIPT: Final = "install.sh"
_MAKE_SCRIPT: Final = "flagrelease-stand-in.sh"


def source_files(name: str, component: Component, parts: StandInParts) -> dict[str, TreeFile]:
    """Every file of the tree, by path.

    Raises:
        RecipeError: two steps want different things at one place.
    """
    steps = component.install or (Install(tool="pip"),)
    recorded = sorted({*parts.recorded, *(variable for step in steps for variable in step.env)})
    asked = _Asked(
        name=name,
        version=_version(component),
        parts=parts,
        looks=parts.components.get(name, StandInSource()),
        recorded=tuple(recorded),
    )
    files = {"README": TreeFile(content=f"A stand-in for {name}: nothing of its upstream is here.\n".encode())}
    for step in steps:
        for path, file in asked.files(step).items():
            if files.setdefault(path, file) != file:
                raise RecipeError(f"{name}: two steps of its installation want different files at {path}")
    return files


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A component whose tree is made, and what is the same for all its steps."""

    name: str
    version: str
    parts: StandInParts
    looks: StandInSource
    recorded: tuple[str, ...]

    def files(self, step: Install) -> dict[str, TreeFile]:
        """What one step of its installation asks for."""
        folder = PurePosixPath(step.path or ".")
        if step.tool == "script":
            # As `rendering.commands` calls it.
            return {path: self._script(path) for path in [step.path or _OWN_SCRIPT]}
        made = self._project(folder) if step.tool == "pip" else self._makefile()
        return {str(folder / path): file for path, file in made.items()}

    def _makefile(self) -> dict[str, TreeFile]:
        return {"Makefile": TreeFile(content=makefile(_MAKE_SCRIPT)), _MAKE_SCRIPT: self._script(_MAKE_SCRIPT)}

    def _project(self, folder: PurePosixPath) -> dict[str, TreeFile]:
        top = folder == PurePosixPath(".")
        name = (self.looks.project or self.name) if top else self.looks.folders.get(str(folder), folder.name)
        project = project_of(self.parts, name, self.version, {})
        files = tree(project, self.name, str(folder), self.recorded)
        return {path: TreeFile(content=content) for path, content in files.items()}

    def _script(self, path: str) -> TreeFile:
        made = {
            place: variables_file(Variables())
            if place.endswith("set_env.sh")
            else f"A stand-in of {self.name}.\n".encode()
            for place in self.looks.made
        }
        return TreeFile(content=own_script(self.name, path, self.recorded, made), executable=True)


def _version(component: Component) -> str:
    try:
        return str(Version(component.version or NO_VERSION))
    except InvalidVersion:
        return NO_VERSION
