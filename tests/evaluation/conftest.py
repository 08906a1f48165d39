"""A completions server on loopback that tokenises by byte and can be told to misbehave at a given request."""

import hashlib
import json
import math
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from flagrelease.adapters.completion_client import CompletionClient


class FakeCompletions(ThreadingHTTPServer):
    """`faults` maps the number of a `/completion` request, from 0, to what goes wrong with it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults: dict[int, str] = {}
        self.token_faults: dict[int, str] = {}
        self.asked: list[dict[str, Any]] = []
        self.tokenized: list[str] = []
        self.word = " bank"
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeCompletions
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            fault = self.server.token_faults.get(len(self.server.tokenized), "")
            self.server.tokenized.append(question["content"])
            answer: dict[str, Any] = {"tokens": list(question["content"].encode())}
        else:
            fault = self.server.faults.get(len(self.server.asked), "")
            self.server.asked.append(question)
            answer = self._completion(question)
        self._send(fault, answer)

    def _completion(self, question: dict[str, Any]) -> dict[str, Any]:
        answer = {"truncated": False, "tokens_evaluated": len(question["prompt"]), "tokens_predicted": 3}
        if "grammar" not in question:
            return {**answer, "content": self.server.word}
        forced = [int(token) for token in re.findall(r"<\[(\d+)\]>", question["grammar"])]
        read = bytes(question["prompt"])
        entries = []
        for token in forced:
            value = -hashlib.sha256(read + bytes([token])).digest()[0] / 32 - 0.5
            entries.append({"id": token, "logprob": value})
            read += bytes([token])
        return {**answer, "content": "", "completion_probabilities": entries}

    def _send(self, fault: str, answer: dict[str, Any]) -> None:
        status, body = 200, spoiled(fault, answer)
        if fault.isdigit():
            status = int(fault)
        if fault == "cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        if fault == "gone":
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


def spoiled(fault: str, answer: dict[str, Any]) -> bytes:
    """The body of an answer with one thing wrong."""
    if fault in BODIES:
        return BODIES[fault]
    if fault in FIRST_ENTRY:
        answer["completion_probabilities"][0].update(FIRST_ENTRY[fault])
    answer.update(FIELDS.get(fault, {}))
    if fault == "one logprob too few":
        answer["completion_probabilities"].pop()
    return json.dumps(answer).encode()


BODIES = {
    "a list": b"[]",
    "no JSON": b"<html>",
    "deep JSON": b"[" * 100_000,
    "endless": b" " * (5 * 1024 * 1024),
}
FIRST_ENTRY: dict[str, dict[str, Any]] = {
    "logprob of another token": {"id": 1},
    "logprob above zero": {"logprob": 0.7},
    "logprob NaN": {"logprob": math.nan},
    "logprob minus infinity": {"logprob": -math.inf},
    "logprob null": {"logprob": None},
    "logprob true": {"logprob": True},
    "logprob a huge whole number": {"logprob": -(10**400)},
}
FIELDS: dict[str, dict[str, Any]] = {
    "no logprobs": {"completion_probabilities": None},
    "prompt tokens miscounted": {"tokens_evaluated": 1},
    "prompt truncated": {"truncated": True},
    "tokens no list": {"tokens": "12"},
    "tokens no numbers": {"tokens": [1, True]},
    "no tokens": {"tokens": []},
    "no text": {"content": None},
    "half a character": {"content": "\ud800"},
    "too many tokens": {"tokens_predicted": 99},
}


@pytest.fixture
def server() -> Iterator[FakeCompletions]:
    with FakeCompletions() as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join()


@pytest.fixture
def client(server: FakeCompletions) -> Iterator[CompletionClient]:
    with CompletionClient(server.url, timeout_s=5) as found:
        yield found
