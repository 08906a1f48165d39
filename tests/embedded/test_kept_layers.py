"""Layers that were written before are not written again, and what comes out is the same."""

from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import BuildContext
from flagrelease.engines.embedded.assemble import assemble
from flagrelease.errors import BuildError
from tests.embedded.assemble_inputs import a_context, a_member


class Counting(FileStore):
    """A store that counts what is written to it."""

    written = 0

    def writer(self):  # type: ignore[no-untyped-def]
        self.written += 1
        return super().writer()


@pytest.fixture
def store(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "store")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "layers"


def ignore(_done: int, _total: int) -> None:
    pass


def context(store: FileStore, line: bytes = b"one line") -> BuildContext:
    return a_context(
        store,
        debs={"a": [a_member("etc/"), a_member("opt/", mode=0o700), a_member("opt/a", b"a")]},
        wheels={"thing": {"thing.py": b"x = 1\n"}},
        files={"/opt/file": line},
        weights={"/opt/w": b"weights"},
    )


def test_a_second_build_writes_no_layer_and_gives_the_same_image(store: Counting, kept: Path) -> None:
    plain = assemble(context(store), store, ignore)
    assert assemble(context(store), store, ignore, kept=kept) == plain
    before = store.written
    assert assemble(context(store), store, ignore, kept=kept) == plain
    assert store.written == before


def test_a_change_of_one_file_writes_its_layer_and_no_other(store: Counting, kept: Path) -> None:
    first = assemble(context(store), store, ignore, kept=kept)
    other = context(store, b"another line")
    before = store.written
    changed = assemble(other, store, ignore, kept=kept)
    layer_config_and_manifest = 3
    assert store.written == before + layer_config_and_manifest
    # The modes of folders of lower layers are known although these were not read.
    assert changed == assemble(other, store, ignore)
    assert changed.layers[-1] == first.layers[-1]


def test_another_folder_below_the_weights_makes_their_layer_anew(store: Counting, kept: Path) -> None:
    assemble(context(store), store, ignore, kept=kept)
    debs = {"a": [a_member("etc/"), a_member("opt/", mode=0o711), a_member("opt/a", b"a")]}
    other = context(store).model_copy(update={"base": a_context(store, debs=debs).base})
    assert assemble(other, store, ignore, kept=kept) == assemble(other, store, ignore)


def test_what_does_not_fit_upon_a_kept_layer_is_refused_as_ever(store: Counting, kept: Path) -> None:
    made = context(store)
    assemble(made, store, ignore, kept=kept)
    file = made.files[0].model_copy(update={"path": "/opt/a/below"})
    for folder in (kept, None):
        with pytest.raises(BuildError, match="lies below /opt/a, a file of a lower layer"):
            assemble(made.model_copy(update={"files": (file,)}), store, ignore, kept=folder)


@pytest.mark.parametrize("damage", ["cut", "nonsense", "another", "no blob"])
def test_a_record_that_is_of_no_use_is_made_anew(store: Counting, kept: Path, damage: str) -> None:
    image = assemble(context(store), store, ignore, kept=kept)
    records = sorted(kept.iterdir())
    for record in records:
        content = record.read_bytes()
        match damage:
            case "cut":
                record.write_bytes(content[:20])
            case "nonsense":
                record.write_bytes(b"\xff\x00")
            case "another":
                record.write_bytes(content.replace(b'"layer"', b'"leyer"'))
            case _:
                store.path(image.layers[0].digest).unlink(missing_ok=True)
                break
    assert assemble(context(store), store, ignore, kept=kept) == image
    assert store.has(image.layers[0].digest)
