"""The HTTP client of the benchmark tasks: llama.cpp's server, asked by token ids."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeGuard

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from flagrelease.ports import Continuation, RequestFailedError, RequestRejectedError

MAX_ANSWER_BYTES = 4 * 1024 * 1024

SAMPLING: dict[str, Any] = {
    "temperature": 0,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "dry_multiplier": 0.0,
}
"""Greedy, whatever the server's own defaults are."""

SETTINGS: dict[str, str] = {
    "sampling": "greedy without penalties",
    "prompt_cache": "only between the options of one item",
}
"""What to record of this client with the answers."""


class CompletionClient:
    """Asks a llama.cpp server by token ids, one request at a time; fulfils `Completions`.

    Forced tokens: `/completion` with a grammar of token ids (`root ::= <[12]> <[34]>`) and `n_probs: 1` gives the
    log-probability of each token that the grammar forces, before any sampling.

    The first request of every item is answered without the prompt cache. The other options of the item may use it, on
    the same slot of the server, so what an item's answer rests on never includes another item.
    """

    def __init__(self, base_url: str, *, timeout_s: float = 30.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._session = requests.Session()
        # Proxies and credentials of the environment are not for a server on this machine.
        self._session.trust_env = False
        # Only a connection that never came about is tried again: a request that was sent may have been answered.
        retry = Retry(total=3, connect=3, read=0, redirect=0, status=0, other=0, backoff_factor=0.1)
        self._session.mount(self._base_url, HTTPAdapter(pool_maxsize=1, max_retries=retry))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    @property
    def settings(self) -> Mapping[str, str]:
        """How this client asks."""
        return SETTINGS

    def tokenize(self, text: str) -> tuple[int, ...]:
        """The ids of `text`; names of control tokens in it are plain text."""
        answer = self._post("/tokenize", {"content": text, "add_special": True, "parse_special": False})
        ids = answer.get("tokens")
        if not isinstance(ids, list) or not all(_is_token(token) for token in ids):
            raise RequestFailedError("wanted token ids, found something else")
        return tuple(ids)

    def forced_logprobs(self, continuations: Sequence[Continuation]) -> list[tuple[float, ...]]:
        """One request a continuation; the order of the continuations decides what is in the prompt cache."""
        return [self._forced(continuation, cached=index > 0) for index, continuation in enumerate(continuations)]

    def greedy(self, prompt: tuple[int, ...], max_tokens: int) -> str:
        """One request, without the prompt cache."""
        answer = self._complete({"prompt": list(prompt), "n_predict": max_tokens, "cache_prompt": False}, len(prompt))
        text = answer.get("content")
        predicted = answer.get("tokens_predicted")
        if not isinstance(text, str) or not _is_token(predicted) or predicted > max_tokens:
            raise RequestFailedError(f"wanted a text of at most {max_tokens} tokens, found another answer")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise RequestFailedError("wanted text, found half of a surrogate pair") from error
        return text

    def _forced(self, continuation: Continuation, *, cached: bool) -> tuple[float, ...]:
        forced = continuation.forced
        question = {
            "prompt": list(continuation.context),
            "n_predict": len(forced),
            "n_probs": 1,
            "post_sampling_probs": False,
            "grammar": "root ::= " + " ".join(f"<[{token}]>" for token in forced),
            "cache_prompt": cached,
        }
        answer = self._complete(question, len(continuation.context))
        found = answer.get("completion_probabilities")
        if not isinstance(found, list) or len(found) != len(forced):
            raise RequestFailedError(f"wanted the log-probabilities of {len(forced)} tokens, found another number")
        return tuple(_logprob(entry, token) for entry, token in zip(found, forced, strict=True))

    def _complete(self, question: dict[str, Any], prompt_tokens: int) -> dict[str, Any]:
        answer = self._post("/completion", {**SAMPLING, **question, "id_slot": 0, "stream": False})
        if answer.get("truncated") is not False or answer.get("tokens_evaluated") != prompt_tokens:
            raise RequestFailedError(f"wanted {prompt_tokens} prompt tokens to be read, found another number")
        return answer

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + 2 * self._timeout_s
        try:
            with self._session.post(
                self._base_url + path, json=body, timeout=self._timeout_s, allow_redirects=False, stream=True
            ) as response:
                content = _read(response, deadline)
        except requests.RequestException as error:
            raise RequestFailedError(f"{path}: {error}") from error
        if 400 <= response.status_code < 500:  # noqa: PLR2004
            raise RequestRejectedError(f"{path}: wanted status 200, found {response.status_code}")
        if response.status_code != 200:  # noqa: PLR2004
            raise RequestFailedError(f"{path}: wanted status 200, found {response.status_code}")
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise RequestFailedError(f"{path}: wanted JSON, found {len(content)} bytes that are not") from error
        if not isinstance(answer, dict):
            raise RequestFailedError(f"{path}: wanted a JSON object, found a {type(answer).__name__}")
        return answer


def _read(response: requests.Response, deadline: float) -> bytes:
    content = bytearray()
    for chunk in response.iter_content(64 * 1024):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise RequestFailedError(f"wanted at most {MAX_ANSWER_BYTES} bytes, found more")
        if time.monotonic() > deadline:
            raise RequestFailedError("wanted a whole answer in time, found one that goes on")
    return bytes(content)


def _logprob(entry: object, token: int) -> float:
    if not isinstance(entry, dict) or entry.get("id") != token:
        raise RequestFailedError(f"wanted the log-probability of token {token}, found another one")
    value = entry.get("logprob")
    # JSON may spell 0.0 as 0; any other whole number is not what a server computes.
    if value == 0 and not isinstance(value, bool):
        return 0.0
    if not isinstance(value, float) or not math.isfinite(value) or value > 0:
        raise RequestFailedError(f"wanted a log-probability of token {token} that is at most 0, found none")
    return value


def _is_token(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
