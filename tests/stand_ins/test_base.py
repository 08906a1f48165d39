"""The base: its lock, its archive, and that what a Dockerfile's steps are run by works in it."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.stand_ins.reading import StandInRecipes
from flagrelease.adapters.stand_ins.stand_ins import HostStandIns
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.chip import Architecture
from flagrelease.engines.embedded.launch import Program, launched
from flagrelease.errors import LockError, SourceError
from flagrelease.oci.unpack import unpack_layers
from tests.dockerd import Dockerd
from tests.stand_ins.making import KEPT, RECIPES, making

AMD64: Architecture = "amd64"


@pytest.fixture(scope="module")
def kept() -> tuple[HostStandIns, FileStore]:
    """What makes the base, with a store where its packages may be already."""
    KEPT.mkdir(parents=True, exist_ok=True)
    return making(KEPT, offline=False)


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    """The stand-ins' recipes, to be changed."""
    shutil.copytree(RECIPES / "stand-ins", tmp_path / "recipes/stand-ins")
    return tmp_path / "recipes"


def changed(recipes: Path, **keys: Any) -> None:
    """The lock with other values of an architecture."""
    path = recipes / "stand-ins/base.lock.json"
    lock = json.loads(path.read_bytes())
    lock["architectures"][AMD64] |= keys
    path.write_text(json.dumps(lock))


def test_the_lock_has_every_architecture_and_only_the_main_suite() -> None:
    found = StandInRecipes(RECIPES)
    assert set(found.lock.architectures) == {"amd64", "arm64"}
    packages = [package for one in found.lock.architectures.values() for package in one.base.packages]
    assert {package.archive for package in packages} == {"debian"}
    assert {"dash", "make", "python3", "python3-pip"} <= {package.name for package in packages}


def test_a_lock_older_than_its_recipe_is_refused(recipes: Path, tmp_path: Path) -> None:
    path = recipes / "stand-ins/base.yaml"
    path.write_text(path.read_text().replace("    - make\n", ""))
    with pytest.raises(LockError, match=r"older than base\.yaml") as refused:
        making(tmp_path / "home", recipes)[0].base("cann:8.0", AMD64)
    assert "make stand-ins" in refused.value.hint


def test_a_lock_that_is_none_is_refused_with_its_place(recipes: Path, tmp_path: Path) -> None:
    changed(recipes, archive="sha256:short")
    with pytest.raises(LockError, match=r"architectures\.amd64\.archive"):
        making(tmp_path / "home", recipes)[0].base("cann:8.0", AMD64)


def test_an_architecture_without_a_lock_is_refused_by_the_name_of_the_base(recipes: Path, tmp_path: Path) -> None:
    path = recipes / "stand-ins/base.yaml"
    path.write_text(path.read_text().replace("[amd64, arm64]", "[amd64]"))
    lock = json.loads((recipes / "stand-ins/base.lock.json").read_bytes())
    del lock["architectures"]["arm64"]
    (recipes / "stand-ins/base.lock.json").write_text(json.dumps(lock))
    with pytest.raises(LockError, match=r"no stand-in for quay\.io/ascend/cann on arm64"):
        making(tmp_path / "home", recipes)[0].base("quay.io/ascend/cann", "arm64")


def test_without_its_packages_and_a_network_all_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as refused:
        making(tmp_path / "home")[0].base("cann:8.0", AMD64)
    assert "python3-pip" in refused.value.message


def test_what_is_in_the_store_is_not_made_again(recipes: Path, tmp_path: Path) -> None:
    stand_ins, store = making(tmp_path / "home", recipes)
    changed(recipes, archive=store.add_bytes(b"made before"))
    assert stand_ins.base("one", AMD64) == stand_ins.base("another", AMD64)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_it_comes_out_with_the_digest_that_is_committed(
    architecture: Architecture, kept: tuple[HostStandIns, FileStore]
) -> None:
    stand_ins, store = kept
    wanted = StandInRecipes(RECIPES).lock.architectures[architecture].archive
    if store.has(wanted):
        store.remove(wanted)
    assert stand_ins.base("anything", architecture) == wanted


