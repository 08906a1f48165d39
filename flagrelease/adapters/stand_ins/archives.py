"""Stand-ins of vendors' archives: a `.tar.gz` with wheels, a file of variables, empty files of the right names."""

import io
import re
from collections.abc import Mapping
from pathlib import Path

from flagrelease.adapters.stand_ins.deflate import stored_gzip
from flagrelease.adapters.stand_ins.projects import project_of, wheel
from flagrelease.adapters.stand_ins.scripts import variables_file
from flagrelease.domain.stand_in import StandInArchive, StandInParts, Variables
from flagrelease.errors import RecipeError
from flagrelease.oci.layer import Entry, write_layer

_MODELS = "models"


def archive_bytes(file: str, parts: StandInParts) -> bytes:
    """The archive of that name.

    Raises:
        RecipeError: `recipes/stand-ins/parts.yaml` does not say what lies in it.
    """
    for looks in parts.archives:
        if found := re.fullmatch(looks.file, file):
            return _tar_gz(_members(looks, found.groupdict(), parts))
    raise RecipeError(
        f"there is no stand-in for the archive {file}: nothing says what lies in it",
        hint="describe it under `archives` in recipes/stand-ins/parts.yaml",
    )


def _members(looks: StandInArchive, groups: Mapping[str, str], parts: StandInParts) -> dict[str, bytes]:
    members = dict.fromkeys(looks.files, b"")
    for one in looks.wheels:
        version = one.version
        for name, text in groups.items():
            version = version.replace(f"{{{name}}}", text)
        project = project_of(parts, one.project, version, {})
        members.update(wheel(project, platform) for platform in [f"linux_{m}" for m in one.machines] or ["any"])
    if looks.sets:
        members[looks.sets] = variables_file(parts.variables.get(_MODELS, Variables()))
    return members


def _tar_gz(members: Mapping[str, bytes]) -> bytes:
    tar = _InMemory()
    write_layer(
        tar,
        [
            Entry(path=path, kind="file", mode=0o755 if path.endswith(".sh") else 0o644, content=content)
            for path, content in members.items()
        ],
    )
    return stored_gzip(tar.getvalue())


class _InMemory(io.BytesIO):
    """`ports.LayerWriter` for what is small and goes on elsewhere."""

    def copy_from(self, source: Path) -> int:
        """Append a whole file."""
        return self.write(source.read_bytes())
