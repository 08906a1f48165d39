"""Everything of a vendor's that a rehearsal cannot have, made here and kept in the store."""

import re
import tempfile
from pathlib import Path
from typing import Final

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from flagrelease.adapters.components import HostComponents
from flagrelease.adapters.stand_ins.archives import archive_bytes
from flagrelease.adapters.stand_ins.base import Assemble, base_archive
from flagrelease.adapters.stand_ins.projects import project_of, wheel
from flagrelease.adapters.stand_ins.reading import REMAKE, StandInRecipes
from flagrelease.adapters.stand_ins.repository import LocalRepository, make_repository
from flagrelease.adapters.stand_ins.scripts import installer_script
from flagrelease.adapters.stand_ins.sources import source_files
from flagrelease.domain.chip import Architecture, Installer
from flagrelease.domain.component import Component, GitSource
from flagrelease.domain.lock import LockedComponent
from flagrelease.domain.source import PatchedComponent
from flagrelease.domain.value import Digest
from flagrelease.errors import LockError, RecipeError
from flagrelease.ports import Store, Supplier

_SCRIPTS: Final = (".run", ".sh", ".bin")
_ARCHIVES: Final = (".tar.gz", ".tgz")
_ABI: Final = re.compile(r"abi([01])(?![0-9])")


class HostStandIns:
    """`engine_ports.StandIns` on this machine. The same recipes give the same bytes everywhere.

    Args:
        store: Where everything goes.
        recipes: The recipe folder.
        supplier: Brings the base's packages.
        assemble: Puts the base together: the embedded engine's own function.
    """

    def __init__(self, store: Store, recipes: Path, *, supplier: Supplier, assemble: Assemble) -> None:
        self._store = store
        self._recipes = StandInRecipes(recipes)
        self._supplier = supplier
        self._assemble = assemble

    def base(self, name: str, architecture: Architecture) -> Digest:
        """A base image with Python, pip, setuptools, make and a shell, as a `docker save` archive.

        It is the same for every `name`, so that all rehearsals of a machine share it; the lock has its digest.

        Raises:
            LockError: there is none for this architecture, or what was made is not what the lock says.
            SourceError: a package is nowhere to be had.
        """
        locked = self._recipes.lock.architectures.get(architecture)
        if locked is None:
            raise LockError(f"there is no stand-in for {name} on {architecture}", hint=REMAKE)
        if self._store.has(locked.archive):
            return locked.archive
        packages = locked.base.packages
        self._supplier.check(packages, (), ())
        for package in packages:
            self._supplier.deb(package, lambda _done, _total: None)
        made = base_archive(self._recipes.base, packages, architecture, self._store, self._assemble)
        if made != locked.archive:
            raise LockError(
                f"the base that stands in for {name} is {made}, and {self._recipes.lock_path} says {locked.archive}: "
                "the way it is put together has changed since",
                hint=REMAKE,
            )
        return made

    def installer(self, installer: Installer, version: str | None) -> tuple[str, Digest, int]:
        """A file of the installer's name that records how it is called; its name, content and bytes.

        A `*` of the name becomes `x`. A wheel's name says that it is for any Python, since it is.

        Raises:
            RecipeError: the name needs a version that the SDK does not state, or is of a kind that is not known.
        """
        if "{version}" in installer.file and version is None:
            raise RecipeError(f"{installer.file}: the SDK has no version", hint="write `version` into the SDK")
        name = installer.file.replace("{version}", version or "").replace("*", "x")
        parts = self._recipes.parts
        if name.endswith(".whl"):
            return self._installer_wheel(name)
        if name.endswith(_ARCHIVES):
            return self.archive(name)
        if name.endswith(_SCRIPTS):
            variables = parts.variables.get(installer.purpose)
            return self._kept(name, installer_script(installer, name, variables, parts.recorded))
        raise RecipeError(
            f"there is no stand-in for the installer {name}",
            hint=f"stand-ins are made for {', '.join((*_SCRIPTS, *_ARCHIVES, '.whl'))}",
        )

    def wheel(self, project: str, version: str) -> tuple[str, Digest, int]:
        """A wheel of that project and version for any Python; its file name, content and bytes. Raises RecipeError."""
        return self._kept(*wheel(project_of(self._recipes.parts, project, version, {})))

    def archive(self, file: str) -> tuple[str, Digest, int]:
        """A vendor's archive (`.tar.gz`) with the files its installation asks for. Raises RecipeError."""
        return self._kept(file, archive_bytes(file, self._recipes.parts))

    def source(self, name: str, component: Component) -> PatchedComponent:
        """The tree of a local git repository in the place of an upstream, with what `component.install` asks for.

        The vendor's patch set is for the upstream's files, and is not applied.

        Raises:
            RecipeError: the component comes from no repository, or its steps contradict each other.
        """
        sources = (component.source, *component.alternatives)
        upstream = next((one for one in sources if isinstance(one, GitSource)), None)
        if upstream is None:
            raise RecipeError(f"{name} comes from no repository: there is nothing for a repository to stand in for")
        files = source_files(name, component, self._recipes.parts)
        with tempfile.TemporaryDirectory(prefix="flagrelease-stand-in-") as text:
            folder = Path(text).resolve() / f"{name}.git"
            commit = make_repository(folder, files, f"stand-in for {name}")
            locked = LockedComponent(name=name, source=upstream, commit=commit, placed_at=f"/opt/{name}")
            components = HostComponents(self._store, LocalRepository(folder), patches=folder)
            return components.patched(locked, lambda _done, _total: None)

    def _installer_wheel(self, name: str) -> tuple[str, Digest, int]:
        try:
            project, version, _, _ = parse_wheel_filename(name)
        except InvalidWheelFilename as error:
            raise RecipeError(f"the installer {name} is no wheel's name: {error}") from error
        answers: dict[str, bool | int | str] = {}
        if abi := _ABI.search(name):
            answers["compiled_with_cxx11_abi"] = abi[1] == "1"
        return self._kept(*wheel(project_of(self._recipes.parts, project, str(version), answers)))

    def _kept(self, name: str, content: bytes) -> tuple[str, Digest, int]:
        return name, self._store.add_bytes(content), len(content)
