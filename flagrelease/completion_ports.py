"""A model that completes token ids, as Protocols: what is asked of servers and of reference stacks alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class RequestRejectedError(Exception):
    """The answering side understood the request and refused it: an HTTP status of 400 to 499."""


class RequestFailedError(Exception):
    """The answering side gave no usable answer: cut off, a status of 500, or a body that contradicts the request."""


@dataclass(frozen=True, kw_only=True)
class Continuation:
    """Token ids whose log-likelihood is wanted after `context`; neither may be empty."""

    context: tuple[int, ...]
    forced: tuple[int, ...]


class Completions(Protocol):
    """A model that completes token ids, be it a server or a reference stack.

    Every method raises RequestRejectedError or RequestFailedError; what was asked before must not change an answer.
    """

    def tokenize(self, text: str) -> tuple[int, ...]:
        """The ids the model would read for `text`, with the ones it puts before every prompt."""

    def forced_logprobs(self, continuations: Sequence[Continuation]) -> list[tuple[float, ...]]:
        """The natural log-probability of each forced token given all before it, one tuple a continuation."""

    def greedy(self, prompt: tuple[int, ...], max_tokens: int) -> str:
        """The text of at most `max_tokens` most probable tokens after `prompt`."""


class CompletionServer(Completions, Protocol):
    """A server that completes token ids, and how it is asked."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What of the way it is asked could change an answer, to be recorded with the answers."""
