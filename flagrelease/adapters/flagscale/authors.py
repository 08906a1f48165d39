"""Who made a vendor's patch file: the commit that last touched it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from flagrelease.adapters.flagscale.hardware import HARDWARE
from flagrelease.adapters.git.index import Index
from flagrelease.adapters.git.snapshot import author_of
from flagrelease.patching.mail_text import Authorship


@dataclass(frozen=True, kw_only=True)
class Touched:
    """A commit, and its place in the history: the higher, the newer."""

    commit: str
    by: Authorship
    order: int


@dataclass
class Authors:
    """Looks into the history of a checkout up to a commit."""

    index: Index
    commit: str
    _known: dict[str, Authorship] = field(default_factory=dict)

    def of(self, folder: str, ids: Mapping[str, str]) -> dict[str, Touched]:
        """The commit that last touched each of these files of a folder below hardware/.

        Args:
            folder: The folder.
            ids: Git's id of each file's content. A file that the commit has otherwise, or not, is nobody's.
        """
        committed = self._committed(folder)
        wanted = {path for path, id_ in ids.items() if committed.get(path) == id_}
        found: dict[str, Touched] = {}
        lines = self.index.run(
            "log", "-z", "--format=%x01%H", "--name-only", "--no-renames", self.commit,
            "--", f":(top,literal){HARDWARE}/{folder}", wanted=f"the history of {HARDWARE}/{folder}",
        ).out.split(b"\0")  # fmt: skip
        commit, order = "", 0
        cut = self._cut()
        for line in lines:
            if line.startswith(b"\1"):
                commit, order = line[1:].decode(), order - 1
                continue
            path = line.removeprefix(b"\n").decode("utf-8", "surrogateescape").removeprefix(f"{HARDWARE}/")
            # Where a history is cut off, its last commit seems to have made everything.
            if path in wanted and path not in found and commit not in cut:
                found[path] = Touched(commit=commit, by=self._by(commit), order=order)
        return found

    def _by(self, commit: str) -> Authorship:
        if commit not in self._known:
            self._known[commit] = author_of(self.index, commit)
        return self._known[commit]

    def _committed(self, folder: str) -> dict[str, str]:
        out = self.index.run("ls-tree", "-r", "-z", "--full-tree", self.commit, f"{HARDWARE}/{folder}/").out
        pairs = (line.partition(b"\t")[::2] for line in out.split(b"\0")[:-1])
        return {
            name.decode("utf-8", "surrogateescape").removeprefix(f"{HARDWARE}/"): facts.split()[2].decode()
            for facts, name in pairs
        }

    def _cut(self) -> Iterable[str]:
        repository = self.index.repository
        return (repository.common / "shallow").read_text().split() if repository.is_shallow else ()
