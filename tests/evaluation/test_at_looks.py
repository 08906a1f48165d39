"""Items are asked look by look, none of them twice, and no further than it takes."""

from flagrelease.adapters.completion_client import CompletionClient
from flagrelease.domain.evidence import EvalRun
from flagrelease.evaluation.ask import ask
from flagrelease.evaluation.at_looks import Looks, ask_at_looks
from flagrelease.evaluation.items import read_items, select
from tests.evaluation.conftest import FakeCompletions
from tests.evaluation.samples import SIDE, KeptEvents, choice_task, choices

OPTIONS = 3
ORDER = tuple(item.id for item in reversed(select(read_items("commonsense_qa", choices(8)), 8, seed=7)))


def asked(client: CompletionClient, *, until: int, seen: list[EvalRun]) -> EvalRun:
    def goes_on(run: EvalRun) -> bool:
        seen.append(run)
        return len(run.items) < until

    return ask_at_looks(
        "a-task", choice_task(8), choices(8), SIDE, client,
        events=KeptEvents(), looks=Looks(order=ORDER, after=(3, 6, 8), goes_on=goes_on),
    )  # fmt: skip


def test_a_task_that_is_decided_is_asked_no_further(client: CompletionClient, server: FakeCompletions) -> None:
    seen: list[EvalRun] = []
    found = asked(client, until=3, seen=seen)
    assert {item.id for item in found.items} == set(ORDER[:3])
    assert len(server.asked) == 3 * OPTIONS
    assert found.score == sum(item.score for item in found.items) / 3
    assert len(seen) == 1


def test_no_item_is_asked_twice_and_the_record_is_that_of_asking_all_at_once(
    client: CompletionClient, server: FakeCompletions
) -> None:
    seen: list[EvalRun] = []
    found = asked(client, until=9, seen=seen)
    assert [len(run.items) for run in seen] == [3, 6, 8]
    assert len(server.asked) == 8 * OPTIONS
    whole = ask("a-task", choice_task(8), choices(8), SIDE, client, events=KeptEvents())
    assert found.items == whole.items
    assert (found.prompts_sha256, found.settings) == (whole.prompts_sha256, whole.settings)


def test_a_part_is_of_the_same_prompts_as_the_whole(client: CompletionClient) -> None:
    part = asked(client, until=3, seen=[])
    whole = ask("a-task", choice_task(8), choices(8), SIDE, client, events=KeptEvents())
    assert part.prompts_sha256 == whole.prompts_sha256
    assert part.dataset == whole.dataset
    assert part.started <= part.finished
