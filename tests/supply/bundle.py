"""A bundle's folder as a finished build leaves it, with contents of a few bytes, and the program that cares for it."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from flagrelease.adapters.storage.roots import in_use, register
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import BuildContext, Image, Layer, RenderedFile
from flagrelease.domain.lock import Lock, LockFile
from flagrelease.domain.source import FromFolder, LockedFile, LockedWheel, Sources
from flagrelease.domain.value import Digest, Value
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.strict import decode_json

ROOT = Path(__file__).parents[2]
V = TypeVar("V", bound=Value)
WHEEL = b"a wheel"
WHEEL_NAME = "lib-1.0-py3-none-any.whl"


@dataclass(frozen=True, kw_only=True)
class Care:
    """A store, one bundle that uses it, and where its wheels and weights come from."""

    store: FileStore
    bundle: Path
    recipes: Path
    index: str
    wheel: Digest
    weights: Digest
    rendered: Digest
    manifest: Digest

    def call(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the program on the store."""
        environ = {**os.environ, "FLAGRELEASE_HOME": str(self.store.home), "PIP_INDEX_URL": self.index}
        argv = [sys.executable, "-m", "flagrelease", *words]
        return subprocess.run(
            argv, env=environ, cwd=self.recipes, capture_output=True, text=True, timeout=60, check=False
        )

    def fsck(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run fsck on the store."""
        return self.call("fsck", "--recipes", str(self.recipes), *words)

    def blob(self, digest: Digest) -> Path:
        """The place of a blob, looked up without checking it."""
        return self.store.home / "blobs" / "sha256" / digest[7:9] / digest[9:]

    def damage(self, digest: Digest) -> None:
        """Change a blob's content behind the store's back."""
        path = self.blob(digest)
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"!")

    def done(self, stage: str) -> Path:
        """The record of a stage."""
        return self.bundle / stage / "done.json"


def make_care(folder: Path, index: str) -> Care:
    """Finish a bundle below `folder` whose wheel is on `index`."""
    store = FileStore(folder / "home")
    recipes = folder / "recipes"
    recipes.mkdir()
    (recipes / "model.gguf").write_bytes(b"weights")
    wheel, weights, rendered = (store.add_bytes(content) for content in (WHEEL, b"weights", b"rendered"))
    manifest, config, layer = (store.add_bytes(content) for content in (b"manifest", b"config", b"layer"))
    image = Image(
        digest=manifest,
        manifest_size=8,
        config=config,
        layers=(Layer(name="files", digest=layer, size=5),),
        architecture="amd64",
    )
    bundle = folder / "out" / "bundle-01234567"
    sources = Sources(debs=(), wheels=(wheel,), weights=(weights,), datasets=(weights,), bytes_total=14)
    for stage, value in (("2-fetch", sources), ("4-render", _context(rendered)), ("5-build", image)):
        _write(bundle / stage / "done.json", {"key": "", "value": value.model_dump(mode="json", by_alias=True)})
    (bundle / "1-resolve").mkdir()
    (bundle / "1-resolve" / "lock.json").write_bytes(pretty_json(_lock(wheel)))
    with in_use(store.home):
        register(store.home, bundle)
    return Care(
        store=store,
        bundle=bundle,
        recipes=recipes,
        index=index,
        wheel=wheel,
        weights=weights,
        rendered=rendered,
        manifest=manifest,
    )


def _context(rendered: Digest) -> BuildContext:
    return BuildContext(
        architecture="amd64",
        base=(),
        wheels=(),
        site_packages="/lib",
        files=(RenderedFile(path="/a", mode=0o644, content=rendered),),
        weights=(),
        env={},
        entrypoint=("/a",),
        exposed_port=8000,
        labels={},
    )


def _lock(wheel: Digest) -> Lock:
    """The project's own lock with this wheel and these weights for all its sources."""
    path = ROOT / "recipes" / "bundles" / "cpu" / "smollm2-135m-instruct.lock.json"
    (lock,) = decode_json(path.read_bytes(), LockFile, source=str(path)).variants.values()
    assert isinstance(lock, Lock)
    sha256 = hashlib.sha256(b"weights").hexdigest()
    origin = FromFolder(kind="folder", folder=".", path="model.gguf")
    file = LockedFile(path="model.gguf", size=7, sha256=sha256, origin=origin)
    locked = LockedWheel(
        project="lib", version="1.0", filename=WHEEL_NAME, size=len(WHEEL), sha256=wheel.removeprefix("sha256:")
    )
    return _with(
        lock,
        base=_with(lock.base, packages=()),
        wheels=(locked,),
        weights=_with(lock.weights, files=(file,)),
        second_model=_with(lock.second_model, files=(file,)),
        datasets=tuple(_with(dataset, file=file) for dataset in lock.datasets),
    )


def _with(value: V, **changes: object) -> V:
    return value.model_copy(update=changes)


def _write(path: Path, record: dict[str, object]) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(record))
