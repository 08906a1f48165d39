"""A judging model's API that says that every answer is right, to whoever has the key, and keeps what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Judge:
    """What it was asked: the value of each request's `Authorization`, and the body."""

    url: str
    keys: list[str] = field(default_factory=list)
    bodies: list[dict[str, object]] = field(default_factory=list)


@contextmanager
def judge_server(key: str) -> Iterator[Judge]:
    """Serve on loopback, at a port of the kernel's choice."""
    judge = Judge(url="")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            judge.keys.append(self.headers.get("Authorization", ""))
            judge.bodies.append(body)
            allowed = judge.keys[-1] == f"Bearer {key}"
            message = {"role": "assistant", "content": '[[A]]\n{"verdict": "A", "label": "A", "score": 1.0}'}
            answer = {
                "id": "1", "object": "chat.completion", "created": 1, "model": "judge",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }  # fmt: skip
            content = json.dumps(answer if allowed else {"error": {"message": "no such key"}}).encode()
            self.send_response(200 if allowed else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    judge.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield judge
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
