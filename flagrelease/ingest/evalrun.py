"""Records in their own form: `flagrelease.evalrun/v2` as JSON or as lines, v1 as `evaluate` writes it, and baselines.

As lines, the first is the record without its items, and each other line is one item.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from flagrelease.domain.answers import Record
from flagrelease.domain.evalrun import STATUSES, DatasetFacts, Harness, Headline, RunFacts, selection_of, switches_in
from flagrelease.domain.evidence import Baseline, EvalRun
from flagrelease.formats.strict import decode_json
from flagrelease.ingest.format import Format, Unit
from flagrelease.ingest.items import Items
from flagrelease.ingest.say import count_of, number_of
from flagrelease.ingest.sources import Sources

NAME: Final = "flagrelease"
V2: Final = "flagrelease.evalrun/v2"
_V1: Final = "flagrelease.evalrun/v1"
_BASELINE: Final = "flagrelease.baseline/v1"
_DECIMALS: Final = 9
_JSON_LIMIT: Final = 64 << 20


def find(sources: Sources) -> Iterator[Unit]:
    """Every JSON file, and file of lines, whose `schema` is one of a record or of a baseline."""
    for name in sources.named(".json"):
        document = sources.document(name)
        if isinstance(document, dict) and document.get("schema") in (V2, _V1, _BASELINE):
            yield Unit(name)
    yield from (Unit(name) for name in sources.named(".jsonl") if sources.first(name).get("schema") == V2)


def read(sources: Sources, unit: Unit) -> Iterator[Record]:
    """The records of one file."""
    name = unit.main
    if name.lower().endswith(".jsonl"):
        lines = sources.lines(name)
        head = next(lines)
        yield _put_together(sources, name, head, lines)
        return
    document = sources.document(name)
    match document["schema"]:
        case str(schema) if schema == V2:
            items = document.get("items")
            if items is not None and not isinstance(items, list):
                raise sources.refuse(name, f"`items`: wanted a list, found {type(items).__name__}")
            head = {key: value for key, value in document.items() if key != "items"}
            yield _put_together(sources, name, head, None if items is None else iter(items))
        case str(schema) if schema == _V1:
            yield from_v1(sources, name, decode_json(sources.data(name, _JSON_LIMIT), EvalRun, source=name))
        case _:
            baseline = decode_json(sources.data(name, _JSON_LIMIT), Baseline, source=name)
            for run in baseline.runs:
                yield from_v1(sources, name, run)


def _put_together(sources: Sources, name: str, head: Mapping[str, Any], rows: Iterator[Any] | None) -> Record:
    items = None
    if rows is not None:
        items = Items(sources)
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, dict) or row.get("status", "ok") not in STATUSES:
                raise sources.refuse(name, f"item {number}: wanted an object with a status of {', '.join(STATUSES)}")
            items.add(
                name,
                row.get("id"),
                row.get("score"),
                repeat=count_of(row.get("repeat")) or 0,
                status=row.get("status", "ok"),
                document=row.get("document"),
                prompt=row.get("prompt"),
                said=row.get("answer"),
                cluster=row.get("cluster"),
                finish=row.get("finish_reason"),
                tokens=row.get("out_tokens"),
            )
    try:
        # By way of JSON: lists become tuples there, and nothing else is converted.
        facts = RunFacts.model_validate_json(json.dumps(head), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise sources.refuse(name, f"`{where}`: {first['msg']}", hint="docs/gate.md describes the record") from error
    if items is not None and facts.headline is not None:
        items.answers.struck += facts.headline.struck
        facts = facts.model_copy(update={"headline": facts.headline.model_copy(update={"struck": 0.0})})
    source = sources.source(name, NAME)
    return Record(facts.model_copy(update={"sources": (*facts.sources, source)}), items.answers if items else None)


def from_v1(sources: Sources, name: str, run: EvalRun) -> Record:
    """What `evaluate` wrote, as a record of today.

    Of its settings only what has to be the same on both sides is taken over: threads, dtype and the hash of a side's
    own token ids may differ.
    """
    items = Items(sources)
    for item in run.items:
        items.add(
            name,
            item.id,
            item.score,
            status=item.status,
            document=item.item_sha256,
            prompt=item.prompt_sha256,
            said=item.answer or None,
        )
    dataset = run.dataset
    facts = RunFacts(
        task=run.task,
        harness=Harness(name=NAME, version="evalrun/v1"),
        dataset=DatasetFacts(
            id=f"{dataset.carrier}: {dataset.member}",
            revision=dataset.sha256,
            split=dataset.split,
            fingerprint=selection_of(dataset.items_selected, dataset.items_available, dataset.selection_seed),
            items=dataset.items_selected,
        ),
        model=run.model,
        weights_sha256=run.weights_sha256,
        precision=run.precision,
        chip=run.chip,
        image=run.image,
        server=switches_in(run.settings),
        software=run.software,
        settings={"kind": run.kind, "model": run.model, "prompts_sha256": run.prompts_sha256},
        metric=run.metric,
        kind=items.kind(),
        scale=1,
        headline=Headline(score=number_of(run.score) or 0.0, decimals=_DECIMALS, items=len(run.items)),
        sources=(sources.source(name, NAME),),
        finished=run.finished.isoformat(),
    )
    return Record(facts, items.answers)


FORMAT: Final = Format(
    name=NAME,
    title="flagrelease's own records",
    files="`flagrelease.evalrun/v2` (JSON, JSON lines), `evalrun/v1`, baselines",
    find=find,
    read=read,
)
