import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.domain.gate import Task
from flagrelease.errors import RecipeError
from flagrelease.evaluation.prompts import OptionPrompt, WordPrompt, prompts_of, prompts_sha256
from tests.evaluation.samples import choice_line, choice_task, choices, passages, word_task

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
OPTIONS = st.lists(TEXTS, min_size=2, max_size=4, unique=True)


def option_prompt(context: str, options: list[str], gold: str = "A") -> OptionPrompt:
    labelled = tuple(zip("ABCD", options, strict=False))
    return OptionPrompt(id="line-1", item_sha256="0" * 64, context=context, options=labelled, gold=gold)


def test_a_question_is_asked_as_a_text_that_ends_before_the_answer() -> None:
    (prompt,) = prompts_of("t", choice_task(1), choice_line("Where?", ["bank", "mall"], 1))
    assert isinstance(prompt, OptionPrompt)
    assert (prompt.context, prompt.gold) == ("Question: Where?\nAnswer:", "B")
    assert prompt.options == (("A", "bank"), ("B", "mall"))


def test_a_passage_is_asked_as_it_stands() -> None:
    (prompt,) = prompts_of("t", word_task(1), passages(1))
    assert isinstance(prompt, WordPrompt)
    assert prompt.context.startswith("Thing 0 is a long story")
    assert (prompt.max_tokens, prompt.gold) == (4, "a")


def test_the_hash_of_a_prompt_is_that_of_the_texts_that_are_sent() -> None:
    sent = json.dumps(["option_loglikelihood", "Where?", [["A", "bank"], ["B", "mall"]]], separators=(",", ":"))
    assert option_prompt("Where?", ["bank", "mall"]).sha256 == hashlib.sha256(sent.encode()).hexdigest()


@given(one=st.tuples(TEXTS, OPTIONS), other=st.tuples(TEXTS, OPTIONS))
def test_two_prompts_have_one_hash_when_all_their_texts_are_equal(
    one: tuple[str, list[str]], other: tuple[str, list[str]]
) -> None:
    assert (option_prompt(*one).sha256 == option_prompt(*other).sha256) == (one == other)


def test_the_gold_answer_is_not_sent_and_not_in_the_hash() -> None:
    texts = ["bank", "mall"]
    assert option_prompt("Where?", texts, "A").sha256 == option_prompt("Where?", texts, "B").sha256


def test_the_hash_of_all_prompts_depends_on_their_order() -> None:
    assert prompts_sha256(["a" * 64, "b" * 64]) != prompts_sha256(["b" * 64, "a" * 64])


def test_a_dataset_with_another_number_of_items_than_the_policy_says_is_refused() -> None:
    with pytest.raises(RecipeError, match="task `t`: wanted 4 items in the dataset, found 3") as refused:
        prompts_of("t", choice_task(4), choices(3))
    assert "items_available: 3" in refused.value.hint


@pytest.mark.parametrize("changed", [{"kind": "next_word"}, {"format": "boolq_passage"}, {"metric": "exact_match"}])
def test_a_task_whose_kind_format_and_metric_do_not_fit_is_refused(changed: dict[str, Any]) -> None:
    task: Task = choice_task(3).model_copy(update=changed)
    with pytest.raises(RecipeError, match="task `t`: wanted kind"):
        prompts_of("t", task, choices(3))
