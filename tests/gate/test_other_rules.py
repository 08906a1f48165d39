"""Rules of others on the same runs: the comparison that the documents show."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.gate.other_rules import CELLS, RULES, table
from tests.gate.statistics.simulate import draw


def share(rule: str, *, items: int, flip_rate: float, drop: float, margin: float) -> float:
    runs = draw(items=items, flip_rate=flip_rate, drop=drop, rng=np.random.default_rng(3))
    return float(RULES[rule](runs, margin).mean())


def test_only_this_gate_and_no_other_rule_bounds_what_a_system_at_its_margin_gets_through_at_few_items() -> None:
    found = {rule: share(rule, items=198, flip_rate=0.25, drop=0.05, margin=0.05) for rule in RULES}
    assert found.pop("**this gate**") <= 0.07
    assert min(found[rule] for rule in ("drop ≤ 5 points", "z test: p > .05", "TensorRT-LLM: α .05, σ 50")) > 0.4
    assert found["blocked at McNemar p < .05 beyond the margin"] > 0.4


def test_one_percent_of_the_reference_turns_away_identical_systems() -> None:
    assert share("MLPerf: ≥ 99 % of the reference", items=900, flip_rate=0.07, drop=0, margin=0.035) < 0.8
    assert share("**this gate**", items=900, flip_rate=0.07, drop=0, margin=0.035) > 0.95


def test_every_rule_has_its_row() -> None:
    lines = table(198, 0.25, 0.05, np.random.default_rng(1), draws=500)
    assert [rule for rule in RULES if not any(line.startswith(f"| {rule} |") for line in lines)] == []


DOCUMENT = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text()


@pytest.mark.parametrize(("items", "flip_rate", "margin"), CELLS)
def test_the_document_has_every_rule_of_every_cell_as_it_is_simulated(
    items: int, flip_rate: float, margin: float
) -> None:
    head = f"n = {items:,}, {100 * flip_rate:g} % flips, this gate's margin {100 * margin:g} points:"
    rows = DOCUMENT.split(head)[1].split("\nn = ")[0].strip().splitlines()
    drops = [0.0 if text == "0" else float(text.removeprefix("−")) / 100 for text in cells_of(rows[0])]
    written = {row.split("|")[1].strip(): cells_of(row) for row in rows[2:]}
    for rule, judge in RULES.items():
        for drop, shown in zip(drops, written[rule], strict=True):
            runs = draw(items=items, flip_rate=flip_rate, drop=drop, rng=np.random.default_rng(5), draws=4000)
            # Four standard errors of so many draws are at most 3.2 points.
            assert abs(100 * float(judge(runs, margin).mean()) - float(shown)) < 3.2, (rule, drop)


def cells_of(row: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[2:-1]]


def test_the_document_names_the_command_that_prints_the_tables() -> None:
    assert "`python -m tests.gate.other_rules`" in DOCUMENT.split("## Rules of others")[1]
