"""What `fsck` does with mirrors of component sources: name the damaged ones, remove them, fetch them again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flagrelease.adapters.mirrors.care import Needed, damage, mirror_folders, needed
from flagrelease.adapters.mirrors.mirrors import Mirrors
from flagrelease.adapters.storage.disk import remove
from flagrelease.adapters.storage.roots import Root, in_use
from flagrelease.cli.settings import Settings
from flagrelease.errors import FlagReleaseError


@dataclass(frozen=True, kw_only=True)
class DamagedMirror:
    """A mirror that is not sound, why, and what of each bundle's lock needs it, by the bundle's folder."""

    name: str
    why: str
    needs: Mapping[Path, Needed]

    @property
    def bundles(self) -> list[str]:
        """The folders of the bundles it touches."""
        return [str(folder) for folder in self.needs]


def damaged_mirrors(home: Path, users: Sequence[Root], *, repair: bool) -> tuple[int, list[DamagedMirror]]:
    """How many mirrors were looked at, and the damaged ones, which are removed to be fetched again if `repair`."""
    folders = mirror_folders(home)
    broken = list(damage(folders))
    # Before any is removed: its notes say what else the bundles need.
    needs = {root.folder: needed(home, root.folder) for root in users} if broken else {}
    found = []
    for folder, why in broken:
        touched = {bundle: one for bundle, one in needs.items() if folder.name in one.folders}
        found.append(DamagedMirror(name=folder.name, why=why, needs=touched))
        if repair:
            remove(folder)
    return len(folders), found


def fetched_again(chosen: Settings, mirror: DamagedMirror) -> tuple[str, bool]:
    """Fetch what the bundles need of a mirror that was removed; what became of it, and whether it is mended."""
    if not mirror.needs:
        return "dropped: no bundle needs it", True
    mirrors = Mirrors(chosen.home, environ=chosen.environ)
    try:
        with in_use(chosen.home):
            for one in dict.fromkeys(one for needs in mirror.needs.values() for one in needs.components):
                mirrors.bring(one.source, one.commit, lambda _done, _total: None)
    except FlagReleaseError as error:
        return f"could not be fetched: {'; '.join(line.strip() for line in error.message.splitlines())}", False
    return "fetched again", True
