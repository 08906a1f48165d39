"""Every selected item counts, whatever became of it."""

from flagrelease.gate.pairs import Pairs, pair
from tests.gate.builders import a_run, an_item, both_sides


def test_flips_are_counted_in_both_directions() -> None:
    reference, target = both_sides(lost=7, gained=5)
    pairs = pair(reference, target, selected=400)
    assert pairs == Pairs(items=400, right_on_reference=127, right_on_target=125, lost=7, gained=5)
    assert pairs.difference == -2 / 400
    assert pairs.flip_rate == 12 / 400
    assert (pairs.reference_score, pairs.target_score) == (127 / 400, 125 / 400)


def test_an_item_that_both_sides_left_out_is_still_an_item() -> None:
    reference, target = a_run([True, True, False]), a_run([True, False, False])
    shorter = [run.model_copy(update={"items": run.items[:2]}) for run in (reference, target)]
    assert pair(*shorter, selected=3) == Pairs(items=3, right_on_reference=2, right_on_target=1, lost=1, gained=0)


def test_points_without_an_answer_do_not_count() -> None:
    reference, target = a_run([True, True]), a_run([True, True])
    rejected = an_item("q1", right=True).model_copy(update={"status": "rejected"})
    assert rejected.score == 1
    tampered = target.model_copy(update={"items": (target.items[0], rejected)})
    assert pair(reference, tampered, selected=2).lost == 1


def test_items_are_paired_by_their_id_and_not_by_their_order() -> None:
    reference = a_run([True, False, True])
    turned = reference.model_copy(update={"items": tuple(reversed(reference.items))})
    assert pair(reference, turned, selected=3).flip_rate == 0
