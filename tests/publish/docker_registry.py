"""Debian's docker-registry on a port of its own, and a proxy before it that breaks things on purpose."""

import http.client
import os
import re
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread

import pytest

TOOLS = Path(__file__).parents[2] / ".cache" / "tools" / "usr" / "bin"
"""Where the Makefile unpacks programs that only tests need."""

PASSWORD = "canary-5a7e91"
# `htpasswd -nbB publisher canary-5a7e91`; the registry takes bcrypt only.
HTPASSWD = "publisher:$2y$05$7xvHSUlPTytBgs2r6uBEReMS4v0zDGGOTg4u1w5EhQLz5.Z6tn9..\n"

_CONFIG = """\
version: 0.1
log:
  level: info
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {root}
  delete:
    enabled: true
http:
  addr: 127.0.0.1:0
"""
_AUTH = """\
auth:
  htpasswd:
    realm: test
    path: {htpasswd}
"""


@dataclass(frozen=True)
class Registry:
    """A running docker-registry; blobs lie below `root`."""

    address: str
    root: Path

    def blob(self, digest: str) -> Path:
        value = digest.removeprefix("sha256:")
        return self.root / "docker/registry/v2/blobs/sha256" / value[:2] / value / "data"

    def tag_digest(self, repository: str, tag: str) -> str | None:
        """What the tag points to, read from the registry's own files."""
        link = self.root / f"docker/registry/v2/repositories/{repository}/_manifests/tags/{tag}/current/link"
        return link.read_text() if link.exists() else None


@contextmanager
def docker_registry(folder: Path, *, protected: bool = False) -> Iterator[Registry]:
    binary = shutil.which("docker-registry", path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    if binary is None:
        pytest.fail("docker-registry is missing: run `make test-quick`, or `apt-get install docker-registry`")
    folder.mkdir(parents=True)
    root, log, config = folder / "data", folder / "log", folder / "config.yml"
    text = _CONFIG.format(root=root)
    if protected:
        (folder / "htpasswd").write_text(HTPASSWD)
        text += _AUTH.format(htpasswd=folder / "htpasswd")
    config.write_text(text)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [binary, "serve", str(config)], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield Registry(address=f"127.0.0.1:{_port(process, log)}", root=root)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    for _ in range(400):
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text())
        if found:
            return int(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.025)
    pytest.fail(f"docker-registry does not start:\n{log.read_text()}")


@dataclass
class Reply:
    """What came from upstream, to be passed on or changed."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: bytes


Fault = Callable[["FaultProxy", int, str, str], str | None]
"""Given the proxy, the request's number from 1, method and path: `cut`, `cut_after`, `500`, or None to pass it on."""


@dataclass
class FaultProxy:
    """Passes requests on to a registry, one after another, and breaks those that `fault` names."""

    upstream: str
    fault: Fault = lambda _proxy, _number, _method, _path: None
    change: Callable[[Reply], Reply] = lambda reply: reply
    instead: Callable[[str, str, dict[str, str]], Reply | None] = lambda _method, _path, _headers: None
    requests: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    body_bytes: int = 0
    hung_up: int = 0
    address: str = ""
    lock: Lock = field(default_factory=Lock)


@contextmanager
def proxied(proxy: FaultProxy, *, tls: ssl.SSLContext | None = None) -> Iterator[FaultProxy]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_request(self) -> None:
            with proxy.lock:
                _pass_on(proxy, self)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_request  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with served(Handler, tls=tls) as address:
        proxy.address = address
        yield proxy


@contextmanager
def served(handler: type[BaseHTTPRequestHandler], *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A loopback HTTP server of this handler; gives its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _pass_on(proxy: FaultProxy, handler: BaseHTTPRequestHandler) -> None:
    proxy.requests.append((handler.command, handler.path))
    proxy.headers.append(dict(handler.headers.items()))
    fault = proxy.fault(proxy, len(proxy.requests), handler.command, handler.path)
    length = int(handler.headers.get("Content-Length", "0"))
    if fault == "cut":
        # In the middle of a body, if there is one.
        handler.rfile.read(length // 2)
        handler.close_connection = True
        return
    body = handler.rfile.read(length)
    proxy.body_bytes += len(body)
    if fault == "500":
        _answer(proxy, handler, Reply(handler.command, handler.path, 500, {"Content-Length": "0"}, b""))
        return
    if (own := proxy.instead(handler.command, handler.path, dict(handler.headers.items()))) is not None:
        _answer(proxy, handler, own)
        return
    upstream = http.client.HTTPConnection(proxy.upstream, timeout=60)
    try:
        upstream.request(handler.command, handler.path, body=body or None, headers=dict(handler.headers.items()))
        response = upstream.getresponse()
        reply = Reply(handler.command, handler.path, response.status, dict(response.getheaders()), response.read())
    finally:
        upstream.close()
    if fault == "cut_after":
        handler.close_connection = True
        return
    _answer(proxy, handler, proxy.change(reply))


def _answer(proxy: FaultProxy, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    handler.send_response_only(reply.status)
    reply.headers.pop("Transfer-Encoding", None)
    if reply.method != "HEAD":
        reply.headers["Content-Length"] = str(len(reply.body))
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    if reply.method != "HEAD":
        try:
            handler.wfile.write(reply.body)
        except ConnectionError:
            # Somebody has heard enough.
            proxy.hung_up += 1
            handler.close_connection = True
