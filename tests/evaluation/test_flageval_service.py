"""The FlagEval service's contract, on a server of our own that behaves, and on one that does not."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.flageval_calls import ANSWER_LIMIT
from flagrelease.adapters.flageval_service import FlagEvalService, Looked, Submission
from flagrelease.errors import RecipeError, SourceError
from tests.ingest.sides import read

Answer = Callable[[BaseHTTPRequestHandler], None]
SUBMISSION = Submission(
    eval_model="smollm2-cpu-flagos",
    model="smollm2",
    eval_url="http://127.0.0.1:1/v1/chat/completions",
    tokenizer="a/tokenizer",
    chip="cpu",
    domain="NLP",
)
DETAILS = [
    {"dataset": "AIME_0fewshot_@avg1", "status": "S", "accuracy": 83.33, "diff": 0.0},
    {"dataset": "mmlu_pro", "status": "S", "accuracy": 41.5, "diff": -1.2},
]


def results(details: object = DETAILS, status: object = "S") -> dict[str, Any]:
    return {"err_code": 0, "eval_results": {"smollm2-cpu-flagos": {"status": status, "details": details}}}


class Service:
    """What it was asked, and what it says next to each path; the last answer is said for good."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any, str]] = []
        self.answers: dict[str, list[Any]] = {
            "/evaluation": [{"err_code": 0, "err_msg": "", "request_id": "abc-1", "eval_tasks": []}],
            "/evaluation_progress": [self.look(finished=False), self.look(finished=True)],
            "/evaldiffs": [results()],
            "/stop_evaluation": [{"err_code": 0}],
        }
        self.address = ""

    @staticmethod
    def look(*, finished: object) -> dict[str, Any]:
        return {
            "err_code": 0, "finished": finished, "status": "running", "datasets_progress": "1/2",
            "running_progress": "50 %",
        }  # fmt: skip

    def calls(self, path: str) -> int:
        return sum(one[1] == path for one in self.asked)


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.asked.append((self.command, self.path, json.loads(body), self.headers.get("Authorization", "")))
            queue = found.answers[self.path]
            answer = queue.pop(0) if len(queue) > 1 else queue[0]
            if callable(answer):
                answer(self)
                return
            whole(self, json.dumps(answer).encode())

        do_GET = do_POST = _answer  # noqa: N815 - names of the library

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def whole(request: BaseHTTPRequestHandler, body: bytes, status: int = 200) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def status(number: int) -> Answer:
    return lambda request: whole(request, b"{}", number)


def text(body: bytes) -> Answer:
    return lambda request: whole(request, body)


def cut_off(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "500")
    request.end_headers()
    request.wfile.write(b'{"err_code": 0, "fin')
    request.close_connection = True


