"""`flagrelease run IMAGE@DIGEST` of the reference bundle, with no recipes at hand."""

import hashlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.registry.target import RegistryTarget
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
from flagrelease.domain.run_spec import RUN_LABEL
from flagrelease.formats.run_label import read_run_label, run_label
from tests.e2e.project import MODEL, Project, make_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def image_made(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("made"), shared_home, items=None)
    done = project.call("build", "--until", "build")
    assert done.returncode == 0, done.stderr
    return project


def image_of(project: Project) -> Image:
    return Image.model_validate_json(json.dumps(project.done("build")["value"]))


def layout_of(project: Project) -> Path:
    return project.bundle() / "5-build" / "image"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def running(tmp_path: Path, home: Path, name: str, *words: str) -> Iterator[tuple["subprocess.Popen[str]", int, Path]]:
    """The program in an empty folder; ended whatever happens."""
    port, log = free_port(), tmp_path / "log"
    empty = tmp_path / "empty"
    empty.mkdir()
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "flagrelease", "run", name, "--port", str(port), *words],
            cwd=empty,
            env={"PATH": "/usr/bin:/bin", "HOME": str(empty), "FLAGRELEASE_HOME": str(home)}
            | {"PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=stream,
            stderr=stream,
            text=True,
        )
    try:
        yield process, port, log
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(60)


def first_model(process: "subprocess.Popen[str]", port: int, log: Path, *, within_s: float = 120) -> str:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5) as answer:
                return str(json.load(answer)["data"][0]["id"])
        except (OSError, urllib.error.URLError, ValueError):
            time.sleep(0.3)
    pytest.fail(log.read_text())


def test_an_image_of_a_folder_serves_with_no_recipes_at_hand(image_made: Project, tmp_path: Path) -> None:
    name = f"oci:{layout_of(image_made)}@{image_of(image_made).digest}"
    with running(tmp_path, tmp_path / "home", name) as (process, port, log):
        assert first_model(process, port, log) == MODEL
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_an_image_of_a_registry_serves_with_no_recipes_at_hand(
    image_made: Project, shared_home: Path, registry: str, tmp_path: Path
) -> None:
    image = image_of(image_made)
    target = RegistryTarget(f"{registry}/cpu/smollm2", FileStore(shared_home))
    target.publish(image, "r1", lambda _done, _total: None)
    with running(tmp_path, tmp_path / "home", f"{registry}/cpu/smollm2@{image.digest}") as (process, port, log):
        assert first_model(process, port, log) == MODEL
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert "fetch: done" in log.read_text()


def test_a_tag_of_a_registry_is_shown_as_its_digest(
    image_made: Project, shared_home: Path, registry: str, tmp_path: Path
) -> None:
    image = image_of(image_made)
    target = RegistryTarget(f"{registry}/cpu/tagged", FileStore(shared_home))
    target.publish(image, "r1", lambda _done, _total: None)
    with running(tmp_path, tmp_path / "home", f"{registry}/cpu/tagged:r1") as (process, _port, log):
        assert process.wait(60) == 5
        assert f"flagrelease run {registry}/cpu/tagged@{image.digest}" in log.read_text()


def test_a_fetch_that_was_killed_is_finished_by_the_next_run(image_made: Project, tmp_path: Path) -> None:
    home = tmp_path / "home"
    name = f"oci:{layout_of(image_made)}@{image_of(image_made).digest}"
    (tmp_path / "first").mkdir()
    with running(tmp_path / "first", home, name) as (process, _port, _log):
        deadline = time.monotonic() + 60
        while not any((home / "blobs").rglob("*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        process.wait()
    (tmp_path / "second").mkdir()
    with running(tmp_path / "second", home, name) as (process, port, log):
        assert first_model(process, port, log) == MODEL


def test_weights_that_the_image_does_not_carry_are_shown_to_it_by_their_hash(
    image_made: Project, shared_home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "image"
    shutil.copytree(layout_of(image_made), folder, copy_function=shutil.copyfile)
    digest = without_weights(folder, image_of(image_made))
    with running(tmp_path, shared_home, f"oci:{folder}@{digest}") as (process, port, log):
        assert first_model(process, port, log) == MODEL


def without_weights(folder: Path, image: Image) -> str:
    """The same image without the layer of its weights, and with a label that says so; its digest."""
    blobs = folder / "blobs" / "sha256"

    def blob(digest: str) -> Path:
        return blobs / digest.removeprefix("sha256:")

    def put(document: dict[str, Any]) -> tuple[str, int]:
        content = json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        blob(digest).write_bytes(content)
        return digest, len(content)

    config = json.loads(blob(image.config).read_bytes())
    manifest = json.loads(blob(image.digest).read_bytes())
    spec = read_run_label(config["config"]["Labels"][RUN_LABEL], source="the image")
    weights = spec.weights.model_copy(update={"place": "mount"})
    config["config"]["Labels"][RUN_LABEL] = run_label(spec.model_copy(update={"weights": weights}))
    number = next(at for at, layer in enumerate(image.layers) if layer.name == "weights")
    for listed in (config["rootfs"]["diff_ids"], config["history"], manifest["layers"]):
        del listed[number]
    manifest["config"]["digest"], manifest["config"]["size"] = put(config)
    return put(manifest)[0]
