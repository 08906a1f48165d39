"""A matrix in shards: a workflow of GitHub Actions takes at most 256 jobs."""

from collections.abc import Sequence
from typing import Final, TypeVar

T = TypeVar("T")

MOST: Final = 256
"""Jobs that one matrix of GitHub Actions may have."""


def shards_needed(count: int) -> int:
    """Into how many shards so many cells have to be split; one even for none."""
    return max(1, -(-count // MOST))


def shard(cells: Sequence[T], number: int, of: int) -> Sequence[T]:
    """The shard of this number, counted from 1: neighbours stay together, and no shard is more than one cell larger."""
    return cells[len(cells) * (number - 1) // of : len(cells) * number // of]
