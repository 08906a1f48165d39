"""Whether a printed score can be one of so many items at all (GRIM: N. Brown and J. Heathers, 2017).

A mean of n items of step s is a multiple of s/n. A score that no multiple rounds to was computed over another number of
items than is said: items were dropped, or runs averaged.
"""

from decimal import Decimal
from fractions import Fraction


def printed_decimals(score: float) -> int:
    """Decimals of the shortest spelling. A zero at the end that was printed is lost, which only makes this lenient."""
    exponent = Decimal(repr(score)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def attainable(
    score: float, *, items: int, scale: int, step: float = 1.0, repeats: int = 1, decimals: int | None = None
) -> bool:
    """Whether some sum of item scores, in steps of `step` from 0 to 1, gives this score when it is printed.

    `decimals` are those that are printed, where more is known of them than the number says. Rounding half up, half
    down and half to even all count. Raises ValueError for a number of items below 1.
    """
    if items < 1 or repeats < 1:
        raise ValueError(f"wanted at least one item and one run, found {items} and {repeats}")
    printed, grain = Fraction(Decimal(repr(score))), Fraction(Decimal(repr(step)))
    unit = grain * scale / (items * repeats)
    half = Fraction(1, 2 * 10 ** (printed_decimals(score) if decimals is None else decimals))
    # The nearest multiple, and the largest there is.
    nearest = min(round(printed / unit), int(1 / grain) * items * repeats)
    return nearest >= 0 and abs(nearest * unit - printed) <= half
