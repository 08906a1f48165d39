"""Many tests at once: Holm for the search for harm, intersection-union for the claim that nothing is harmed."""

from collections.abc import Sequence
from dataclasses import dataclass


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p values in the order given: the chance of any false alarm stays below the level they are held to.

    Holds whatever depends on what. S. Holm, Scandinavian Journal of Statistics 6 (1979), 65-70. Raises ValueError for a
    p outside [0, 1].
    """
    _check(p_values)
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return tuple(adjusted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Whether all parts of a claim hold. `weakest` is the index of the part with the largest p."""

    p: float
    holds: bool
    weakest: int


def intersection_union(p_values: Sequence[float], *, alpha: float) -> Claim:
    """The claim that every null hypothesis is wrong, each tested at `alpha` with no correction.

    A false claim needs at least one false rejection of that very part, so its chance is at most `alpha` however many
    parts there are. R. L. Berger, Technometrics 24 (1982), 295-300. Raises ValueError when there is no part: nothing
    passes for lack of evidence.
    """
    if not p_values:
        raise ValueError("wanted at least one test for the claim to rest on, found none")
    _check(p_values)
    weakest = max(range(len(p_values)), key=p_values.__getitem__)
    return Claim(p=p_values[weakest], holds=p_values[weakest] <= alpha, weakest=weakest)


def _check(p_values: Sequence[float]) -> None:
    for p in p_values:
        if not 0 <= p <= 1:
            raise ValueError(f"wanted p values from 0 to 1, found {p}")
