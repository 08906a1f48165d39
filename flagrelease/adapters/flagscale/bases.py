"""The commit that a folder's patches are against, by all its digits, with the clone that has it."""

from dataclasses import dataclass

from flagrelease.adapters.flagscale.clones import Clones, gitlink
from flagrelease.adapters.git.index import Index
from flagrelease.adapters.git.repository import Repository
from flagrelease.patching.flagscale.backends import BACKENDS, FLAGSCALE
from flagrelease.patching.flagscale.diff_yaml import DiffYaml
from flagrelease.patching.flagscale.findings import Findings
from flagrelease.patching.flagscale.layout import Unit
from flagrelease.patching.flagscale.sets import same_commit


@dataclass(frozen=True, kw_only=True)
class Base:
    """A commit in a clone."""

    repository: Repository
    commit: str


@dataclass(frozen=True, kw_only=True)
class Bases:
    """Finds bases. `index` is of FlagScale's clone, where there is one."""

    clones: Clones
    index: Index | None
    findings: Findings

    def of(self, unit: Unit, backend: str, described: DiffYaml | None) -> Base | None:
        """The base of what the folder changes in a backend; None where it was told why there is none."""
        digits = self._flagscale_digits(unit, described)
        if backend != FLAGSCALE:
            digits = self._backend_digits(unit, backend, described, digits)
        if digits is None:
            if not self.findings.stop(unit.folder):
                self.findings.tell("base-missing", unit.yaml or unit.folder, "none", folder=unit.folder)
            return None
        repository = self.clones.of(backend)
        if repository is None:
            self._unknown(unit, backend, f"{backend} {digits} and no clone in {self.clones.where(backend)}")
            return None
        commit = repository.commit(digits)
        if commit is None:
            cut = ", whose history is cut off" if repository.is_shallow else ""
            self._unknown(unit, backend, f"no commit {digits} in {repository.top}{cut}")
            return None
        return Base(repository=repository, commit=commit)

    def _flagscale_digits(self, unit: Unit, described: DiffYaml | None) -> str | None:
        """The base in FlagScale, as the folder's name, its YAML or the patch's name says it."""
        if unit.generation == 1:
            return unit.name
        stated = described.commit if described else None
        named = unit.patches[0].of if unit.generation == 2 and unit.patches[0].of != "diff" else None  # noqa: PLR2004
        if stated and named and not same_commit(stated.text, named):
            what = f"{named} in the name and {stated.text} in the file"
            path = described.path if described else unit.folder
            self.findings.tell("bases-disagree", path, what, folder=unit.folder, line=stated.line)
        return stated.text if stated else named

    def _backend_digits(
        self, unit: Unit, backend: str, described: DiffYaml | None, flagscale: str | None
    ) -> str | None:
        stated = described.commits.get(backend) if described else None
        if stated:
            return stated.text
        clone = self.clones.flagscale
        commit = clone.commit(flagscale) if clone and flagscale else None
        if self.index is None or commit is None:
            if flagscale:
                self._unknown(unit, FLAGSCALE, f"no commit {flagscale}, which says which {backend} is meant")
            return None
        found = gitlink(self.index, commit, backend)
        if found is None:
            self._unknown(unit, backend, f"FlagScale {commit} without {backend} below third_party/")
        return found

    def _unknown(self, unit: Unit, backend: str, what: str) -> None:
        wanted = f"the base commit in a clone: fetch it, or pass `--repo {BACKENDS[backend]}=PATH`"
        self.findings.tell("base-unknown", unit.yaml or unit.folder, what, folder=unit.folder, wanted=wanted)
