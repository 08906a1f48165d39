"""A web server on loopback that breaks in the ways real ones do."""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

PIECE = 1 << 14


@dataclass(kw_only=True)
class File:
    """What one path answers with. Lists are used up from the front, one entry a request."""

    content: bytes = b""
    etag: str | None = None
    etags: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    """Offsets in the whole file at which the connection is cut."""
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    honours_if_range: bool = True
    chunked: bool = False
    endless: bool = False
    shift: int = 0
    """Bytes by which a range answer is wrong."""
    pause_s: float = 0.0
    """Seconds before each piece of 16 KiB."""
    redirect: str | None = None
    content_type: str = "application/octet-stream"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    sent: list[int]

    @property
    def bytes_sent(self) -> int:
        return sum(self.sent)


class FaultyServer:
    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.asked: list[Asked] = []
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def gets(self, path: str) -> list[Asked]:
        return [a for a in self.asked if a.path == path and a.method == "GET"]

    def body_bytes(self, path: str) -> int:
        return sum(a.bytes_sent for a in self.gets(path))

    @contextmanager
    def running(self) -> Iterator["FaultyServer"]:
        self._thread.start()
        try:
            yield self
        finally:
            self.stopping.set()
            self._server.shutdown()
            self._server.hang_up()
            self._server.server_close()
            self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, faulty: "FaultyServer") -> None:
        self.faulty = faulty
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


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 5

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer(body=True)

    def do_GET(self) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = urlsplit(self.path).path
        asked = Asked(self.command, path, dict(self.headers.items()), [])
        self.server.faulty.asked.append(asked)
        file = self.server.faulty.files.get(self.path) or self.server.faulty.files.get(path)
        if file is None:
            self._plain(404)
        elif file.statuses and (status := file.statuses.pop(0)) != 200:
            self._plain(status, file.headers)
        elif file.redirect is not None:
            self._plain(302, {"Location": file.redirect})
        else:
            self._send(file, asked, body=body)

    def _plain(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, file: File, asked: Asked, *, body: bool) -> None:
        etag = file.etags.pop(0) if file.etags else file.etag
        start = self._start(file, etag)
        if start is not None and start >= len(file.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(file.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200 if start is None else 206)
        self.send_header("Content-Type", file.content_type)
        if etag is not None:
            self.send_header("ETag", etag)
        if start is not None:
            size = len(file.content)
            self.send_header("Content-Range", f"bytes {start + file.shift}-{size - 1}/{size}")
        for name, value in file.headers.items():
            self.send_header(name, value)
        if file.chunked or file.endless:
            self.send_header("Transfer-Encoding", "chunked")
        elif "Content-Length" not in file.headers:
            self.send_header("Content-Length", str(len(file.content) - (start or 0)))
        self.end_headers()
        if body:
            self._body(file, start or 0, asked)

    def _start(self, file: File, etag: str | None) -> int | None:
        wanted = self.headers.get("Range")
        if wanted is None or not file.ranges:
            return None
        if_range = self.headers.get("If-Range")
        if if_range is not None and if_range != etag and file.honours_if_range:
            return None
        return int(wanted.removeprefix("bytes=").rstrip("-"))

    def _body(self, file: File, start: int, asked: Asked) -> None:
        at = start
        cut = file.cuts.pop(0) if file.cuts else None
        while at < len(file.content):
            piece = file.content[at : at + PIECE]
            if cut is not None:
                piece = piece[: max(cut - at, 0)]
                if not piece:
                    self._cut()
                    return
            self._piece(file, piece, asked)
            at += len(piece)
        while file.endless and not self.server.faulty.stopping.is_set():
            self._piece(file, b"\0" * PIECE, asked)
        if file.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _piece(self, file: File, piece: bytes, asked: Asked) -> None:
        if file.pause_s:
            time.sleep(file.pause_s)
        framed = b"%x\r\n%s\r\n" % (len(piece), piece) if file.chunked or file.endless else piece
        self.wfile.write(framed)
        asked.sent.append(len(piece))

    def _cut(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
