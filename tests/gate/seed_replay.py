"""The tables that the seeds publish, put through the gate as it is, and through the rules of others.

`python -m tests.gate.seed_replay --update` writes docs/gate-seeds.md anew. The tables are those of recipes/published,
written as the Markdown that a card has and read by the same reader as anybody's file.
"""

import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.result_files import ResultFiles
from flagrelease.domain.comparison import Comparison, SideFiles
from flagrelease.domain.everything import Everything
from flagrelease.domain.gate import Policy
from flagrelease.domain.published import AggregateScores, Published
from flagrelease.formats.canonical import sha256_of
from flagrelease.gate.planned import planned
from flagrelease.gate.records.compare import compare
from flagrelease.gate.records.copied import table_of
from flagrelease.gate.records.outcome import Subject
from flagrelease.gate.statistics.aggregates import Score, miettinen_nurminen_interval
from flagrelease.gate.statistics.policy_power import policy_chances
from flagrelease.ingest.recognise import records_of
from flagrelease.ingest.sources import Sources
from flagrelease.report.gate.fill import page_of
from flagrelease.report.gate.markdown import table as task_table
from flagrelease.report.gate.words import named
from tests.gate import other_rules
from tests.gate.other_rules import Scores

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "gate-seeds.md"
PAIRED = 0.49
"""What the spread of published differences is of that of two independent scores (facts evaluation 5)."""
Z = 1.6448536269514722
HALF = 0.5

