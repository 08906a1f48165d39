"""The smoke checks' client tells a whole answer from a broken, an endless and a slow one."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flagrelease.adapters.serving_client import ServingClient
from flagrelease.errors import SmokeError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: Application/JSON; charset=utf-8\r\n"


@contextmanager
def saying(*pieces: bytes, pause_s: float = 0.0, requests: list[bytes] | None = None) -> Iterator[str]:
    """A server that answers the first connection with these bytes, whatever was asked, and closes it."""

    def answer() -> None:
        with server.accept()[0] as connection:
            heard = connection.recv(65536)
            if requests is not None:
                # A body may come in a packet of its own.
                while not heard.endswith(b"{bad") and (more := connection.recv(65536)):
                    heard += more
                requests.append(heard)
            try:
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(pause_s)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def test_a_whole_answer_comes_with_its_status_and_media_type() -> None:
    with saying(HEAD.replace(b"200 OK", b"418 No"), b"Content-Length: 2\r\n\r\n{}") as url:
        reply = ServingClient(url).get("/x")
    assert (reply.status, reply.media_type, reply.body) == (418, "application/json", b"{}")


def test_a_chunked_answer_is_put_together() -> None:
    with saying(HEAD, b"Transfer-Encoding: chunked\r\n\r\n", b"2\r\nab\r\n", b"1\r\nc\r\n0\r\n\r\n") as url:
        assert ServingClient(url).get("/x").body == b"abc"


def test_an_answer_that_ends_with_its_connection_is_whole() -> None:
    with saying(HEAD, b"\r\n", b"abc") as url:
        assert ServingClient(url).get("/x").body == b"abc"


def test_the_request_is_sent_as_it_was_given() -> None:
    heard: list[bytes] = []
    with saying(HEAD, b"Content-Length: 0\r\n\r\n", requests=heard) as url:
        ServingClient(f"{url}/base/").post("/v1/x", b"{bad")
    assert heard[0].startswith(b"POST /base/v1/x HTTP/1.1\r\n")
    assert heard[0].endswith(b"\r\n\r\n{bad")


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"rubbish\r\n\r\n",),
        (HEAD, b"Content-Length: 9\r\n\r\n", b"cut"),
        (HEAD, b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nab"),
        (HEAD, b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\nab"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000,),
    ],
    ids=["nothing", "no HTTP", "cut", "cut chunk", "odd chunk", "headers without end"],
)
def test_a_broken_answer_is_refused(pieces: tuple[bytes, ...]) -> None:
    with saying(*pieces) as url, pytest.raises(SmokeError, match="GET /x: no whole answer"):
        ServingClient(url, timeout_s=5).get("/x")


def test_an_answer_that_comes_a_byte_at_a_time_has_one_deadline_for_all_of_it() -> None:
    started = time.monotonic()
    with (
        saying(HEAD, b"Content-Length: 99\r\n\r\n", *[b"x"] * 15, pause_s=0.1) as url,
        pytest.raises(SmokeError, match="no whole answer within"),
    ):
        ServingClient(url, timeout_s=0.5).get("/x")
    assert time.monotonic() - started < 5


def test_an_answer_without_end_is_cut_off() -> None:
    with (
        saying(HEAD, b"\r\n", b"x" * 3000) as url,
        pytest.raises(SmokeError, match="longer than 1000 bytes"),
    ):
        ServingClient(url, body_limit=1000).get("/x")


def test_nobody_there_is_an_error_of_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(SmokeError, match="no whole answer: ConnectionRefusedError: Connection refused"):
        ServingClient(f"http://127.0.0.1:{port}").get("/x")
