"""What asking one item gives."""

from collections.abc import Iterable
from dataclasses import dataclass

from flagrelease.domain.value import Sha256
from flagrelease.formats.canonical import sha256_of


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The score (0 to 1), the answer without its text, and a hash of the token ids that the model read for the item."""

    score: float
    answer: str
    token_ids_sha256: Sha256


def token_ids_sha256(sequences: Iterable[tuple[int, ...]]) -> Sha256:
    """Hash of token id sequences: two sides with an equal hash have read the same ids."""
    return sha256_of([list(ids) for ids in sequences])
