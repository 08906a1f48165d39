"""A seal or rekey that stops anywhere leaves the plain set, the sealed set, or what is refused by name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flagrelease.adapters.sealed import set_folder
from flagrelease.adapters.sealed.files import replace
from flagrelease.adapters.sealed.set_folder import check_series, open_series, rekey_folder, seal_folder
from flagrelease.errors import SourceError
from tests.sealing.made import MAINTAINER, MINE, PATCHES, SITE, VENDOR, plain_set, sealed_set


class _StoppedError(BaseException):
    pass


class _Stops:
    """Stands before each change of a folder and stops the process before the n-th."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        self.left = after
        unlink = Path.unlink
        monkeypatch.setattr(set_folder, "replace", lambda path, data: self._next(lambda: replace(path, data)))
        monkeypatch.setattr(Path, "unlink", lambda path, **more: self._next(lambda: unlink(path, **more)))

    def _next(self, act: Callable[[], None]) -> None:
        if self.left == 0:
            raise _StoppedError
        self.left -= 1
        act()


@contextmanager
def _stopping(after: int) -> Iterator[_Stops]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield _Stops(monkeypatch, after)


CHANGES = len(PATCHES) * 2 + 2


@pytest.mark.parametrize("after", range(CHANGES))
def test_a_seal_that_stops_is_finished_by_the_next(tmp_path: Path, after: int) -> None:
    folder = plain_set(tmp_path)
    text = (folder / "series.yaml").read_bytes()
    with _stopping(after), pytest.raises(_StoppedError):
        seal_folder(folder, signer=VENDOR, recipients=[VENDOR.public, MAINTAINER.public])
    if (folder / "series.yaml").read_bytes() == text:
        assert all((folder / f"{n:04}-part.patch").read_bytes() == data for n, data in enumerate(PATCHES, start=1))
        seal_folder(folder, signer=VENDOR, recipients=[VENDOR.public, MAINTAINER.public])
    else:
        with pytest.raises(SourceError, match=r"\.patch is no part of the set.*"):
            check_series(folder, [VENDOR.public])
        for plain in folder.glob("*.patch"):
            plain.unlink()
    assert tuple(open_series(folder, MINE)) == PATCHES


def test_a_seal_makes_as_many_changes_as_are_tried(tmp_path: Path) -> None:
    with _stopping(CHANGES) as stops:
        seal_folder(plain_set(tmp_path), signer=VENDOR, recipients=[VENDOR.public])
    assert stops.left == 0


def test_a_rekey_that_stops_changes_nothing(tmp_path: Path) -> None:
    folder = sealed_set(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with _stopping(0), pytest.raises(_StoppedError):
        rekey_folder(folder, keyring=MINE, add=[SITE.public])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