@pytest.mark.slow
def test_a_way_of_assembling_that_changed_is_noticed(recipes: Path, kept: tuple[HostStandIns, FileStore]) -> None:
    changed(recipes, archive="sha256:" + "0" * 64)
    with pytest.raises(LockError, match="the way it is put together has changed"):
        making(KEPT, recipes)[0].base("cann:8.0", AMD64)
    kept[0].base("cann:8.0", AMD64)


@pytest.mark.slow
def test_python_pip_a_shell_and_make_work_in_it_without_an_engine(
    kept: tuple[HostStandIns, FileStore], tmp_path: Path
) -> None:
    stand_ins, store = kept
    rootfs = unpacked(store.path(stand_ins.base("anything", AMD64)), tmp_path)
    said = {
        "pip": inside(rootfs, tmp_path, "/usr/bin/python3", "-m", "pip", "--version"),
        "sh": inside(rootfs, tmp_path, "/bin/sh", "-c", "echo it is $0 | sed s/it/this/"),
        "make": inside(rootfs, tmp_path, "/usr/bin/make", "--version"),
        "tar": inside(rootfs, tmp_path, "/usr/bin/tar", "--version"),
        "modules": inside(rootfs, tmp_path, "/usr/bin/python3", "-c", "import setuptools, wheel, ssl; print('there')"),
    }
    assert "python 3.11" in said["pip"]
    assert said["sh"] == "this is /bin/sh\n"
    assert said["make"].startswith("GNU Make")
    assert said["tar"].startswith("tar (GNU tar)")
    assert said["modules"] == "there\n"


@pytest.mark.slow
def test_a_real_engine_loads_it_and_pip_may_install_in_it(
    kept: tuple[HostStandIns, FileStore], dockerd: Dockerd, tmp_path: Path
) -> None:
    stand_ins, store = kept
    loaded = dockerd.call("load", "--input", str(store.path(stand_ins.base("anything", AMD64))))
    image = loaded.split()[-1]
    (facts,) = json.loads(dockerd.call("inspect", image))
    config = facts["Config"]
    assert config["Labels"] == {"ai.flagos.flagrelease.stand-in": "base"}
    assert (config["Entrypoint"], config.get("ExposedPorts")) == (None, None)
    name, content, _ = stand_ins.wheel("torch", "2.1.0")
    store.link(content, tmp_path / name)
    script = """
python3 -m pip install --no-index /wheels/*.whl
python3 -c 'import torch; print(torch.__file__)'
cat /opt/flagrelease-rehearsal/calls.jsonl
"""
    shown = ("--network=none", f"--volume={tmp_path}:/wheels:ro")
    said = dockerd.call("run", "--rm", *shown, image, "sh", "-euc", script)
    assert "/usr/local/lib/python3.11/dist-packages/torch/__init__.py" in said
    assert json.loads(said.splitlines()[-1])["argv"] == ["import", "torch"]


def unpacked(archive: Path, folder: Path) -> Path:
    """The image of an archive as a folder."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "archive", filter="data")
    (manifest,) = json.loads((folder / "archive/manifest.json").read_bytes())
    unpack_layers([folder / "archive" / layer for layer in manifest["Layers"]], folder / "rootfs")
    return folder / "rootfs"


def inside(rootfs: Path, folder: Path, *argv: str) -> str:
    """What a program of the image says, started without root by the embedded engine."""
    log = folder / "log"
    log.write_text("")
    program = Program(rootfs=rootfs, argv=argv, env={"PATH": "/usr/bin:/bin"}, cwd="/", mounts=())
    with launched(program, log=log) as contained:
        assert contained.launcher.wait(60) == 0, log.read_text()
    return log.read_text()
