"""The next word of a text, answered greedily."""

import hashlib
import string

from flagrelease.evaluation.answer import Answer, token_ids_sha256
from flagrelease.evaluation.prompts import WordPrompt
from flagrelease.ports import Completions, RequestFailedError


def answer_next_word(completions: Completions, prompt: WordPrompt) -> Answer:
    """Ask one item and score it 1 when the answer's first word is the gold one after `normalised`, else 0.

    Raises:
        RequestRejectedError: the model's side refused.
        RequestFailedError: it gave no usable answer.
    """
    context = completions.tokenize(prompt.context)
    if not context:
        raise RequestFailedError("the tokenizer gave no ids for the context")
    word = first_word(completions.greedy(context, prompt.max_tokens))
    return Answer(
        score=float(word == normalised(prompt.gold)),
        answer=f"sha256:{hashlib.sha256(word.encode('utf-8')).hexdigest()}",
        token_ids_sha256=token_ids_sha256([context]),
    )


def first_word(text: str) -> str:
    """The first word of a continuation, normalised; empty when it goes on with the context's last word.

    A word longer than the tokens asked for counts as far as it goes, on both sides alike.
    """
    words = text.split()
    return normalised(words[0]) if words and text[0].isspace() else ""


def normalised(word: str) -> str:
    """Without ASCII punctuation at both ends, and case-folded: `Bank,` and `bank` are the same answer."""
    return word.strip(string.punctuation).casefold()
