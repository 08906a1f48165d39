"""What an OpenAI-compatible server answers that can count, copy a number, and misbehave in one chosen way."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flagrelease.smoke.crosstalk import AT_ONCE

TEXT = (
    "red is an apple and green is the grass while blue is what the sky has on a day like this one in the early spring"
)
KNOWN: dict[str, type | tuple[type, ...]] = {
    "model": str,
    "messages": list,
    "prompt": str,
    "max_tokens": int,
    "temperature": (int, float),
    "stream": bool,
}

COUNT = 60
CUT_WORDS = [chr(0x4E00 + number) + "\ufffd\ufffd" for number in range(COUNT)]
WORDS = {
    "text-with-cut-characters": ["abc", *CUT_WORDS],
    "text-of-cut-characters": ["\ufffd"] * COUNT,
    "text-of-white-space": [" \n"] * COUNT,
    "text-is-empty": [""] * COUNT,
}


class RefusedError(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def error(status: int, message: str) -> RefusedError:
    return RefusedError(status, {"error": {"message": message, "type": "invalid_request_error"}})


@dataclass
class Fake:
    """One start of the fake server."""

    name: str
    fault: str
    context_length: int
    killed: Callable[[], None]
    all_there: threading.Barrier = field(default_factory=lambda: threading.Barrier(AT_ONCE))
    waiting: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    copies: int = 0

    def models(self) -> object:
        names = [self.name]
        if self.fault == "models-other-name":
            names = ["somebody-else"]
        if self.fault == "models-first-still-there":
            names = [self.name, "smollm2-135m-instruct"]
        if self.fault == "models-500":
            raise error(500, "cannot")
        if self.fault == "models-not-a-list":
            return {"object": "list", "data": "none"}
        return {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}

    def checked(self, raw: bytes) -> dict[str, Any]:
        body = self.parsed(raw)
        for key, kind in KNOWN.items():
            if key in body and not isinstance(body[key], kind) and self.fault != "wrong-type-200":
                raise error(500 if self.fault == "wrong-type-500" else 400, f"{key}: wrong type")
        if self.fault != "wrong-type-200":
            for message in body.get("messages", ()):
                if not isinstance(message["content"], str):
                    raise error(400, "content: wrong type")
        if "messages" not in body and "prompt" not in body and self.fault != "empty-200":
            raise error(400, "messages: required")
        if body.get("model", self.name) != self.name:
            self.refuse_unknown()
        text = str(body.get("prompt") or body.get("messages"))
        if len(text.split()) > self.context_length and self.fault != "overflow-200":
            raise error(500 if self.fault == "overflow-500" else 400, "too long")
        return body

    def refuse_unknown(self) -> None:
        if self.fault == "unknown-model-dropped":
            raise ConnectionError
        status = {"unknown-model-200": 200, "unknown-model-400": 400, "unknown-model-500": 500}.get(self.fault, 404)
        if status != 200:
            raise error(status, "no such model")

    def parsed(self, raw: bytes) -> dict[str, Any]:
        try:
            body = json.loads(raw)
        except ValueError:
            if self.fault == "bad-json-dropped":
                raise ConnectionError from None
            if self.fault == "bad-json-plain":
                raise RefusedError(400, "bad request") from None
            if self.fault == "bad-json-200":
                return {"messages": []}
            raise error(500 if self.fault == "bad-json-500" else 400, "bad json") from None
        assert isinstance(body, dict)
        return body

    def cut(self, words: list[str], body: dict[str, Any]) -> tuple[str, int, str]:
        limit = body.get("max_tokens")
        limit = limit if isinstance(limit, int) else len(words)
        if self.fault == "max-tokens-ignored" and limit == 5:
            limit = 9
        kept = words[:limit]
        reason = "length" if len(kept) < len(words) else "stop"
        if self.fault == "max-tokens-reason" and limit == 5:
            reason = "stop"
        return "".join(kept), len(kept), reason

    def usage(self, prompt: int, completion: int) -> dict[str, int]:
        total = prompt + completion + (1 if self.fault == "chat-usage" else 0)
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}

    def chat(self, body: dict[str, Any]) -> object:
        if self.fault == "chat-dies":
            self.killed()
            raise ConnectionError
        text, count, reason = self.cut([f"{word} " for word in TEXT.split()], body)
        message = {"role": "assistant", "content": " " * 3 if self.fault == "chat-empty" else text}
        if self.fault == "chat-no-finish":
            reason = None  # type: ignore[assignment]
        answer: dict[str, Any] = {
            "id": "c",
            "object": "completion" if self.fault == "chat-object" else "chat.completion",
            "created": 1,
            "model": self.name,
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": self.usage(9, 0 if self.fault == "chat-no-tokens" else count),
        }
        if self.fault == "chat-no-usage":
            del answer["usage"]
        return answer

    def events(self, body: dict[str, Any]) -> list[str]:
        text, count, reason = self.cut([f"{word} " for word in TEXT.split()], body)
        words = [f"{word} " for word in text.split()]
        if self.fault == "stream-other-text":
            words[3] = "purple "
        if self.fault == "stream-one-piece":
            words = [text]
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None}, *({"content": w} for w in words)]
        if self.fault == "stream-no-role":
            del deltas[0]
        pieces: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
        ]
        pieces.append({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if self.fault == "stream-two-ends":
            pieces.append(pieces[-1])
        if self.fault == "stream-no-end":
            del pieces[-1]
        if self.fault != "stream-no-usage":
            count += 1 if self.fault == "stream-other-usage" else 0
            pieces.append(
                {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": 9 + count}}
            )
        events = []
        for number, piece in enumerate(pieces):
            name = f"c{number}" if self.fault == "stream-two-ids" else "c"
            events.append(
                "data: " + json.dumps({"id": name, "object": "chat.completion.chunk", "model": self.name, **piece})
            )
        if self.fault != "stream-no-done":
            events.append("data: [DONE]")
        if self.fault == "stream-odd-line":
            events.insert(2, "what: ever")
        return events

    def complete(self, body: dict[str, Any]) -> object:
        prompt = str(body["prompt"])
        if prompt.startswith("id:"):
            words = [self.copied(prompt.split()[1])]
        else:
            start = int(prompt.rsplit(maxsplit=1)[-1]) + 1
            words = WORDS.get(self.fault) or [f" {number}" for number in range(start, start + COUNT)]
        text, count, reason = self.cut(words, body)
        for stop in body.get("stop", ()):
            # What was decoded to U+FFFD is another string to the model: such a stop never comes.
            if stop in text and self.fault != "stop-ignored" and "\ufffd" not in stop:
                at = text.index(stop) + (len(stop) if self.fault == "stop-included" else 0)
                text, reason = text[: max(0, at - (1 if self.fault == "stop-early" else 0))], "stop"
        choice = {"index": 0, "text": text, "finish_reason": reason}
        return {"object": "text_completion", "model": self.name, "choices": [choice], "usage": self.usage(4, count)}

    def copied(self, nonce: str) -> str:
        with self.lock:
            self.copies += 1
            alone = self.copies <= AT_ONCE
        if self.fault == "copy-not-even-alone":
            return " no idea"
        if alone or not self.fault.startswith("copy-"):
            return f" {nonce}"
        if self.fault == "copy-500-when-busy":
            raise error(500, "busy")
        if self.fault == "copy-wrong-when-busy":
            return " 1"
        # All wait for one another, then each gets the next one's number.
        with self.lock:
            self.waiting.append(nonce)
        self.all_there.wait(10)
        order = sorted(self.waiting)
        return f" {order[order.index(nonce) - 1]}"
