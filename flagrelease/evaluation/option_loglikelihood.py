"""Multiple choice by log-likelihood: the model never sees the labels, it says how probable each option's text is."""

from collections.abc import Sequence

from flagrelease.evaluation.answer import Answer, token_ids_sha256
from flagrelease.evaluation.prompts import OptionPrompt
from flagrelease.ports import Completions, Continuation, RequestFailedError


def answer_options(completions: Completions, prompt: OptionPrompt) -> Answer:
    """Ask one item and score it 1 when the chosen option is the gold one, else 0.

    Chosen is the option with the highest log-likelihood per UTF-8 byte of its text, the first one of equals. This is
    `acc_norm` of lm-evaluation-harness (`ConfigurableTask.process_results`), which divides by `len(choice)`, that is by
    characters: the same number for ASCII options. The blank between context and option is not counted, as there.

    Raises:
        RequestRejectedError: the model's side refused.
        RequestFailedError: it gave no usable answer.
    """
    context = completions.tokenize(prompt.context)
    wholes = [completions.tokenize(f"{prompt.context} {text}") for _, text in prompt.options]
    continuations = [split(context, whole) for whole in wholes]
    logprobs = completions.forced_logprobs(continuations)
    chosen = choose([text for _, text in prompt.options], [sum(values) for values in logprobs])
    label = prompt.options[chosen][0]
    return Answer(
        score=float(label == prompt.gold),
        answer=label,
        token_ids_sha256=token_ids_sha256(ids for c in continuations for ids in (c.context, c.forced)),
    )


def split(context: tuple[int, ...], whole: tuple[int, ...]) -> Continuation:
    """The ids of context and option, tokenised as one text, cut where they leave the ids of the context alone.

    A tokenizer may join the end of the context with the option's start. Then the cut moves to the last id the two have
    in common, so that what is scored is always a tokenisation the model would have read.

    Raises:
        RequestFailedError: there is nothing in common, or nothing left to score.
    """
    common = 0
    for left, right in zip(context, whole, strict=False):
        if left != right:
            break
        common += 1
    if common == 0 or common == len(whole):
        raise RequestFailedError(f"the tokenizer gave no context and option: {common} of {len(whole)} ids in common")
    return Continuation(context=whole[:common], forced=whole[common:])


def choose(texts: Sequence[str], loglikelihoods: Sequence[float]) -> int:
    """Index of the highest log-likelihood (natural, summed over tokens) per byte of text."""
    normalised = [value / len(text.encode("utf-8")) for text, value in zip(texts, loglikelihoods, strict=True)]
    return normalised.index(max(normalised))
