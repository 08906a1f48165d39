"""Checks of what is answered: the list of models, chat, stream, and where an answer ends."""

from flagrelease.errors import SmokeError
from flagrelease.smoke.check import Measured, Question, Talk
from flagrelease.smoke.openai import (
    OK,
    Models,
    Piece,
    chat,
    check_usage,
    complete,
    parse,
    post,
    read,
    shown,
)

QUESTION = "Name three colours and say where each can be seen."
ANSWER_TOKENS = 24
FEW_TOKENS = 5
ENOUGH_PIECES = 2
END = "[DONE]"
CUT_CHARACTER = "\ufffd"


def request(talk: Talk, **more: object) -> dict[str, object]:
    """A greedy chat request; `more` replaces or adds."""
    return {
        "model": talk.serving.served_name,
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": ANSWER_TOKENS,
        "temperature": 0,
        **more,
    }


def lists_its_model(talk: Talk, measured: Measured) -> str:
    """`/v1/models` has the name that clients are told to use."""
    names = [model.id for model in read(talk.endpoint.get("/v1/models"), Models, asked="/v1/models").data]
    measured["models"] = len(names)
    if talk.serving.served_name not in names:
        raise SmokeError(f"/v1/models: wanted {talk.serving.served_name}, found {shown(', '.join(names))}")
    return talk.serving.served_name


def answers_a_chat(talk: Talk, measured: Measured) -> str:
    """One whole answer: its shape, its end, its tokens."""
    answer = chat(talk.endpoint, request(talk))
    check_usage(answer.usage, asked="chat")
    choice = answer.choices[0]
    measured["prompt_tokens"] = answer.usage.prompt_tokens
    measured["completion_tokens"] = answer.usage.completion_tokens
    if not choice.message.content.strip():
        raise SmokeError("chat: the answer is empty")
    if choice.finish_reason not in {"stop", "length"}:
        raise SmokeError(f"chat: wanted finish_reason stop or length, found {choice.finish_reason}")
    if answer.usage.completion_tokens > ANSWER_TOKENS:
        raise SmokeError(f"chat: wanted at most {ANSWER_TOKENS} tokens, found {answer.usage.completion_tokens}")
    return shown(choice.message.content)


def streams_the_same(talk: Talk, measured: Measured) -> str:
    """The stream's form, and that its text is the whole answer's at temperature 0."""
    # The answer before warmed the prompt cache: both requests here find the same one.
    whole = chat(talk.endpoint, request(talk))
    pieces = _pieces(talk)
    choices = [piece.choices[0] for piece in pieces if piece.choices]
    texts = [choice.delta.content for choice in choices if choice.delta.content]
    ends = [choice.finish_reason for choice in choices if choice.finish_reason]
    measured["pieces"], measured["pieces_with_text"] = len(pieces), len(texts)
    if not choices or choices[0].delta.role != "assistant" or choices[0].delta.content:
        raise SmokeError("stream: the first event does not open with the role alone")
    if len(texts) < ENOUGH_PIECES:
        raise SmokeError(f"stream: wanted {ENOUGH_PIECES} or more pieces of text, found {len(texts)}")
    if len(ends) != 1 or choices[-1].finish_reason is None:
        raise SmokeError(f"stream: wanted one finish_reason, at the end, found {ends}")
    usage = pieces[-1].usage
    if usage is None or pieces[-1].choices:
        raise SmokeError("stream: the last event does not carry the usage that was asked for")
    check_usage(usage, asked="stream")
    text, wanted = "".join(texts), whole.choices[0].message.content
    if text != wanted or ends[0] != whole.choices[0].finish_reason:
        raise SmokeError(f"stream: wanted the whole answer's {shown(wanted)}, found {shown(text)}")
    if usage.completion_tokens != whole.usage.completion_tokens:
        raise SmokeError(f"stream: wanted {whole.usage.completion_tokens} tokens, found {usage.completion_tokens}")
    return f"{len(texts)} pieces"


