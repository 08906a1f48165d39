"""Both sides' answers, item by item. An item that is missing, rejected or failed is a wrong answer.

Pairing by what both sides happen to have would drop the items a side crashed on, and raise its score.
"""

from dataclasses import dataclass

from flagrelease.domain.evidence import EvalRun


@dataclass(frozen=True, slots=True)
class Pairs:
    """Counts over all selected items of a task."""

    items: int
    right_on_reference: int
    right_on_target: int
    lost: int
    gained: int

    @property
    def reference_score(self) -> float:
        """Share of right answers, 0 to 1."""
        return self.right_on_reference / self.items

    @property
    def target_score(self) -> float:
        """Share of right answers, 0 to 1."""
        return self.right_on_target / self.items

    @property
    def difference(self) -> float:
        """Target − reference, -1 to 1."""
        return (self.gained - self.lost) / self.items

    @property
    def flip_rate(self) -> float:
        """Share of items whose answer is right on one side only."""
        return (self.gained + self.lost) / self.items


def pair(reference: EvalRun, target: EvalRun, *, selected: int) -> Pairs:
    """Count over `selected` items, or over all that either side knows where those are more."""
    before, after = right_items(reference), right_items(target)
    known = {item.id for run in (reference, target) for item in run.items}
    return Pairs(
        items=max(selected, len(known)),
        right_on_reference=len(before),
        right_on_target=len(after),
        lost=len(before - after),
        gained=len(after - before),
    )


def right_items(run: EvalRun) -> frozenset[str]:
    """The items that were answered, and rightly."""
    return frozenset(item.id for item in run.items if item.status == "ok" and item.score == 1)