def moved(request: BaseHTTPRequestHandler) -> None:
    request.send_response(307)
    request.send_header("Location", "http://127.0.0.2:9/evaldiffs")
    request.send_header("Content-Length", "0")
    request.end_headers()


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    with_pieces = b" " * 65536
    try:
        for _ in range(2 * ANSWER_LIMIT // len(with_pieces)):
            request.wfile.write(with_pieces)
    except OSError:
        return


def drip(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    try:
        for _ in range(40):
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(0.05)
    except OSError:
        return


@contextmanager
def client(
    service: Service, *, timeout_s: float = 5.0, **options: Any
) -> Iterator[tuple[FlagEvalService, list[float]]]:
    paused: list[float] = []
    found = FlagEvalService(service.address, pause=paused.append, timeout_s=timeout_s, **options)
    yield found, paused
    found.close()


def run(service: Service, here: Path, **options: Any) -> tuple[Path, list[float], list[Looked]]:
    told: list[Looked] = []
    with client(service, **options) as (found, paused):
        return found.evaluate(SUBMISSION, here, told.append), paused, told


def test_an_evaluation_is_started_waited_for_and_its_scores_are_records(service: Service, tmp_path: Path) -> None:
    path, paused, told = run(service, tmp_path)
    assert [(method, place) for method, place, _, _ in service.asked] == [
        ("POST", "/evaluation"),
        ("POST", "/evaluation_progress"),
        ("POST", "/evaluation_progress"),
        ("GET", "/evaldiffs"),
    ]
    assert paused == [30.0]
    assert [one.finished for one in told] == [False, True]
    facts = {record.facts.task: record.facts for record in read(path)}
    assert (facts["AIME"].shots, facts["AIME"].repeats, facts["AIME"].scale) == (0, 1, 100)
    assert (facts["mmlu_pro"].shots, facts["mmlu_pro"].harness.name) == (None, "flageval")
    assert all(record.answers is None for record in read(path))


def test_what_is_sent_is_what_the_service_s_documents_name(service: Service, tmp_path: Path) -> None:
    run(service, tmp_path)
    body = service.asked[0][2]
    assert body["domain"] == "NLP"
    assert body["mode"] == "FlagRelease"
    assert body["eval_infos"][0]["eval_model"] == "smollm2-cpu-flagos"
    assert body["eval_infos"][0]["api_key"] == "EMPTY"
    assert service.asked[1][2] == {"request_id": "abc-1", "domain": "NLP"}
    assert service.asked[3][2] == {"request_id": "abc-1"}


def test_after_a_kill_it_is_waited_on_and_never_started_twice(service: Service, tmp_path: Path) -> None:
    class KilledError(BaseException):
        """As a signal would be."""

    def die(_: Looked) -> None:
        raise KilledError

    with client(service) as (found, _), pytest.raises(KilledError):
        found.evaluate(SUBMISSION, tmp_path, die)
    run(service, tmp_path)
    assert service.calls("/evaluation") == 1
    assert service.calls("/evaldiffs") == 1


def test_a_kill_before_the_answer_is_told_and_nothing_is_sent_again(service: Service, tmp_path: Path) -> None:
    service.answers["/evaluation"] = [cut_off]
    with pytest.raises(SourceError, match="no whole answer"):
        run(service, tmp_path)
    with pytest.raises(SourceError, match="it may be running"):
        run(service, tmp_path)
    assert service.calls("/evaluation") == 1


def test_a_service_that_is_not_there_leaves_nothing_behind(service: Service, tmp_path: Path) -> None:
    service.address = "http://127.0.0.1:1"
    with pytest.raises(SourceError, match="no connection"):
        run(service, tmp_path)
    assert not (tmp_path / "flageval_request.json").exists()


def test_another_evaluation_in_the_same_folder_is_refused(service: Service, tmp_path: Path) -> None:
    run(service, tmp_path)
    other = SUBMISSION.model_copy(update={"eval_model": "another"})
    with client(service) as (found, _), pytest.raises(RecipeError, match="wanted the evaluation of another"):
        found.evaluate(other, tmp_path, lambda _: None)


def test_a_busy_service_is_asked_again_more_and_more_slowly(service: Service, tmp_path: Path) -> None:
    service.answers["/evaldiffs"] = [status(503), status(429), cut_off, results()]
    _, paused, _ = run(service, tmp_path)
    assert paused == [30.0, 2.0, 4.0, 8.0]


def test_a_service_that_stays_busy_is_left_with_the_id_kept(service: Service, tmp_path: Path) -> None:
    service.answers["/evaldiffs"] = [status(503)]
    with pytest.raises(SourceError, match="it answered 503, 5 times"):
        run(service, tmp_path)
    assert json.loads((tmp_path / "flageval_request.json").read_text())["request_id"] == "abc-1"


def test_an_answer_of_a_byte_now_and_then_is_left(service: Service, tmp_path: Path) -> None:
    service.answers["/evaldiffs"] = [drip]
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"had no end after 0\.3 seconds"):
        run(service, tmp_path, timeout_s=0.3)
    assert time.monotonic() - started < 1.9


def test_an_evaluation_without_an_end_is_left(service: Service, tmp_path: Path) -> None:
    service.answers["/evaluation_progress"] = [Service.look(finished=False)]
    with pytest.raises(SourceError, match=r"is not finished after 0\.1 hours"):
        run(service, tmp_path, patience_s=180.0)


@pytest.mark.parametrize(
    ("path", "answer", "told"),
    [
        ("/evaluation", {"err_code": 1, "err_msg": "no such\x1b[2J chip"}, "refused, `err_code` 1: no such [2J chip"),
        ("/evaluation", {"err_code": 0}, "wanted a `request_id`"),
        ("/evaluation", {"err_code": 0, "request_id": "../../etc"}, "wanted a `request_id`"),
        ("/evaluation", {"err_code": 0, "request_id": 7}, "wanted a `request_id`"),
        ("/evaluation", {"err_code": False, "request_id": "a"}, "`err_code` False"),
        ("/evaluation_progress", {"err_code": 0, "finished": "yes"}, "`finished` as true or false"),
        ("/evaluation_progress", text(b"<html>"), "not valid JSON"),
        ("/evaluation_progress", text(b'{"err_code": 0, "finished": tr'), "not valid JSON"),
        ("/evaluation_progress", text(b'{"err_code": 0, "finished": NaN}'), "NaN is no number"),
        ("/evaluation_progress", text(b'{"err_code": 1, "err_code": 0, "finished": true}'), "a key twice"),
        ("/evaluation_progress", text(b"[" * 100_000), "nested more than"),
        ("/evaluation_progress", text(b"\xff\xfe"), "not UTF-8"),
        ("/evaluation_progress", text(b"[]"), "wanted an object, found list"),
        ("/evaluation_progress", status(404), "found status 404"),
        ("/evaldiffs", moved, "a redirect is not followed"),
        ("/evaldiffs", endless, f"wanted at most {ANSWER_LIMIT:,} bytes"),
        ("/evaldiffs", {"err_code": 0, "eval_results": {}}, "`eval_results` by model"),
        (
            "/evaldiffs",
            {"err_code": 0, "eval_results": {"other": {"status": "S", "details": []}}},
            "alone, found 'other'",
        ),
        ("/evaldiffs", results(status="DONE"), "wanted a state of S, F, C, OOR, found 'DONE'"),
        ("/evaldiffs", results(None), "`details` of smollm2-cpu-flagos as a list"),
        ("/evaldiffs", results([None]), "wanted a state of"),
        ("/evaldiffs", results([{**DETAILS[0], "accuracy": "high"}]), "a dataset with its `accuracy`"),
        ("/evaldiffs", results([{**DETAILS[0], "accuracy": 8333}]), "a dataset with its `accuracy`"),
        ("/evaldiffs", results([]), "with 0 datasets"),
        ("/evaldiffs", results(status="C"), "it was cancelled"),
        ("/evaldiffs", results([DETAILS[0], {**DETAILS[1], "status": "F"}]), "mmlu_pro: failed"),
        ("/evaldiffs", results([DETAILS[0], {**DETAILS[1], "status": "OOR"}]), "mmlu_pro: ran out of"),
    ],
)
def test_whatever_else_it_answers_is_an_error_and_no_score(
    service: Service, tmp_path: Path, path: str, answer: Any, told: str
) -> None:
    service.answers[path] = [answer]
    with pytest.raises(SourceError) as error:
        run(service, tmp_path)
    assert told in error.value.message
    assert "\x1b" not in error.value.message
    assert not (tmp_path / "flageval_result.json").exists()


def test_the_token_is_a_secret_of_the_environment(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLAGEVAL_TOKEN", "t0ken")
    monkeypatch.setenv("ENDPOINT_KEY", "k3y")
    run(service, tmp_path, token_variable="FLAGEVAL_TOKEN", key_variable="ENDPOINT_KEY")
    assert {one[3] for one in service.asked} == {"Bearer t0ken"}
    assert service.asked[0][2]["eval_infos"][0]["api_key"] == "k3y"
    kept = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "t0ken" not in kept
    assert "k3y" not in kept


def test_a_secret_that_is_missing_or_would_go_over_the_net_in_the_clear_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(RecipeError, match="environment variable FLAGEVAL_TOKEN, found none"):
        FlagEvalService("https://service.example", token_variable="FLAGEVAL_TOKEN")
    monkeypatch.setenv("FLAGEVAL_TOKEN", "t0ken")
    with pytest.raises(RecipeError, match="wanted https") as error:
        FlagEvalService("http://service.example", token_variable="FLAGEVAL_TOKEN")
    assert "t0ken" not in str(error.value)


@pytest.mark.parametrize("address", ["file:///etc", "ftp://a", "https://me:word@a", "https://a?token=1", "a"])
def test_an_address_is_of_the_web_and_holds_no_secret(address: str) -> None:
    with pytest.raises(RecipeError, match="the service's address") as error:
        FlagEvalService(address)
    assert "word" not in error.value.message


def test_a_running_evaluation_can_be_stopped(service: Service) -> None:
    with client(service) as (found, _):
        found.stop("abc-1")
    assert service.asked[-1][:3] == ("POST", "/stop_evaluation", {"request_id": "abc-1"})
