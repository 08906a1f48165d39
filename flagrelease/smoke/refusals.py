"""Checks of what has to be refused: the client's fault is a 4xx with a reason, never a 5xx."""

from flagrelease.errors import SmokeError
from flagrelease.ports import Reply
from flagrelease.smoke.chat import request
from flagrelease.smoke.check import Measured, Question, Talk
from flagrelease.smoke.openai import CLIENT_ERRORS, ErrorBody, parse, post, shown

NOT_FOUND = 404
NO_SUCH_MODEL = "flagrelease-no-such-model"
BAD_JSON = (b'{"messages": [', b"\xff\xfe not json", b"")
WRONG_TYPES: tuple[dict[str, object], ...] = (
    {"messages": "hello"},
    {"messages": [{"role": "user", "content": 7}]},
    {"max_tokens": "many"},
    {"temperature": [0]},
)


def _refused(reply: Reply, asked: str, measured: Measured) -> str:
    measured["status"] = reply.status
    if reply.status not in CLIENT_ERRORS:
        raise SmokeError(f"{asked}: wanted a status from 400 to 499, found {reply.status}: {shown(reply.body)}")
    return parse(reply.body, ErrorBody, asked=asked).error.message


def refuses_bad_json(talk: Talk, measured: Measured) -> str:
    """Bodies that are no JSON."""
    said = [_refused(talk.endpoint.post("/v1/chat/completions", body), shown(body), measured) for body in BAD_JSON]
    return shown(said[0])


def refuses_an_empty_request(talk: Talk, measured: Measured) -> str:
    """A JSON object that asks nothing."""
    return shown(_refused(post(talk.endpoint, "/v1/chat/completions", {}), "{}", measured))


def refuses_wrong_types(talk: Talk, measured: Measured) -> str:
    """Known keys with values of another type."""
    said = [
        _refused(post(talk.endpoint, "/v1/chat/completions", request(talk, **wrong)), shown(str(wrong)), measured)
        for wrong in WRONG_TYPES
    ]
    return shown(said[0])


def refuses_too_long_a_request(talk: Talk, measured: Measured) -> str:
    """A prompt twice as long as the context: every number is a token at least, however words are cut."""
    words = 2 * talk.serving.context_length + 64
    measured["context_length"], measured["prompt_words"] = talk.serving.context_length, words
    long = [{"role": "user", "content": " ".join(str(number) for number in range(words))}]
    reply = post(talk.endpoint, "/v1/chat/completions", request(talk, messages=long, max_tokens=1))
    return shown(_refused(reply, f"a prompt of {words} words", measured))


def refuses_an_unknown_model(talk: Talk, measured: Measured) -> str:
    """A request for another model than the one that is served."""
    reply = post(talk.endpoint, "/v1/chat/completions", request(talk, model=NO_SUCH_MODEL, max_tokens=1))
    measured["status"] = reply.status
    if reply.status != NOT_FOUND:
        raise SmokeError(f"model {NO_SUCH_MODEL}: wanted status {NOT_FOUND}, found {reply.status}: {shown(reply.body)}")
    return shown(_refused(reply, f"model {NO_SUCH_MODEL}", measured))


REFUSALS = (
    Question(id="bad-json", title="a body that is no JSON is refused", look=refuses_bad_json),
    Question(id="empty-request", title="a request that asks nothing is refused", look=refuses_an_empty_request),
    Question(id="wrong-type", title="values of a wrong type are refused", look=refuses_wrong_types),
    Question(
        id="context-overflow",
        title="a request longer than the context is refused",
        look=refuses_too_long_a_request,
    ),
    Question(id="unknown-model", title="a request for another model is a 404", look=refuses_an_unknown_model),
)