def _pieces(talk: Talk) -> list[Piece]:
    body = request(talk, stream=True, stream_options={"include_usage": True})
    reply = post(talk.endpoint, "/v1/chat/completions", body)
    if reply.status != OK or reply.media_type != "text/event-stream":
        raise SmokeError(f"stream: wanted 200 text/event-stream, found {reply.status} {reply.media_type}")
    # An event's data lines and comments (`:`, sent to keep a connection open): WHATWG HTML, server-sent events.
    lines = [line for line in reply.body.decode(errors="replace").splitlines() if line and not line.startswith(":")]
    odd = [line for line in lines if not line.startswith("data:")]
    if odd:
        raise SmokeError(f"stream: wanted lines of data, found {shown(odd[0])}")
    events = [line.removeprefix("data:").strip() for line in lines]
    if not events or events[-1] != END or END in events[:-1]:
        raise SmokeError(f"stream: wanted {END} once, at the end, found {shown(events[-1] if events else '')}")
    pieces = [parse(event.encode(), Piece, asked="stream") for event in events[:-1]]
    if len({piece.id for piece in pieces}) != 1:
        raise SmokeError("stream: the events do not have one id")
    return pieces


def stops_at_max_tokens(talk: Talk, measured: Measured) -> str:
    """`max_tokens` cuts the answer and is named as the reason."""
    answer = chat(talk.endpoint, request(talk, max_tokens=FEW_TOKENS))
    measured["completion_tokens"] = answer.usage.completion_tokens
    reason = answer.choices[0].finish_reason
    if answer.usage.completion_tokens != FEW_TOKENS or reason != "length":
        found = f"{answer.usage.completion_tokens} and {reason}"
        raise SmokeError(f"max_tokens={FEW_TOKENS}: wanted {FEW_TOKENS} tokens and length, found {found}")
    return f"{FEW_TOKENS} tokens"


def stops_at_a_string(talk: Talk, measured: Measured) -> str:
    """A stop string ends the answer and is not part of it. It is taken from the answer without it, so it does occur."""
    base: dict[str, object] = {
        "model": talk.serving.served_name,
        "prompt": "1 2 3 4 5 6 7 8 9",
        "max_tokens": ANSWER_TOKENS,
        "temperature": 0,
    }
    free = complete(talk.endpoint, base).choices[0].text
    measured["answer_chars"] = len(free)
    stop = _stop_inside(free)
    choice = complete(talk.endpoint, {**base, "stop": [stop]}).choices[0]
    measured["stopped_chars"] = len(choice.text)
    if stop in choice.text or choice.finish_reason != "stop":
        raise SmokeError(
            f"stop: wanted an end before {shown(stop)}, found {shown(choice.text)}, {choice.finish_reason}"
        )
    if choice.text != free[: free.index(stop)]:
        raise SmokeError(f"stop: wanted {shown(free[: free.index(stop)])}, found {shown(choice.text)}")
    return f"ended before {shown(stop)}"


def _stop_inside(text: str) -> str:
    pairs = [text[at : at + 2] for at in range(1, len(text) - 1) if text.index(text[at : at + 2]) == at]
    # What was decoded to U+FFFD are other bytes in the model's answer: asked for as a string, it never occurs there.
    usable = [pair for pair in pairs if pair.strip() and CUT_CHARACTER not in pair]
    if not usable:
        raise SmokeError(
            "stop: no piece of the answer can be a stop string, each is white space, holds U+FFFD (a cut character)"
            f" or came before: {shown(text)}"
        )
    return usable[len(usable) // 2]


ANSWERS = (
    Question(id="models", title="/v1/models lists the served name", look=lists_its_model),
    Question(id="chat", title="a chat answer has the right shape, end and token counts", look=answers_a_chat),
    Question(id="stream", title="a streamed answer is the whole answer in pieces", look=streams_the_same),
    Question(id="max-tokens", title="max_tokens cuts an answer", look=stops_at_max_tokens),
    Question(id="stop-string", title="a stop string ends an answer and is left out", look=stops_at_a_string),
)
