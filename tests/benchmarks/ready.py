"""How long the small model's server takes until it is healthy, inside its image and outside of it."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
from flagrelease.engines.embedded.engine import EmbeddedEngine
from flagrelease.ports import ServeRequest

WITHIN_S = 60.0


def ready_inside(home: Path) -> float:
    """Seconds from the start of the engine's launcher to a healthy answer."""
    engine = EmbeddedEngine(FileStore(home), home)
    image = built_image(home)
    with tempfile.TemporaryDirectory() as folder:
        engine.run(image, ["/usr/bin/true"], log=Path(folder, "log"), timeout_s=60)  # unpacked before the clock starts
        begin = time.perf_counter()
        with engine.serve(image, ServeRequest(port=engine.free_port(), log=Path(folder, "log"))) as server:
            server.wait_until_healthy(WITHIN_S)
            return time.perf_counter() - begin


def ready_outside(home: Path) -> float:
    """The same program, library and weights by the host's Python, without namespaces."""
    image = built_image(home)
    rootfs = home / "rootfs" / f"{image.digest.removeprefix('sha256:')}.without-weights"
    config = json.loads((rootfs / "opt/bundle/serve.json").read_text())
    config["model"] = str(FileStore(home).path(image.weights[0].content))
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        Path(folder, "serve.json").write_text(json.dumps(config))
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        packages = next(rootfs.glob("usr/local/lib/python3.*/dist-packages"))
        argv = [sys.executable, str(rootfs / "opt/bundle/serve.py"), "--config", f"{folder}/serve.json"]
        begin = time.perf_counter()
        server = subprocess.Popen(
            [*argv, "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, "PYTHONPATH": str(packages)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(f"http://127.0.0.1:{port}/health")
            return time.perf_counter() - begin
        finally:
            server.kill()
            server.wait()


def built_image(home: Path) -> Image:
    """An image that a bundle of this store was built to."""
    for root in sorted((home / "roots").iterdir()):
        done = Path(os.fsdecode(root.read_bytes())) / "5-build" / "done.json"
        if done.is_file():
            return Image.model_validate_json(json.dumps(json.loads(done.read_text())["value"]))
    raise SystemExit("no bundle is built in this store; run `python -m tests.benchmarks build-with-nothing-to-do`")


def _wait(url: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.01)
    raise SystemExit(f"{url} did not answer within {WITHIN_S:.0f} s")
