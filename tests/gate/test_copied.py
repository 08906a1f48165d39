"""The same numbers under another release's name are found, with the columns exchanged too."""

from flagrelease.domain.comparison import Comparison
from flagrelease.domain.evalrun import Headline
from flagrelease.gate.records.copied import Table, copied
from flagrelease.gate.records.outcome import Subject
from tests.gate.records import a_policy, a_record, a_task, judged

ROWS = {"a": (0.5112, 0.5234), "b": (0.61, 0.60), "c": (0.7034, 0.7112), "d": (0.2, 0.3)}


def release(rows: dict[str, tuple[float, float]], *, chip: str = "chip-b", model: str = "model-b") -> Table:
    return Table(title="other", chip=chip, model=model, rows=rows)


def own(*, chip: str = "chip-a", model: str = "model-a") -> Table:
    return Table(title="own", chip=chip, model=model, rows=ROWS)


def swapped(rows: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return {name: (after, before) for name, (before, after) in rows.items()}


def test_three_equal_rows_of_another_release_are_a_copy() -> None:
    (found,) = copied(own(), [release({**ROWS, "d": (0.9, 0.9)})])
    assert (found.id, found.weight) == ("copied-scores", "invalid")
    assert "`other` (chip-b, model-b) on 3 of 4 common tasks" in found.text


def test_two_equal_rows_are_none() -> None:
    assert list(copied(own(), [release({"a": ROWS["a"], "b": ROWS["b"], "c": (0.1, 0.1)})])) == []


def test_exchanged_columns_are_a_copy() -> None:
    (found,) = copied(own(), [release(swapped(ROWS), model="model-a")])
    assert "with its columns exchanged" in found.text


def test_rows_whose_sides_are_equal_tell_nothing_of_the_order_of_columns() -> None:
    equal = dict.fromkeys("abc", (0.5, 0.5))
    found = list(copied(Table(title="own", chip="c", model="m", rows=equal), [release(equal)]))
    assert [one.text.startswith("the target's scores are those of") for one in found] == [True]


def test_one_reference_for_two_chips_is_no_copy() -> None:
    assert list(copied(own(), [release({name: (before, 0.1) for name, (before, _) in ROWS.items()})])) == []


def test_the_release_s_own_table_is_no_other_one() -> None:
    assert list(copied(own(), [release(ROWS, chip="chip-a", model="model-a")])) == []


def test_without_a_name_the_same_numbers_hold_and_ask_for_one() -> None:
    (found,) = copied(own(chip="", model=""), [release(ROWS)])
    assert (found.id, found.weight) == ("published-scores", "hold")
    assert "--chip and --model" in found.text


def comparison(subject: Subject) -> Comparison:
    policy = a_policy(harness_tasks={name: a_task(benchmark=name) for name in ROWS})
    sides = [
        [a_record(None, task=name, headline=Headline(score=100 * row[side], decimals=2)) for name, row in ROWS.items()]
        for side in (0, 1)
    ]
    return judged(*sides, policy=policy, subject=subject)


def test_a_copy_is_no_go_and_an_unnamed_one_holds() -> None:
    named = comparison(Subject(chip="chip-a", model="model-a", others=[release(ROWS)]))
    unnamed = comparison(Subject(others=[release(ROWS)]))
    assert (named.decision, unnamed.decision) == ("NO-GO", "HOLD")
    assert named.reasons[1].startswith("copied-scores: the target's scores are those of `other`")
    assert unnamed.reasons[1].startswith("published-scores: ")
