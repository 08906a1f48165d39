"""The embedded engine: an image is unpacked once, served on one port, and gone afterwards."""

import json
import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import Image
from flagrelease.engines.embedded.engine import EmbeddedEngine, read_config
from flagrelease.errors import BuildError, SmokeError, ToolError
from flagrelease.ports import ServeRequest

PYTHON = os.path.realpath(sys.executable)

SERVE = """
import argparse, http.server, signal, sys, threading
parser = argparse.ArgumentParser()
for name in ("host", "port", "config"):
    parser.add_argument("--" + name)
options = parser.parse_args()
if options.config == "ends":
    sys.exit("cannot load the model")

class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass
    def do_GET(self):
        body = repr((sys.argv[1:], open("/shown").read() if options.config else "")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = http.server.HTTPServer((options.host, int(options.port)), Handler)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("listening", flush=True)
server.serve_forever()
"""


class Unpacker:
    """Lays out an image of a few files; the programs are the host's, copied or linked by hand."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, layers: Sequence[Path], to: Path) -> None:
        assert (list(layers), to.exists()) == ([], False)
        self.done += 1
        (to / "opt").mkdir(parents=True)
        (to / "opt/serve.py").write_text(SERVE)


@pytest.fixture
def unpacker() -> Unpacker:
    return Unpacker()


@pytest.fixture
def engine(tmp_path: Path, unpacker: Unpacker) -> EmbeddedEngine:
    return EmbeddedEngine(FileStore(tmp_path / "home"), tmp_path / "home", unpack=unpacker)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    config = {"Entrypoint": [PYTHON, "/opt/serve.py"], "Env": ["A=b=c", "EMPTY="], "WorkingDir": "/opt"}
    return image_of(tmp_path, {"config": config})


def image_of(tmp_path: Path, config: object) -> Image:
    digest = FileStore(tmp_path / "home").add_bytes(json.dumps(config).encode())
    return Image(digest="sha256:" + "5" * 64, manifest_size=1, config=digest, layers=(), architecture="amd64")


def hosts_programs() -> tuple[tuple[Path, str], ...]:
    folders = dict.fromkeys(Path(name) for name in ("/usr", "/lib", "/lib64", "/bin", sys.base_prefix))
    real = [folder for folder in folders if folder.is_dir()]
    return tuple((folder.resolve(), str(folder)) for folder in real if folder == Path("/usr") or not inside_usr(folder))


def inside_usr(folder: Path) -> bool:
    return folder.is_relative_to("/usr")


def request(port: int, tmp_path: Path, *arguments: str, config: str = "") -> ServeRequest:
    mounts = hosts_programs()
    if config:
        (tmp_path / "shown").write_text(config)
        mounts = (*mounts, (tmp_path / "shown", "/shown"))
    return ServeRequest(port=port, mounts=mounts, arguments=arguments, log=tmp_path / "server.log")


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_is_started_with_its_address_and_leaves_nothing(
    engine: EmbeddedEngine, image: Image, tmp_path: Path
) -> None:
    port = engine.free_port()
    with engine.serve(image, request(port, tmp_path, "--config", "x", config="mounted")) as server:
        assert server.base_url == f"http://127.0.0.1:{port}"
        assert server.wait_until_healthy(30) > 0
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(4096), b""))
        assert f"['--host', '127.0.0.1', '--port', '{port}', '--config', 'x'], 'mounted'".encode() in answer
        assert server.alive()
        assert server.processes() == (server.pid,)
        assert server.memory() > 1 << 20
        assert server.stop(10) == 0
        assert (server.alive(), server.processes(), server.memory()) == (False, (), 0)
    first, *_ = (tmp_path / "server.log").read_text().splitlines()
    assert first.startswith(f"$ {PYTHON} /opt/serve.py --host 127.0.0.1")


def test_variables_of_the_request_are_set_on_top_of_the_images_own(
    engine: EmbeddedEngine, image: Image, tmp_path: Path
) -> None:
    asked = replace(request(engine.free_port(), tmp_path), env={"LOG_LEVEL": "debug"})
    with engine.serve(image, asked) as server:
        server.wait_until_healthy(30)
        variables = Path(f"/proc/{server.pid}/environ").read_bytes().split(b"\0")
    assert b"LOG_LEVEL=debug" in variables
    assert len(variables) > 2


def test_leaving_the_block_by_an_error_ends_the_server(engine: EmbeddedEngine, image: Image, tmp_path: Path) -> None:
    port = engine.free_port()
    seen = []

    def serve_and_fail() -> None:
        with engine.serve(image, request(port, tmp_path)) as server:
            server.wait_until_healthy(30)
            seen.append(server)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        serve_and_fail()
    assert seen[0].processes() == ()
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_server_that_ends_early_is_told_with_the_end_of_its_log(
    engine: EmbeddedEngine, image: Image, tmp_path: Path
) -> None:
    ends = request(engine.free_port(), tmp_path, "--config", "ends", config="x")
    with (
        pytest.raises(SmokeError, match=r"ended by itself after .* s\n(.|\n)*cannot load the model"),
        engine.serve(image, ends) as server,
    ):
        server.wait_until_healthy(30)


def test_a_server_that_is_late_is_told_with_the_end_of_its_log(
    engine: EmbeddedEngine, image: Image, tmp_path: Path
) -> None:
    with (
        pytest.raises(SmokeError, match=r"not healthy within 0\.01 s"),
        engine.serve(image, request(engine.free_port(), tmp_path)) as server,
    ):
        server.wait_until_healthy(0.01)


def test_a_taken_port_is_told_with_who_has_it(engine: EmbeddedEngine, image: Image, tmp_path: Path, taken: int) -> None:
    with pytest.raises(ToolError) as caught, engine.serve(image, request(taken, tmp_path)):
        pass
    assert f"port {taken} on 127.0.0.1 is taken by " in caught.value.message
    assert f"(pid {os.getpid()})" in caught.value.message
    assert caught.value.hint == "stop that process, or choose another port: `flagrelease run --port N`"
    assert "\n" not in caught.value.message + caught.value.hint


def test_a_program_is_run_in_the_image(engine: EmbeddedEngine, image: Image, tmp_path: Path) -> None:
    with pytest.raises(SmokeError, match="the image cannot start /no/such: No such file"):
        engine.run(image, ["/no/such"], log=tmp_path / "log", timeout_s=5)


# Unpacking ----------------------------------------------------------------------------------------


def start_once(engine: EmbeddedEngine, image: Image, tmp_path: Path) -> None:
    with pytest.raises(SmokeError, match="cannot start"):
        engine.run(image, ["/no/such"], log=tmp_path / "log", timeout_s=5)


def test_an_image_is_unpacked_once(engine: EmbeddedEngine, image: Image, tmp_path: Path, unpacker: Unpacker) -> None:
    for _ in range(3):
        start_once(engine, image, tmp_path)
    assert unpacker.done == 1


def test_two_at_once_unpack_it_once(engine: EmbeddedEngine, image: Image, tmp_path: Path, unpacker: Unpacker) -> None:
    def run(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        start_once(engine, image, folder)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert unpacker.done == 1
    assert all((tmp_path / str(number) / "log").is_file() for number in range(4))


@pytest.mark.parametrize("change", ["write", "add", "remove", "chmod", "stamp"])
def test_an_unpacked_image_that_was_changed_is_unpacked_again(
    engine: EmbeddedEngine, image: Image, tmp_path: Path, unpacker: Unpacker, change: str
) -> None:
    start_once(engine, image, tmp_path)
    place = tmp_path / "home/rootfs" / ("5" * 64)
    file = place / "opt/serve.py"
    before = file.stat()
    match change:
        case "write":
            file.write_text(SERVE.replace("listening", "LISTENING"))
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        case "add":
            (place / "usr").mkdir()
        case "remove":
            shutil.rmtree(place / "opt")
        case "chmod":
            file.chmod(0o600)
        case _:
            place.with_name(f"{place.name}.stamp").unlink()
    start_once(engine, image, tmp_path)
    assert unpacker.done == 2
    assert file.read_text() == SERVE


def test_read_only_folders_of_an_old_image_are_no_hindrance(
    engine: EmbeddedEngine, image: Image, tmp_path: Path, unpacker: Unpacker
) -> None:
    start_once(engine, image, tmp_path)
    (tmp_path / "home/rootfs" / ("5" * 64) / "opt").chmod(0o555)
    start_once(engine, image, tmp_path)
    assert unpacker.done == 2


# The image's configuration ----------------------------------------------------------------------------


def test_the_configuration_says_how_to_run(image: Image, tmp_path: Path) -> None:
    config = read_config(image, FileStore(tmp_path / "home"))
    assert (config.entrypoint, config.env, config.folder) == (
        (PYTHON, "/opt/serve.py"),
        {"A": "b=c", "EMPTY": ""},
        "/opt",
    )


@pytest.mark.parametrize(
    "config",
    [
        [],
        {},
        {"config": None},
        {"config": {}},
        {"config": {"Entrypoint": []}},
        {"config": {"Entrypoint": ["x"], "Env": ["A"]}},
    ],
    ids=str,
)
def test_a_configuration_that_says_not_how_to_run_is_refused(tmp_path: Path, config: object) -> None:
    image = image_of(tmp_path, config)
    with pytest.raises(BuildError):
        read_config(image, FileStore(tmp_path / "home"))
