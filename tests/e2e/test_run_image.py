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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from flagrelease.adapters.registry.target import RegistryTarget
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
from flagrelease.domain.run_spec import RUN_LABEL, RunSpec
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

    def mounted(spec: RunSpec) -> RunSpec:
        return spec.model_copy(update={"weights": spec.weights.model_copy(update={"place": "mount"})})

    digest = relabelled(folder, image_of(image_made), mounted, without="weights")
    with running(tmp_path, shared_home, f"oci:{folder}@{digest}") as (process, port, log):
        assert first_model(process, port, log) == MODEL


def test_two_at_once_have_each_a_port_of_their_own_for_their_devices(
    image_made: Project, shared_home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "image"
    shutil.copytree(layout_of(image_made), folder, copy_function=shutil.copyfile)

    def with_ports(spec: RunSpec) -> RunSpec:
        return spec.model_copy(update={"master_ports": (23000, 23050)})

    name = f"oci:{folder}@{relabelled(folder, image_of(image_made), with_ports)}"
    for each in ("one", "two"):
        (tmp_path / each).mkdir()
    with (
        running(tmp_path / "one", shared_home, name) as (first, first_port, first_log),
        running(tmp_path / "two", shared_home, name) as (second, second_port, second_log),
    ):
        first_model(first, first_port, first_log)
        first_model(second, second_port, second_log)
        ports = [master_port_of(process) for process in (first, second)]
    assert len(set(ports)) == 2
    assert all(23000 <= port <= 23050 for port in ports)


def master_port_of(process: "subprocess.Popen[str]") -> int:
    """As the server of a running bundle has it in its environment."""
    found = [one.environ().get("MASTER_PORT") for one in psutil.Process(process.pid).children(recursive=True)]
    return int(next(port for port in found if port))


def relabelled(folder: Path, image: Image, changed: Callable[[RunSpec], RunSpec], *, without: str = "") -> str:
    """The same image with another label, and perhaps without a layer; its digest."""
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
    config["config"]["Labels"][RUN_LABEL] = run_label(changed(spec))
    if without:
        number = next(at for at, layer in enumerate(image.layers) if layer.name == without)
        for listed in (config["rootfs"]["diff_ids"], config["history"], manifest["layers"]):
            del listed[number]
    manifest["config"]["digest"], manifest["config"]["size"] = put(config)
    return put(manifest)[0]
