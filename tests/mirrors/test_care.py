"""`gc` and `fsck` on the mirrors of a store, as the commands are called."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flagrelease.adapters.storage.roots import register
from tests.mirrors.conftest import Forge, many, source
from tests.mirrors.test_lfs import ATTRIBUTES

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def call(forge: Forge, *words: str, status: int = 0) -> str:
    environment = {**forge.environ(), "FLAGRELEASE_HOME": str(forge.home), "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "flagrelease", *words]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def bundle(forge: Forge, folder: Path, commit: str, **more: object) -> Path:
    """A bundle's folder whose lock has one component."""
    component = {
        "name": "engine",
        "source": {"kind": "git", "repository": "own/repo", **more},
        "commit": commit,
        "placed_at": "/opt/engine",
    }
    (folder / "1-resolve").mkdir(parents=True)
    (folder / "1-resolve" / "lock.json").write_text(json.dumps({"components": [component]}))
    register(forge.home, folder)
    return folder


def folders(forge: Forge) -> list[str]:
    return sorted(path.name.rpartition(".git")[0].rpartition(".")[0] for path in (forge.home / "git").iterdir())


def test_gc_keeps_what_a_lock_names_with_its_submodules_and_lfs_objects(forge: Forge, tmp_path: Path) -> None:
    inner = forge.make("own/inner", {".gitattributes": ATTRIBUTES, "a.bin": forge.server.add_lfs(b"apart")})
    forge.make("own/repo", {"a": b"1"})
    text = '[submodule "one"]\n\tpath = lib\n\turl = ../inner\n'
    commit = forge.link("own/repo", "lib", inner, modules=text)
    stray = forge.make("own/stray", {"b": b"2"})
    forge.bring(source(submodules=True, lfs=True), commit)
    forge.bring(source("own/stray"), stray)
    owner = bundle(forge, tmp_path / "out", commit, submodules=True, lfs=True)
    call(forge, "gc", "--dry-run")
    assert folders(forge) == ["github-com-own-inner", "github-com-own-repo", "github-com-own-stray"]
    call(forge, "gc")
    assert folders(forge) == ["github-com-own-inner", "github-com-own-repo"]
    assert forge.mirrors().missing(source(submodules=True, lfs=True), commit) == ()
    (owner / "1-resolve" / "lock.json").unlink()
    call(forge, "gc")
    assert folders(forge) == []


def test_gc_of_all_takes_the_mirrors_too(forge: Forge) -> None:
    forge.bring(source(), forge.make("own/repo", {"a": b"1"}))
    call(forge, "gc", "--all")
    assert list(forge.home.iterdir()) == []


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def shorten(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize("harm", [flip, shorten, Path.unlink])
def test_damage_of_a_mirror_is_found_named_and_mended(forge: Forge, tmp_path: Path, harm: object) -> None:
    commit = forge.make("own/repo", many(300, 300))
    forge.bring(source(), commit)
    owner = bundle(forge, tmp_path / "out", commit)
    assert "0 blobs and 1 mirrors: 0 damaged" in call(forge, "fsck")
    mirror = forge.mirrors().repository(source(), commit).common
    harm(max(mirror.glob("objects/pack/*.pack"), key=lambda path: path.stat().st_size))  # type: ignore[operator]
    found = call(forge, "fsck", status=5)
    assert f"mirror {mirror.name}: damaged: " in found
    assert f"used by {owner}\n" in found
    assert "fetched again" in call(forge, "fsck", "--repair")
    assert "0 damaged" in call(forge, "fsck")
    assert forge.mirrors().missing(source(), commit) == ()


def test_a_mirror_that_cannot_be_fetched_again_is_left_as_damage(forge: Forge, tmp_path: Path) -> None:
    commit = forge.make("own/repo", {"a": b"1"})
    forge.bring(source(), commit)
    bundle(forge, tmp_path / "out", commit)
    flip(next(forge.mirrors().repository(source(), commit).common.glob("objects/pack/*.pack")))
    forge.server.of("/own/").status = 404
    assert f"could not be fetched: own/repo: nobody gave the commit {commit}" in call(
        forge, "fsck", "--repair", status=5
    )


def test_a_commit_that_was_cut_is_no_damage(forge: Forge) -> None:
    commit = forge.make("own/repo", many(1000, 300))
    forge.server.of("/own/").cuts = [None, None, 0, 0, 0]
    with pytest.raises(Exception, match="nobody gave"):
        forge.bring(source(), commit)
    assert "0 damaged" in call(forge, "fsck")
    forge.bring(source(), commit)
    assert "0 damaged" in call(forge, "fsck")
