from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.evaluation.next_word import answer_next_word, first_word, normalised
from flagrelease.evaluation.option_loglikelihood import answer_options, choose, split
from flagrelease.evaluation.prompts import OptionPrompt, WordPrompt
from flagrelease.ports import Continuation, RequestFailedError

IDS = st.lists(st.integers(0, 3), max_size=6).map(tuple)


@dataclass
class ByteModel:
    """Reads bytes; gives every token of an option that contains `likes` a higher probability; says `says`."""

    likes: str = ""
    says: str = ""

    def tokenize(self, text: str) -> tuple[int, ...]:
        return tuple(text.encode())

    def forced_logprobs(self, continuations: Sequence[Continuation]) -> list[tuple[float, ...]]:
        texts = [bytes(c.forced).decode() for c in continuations]
        return [tuple(-1.0 if self.likes in text else -2.0 for _ in text) for text in texts]

    def greedy(self, prompt: tuple[int, ...], max_tokens: int) -> str:
        return self.says


def options(*texts: str, gold: str) -> OptionPrompt:
    labelled = tuple(zip("ABCDE", texts, strict=False))
    return OptionPrompt(id="line-1", item_sha256="0" * 64, context="Where?", options=labelled, gold=gold)


def test_the_option_that_is_most_probable_per_byte_is_chosen() -> None:
    answer = answer_options(ByteModel(likes="mall"), options("bank", "the mall", gold="B"))
    assert (answer.score, answer.answer) == (1.0, "B")


def test_another_option_than_the_gold_one_scores_nothing() -> None:
    answer = answer_options(ByteModel(likes="mall"), options("bank", "the mall", gold="A"))
    assert (answer.score, answer.answer) == (0.0, "B")


def test_length_is_counted_in_bytes_of_the_option_without_its_blank() -> None:
    # Per byte: -3/3 and -5/6; per character it would be -3/3 and -5/3.
    assert choose(["abc", "\u20ac\u20ac"], [-3.0, -5.0]) == 1


def test_of_equally_probable_options_the_first_is_chosen() -> None:
    assert choose(["ab", "cd", "ef"], [-2.0, -1.0, -1.0]) == 1


@given(context=IDS, whole=IDS)
def test_a_split_keeps_every_id_and_cuts_at_the_last_one_in_common(
    context: tuple[int, ...], whole: tuple[int, ...]
) -> None:
    try:
        found = split(context, whole)
    except RequestFailedError:
        assert context[:1] != whole[:1] or whole == context[: len(whole)]
    else:
        assert found.context + found.forced == whole
        assert found.context == context[: len(found.context)]
        assert found.context == context or found.forced[0] != context[len(found.context)]


def test_a_token_that_joins_context_and_option_is_scored_with_the_option() -> None:
    assert split((1, 2, 3), (1, 2, 9, 4)) == Continuation(context=(1, 2), forced=(9, 4))


@pytest.mark.parametrize(
    ("says", "score"),
    [
        (" bank", 1.0),
        (" Bank, and", 1.0),
        ("\n``bank''", 1.0),
        (" banks", 0.0),
        ("bank", 0.0),  # goes on with the context's last word
        ("", 0.0),
        ("  ", 0.0),
        (" .", 0.0),
    ],
)
def test_the_first_word_of_the_answer_is_compared_without_case_and_punctuation(says: str, score: float) -> None:
    prompt = WordPrompt(id="line-1", item_sha256="0" * 64, context="at the", max_tokens=4, gold="bank.")
    answer = answer_next_word(ByteModel(says=says), prompt)
    assert answer.score == score
    assert answer.answer.startswith("sha256:")


@given(st.text())
def test_a_first_word_is_already_normalised_and_has_no_blank_in_it(text: str) -> None:
    word = first_word(text)
    assert normalised(word) == word
    assert len(word.split()) <= 1


def test_equal_token_ids_have_equal_hashes_and_others_do_not() -> None:
    one, same, other = (
        answer_options(ByteModel(), options(*t, gold="A")) for t in (("a", "b"), ("a", "b"), ("a", "c"))
    )
    assert one.token_ids_sha256 == same.token_ids_sha256 != other.token_ids_sha256
