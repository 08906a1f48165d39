"""Sealed sets are opened by whoever is asked; no word of them goes into what is told or kept."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from flagrelease.adapters.git.repository import repository_at
from flagrelease.adapters.patch_apply import apply_set
from flagrelease.adapters.patch_checks import CheckCache, check_set
from flagrelease.adapters.patch_sets import NeedsKeyError, StoredSet
from flagrelease.errors import SourceError
from flagrelease.patching.report import Applies, Conflicts, Refused
from tests.patching.conftest import Place
from tests.patching.vendor import write

CANARY = b"canary-5f1c"


class Opened:
    """Stands for the keys: knows the plain text."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    def __call__(self, folder: Path) -> Iterable[bytes]:
        return iter([self.text])


@pytest.fixture
def sealed(place: Place) -> tuple[Place, Opened]:
    """A set whose patch is there as unreadable bytes."""
    write(place.clone, {"flagscale/train.py": b"line 1\n" + CANARY + b"\n"})
    place.add("--base", place.base)
    (patch,) = place.set.glob("*.patch")
    text, body = patch.read_bytes(), b"not to be read"
    series = (place.set / "series.yaml").read_text()
    for old, new in (
        (f"file: {patch.name}", f"file: {patch.name}.sealed\n    sealed: true"),
        (hashlib.sha256(text).hexdigest(), hashlib.sha256(body).hexdigest()),
        (f"size: {len(text)}", f"size: {len(body)}"),
    ):
        series = series.replace(old, new)
    (place.set / "series.yaml").write_text(series)
    patch.unlink()
    (place.set / f"{patch.name}.sealed").write_bytes(body)
    return place, Opened(text)


def test_an_opened_set_applies_like_any_other(sealed: tuple[Place, Opened], tmp_path: Path) -> None:
    place, opener = sealed
    clone, stored = repository_at(place.clone), StoredSet(place.set)
    assert isinstance(check_set(stored, clone, opener=opener).finding, Applies)
    apply_set(stored, clone, tmp_path / "out", opener=opener)
    assert CANARY in (tmp_path / "out" / "flagscale" / "train.py").read_bytes()


def test_without_a_key_nothing_is_written(sealed: tuple[Place, Opened], tmp_path: Path) -> None:
    place, _ = sealed
    with pytest.raises(NeedsKeyError, match="is sealed"):
        apply_set(StoredSet(place.set), repository_at(place.clone), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new"), [(b"-line 2\n", b"-" + CANARY + b"\n"), (b"--- a/", b"--- " + CANARY), (b"@@ -", b"@@ " + CANARY)]
)
def test_no_word_of_a_sealed_patch_is_told_or_kept(
    sealed: tuple[Place, Opened], tmp_path: Path, old: bytes, new: bytes
) -> None:
    place, opener = sealed
    opener.text = opener.text.replace(old, new, 1)
    stored, clone, kept = StoredSet(place.set), repository_at(place.clone), CheckCache(tmp_path / "home")
    found = check_set(stored, clone, opener=opener, kept=kept)
    assert isinstance(found.finding, Conflicts | Refused)
    assert CANARY.decode() not in json.dumps(found.model_dump(mode="json"))
    with pytest.raises(SourceError) as error:
        apply_set(stored, clone, tmp_path / "out", opener=opener)
    assert CANARY.decode() not in f"{error.value.message}{error.value.hint}"
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.is_relative_to(tmp_path / "home")] == [
        path for path in (tmp_path / "home").rglob("*") if path.is_file() and CANARY not in path.read_bytes()
    ]
