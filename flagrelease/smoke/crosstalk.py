"""The check that requests answered at once do not get into each other."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from flagrelease.errors import SmokeError
from flagrelease.smoke.check import Measured, Question, Talk
from flagrelease.smoke.openai import complete, shown

AT_ONCE = 8
_TRIED = 2 * AT_ONCE
_TOKENS = 12
_DIGITS = 10**5


def nonces(seed: str, count: int) -> tuple[str, ...]:
    """Numbers of five digits, all different, the same for the same seed."""
    found: list[str] = []
    turn = 0
    while len(found) < count:
        number = int(hashlib.sha256(f"{seed} {turn}".encode()).hexdigest(), 16) % _DIGITS
        text = f"{number:05d}"
        turn += 1
        # No leading zero: some models drop it.
        if text not in found and text[0] != "0":
            found.append(text)
    return tuple(found)


def _copied(talk: Talk, nonce: str) -> str:
    # A pattern that small models do continue; in a chat they cannot repeat a number they were given.
    body: dict[str, object] = {
        "model": talk.serving.served_name,
        "prompt": f"id: {nonce}\nid: {nonce}\nid: {nonce}\nid:",
        "max_tokens": _TOKENS,
        "temperature": 0,
        "stop": ["\n"],
    }
    return complete(talk.endpoint, body).choices[0].text.strip()


def keeps_requests_apart(talk: Talk, measured: Measured) -> str:
    """Each of 8 requests at once gets its own number back, as each of them did alone.

    Numbers that the model does not give back alone are left out: they would say nothing of requests at once.
    """
    able: list[str] = []
    missed: list[tuple[str, str]] = []
    for nonce in nonces(talk.seed, _TRIED):
        answer = _copied(talk, nonce)
        if answer == nonce:
            able.append(nonce)
        else:
            missed.append((nonce, answer))
        if len(able) == AT_ONCE:
            break
    measured["alone"] = float(len(able) == AT_ONCE)
    if len(able) < AT_ONCE:
        nonce, answer = missed[0]
        raise SmokeError(
            f"this model cannot do it even alone, for {len(missed)} of {_TRIED} numbers: wanted {nonce}, found "
            f"{shown(answer)}; cross-talk could not be seen"
        )
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda nonce: _copied(talk, nonce), able))
    return _judged(able, answers, measured)


def _judged(asked: Sequence[str], answers: Sequence[str], measured: Measured) -> str:
    wrong = [(nonce, answer) for nonce, answer in zip(asked, answers, strict=True) if nonce != answer]
    crossed = [pair for pair in wrong if any(other in pair[1] for other in asked if other != pair[0])]
    measured["requests"], measured["wrong"], measured["crossed"] = len(asked), len(wrong), len(crossed)
    if crossed:
        nonce, answer = crossed[0]
        raise SmokeError(f"cross-talk in {len(crossed)} of {len(asked)}: {nonce} was answered {shown(answer)}")
    if wrong:
        nonce, answer = wrong[0]
        raise SmokeError(f"{len(wrong)} of {len(asked)} at once are wrong: {nonce} was answered {shown(answer)}")
    return f"{len(asked)} of {len(asked)} right"


CROSSTALK = (Question(id="crosstalk", title=f"{AT_ONCE} requests at once do not mix", look=keeps_requests_apart),)
