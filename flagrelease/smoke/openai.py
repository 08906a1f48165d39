"""What an OpenAI-compatible server answers, as far as its clients rely on it (OpenAI API reference).

Keys beyond these are the server's own business; a missing or mistyped one is a fault.
"""

import json
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flagrelease.errors import SmokeError
from flagrelease.ports import Endpoint, Reply

OK = 200
CLIENT_ERRORS = range(400, 500)
_SHOWN = 200


class Answer(BaseModel):
    """Strict in the keys it names, silent about others."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class Usage(Answer):
    """Tokens of one request."""

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    total_tokens: int


class Message(Answer):
    """What the model said."""

    role: Literal["assistant"]
    content: str


class ChatChoice(Answer):
    """One of the answers."""

    index: int
    message: Message
    finish_reason: FinishReason


class Chat(Answer):
    """POST /v1/chat/completions."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: tuple[ChatChoice, ...] = Field(min_length=1, strict=False)
    usage: Usage


class TextChoice(Answer):
    """One of the continuations."""

    index: int
    text: str
    finish_reason: FinishReason


class Completion(Answer):
    """POST /v1/completions."""

    object: Literal["text_completion"]
    model: str
    choices: tuple[TextChoice, ...] = Field(min_length=1, strict=False)
    usage: Usage


class Delta(Answer):
    """What one piece of a stream adds."""

    role: str | None = None
    content: str | None = None


class PieceChoice(Answer):
    """One piece of one answer."""

    index: int
    delta: Delta
    finish_reason: FinishReason | None = None


class Piece(Answer):
    """One event of a chat stream; the last may carry the usage and no choice."""

    id: str
    object: Literal["chat.completion.chunk"]
    choices: tuple[PieceChoice, ...] = Field(strict=False)
    usage: Usage | None = None


class ListedModel(Answer):
    """One entry of the list."""

    id: str
    object: Literal["model"]


class Models(Answer):
    """GET /v1/models."""

    object: Literal["list"]
    data: tuple[ListedModel, ...] = Field(strict=False)


class Fault(Answer):
    """The inside of an error body."""

    message: str = Field(min_length=1)
    type: str | None = None


class ErrorBody(Answer):
    """The body of every answer that is not 200."""

    error: Fault


A = TypeVar("A", bound=Answer)


def read(reply: Reply, kind: type[A], *, asked: str) -> A:
    """The body of a 200 as a value.

    Raises:
        SmokeError: Another status, another media type, or a body of another shape.
    """
    if reply.status != OK:
        raise SmokeError(f"{asked}: wanted status {OK}, found {reply.status}: {shown(reply.body)}")
    if reply.media_type != "application/json":
        raise SmokeError(f"{asked}: wanted application/json, found {reply.media_type}")
    return parse(reply.body, kind, asked=asked)


def parse(body: bytes, kind: type[A], *, asked: str) -> A:
    """JSON bytes as a value; raises SmokeError with the first fault and its place."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "body"
        raise SmokeError(f"{asked}: {place}: {first['msg'].lower()} in {shown(body)}") from error


def post(endpoint: Endpoint, path: str, body: dict[str, object]) -> Reply:
    """POST a JSON object."""
    return endpoint.post(path, json.dumps(body).encode())


def chat(endpoint: Endpoint, body: dict[str, object]) -> Chat:
    """One chat answer, whole."""
    return read(post(endpoint, "/v1/chat/completions", body), Chat, asked="chat")


def complete(endpoint: Endpoint, body: dict[str, object]) -> Completion:
    """One continuation, whole."""
    return read(post(endpoint, "/v1/completions", body), Completion, asked="completion")


def check_usage(usage: Usage, *, asked: str) -> None:
    """Raise SmokeError when the tokens do not add up or nothing was generated."""
    if usage.prompt_tokens + usage.completion_tokens != usage.total_tokens:
        found = f"{usage.prompt_tokens} + {usage.completion_tokens} != {usage.total_tokens}"
        raise SmokeError(f"{asked}: usage does not add up: {found}")
    if usage.completion_tokens < 1 or usage.prompt_tokens < 1:
        raise SmokeError(f"{asked}: usage counts no token: {usage.prompt_tokens} + {usage.completion_tokens}")


def shown(body: bytes | str) -> str:
    """The beginning of a server's words, harmless to a terminal or a card."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
