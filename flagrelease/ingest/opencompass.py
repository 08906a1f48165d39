"""OpenCompass: `results/<model>/<dataset>.json`, and `summary/summary_*.csv` with a column for each model.

Scores are percentages. A result's `details` hold the items where it was run with `--dump-eval-details`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from flagrelease.domain.answers import Record
from flagrelease.domain.evalrun import Harness, Headline, RunFacts
from flagrelease.ingest.format import Format, Unit, base_of, folder_of
from flagrelease.ingest.items import Items
from flagrelease.ingest.say import decimals_of, number_of, text_of
from flagrelease.ingest.sources import Sources
from flagrelease.ingest.tables import csv_rows, header_of

NAME: Final = "opencompass"
_COLUMNS: Final = ("dataset", "version", "metric", "mode")
_METRICS: Final = ("score", "accuracy", "exact_match", "f1", "rouge1", "humaneval_pass@1")
_RIGHT: Final = ("correct", "is_correct")


def find(sources: Sources) -> Iterator[Unit]:
    """Results of single datasets; a summary only where there are none, since it repeats them."""
    found = False
    for name in sources.named(".json"):
        if "/results/" in f"/{name}" and _metrics(sources.document(name)):
            found = True
            yield Unit(name)
    if not found:
        yield from (Unit(name) for name in sources.named(".csv") if header_of(sources, name)[:4] == _COLUMNS)


def _metrics(document: Any) -> dict[str, float]:
    """The numbers of a result, by metric."""
    if not isinstance(document, dict) or "schema" in document:
        return {}
    return {metric: score for metric in _METRICS if (score := number_of(document.get(metric))) is not None}


def read(sources: Sources, unit: Unit) -> Iterator[Record]:
    """One record of a result, or one a row of a summary."""
    if unit.main.lower().endswith(".csv"):
        yield from _summary(sources, unit.main)
        return
    document = sources.document(unit.main)
    metric, score = next(iter(_metrics(document).items()))
    items = _items(sources, unit.main, document.get("details"))
    yield Record(
        RunFacts(
            task=text_of(base_of(unit.main).removesuffix(".json")) or "unnamed",
            harness=Harness(name=NAME),
            model=text_of(folder_of(unit.main).rstrip("/").rpartition("/")[2]),
            metric=metric,
            kind=items.kind() if items else "unknown",
            scale=100,
            headline=Headline(
                score=score, decimals=max(2, decimals_of(score)), items=len(items.answers) if items else None
            ),
            sources=(sources.source(unit.main, NAME),),
        ),
        items.answers if items else None,
    )


def _items(sources: Sources, name: str, details: Any) -> Items | None:
    """The items, where every one of them says whether it is right."""
    if isinstance(details, dict):
        rows = [(key, row) for key, row in details.items() if isinstance(row, dict)]
    elif isinstance(details, list):
        rows = [(str(key), row) for key, row in enumerate(details) if isinstance(row, dict)]
    else:
        return None
    marked = [(key, row, mark) for key, row in rows if (mark := _mark(row)) is not None]
    if not marked:
        return None
    items = Items(sources)
    for key, row, mark in marked:
        said = row.get("prediction", row.get("pred"))
        items.add(name, key, mark, prompt=_prompt(row), said=said if isinstance(said, str) else None)
    return items


def _mark(row: Mapping[str, Any]) -> Any:
    """Right or wrong; some evaluators put it into a list of one."""
    mark = next((row[key] for key in _RIGHT if key in row), None)
    return mark[0] if isinstance(mark, list) and len(mark) == 1 else mark


def _prompt(row: Mapping[str, Any]) -> str | None:
    prompt = row.get("origin_prompt", row.get("prompt"))
    return None if prompt is None else json.dumps(prompt, sort_keys=True, ensure_ascii=False)


def _summary(sources: Sources, name: str) -> Iterator[Record]:
    for row in csv_rows(sources, name):
        models = [column for column in row if column not in _COLUMNS]
        wanted = sources.column.lower()
        if wanted in models:
            models = [wanted]
        if len(models) != 1:
            hint = f"name the side's model, such as {sources.place(name)}#{models[0] if models else 'model'}"
            raise sources.refuse(
                name, f"wanted the scores of one model, found {', '.join(models) or 'none'}", hint=hint
            )
        cell = row[models[0]].strip()
        if cell in ("-", ""):
            continue
        try:
            score = number_of(float(cell))
        except ValueError:
            score = None
        if score is None:
            raise sources.refuse(name, f"{row['dataset'][:60]!r}: wanted a score, found {cell[:60]!r}")
        yield Record(
            RunFacts(
                task=text_of(row["dataset"]) or "unnamed",
                harness=Harness(name=NAME),
                model=text_of(models[0]),
                settings={"prompt_version": row["version"]} if row["version"] not in ("", "-") else {},
                metric=text_of(row["metric"]),
                scale=100,
                headline=Headline(score=score, decimals=len(cell.partition(".")[2])),
                sources=(sources.source(name, NAME),),
            )
        )


FORMAT: Final = Format(
    name=NAME,
    title="OpenCompass",
    files="its output folder: `results/`, or `summary/summary_*.csv`",
    find=find,
    read=read,
)
