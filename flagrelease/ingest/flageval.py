"""The FlagEval service: `flageval_result.json`, its scores as they were fetched. Aggregates, out of a hundred.

A dataset's name ends in what was asked of it: `AIME_0fewshot_@avg1` is AIME without examples, one run. `diff` is the
service's own comparison with some baseline of its own, and is not read: both sides are compared here.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from flagrelease.domain.answers import Record
from flagrelease.domain.evalrun import Harness, Headline, RunFacts
from flagrelease.ingest.format import Format, Unit
from flagrelease.ingest.say import decimals_of, number_of, text_of
from flagrelease.ingest.sources import Sources

NAME: Final = "flageval"
_DECIMALS: Final = 2
_SHOTS: Final = re.compile(r"_(\d{1,3})(?:few)?-?shots?(?=_|\Z)", re.IGNORECASE)
_RUNS: Final = re.compile(r"_@avg(\d{1,4})(?=_|\Z)", re.IGNORECASE)


def find(sources: Sources) -> Iterator[Unit]:
    """Every JSON file with an evaluation's id and its results."""
    for name in sources.named(".json"):
        document = sources.document(name)
        if isinstance(document, dict) and "request_id" in document and isinstance(document.get("eval_results"), dict):
            yield Unit(name)


def read(sources: Sources, unit: Unit) -> Iterator[Record]:
    """One record a dataset."""
    results = sources.document(unit.main)["eval_results"]
    if len(results) != 1:
        found = ", ".join(str(text_of(model)) for model in list(results)[:5]) or "none"
        raise sources.refuse(unit.main, f"wanted the results of one model, found {found}")
    ((model, result),) = results.items()
    details = result.get("details") if isinstance(result, dict) else None
    if not isinstance(details, list):
        raise sources.refuse(unit.main, "`details`: wanted a list of datasets, found none")
    for one in details:
        if not isinstance(one, dict) or text_of(one.get("dataset")) is None:
            raise sources.refuse(unit.main, "`details`: wanted a dataset with its name, found none")
        yield _record(sources, unit, model, one)


def _record(sources: Sources, unit: Unit, model: str, one: dict[str, Any]) -> Record:
    title, score = str(text_of(one["dataset"])), number_of(one.get("accuracy"))
    if score is None or one.get("status") != "S":
        raise sources.refuse(
            unit.main,
            f"{title[:60]!r}: wanted a score of a dataset that succeeded, found {str(one.get('accuracy'))[:60]!r} in "
            f"state {str(one.get('status'))[:60]!r}",
            hint="run the evaluation again: what failed has no score",
        )
    shots, runs = _SHOTS.search(title), _RUNS.search(title)
    return Record(
        RunFacts(
            task=text_of(_SHOTS.sub("", _RUNS.sub("", title))) or "unnamed",
            harness=Harness(name=NAME),
            model=text_of(model),
            metric="accuracy",
            scale=100,
            shots=int(shots[1]) if shots else None,
            repeats=max(1, int(runs[1])) if runs else 1,
            headline=Headline(score=score, decimals=max(_DECIMALS, decimals_of(score))),
            sources=(sources.source(unit.main, NAME),),
        )
    )


FORMAT: Final = Format(
    name=NAME, title="the FlagEval service", files="`flageval_result.json`", find=find, read=read
)  # fmt: skip
