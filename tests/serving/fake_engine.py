"""An engine that starts fake servers in this process."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from flagrelease.adapters.serving_client import ServingClient
from flagrelease.domain.chip import Architecture
from flagrelease.domain.evalrun import HostFacts
from flagrelease.domain.image import BuildContext, Image
from flagrelease.engines.embedded.health import wait_until_healthy
from flagrelease.engines.embedded.port import free_port
from flagrelease.ports import Progress, Server, ServeRequest
from flagrelease.smoke.lifecycle import SECOND_CONFIG
from tests.serving.fake_openai import Fake, RefusedError

STOP_STATUS = {"stop-by-the-signal": 143, "stop-with-1": 1, "stop-with-a-crash": 139}


def handler_of(fake: Fake) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one method a line of HTTP
    """The fake behind HTTP."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            if self.path == "/health":
                self.answer(503 if fake.fault == "never-healthy" else 200, {"status": "ok"})
            else:
                self.guarded(fake.models)

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"] or 0))

            def asked() -> object:
                body = fake.checked(raw)
                if self.path == "/v1/completions":
                    return fake.complete(body)
                return fake.events(body) if body.get("stream") else fake.chat(body)

            self.guarded(asked)

        def guarded(self, asked: Callable[[], object]) -> None:
            try:
                self.answer(200, asked())
            except RefusedError as refused:
                self.answer(refused.status, refused.body)
            except ConnectionError:
                self.close_connection = True

        def answer(self, status: int, body: object) -> None:
            kind = "application/json"
            data = json.dumps(body).encode()
            if isinstance(body, list):
                kind = "application/json" if fake.fault == "stream-json" else "text/event-stream"
                data = "".join(f"{event}\n\n" for event in body).encode()
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(data) + (9 if fake.fault == "models-cut" else 0)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


@dataclass
class FakeEngine:
    """Starts fake servers; `fault` concerns the starts in `starts` (1 first run, 2-4 reload, 5 second model)."""

    fault: str = ""
    starts: tuple[int, ...] = (1,)
    context_length: int = 64
    started: int = 0

    def check(self, architecture: Architecture) -> None:
        pass

    def build(self, context: BuildContext, progress: Progress) -> Image:
        raise NotImplementedError

    def run(self, image: Image, argv: Sequence[str], *, log: Path, timeout_s: float) -> int:
        raise NotImplementedError

    def host(self) -> HostFacts:
        return HostFacts(kernel="fake", cores=1, python="fake")

    def free_port(self) -> int:
        return free_port()

    @contextmanager
    def serve(self, image: Image, request: ServeRequest) -> Iterator[Server]:
        self.started += 1
        fault = self.fault if self.started in self.starts else ""
        request.log.write_text("model loaded\n\x1b[31mlast words\n")
        configs = [host for host, inside in request.mounts if inside == SECOND_CONFIG]
        name = json.loads(configs[0].read_text())["served_name"] if configs else "smollm2-135m-instruct"
        alive = threading.Event()
        alive.set()
        fake = Fake(name=name, fault=fault, context_length=self.context_length, killed=alive.clear)
        listener = Listener(("127.0.0.1", request.port), handler_of(fake))
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        if fault == "ends-at-once":
            alive.clear()

        def end() -> None:
            if thread.is_alive():
                listener.shutdown()
                thread.join()
            listener.server_close()

        def stop(_within_s: float) -> int | None:
            if fault == "stop-ignored-signal":
                return None
            alive.clear()
            if fault != "stop-keeps-port":
                end()
            return STOP_STATUS.get(fault, 0)

        def held() -> bool:
            return alive.is_set() or fault == "stop-leaves-process"

        url = f"http://127.0.0.1:{request.port}"
        health = ServingClient(url, timeout_s=1)
        try:
            yield Server(
                base_url=url,
                pid=1,
                log=request.log,
                stop=stop,
                alive=alive.is_set,
                processes=lambda: (1,) if held() else (),
                started_as=lambda: ((), {}),
                memory=lambda: self.memory(fault) if held() or fault == "stop-keeps-memory" else 0,
                wait_until_healthy=lambda within_s: wait_until_healthy(health, alive.is_set, within_s, log=request.log),
            )
        finally:
            end()

    def memory(self, fault: str) -> int:
        return (100 << 20) + (self.started * (40 << 20) if fault == "memory-grows" else 0)