Pair = tuple[float, float]
Judge = Callable[["OneRun"], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneRun:
    """One task's two scores as shares, in the form that the rules of others take."""

    items: int
    pair: Pair

    @property
    def reference(self) -> NDArray[np.float64]:
        return np.array([self.pair[0]])

    @property
    def target(self) -> NDArray[np.float64]:
        return np.array([self.pair[1]])

    @property
    def difference(self) -> NDArray[np.float64]:
        return self.target - self.reference

    @property
    def stderr(self) -> float:
        return math.sqrt(sum(score * (1 - score) for score in self.pair) / self.items)


# Rules ------------------------------------------------------------------------------------------------


def _by(rule: Callable[[Scores, float], NDArray[np.bool_]]) -> Judge:
    return lambda run: "P" if bool(rule(run, 0.0)[0]) else "F"


def _drop(points: float) -> Judge:
    return lambda run: "P" if run.pair[1] - run.pair[0] >= -points / 100 - 1e-9 else "F"


def _share(kept: float) -> Judge:
    return lambda run: "P" if run.pair[1] >= kept * run.pair[0] - 1e-9 else "F"


def _not_worse(points: float, factor: float = 1.0) -> Judge:
    """Whether the interval of two independent scores, or of that times a factor, is above −margin; "?" is neither."""

    def judge(run: OneRun) -> str:
        difference = run.pair[1] - run.pair[0]
        low, high = difference - Z * factor * run.stderr, difference + Z * factor * run.stderr
        if factor == 1.0:
            before, after = (Score(right=score * run.items, items=run.items) for score in run.pair)
            low, high = miettinen_nurminen_interval(before, after, confidence=0.9)
        return "P" if low > -points / 100 else "F" if high < -points / 100 else "?"

    return judge


RULES: dict[str, Judge] = {
    "drop ≤ 1 point": _drop(1),
    "drop ≤ 2 points": _drop(2),
    "drop ≤ 3 points": _drop(3),
    "drop ≤ 5 points (what the cards call no difference)": _by(other_rules.five_points),
    "drop ≤ 1 % of the reference; MLPerf: ≥ 99 % of it": _by(other_rules.mlperf),
    "drop ≤ 2 % of the reference": _by(other_rules.two_percent),
    "drop ≤ 3 % of the reference": _share(0.97),
    "MLPerf: ≥ 99.9 %": _share(0.999),
    "vLLM: drop ≤ 8 % of the reference": _by(other_rules.vllm),
    "vllm-ascend: within 5 %, both ways": _by(other_rules.vllm_ascend),
    "z test: p > .05": _by(other_rules.no_significant_difference),
    "TensorRT-LLM: α .05, σ 50": _by(other_rules.one_sided_hypothesis),
    "shown within 7 points, two scores": _not_worse(7),
    "shown within 5 points, two scores": _not_worse(5),
    "shown within 3 points, two scores": _not_worse(3),
    "shown within 5 points, paired-like": _not_worse(5, PAIRED),
    "shown within 3 points, paired-like": _not_worse(3, PAIRED),
    "shown within 2 points, paired-like": _not_worse(2, PAIRED),
    "shown within 1 point, paired-like": _not_worse(1, PAIRED),
}
"""What each says of one task: P passes, F fails, ? decides nothing."""


def replayed(runs: Sequence[OneRun]) -> dict[str, str]:
    """One letter a task and rule, in the order of the table."""
    return {name: "".join(map(rule, runs)) for name, rule in RULES.items()}


# Tables -----------------------------------------------------------------------------------------------


def runs_of(published: Published, policy: Policy) -> list[OneRun]:
    """Both scores of each row; a difference alone as a loss between two scores around one half, the widest case."""
    items = {task.benchmark: task.items for task in policy.harness_tasks.values()}
    if isinstance(published.scores, AggregateScores):
        return [
            OneRun(items=items[row.benchmark], pair=(row.reference / row.scale, row.target / row.scale))
            for row in published.scores.rows
        ]
    return [
        OneRun(items=items[row.benchmark], pair=(HALF + row.difference / 200, HALF - row.difference / 200))
        for row in published.scores.rows
    ]


def as_card(published: Published) -> str:
    """The table as a card prints it."""
    scores = published.scores
    if isinstance(scores, AggregateScores):
        rows = [f"| {row.benchmark} | {row.reference:g} | {row.target:g} |" for row in scores.rows]
        return "\n".join(["| Metrics | reference | target |", "|---|---|---|", *rows, ""])
    lines = ["| Metrics | Difference |", "|---|---|"]
    for row in scores.rows:
        shots = "" if row.shots is None else f" {row.shots}-shot"
        lines.append(f"| {row.benchmark}{shots} avg@{row.repeats} | {row.difference:.2f}% |")
    return "\n".join([*lines, ""])


def judged(everything: Everything, published: Published, policy: Policy) -> Comparison:
    """The gate's word on the table, from a file of it."""
    is_scores = isinstance(published.scores, AggregateScores)
    others = [found for one in everything.published.values() if (found := table_of(one))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "card.md"
        path.write_text(as_card(published))
        sides = []
        for column in ("reference", "target"):
            records = records_of(Sources(ResultFiles(path), column=column if is_scores else ""))
            files = SideFiles(path=f"card.md#{column}", harness="table", records=len(records), sources=())
            sides.append((files, records))
    return compare(
        policy,
        policy_sha256=sha256_of(policy),
        benchmarks=everything.benchmarks,
        reference=sides[0],
        target=sides[1],
        subject=Subject(chip=published.chip, model=published.model, others=others),
    )


def with_margin(policy: Policy, points: float) -> Policy:
    """The policy with this margin in every task."""
    tasks = {name: one.model_copy(update={"margin_pt": points}) for name, one in policy.harness_tasks.items()}
    return policy.model_copy(update={"harness_tasks": tasks})


def policy_of(everything: Everything, published: Published) -> Policy:
    """The one of the variant that the table is of."""
    bundle = everything.bundles[published.chip, published.model]
    gate = bundle.variants[published.variant or bundle.default_variant].gate
    assert gate is not None, published.name
    return everything.policies[gate]


# The document -----------------------------------------------------------------------------------------

_HEAD = """# The seeds' tables before the gate

Two of the five published texts that this project began with hold tables of scores. Here each is judged by the gate as
it is, by the policy of its bundle, and then by rules that others use. `python -m tests.gate.seed_replay --update`
writes this page, `tests/gate/test_seed_replay.py` holds it. [seeds.md](seeds.md) accounts for the texts' lines,
[hold.md](hold.md) says what to do about each reason.

No table passes, and none is shown to be bad: they are aggregates, and the answers that would decide were not kept.
"Paired-like" is what single answers would have shown if these tables flip as many as published tables do on average:
0.49 of the spread of two independent scores (facts evaluation 5). It is for information, since an average of other
releases decides nothing; it says that the items are worth asking for.
"""

_WITHOUT = (
    (
        "002",
        "none: a note on serving",
        "nothing to judge",
    ),
    (
        "003",
        "none: a manual, whose harness is `modeltest`",
        (
            "no score is published. `*_result.csv` has Pass and Total, so its score is exact, and its answers below "
            "`debug/` can be paired"
        ),
    ),
    (
        "004:117-140",
        'captions of 100 COCO images rated by open_clip; "the higher score wins"',
        (
            "advisory whatever it scores, since a caption can fit and be wrong. The rule turns an identical chip away "
            "one time in two. No score is published, and the images are not named"
        ),
    ),
    (
        "004:142-210",
        "TextVQA by `modeltest`, a subset of unknown size, no tolerance",
        (
            "all 5,000 items within {margin:g} points: an identical chip is GO with {go:.1f} %. No score is published, "
            "and a critical task without a record is NO-GO"
        ),
    ),
)


def document() -> str:
    """All of it."""
    everything = Catalogue(ROOT / "recipes").everything()
    parts = [_HEAD]
    for (chip, name), published in sorted(everything.published.items()):
        policy = policy_of(everything, published)
        parts.append("\n".join(_one(f"{chip}/{name}", everything, published, policy)))
    policy = everything.policies["deepseek-vl"]
    go = 100 * policy_chances(planned(policy)).go
    parts.append("## The texts without a table\n\n| text | its rule | by this gate |\n|---|---|---|")
    margin = policy.harness_tasks["textvqa_val"].margin_pt
    parts += [f"| {text} | {rule} | {word.format(margin=margin, go=go)} |" for text, rule, word in _WITHOUT]
    return "\n".join([*parts, ""])


def _one(name: str, everything: Everything, published: Published, policy: Policy) -> Iterator[str]:
    found = judged(everything, published, policy)
    page = page_of(found)
    yield f"## `{name}`: {found.decision}"
    yield ""
    yield f"{published.title}; from {published.source}, by the policy `{policy.name}`. {page.summary}."
    yield ""
    yield from task_table(page)
    yield ""
    yield "Why:"
    yield ""
    for one in page.reasons:
        yield f"- {named(page, one.tasks)}: {one.text}" + (f" (`{one.id}`)" if one.id else "")
    yield "- at margins of 5 or of 3 points in every task the word is the same: what has no items decides nothing"
    yield ""
    yield "What would settle it:"
    yield ""
    yield from (f"- {text}" for text in page.settle)
    yield ""
    yield from _rules(published, policy)


def _rules(published: Published, policy: Policy) -> Iterator[str]:
    runs = runs_of(published, policy)
    rows = [row.benchmark for row in published.scores.rows]
    if not isinstance(published.scores, AggregateScores):
        yield "By the rules of others, each difference taken as a loss in points between two scores around 50:"
    else:
        yield "By the rules of others:"
    yield ""
    yield f"| rule | {', '.join(f'`{row}`' for row in rows)} | releases the table |"
    yield "|---|---|---|"
    for name, letters in replayed(runs).items():
        yield f"| {name} | `{letters}` | {'yes' if set(letters) == {'P'} else 'no'} |"
    yield ""


def main(arguments: list[str]) -> int:
    """Write the document, or say that it would be another."""
    if arguments == ["--update"]:
        DOCUMENT.write_text(document())
        return 0
    if DOCUMENT.read_text() == document():
        return 0
    sys.stderr.write(f"{DOCUMENT.name} is not what the gate says of the tables: run this with --update\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
