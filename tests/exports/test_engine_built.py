"""A bundle that an image engine built is exported in the same way, with the folder that the engine was given."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flagrelease.cli.exports.stages import LAYOUT, PLACES
from flagrelease.cli.session import Session, session
from flagrelease.cli.settings import Settings
from flagrelease.domain.engine_build import (
    ContextFile,
    EngineBuilt,
    EngineContext,
    ImagePlan,
    KernelWheel,
    Part,
    Parts,
    PreparedParts,
)
from flagrelease.domain.lock import PartialLock
from flagrelease.oci.layout import write_layout
from flagrelease.stages.with_engine.build import build
from flagrelease.stages.with_engine.fetch import fetch
from flagrelease.stages.with_engine.patch import patch
from flagrelease.stages.with_engine.render import render
from flagrelease.stages.with_engine.resolve import resolve
from tests.exports.made import a_bundle

ROOT = Path(__file__).parents[2]
CHIP, MODEL = "cambricon_mlu", "minicpm-o-2.6"
INSTALLER = b"an installer " * 100_000

pytestmark = pytest.mark.slow


def at_home(folder: Path) -> Settings:
    return Settings(
        home=folder / "home", recipes=ROOT / "recipes", out=folder / "out", offline=True, environ={"HOME": str(folder)}
    )


def built_by_an_engine(at: Session, image_of: Path) -> EngineBuilt:
    """Every stage as it is left when an engine built the image, without the engine."""
    lock, store = at.lock, at.tools.store
    assert isinstance(lock, PartialLock)
    image = a_bundle(image_of).image.model_copy(update={"weights": ()})
    for digest in image.blobs():
        store.add_file(a_bundle(image_of).store.path(digest))
    installer = store.add_bytes(INSTALLER)
    part = Part(
        key="base", kind="base", name="base", state="here", file="sdk.run", content=installer, size=len(INSTALLER)
    )
    parts = Parts(parts=(part,))
    prepared = PreparedParts(parts=parts, trees=())
    dockerfile = store.add_bytes(b"FROM scratch\n")
    files = (
        ContextFile(path="Dockerfile", content=dockerfile),
        ContextFile(path="installers/sdk.run", content=installer),
    )
    plan = ImagePlan(bundle=lock.bundle, title="t", chip=lock.chip, sdk="sdk", architecture="amd64", base="scratch")
    context = EngineContext(plan=plan, base=part, dockerfile=dockerfile, files=files)
    wheel = store.add_bytes(b"a wheel of kernels")
    kernel = KernelWheel(component="flag-gems", key="0" * 64, file="a-1-py3-none-any.whl", content=wheel, size=18)
    made = EngineBuilt(image=image, kernels=(kernel,))
    folders = [at.folder / place for place in PLACES]
    for folder in folders:
        folder.mkdir()
    for file in files:
        store.link(file.content, folders[4] / "context" / file.path)
    write_layout(store, image, at.folder / LAYOUT, tag=lock.revision)
    at.run.adopt(resolve, folders[0], lock, at.recipe, lock, rehearsal=False)
    at.run.adopt(fetch, folders[1], parts, at.recipe, lock, rehearsal=False)
    at.run.adopt(patch, folders[2], prepared, at.recipe, lock, parts)
    at.run.adopt(render, folders[3], context, at.recipe, lock, prepared, rehearsal=False)
    at.run.adopt(build, folders[4], made, context)
    return made


def call(folder: Path, command: str, *words: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "flagrelease", command, "--chip", CHIP, "--model", MODEL]
    where = ["--recipes", str(ROOT / "recipes"), "--out", str(folder / "out")]
    env = {"FLAGRELEASE_HOME": str(folder / "home"), "HOME": str(folder), "PATH": str(folder)}
    return subprocess.run([*argv, *where, *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_the_host_finds_the_image_built_with_no_engine_and_no_network(tmp_path: Path) -> None:
    here, there, exported = tmp_path / "here", tmp_path / "there", tmp_path / "bundle.tar"
    with session(at_home(here), chip=CHIP, model=MODEL, variant=None, quiet=True) as at:
        made, name = built_by_an_engine(at, tmp_path / "image"), at.folder.name
    done = call(here, "export", "--to", str(exported))
    assert done.returncode == 0, done.stderr
    assert exported.stat().st_size < 2 * len(INSTALLER), "what the store and a stage's folder have lies there once"
    taken = call(there, "build", "--until", "build", "--exported", str(exported), "--offline")
    assert taken.returncode == 0, taken.stderr
    one, other = here / "out" / name, there / "out" / name
    for place in PLACES:
        assert (other / place / "done.json").read_bytes() == (one / place / "done.json").read_bytes()
    installer = other / "5-build" / "context" / "installers" / "sdk.run"
    assert installer.read_bytes() == INSTALLER
    assert installer.stat().st_nlink > 1, "linked from the store"
    with session(at_home(there), chip=CHIP, model=MODEL, variant=None, quiet=True) as at:
        assert all(at.tools.store.has(digest) for digest in made.stored())
    shutil.rmtree(other)
    again = call(there, "build", "--until", "build", "--exported", str(exported), "--offline")
    assert again.returncode == 0, again.stderr
