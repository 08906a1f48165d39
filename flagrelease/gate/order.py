"""Which items of a task to ask first, and after how many of them to look."""

from collections.abc import Mapping, Sequence

from flagrelease.domain.answers import Record
from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.comparison import ItemOrder
from flagrelease.domain.gate import Policy
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import sha256_of
from flagrelease.formats.inherit import near
from flagrelease.gate.records.asked import Asked, answering, asked_of
from flagrelease.gate.records.looks import plan_for
from flagrelease.gate.statistics.order import fixed_order


def order_of(policy: Policy, task: str, records: Sequence[Record], benchmarks: Mapping[str, Benchmark]) -> ItemOrder:
    """The order of all the task's items, which `records` hold: those of any side that was asked them all.

    Raises RecipeError for a task that the policy does not have, or records without all of its items.
    """
    tasks = asked_of(policy, benchmarks)
    asked = next((one for one in tasks if one.name == task), None)
    if asked is None:
        names = [one.name for one in tasks]
        raise RecipeError(f"policy `{policy.name}`: wanted a task `{task}`, found none{near(task, names)}")
    items = fixed_order(_all_items(asked, records), seed=asked.seed, task=asked.name)
    looks = plan_for(asked, policy, tasks=len(tasks)).items
    return ItemOrder(policy_sha256=sha256_of(policy), task=asked.name, seed=asked.seed, looks=looks, items=items)


def _all_items(asked: Asked, records: Sequence[Record]) -> tuple[str, ...]:
    found, _ = answering(asked, records)
    ids = [tuple(dict.fromkeys(one.answers.ids)) for one in found if one.answers is not None]
    whole = [one for one in ids if len(one) == asked.items]
    if not whole:
        most = max(map(len, ids), default=0)
        raise RecipeError(
            f"{asked.name}: wanted results with all of its {asked.items:,} items, found {most:,}",
            hint="the reference's results have them all; any side's will do, since only the ids are read",
        )
    return whole[0]
