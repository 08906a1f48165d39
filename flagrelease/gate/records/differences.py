"""A difference of two scores of which neither is stated."""

from collections.abc import Iterator
from typing import Final

from flagrelease.gate.records.check import Sides, check

_ROUNDING: Final = 1e-9


@check("difference-only", "hold", "a side states a difference and no score")
def difference_only(sides: Sides) -> Iterator[str]:
    """Without sign, base and number of items it says nothing about a margin."""
    asked = sides.asked
    found = [one.facts for _, one in sides.both if one.facts.difference is not None]
    # Both sides are one table as a rule, so the first says all.
    if not found or (stated := found[0].difference) is None:
        return
    scale = found[0].scale or asked.scale
    sign = "" if stated.is_signed else ", without a sign and so shown as a loss"
    # No figures of the task, so that a report says it once for all tasks; they are in its table.
    yield f"only a difference is stated{sign}, and neither score: both sides have to be measured, item by item"
    if asked.step is not None:
        # Of two scores that are rounded each, the difference may be off by a whole unit of the last decimal.
        a_point = asked.items / scale / asked.step
        steps, slack = stated.score * a_point, a_point * 10.0**-stated.decimals
        if abs(steps - round(steps)) > slack + _ROUNDING:
            yield (
                "the difference is none of right answers out of the task's items: items were dropped, runs averaged, "
                "or it is relative to a score"
            )
