"""VLMEvalKit: `<model>_<dataset>_acc.csv` (0 to 1), `…_score.json`, and `hit` for each `index` in `…_result.tsv`.

OCRBench has two numbers, `Final Score` out of 1000 and `Final Score Norm` out of 100: each is known by its name, never
by its size. An answer "Failed to obtain answer" is a request that failed, though the harness scores it.
"""

from collections.abc import Iterator
from typing import Any, Final

from flagrelease.domain.answers import Record
from flagrelease.domain.benchmark import Scale
from flagrelease.domain.evalrun import Harness, Headline, RunFacts
from flagrelease.ingest.format import Format, Unit, base_of, folder_of
from flagrelease.ingest.items import Items
from flagrelease.ingest.say import decimals_of, number_of, text_of
from flagrelease.ingest.sources import Sources
from flagrelease.ingest.tables import csv_rows, header_of

NAME: Final = "vlmevalkit"
FAILED: Final = "Failed to obtain answer"
_OCR: Final[dict[str, Scale]] = {"Final Score": 1000, "Final Score Norm": 100}
_TABLES: Final = (".tsv", ".csv")
_DECIMALS: Final = 12
_ENDINGS: Final = ("_acc", "_score", "_result")


def find(sources: Sources) -> Iterator[Unit]:
    """Each score with the items of the same model and dataset."""
    items = {name for name in sources.names if name.lower().endswith(_TABLES) and _has_items(sources, name)}
    for name in sources.names:
        if _is_score(sources, name):
            own = sorted(one for one in items if folder_of(one) == folder_of(name) and _belongs(one, name))
            items.difference_update(own)
            yield Unit(name, tuple(own))
    yield from (Unit("", (name,)) for name in sorted(items))


def _has_items(sources: Sources, name: str) -> bool:
    header = header_of(sources, name)
    return "index" in header and "hit" in header


def _is_score(sources: Sources, name: str) -> bool:
    if name.lower().endswith("_acc.csv"):
        return "overall" in header_of(sources, name)
    if name.lower().endswith("_score.json"):
        document = sources.document(name)
        return isinstance(document, dict) and any(key in document for key in _OCR)
    return False


def _belongs(items: str, score: str) -> bool:
    """`M_D_gpt4_result.tsv` is of `M_D_acc.csv`; `M_D2_result.tsv` is not."""
    return base_of(items).startswith(f"{_stem(base_of(score))}_")


def _stem(name: str) -> str:
    stem = name.rpartition(".")[0]
    for ending in _ENDINGS:
        stem = stem.removesuffix(ending)
    return stem


def read(sources: Sources, unit: Unit) -> Iterator[Record]:
    """The record of one dataset."""
    name = unit.main or unit.parts[0]
    model, task = _names(name)
    if len(unit.parts) > 1:
        raise sources.refuse(name, f"wanted one file of items, found {', '.join(map(base_of, unit.parts))}")
    items = _items(sources, unit.parts[0]) if unit.parts else None
    scale: Scale = 1
    headline = None
    if unit.main:
        scale, headline = _headline(sources, unit.main)
    if headline and items:
        headline = headline.model_copy(update={"items": len(items.answers)})
    failed = items.answers.count("error") if items else 0
    yield Record(
        RunFacts(
            task=task,
            harness=Harness(name=NAME),
            model=model,
            metric="accuracy",
            kind=items.kind() if items else "unknown",
            scale=scale,
            headline=headline,
            notes=(f"{failed} answers were never obtained: they are wrong, whatever `hit` says",) if failed else (),
            sources=tuple(sources.source(one, NAME) for one in unit.names),
        ),
        items.answers if items else None,
    )


def _names(name: str) -> tuple[str | None, str]:
    """Model and dataset: the folder is called as the model is, or the model has no `_`."""
    stem = _stem(base_of(name))
    folder = folder_of(name).rstrip("/").rpartition("/")[2]
    if folder and stem.startswith(f"{folder}_"):
        return text_of(folder), text_of(stem[len(folder) + 1 :]) or "unnamed"
    model, _, task = stem.partition("_")
    return text_of(model), text_of(task or model) or "unnamed"


def _headline(sources: Sources, name: str) -> tuple[Scale, Headline]:
    if name.endswith(".json"):
        document: Any = sources.document(name)
        key = next(key for key in _OCR if key in document)
        score = number_of(document[key])
        if score is None:
            raise sources.refuse(name, f"`{key}`: wanted a number, found {str(document[key])[:60]!r}")
        return _OCR[key], Headline(score=score, decimals=decimals_of(score))
    rows = list(csv_rows(sources, name))
    # One line a split where there are several: more than one is no score of one task.
    if len(rows) != 1:
        raise sources.refuse(name, f"wanted the score of one split, found {len(rows)}", hint="keep one line a file")
    score = _float(rows[0]["overall"])
    if score is None:
        raise sources.refuse(name, f"`Overall`: wanted a number, found {rows[0]['overall'][:60]!r}")
    return 1, Headline(score=score, decimals=_DECIMALS)


def _float(cell: str) -> float | None:
    try:
        return number_of(float(cell))
    except ValueError:
        return None


def _items(sources: Sources, name: str) -> Items:
    items = Items(sources)
    for row in csv_rows(sources, name):
        said = row.get("prediction", "")
        failed = FAILED in said
        hit = _float(row["hit"])
        if hit is None and not failed:
            raise sources.refuse(
                name, f"item {row['index'][:60]!r}: wanted a number as `hit`, found {row['hit'][:60]!r}"
            )
        items.add(
            name,
            row["index"].strip(),
            hit,
            status="error" if failed else "ok",
            prompt=row.get("question"),
            said=said or None,
        )
    return items


FORMAT: Final = Format(
    name=NAME,
    title="VLMEvalKit",
    files="`*_acc.csv` or `*_score.json`, with `*_result.tsv` or `.csv`",
    find=find,
    read=read,
)
