"""A matrix in shards."""

from hypothesis import given
from hypothesis import strategies as st

from flagrelease.planning.shards import MOST, shard, shards_needed

COUNTS = st.integers(min_value=0, max_value=5000)


@given(count=COUNTS, more=st.integers(min_value=0, max_value=5))
def test_every_cell_is_in_exactly_one_shard_and_in_its_order(count: int, more: int) -> None:
    of = shards_needed(count) + more
    cells = list(range(count))
    assert [cell for number in range(1, of + 1) for cell in shard(cells, number, of)] == cells


@given(count=COUNTS, more=st.integers(min_value=0, max_value=5))
def test_no_shard_is_larger_than_a_workflow_takes_or_one_cell_larger_than_another(count: int, more: int) -> None:
    of = shards_needed(count) + more
    sizes = [len(shard(range(count), number, of)) for number in range(1, of + 1)]
    assert max(sizes) <= MOST
    assert max(sizes) - min(sizes) <= 1


@given(count=COUNTS)
def test_there_are_no_more_shards_than_are_needed(count: int) -> None:
    needed = shards_needed(count)
    assert needed == 1 or (needed - 1) * MOST < count
