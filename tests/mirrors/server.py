"""Git's own HTTP server behind a small one on loopback, which breaks in the ways real ones do; and an LFS server."""

import gzip
import hashlib
import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BACKEND = (
    Path(subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip())
    / "git-http-backend"
)
PIECE = 1 << 13


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    sent: list[int]

    @property
    def is_fetch(self) -> bool:
        """Whether objects were asked for, not what the server can do."""
        return self.method == "POST" and b"want " in self.body

    @property
    def wants(self) -> list[str]:
        return [one.decode() for one in re.findall(rb"want ([0-9a-f]{40})", self.body)]

    @property
    def bytes_sent(self) -> int:
        return sum(self.sent)


@dataclass
class Switches:
    """What a path that begins so does wrong. Lists are used up from the front, one entry a fetch."""

    old: bool = False
    """Speak protocol 0 only: no object by its id unless it is a tip."""
    statuses: list[int] = field(default_factory=list)
    status: int = 0
    cuts: list[int | None] = field(default_factory=list)
    """Bytes of an answer with objects after which the connection is cut."""
    cut_always: int | None = None
    stalls: bool = False
    flip: int | None = None
    """Byte of an answer with objects that is changed."""
    redirect: str | None = None
    pause_at: int | None = None
    """The number of the fetch that waits for `GitServer.go_on` before it answers."""


class GitServer:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[Asked] = []
        self.lfs: dict[str, bytes] = {}
        self.lfs_action: dict[str, object] = {}
        self.lfs_cuts: list[int] = []
        self.switches: dict[str, Switches] = {}
        self.paused = threading.Event()
        self.go_on = threading.Event()
        self.stopping = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def of(self, path: str) -> Switches:
        return self.switches.setdefault(path, Switches())

    @property
    def fetches(self) -> list[Asked]:
        return [one for one in self.asked if one.is_fetch]

    def add_lfs(self, content: bytes) -> bytes:
        """Keep an object; returns its pointer."""
        oid = hashlib.sha256(content).hexdigest()
        self.lfs[oid] = content
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n".encode()

    @contextmanager
    def running(self) -> Iterator["GitServer"]:
        self._thread.start()
        try:
            yield self
        finally:
            self.stopping.set()
            self.go_on.set()
            self._server.shutdown()
            self._server.hang_up()
            self._server.server_close()
            self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, git: GitServer) -> None:
        self.git = git
        self._open: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.append(connection)
        return connection, address

    def hang_up(self) -> None:
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """Who was killed hangs up."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 20

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        plain = body
        if self.headers.get("Content-Encoding") == "gzip":
            plain = gzip.decompress(body)
        asked = Asked(self.command, path, dict(self.headers.items()), plain, [])
        self.server.git.asked.append(asked)
        how = next((one for begin, one in self.server.git.switches.items() if path.startswith(begin)), Switches())
        if how.stalls:
            self.server.git.stopping.wait(15)
            self.close_connection = True
        elif how.redirect is not None:
            self._plain(301, b"", {"Location": f"{how.redirect}{path.partition('.git')[2]}?{query}"})
        elif how.status or (how.statuses and asked.method == "POST"):
            self._plain(how.status or how.statuses.pop(0), b"no", {"WWW-Authenticate": 'Basic realm="all"'})
        elif path.endswith("/info/lfs/objects/batch"):
            self._batch(json.loads(plain))
        elif path.startswith("/lfs/"):
            self._object(path.removeprefix("/lfs/"), asked)
        else:
            self._git(path, query, body, asked, how)

    def _plain(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _batch(self, question: dict[str, Any]) -> None:
        found = []
        for one in question["objects"]:
            oid = one["oid"]
            action = {"href": f"{self.server.git.url}/lfs/{oid}", **self.server.git.lfs_action}
            there = oid in self.server.git.lfs
            what = {"actions": {"download": action}} if there else {"error": {"code": 404, "message": "none"}}
            found.append({"oid": oid, "size": one["size"], **what})
        body = json.dumps({"transfer": "basic", "objects": found}).encode()
        self._plain(200, body, {"Content-Type": "application/vnd.git-lfs+json"})

    def _object(self, oid: str, asked: Asked) -> None:
        content = self.server.git.lfs[oid]
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        cut = self.server.git.lfs_cuts.pop(0) if self.server.git.lfs_cuts else len(content)
        with suppress(BrokenPipeError, ConnectionResetError):
            for at in range(begin, len(content), PIECE):
                piece = content[at : min(at + PIECE, cut)]
                self.wfile.write(piece)
                asked.sent.append(len(piece))
                if at + PIECE >= cut and cut < len(content):
                    self._cut()
                    return

    def _git(self, path: str, query: str, body: bytes, asked: Asked, how: Switches) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROJECT_ROOT": str(self.server.git.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": "" if how.old else self.headers.get("Git-Protocol", ""),
        }
        if asked.is_fetch and how.pause_at == len(self.server.git.fetches):
            self.server.git.paused.set()
            self.server.git.go_on.wait(30)
        done = subprocess.run([BACKEND], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self._chunks(int(headers.pop("Status", "200").split()[0]), headers, content, asked, how)

    def _chunks(self, status: int, headers: dict[str, str], content: bytes, asked: Asked, how: Switches) -> None:
        cut = (how.cuts.pop(0) if how.cuts else how.cut_always) if asked.is_fetch else None
        if asked.is_fetch and how.flip is not None and how.flip < len(content):
            changed = bytearray(content)
            changed[how.flip] ^= 1
            content = bytes(changed)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            for at in range(0, len(content), PIECE):
                piece = content[at : at + PIECE] if cut is None else content[at : min(at + PIECE, cut)]
                if piece:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    asked.sent.append(len(piece))
                if cut is not None and at + PIECE >= cut:
                    self._cut()
                    return
            self.wfile.write(b"0\r\n\r\n")

    def _cut(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def wait_until(what: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)
