import socket
import threading
import time

import pytest

from flagrelease.adapters.completion_client import CompletionClient
from flagrelease.ports import Continuation, RequestFailedError
from tests.evaluation.conftest import FakeCompletions


def test_an_item_is_asked_greedily_whatever_the_servers_defaults_are(
    client: CompletionClient, server: FakeCompletions
) -> None:
    client.greedy((1, 2), 4)
    (question,) = server.asked
    assert (question["temperature"], question["repeat_penalty"], question["dry_multiplier"]) == (0, 1.0, 0.0)
    assert (question["prompt"], question["n_predict"], question["stream"]) == ([1, 2], 4, False)
    assert question["cache_prompt"] is False


def test_forced_tokens_are_asked_for_by_a_grammar_of_their_ids(
    client: CompletionClient, server: FakeCompletions
) -> None:
    (logprobs,) = client.forced_logprobs([Continuation(context=(5,), forced=(7, 8))])
    (question,) = server.asked
    assert question["grammar"] == "root ::= <[7]> <[8]>"
    assert (question["n_predict"], question["n_probs"], question["post_sampling_probs"]) == (2, 1, False)
    assert len(logprobs) == 2
    assert all(value < 0 for value in logprobs)


def test_names_of_control_tokens_are_plain_text(client: CompletionClient, server: FakeCompletions) -> None:
    assert client.tokenize("<|im_end|>") == tuple(b"<|im_end|>")


def test_a_server_that_comes_up_a_moment_later_is_waited_for() -> None:
    with socket.socket() as late:
        late.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        late.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        answered = threading.Thread(target=_listen_later, args=(late,))
        answered.start()
        with CompletionClient(f"http://127.0.0.1:{late.getsockname()[1]}", timeout_s=5) as client:
            assert client.tokenize("a") == (97,)
        answered.join()


def _listen_later(late: socket.socket) -> None:
    time.sleep(0.1)
    late.listen()
    connection, _ = late.accept()
    with connection:
        connection.recv(65536)
        body = b'{"tokens": [97]}'
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))


def test_a_server_that_is_not_there_is_given_up_after_a_few_tries() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        began = time.monotonic()
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with CompletionClient(url) as client, pytest.raises(RequestFailedError, match="/tokenize"):
            client.tokenize("a")
        assert time.monotonic() - began < 5


def test_a_request_that_was_sent_is_not_sent_again(client: CompletionClient, server: FakeCompletions) -> None:
    server.token_faults = dict.fromkeys(range(10), "gone")
    with pytest.raises(RequestFailedError):
        client.tokenize("a")
    assert len(server.tokenized) == 1


def test_a_server_that_does_not_answer_in_time_is_an_error() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with CompletionClient(url, timeout_s=0.2) as client, pytest.raises(RequestFailedError, match="timed out"):
            client.tokenize("a")


def test_a_server_that_drips_its_answer_is_cut_off() -> None:
    with socket.socket() as slow:
        slow.bind(("127.0.0.1", 0))
        slow.listen()
        dripping = threading.Thread(target=_drip, args=(slow,))
        dripping.start()
        began = time.monotonic()
        url = f"http://127.0.0.1:{slow.getsockname()[1]}"
        with CompletionClient(url, timeout_s=0.3) as client, pytest.raises(RequestFailedError, match="in time"):
            client.tokenize("a")
        assert time.monotonic() - began < 3
        dripping.join()


def _drip(slow: socket.socket) -> None:
    connection, _ = slow.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(100):
                connection.sendall(b"1\r\n \r\n")
                time.sleep(0.05)
        except OSError:
            return  # the client has hung up, as it should
