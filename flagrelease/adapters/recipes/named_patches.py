"""What a patch set says of itself, for the recipe that names it. Its patches are read when they are applied."""

from pathlib import Path
from typing import Final

from flagrelease.domain.component import PatchRef
from flagrelease.domain.patch_series import BASE_DIGITS, SERIES_FILE, PatchSet, Series
from flagrelease.errors import RecipeError
from flagrelease.patching.series_digest import series_digest
from flagrelease.patching.series_yaml import read_series

_MOST_BYTES: Final = 4 << 20


def named_set(patches: Path, component: str, ref: PatchRef) -> PatchSet | None:
    """The set that a component's recipe names; None where the project does not have it.

    Raises:
        RecipeError: it is there and cannot be read, is not that of its folder, or several begin with those digits.
    """
    found = sorted((patches / component).glob(f"{ref.base[:BASE_DIGITS]}*/{ref.chip}/{SERIES_FILE}"))
    if not found:
        return None
    if len(found) > 1:
        known = ", ".join(path.parent.parent.name for path in found)
        raise RecipeError(
            f"{patches / component}: {len(found)} patch sets of `{ref.chip}` have a base that begins with "
            f"{ref.base}: {known}",
            hint="write more digits of `base`",
        )
    series = series_at(found[0])
    if not series.base.startswith(ref.base):
        return None
    return PatchSet(
        component=series.component,
        base=series.base,
        chip=series.chip,
        series=series_digest(series),
        result_tree=series.result_tree,
        is_sealed=any(one.sealed for one in series.patches),
    )


def series_at(path: Path) -> Series:
    """A set's series.yaml. Raises RecipeError where it cannot be read, or is not that of its folder."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_BYTES:
        raise RecipeError(f"{path}: wanted a file of at most {_MOST_BYTES:,} bytes", hint="take the set again")
    return read_series(path.read_bytes(), path)
