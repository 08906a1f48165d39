"""OpenCompass: `results/<model>/<dataset>.json`, and `summary/summary_*.csv` with a column for each model.

Scores are percentages. A result's `details` hold the items where it was run with `--dump-eval-details`; few evaluators
say there whether an item is right, most keep the answer as they read it beside the reference, which is compared here.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from flagrelease.domain.answers import Record
from flagrelease.domain.evalrun import Harness, Headline, RunFacts
from flagrelease.ingest.format import Format, Unit, base_of, folder_of
from flagrelease.ingest.items import Items
from flagrelease.ingest.say import decimals_of, number_of, spelled_of, text_of
from flagrelease.ingest.sources import Sources
from flagrelease.ingest.tables import csv_rows, header_of

NAME: Final = "opencompass"
_COLUMNS: Final = ("dataset", "version", "metric", "mode")
_METRICS: Final = ("score", "accuracy", "exact_match", "f1", "rouge1", "humaneval_pass@1")
_RIGHT: Final = ("correct", "is_correct")
_SAID: Final = ("predictions", "prediction", "pred")
_WANTED: Final = ("references", "reference", "gold", "answer")
_HALF: Final = 0.005
"""Half of the last of two decimals, in per cent."""


def find(sources: Sources) -> Iterator[Unit]:
    """Results of single datasets; a summary only where there are none, since it repeats them."""
    found = False
    for name in sources.named(".json"):
        if "/results/" in f"/{name}" and _metrics(sources.document(name)):
            found = True
            # The summary is where the version of the prompt is stated.
            root = f"/{name}".rpartition("/results/")[0][1:]
            summaries = (one for one in sources.named(".csv") if one.startswith(f"{root}/" if root else ""))
            yield Unit(name, shared=tuple(one for one in summaries if header_of(sources, one)[:4] == _COLUMNS))
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
    items, compared = _items(sources, unit.main, document.get("details"), metric, score)
    task = text_of(base_of(unit.main).removesuffix(".json")) or "unnamed"
    yield Record(
        RunFacts(
            task=task,
            settings=_version(sources, unit, task),
            harness=Harness(name=NAME),
            model=text_of(folder_of(unit.main).rstrip("/").rpartition("/")[2]),
            metric=metric,
            kind=items.kind() if items else "unknown",
            scale=100,
            headline=Headline(
                score=score, decimals=max(2, decimals_of(score)), items=len(items.answers) if items else None
            ),
            notes=("right is what is, word for word, its reference: the file has no marks",) if compared else (),
            sources=tuple(sources.source(one, NAME) for one in (*unit.names, *unit.shared)),
        ),
        items.answers if items else None,
    )


def _version(sources: Sources, unit: Unit, task: str) -> dict[str, str]:
    """The version of the prompt that the run's summary states for the task."""
    stated = {row["version"] for one in unit.shared for row in csv_rows(sources, one) if row["dataset"] == task}
    return {"prompt_version": version} if len(stated) == 1 and (version := stated.pop()) not in ("", "-") else {}


def _items(sources: Sources, name: str, details: Any, metric: str, score: float) -> tuple[Items | None, bool]:
    """The items, where every one of them says whether it is right, and whether that is by comparison."""
    if isinstance(details, dict):
        rows = [(key, row) for key, row in details.items() if isinstance(row, dict)]
    elif isinstance(details, list):
        rows = [(str(key), row) for key, row in enumerate(details) if isinstance(row, dict)]
    else:
        return None, False
    marks = [_mark(row) for _, row in rows]
    compared = bool(rows) and metric == "accuracy" and all(mark is None for mark in marks)
    if compared:
        marks = [_equal(row) for _, row in rows]
        right = sum(mark is True for mark in marks)
        # Whatever the evaluator did beyond that, such as taking synonyms, only it can say of which item.
        if None in marks or abs(100 * right / len(marks) - score) > _HALF:
            return None, False
    if all(mark is None for mark in marks):
        return None, False
    items = Items(sources)
    for (key, row), mark in zip(rows, marks, strict=True):
        if mark is not None:
            said = row.get("origin_prediction", next((row[one] for one in _SAID if one in row), None))
            items.add(name, key, mark, prompt=_prompt(row), said=spelled_of(said))
    return items, compared


def _equal(row: Mapping[str, Any]) -> bool | None:
    said, wanted = (next((row[one] for one in keys if one in row), None) for keys in (_SAID, _WANTED))
    return said == wanted if isinstance(said, str) and isinstance(wanted, str) else None


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
