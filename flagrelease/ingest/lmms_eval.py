"""lmms-eval: `<date>_results.json` beside `<date>_samples_<task>.jsonl`, one folder a model.

An item's line holds, under each metric's name, a number or an object with the score and often the video or image that
the question is about: the task's `cluster_key` and `score_key` say which of its keys they are. Lines do not say which
filter they are of. What a stated score is out of depends on the task's own aggregation, so it follows from the items.
Version 0.7.3 hashes the same nothing for each item's document: a hash that all items share is none.
"""

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from flagrelease.domain.answers import Record
from flagrelease.domain.benchmark import Scale
from flagrelease.domain.evalrun import DatasetFacts, Harness, Headline, RunFacts
from flagrelease.ingest.format import Format, Unit, base_of, folder_of
from flagrelease.ingest.items import Columns, Items
from flagrelease.ingest.say import count_of, digest_of, mapping_of, number_of, settings_of, spelled_of, text_of
from flagrelease.ingest.sources import Row, Sources

NAME: Final = "lmms-eval"
_SAMPLES: Final = re.compile(r"(?P<date>\d{8}_\d{6})_samples_(?P<task>.+)\.jsonl\Z")
_RESULTS: Final = re.compile(r"(?P<date>\d{8}_\d{6})_results\.json\Z")
_FIELDS: Final = ("doc_id", "doc_hash", "input", "filtered_resps")
_OWN: Final = frozenset({*_FIELDS, "resps", "target", "token_counts", "input_media", "submission"})
_MADE: Final = (
    "_stderr", "_stderr_clt", "_stderr_clustered", "_expected_accuracy", "_consensus_accuracy", "_internal_variance",
    "_consistency_rate",
)  # fmt: skip
"""What the harness computes of a metric, under a name of its own."""

_JUDGED: Final = re.compile(r"gpt|judge|critic", re.IGNORECASE)
_SEEDS: Final = ("random_seed", "numpy_seed", "torch_seed", "fewshot_seed", "limit", "offset", "gen_kwargs")
_WHOLE: Final = ("chat_template_sha", "system_instruction_sha", "fewshot_as_multiturn")
_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")
_DECIMALS: Final = 12
"""Scores are written unrounded."""

_SAME: Final = 1e-9


def find(sources: Sources) -> Iterator[Unit]:
    """Results with their samples, then samples that belong to none."""
    samples = {name for name in sources.named(".jsonl") if all(key in sources.first(name) for key in _FIELDS)}
    for name in sources.named(".json"):
        document = sources.document(name)
        if not isinstance(document, dict) or "lmms_eval_version" not in document:
            continue
        if not isinstance(document.get("results"), dict):
            continue
        date = _RESULTS.match(base_of(name))
        own = sorted(one for one in samples if folder_of(one) == folder_of(name) and date and _date(one) == date[1])
        samples.difference_update(own)
        yield Unit(name, tuple(own))
    yield from (Unit("", (name,)) for name in sorted(samples))


def _date(name: str) -> str | None:
    found = _SAMPLES.match(base_of(name))
    return found["date"] if found else None


def read(sources: Sources, unit: Unit) -> Iterator[Record]:
    """One record a task, metric and filter."""
    document = sources.document(unit.main) if unit.main else {}
    results = mapping_of(document, "results")
    by_task: dict[str, str] = {}
    for name in unit.parts:
        found = _SAMPLES.match(base_of(name))
        by_task[found["task"] if found else base_of(name).removesuffix(".jsonl")] = name
    groups = {name for name, own in mapping_of(document, "group_subtasks").items() if own}
    for task in dict.fromkeys([*results, *by_task]):
        if task not in groups or task in by_task:
            yield from _records(sources, unit, document, task, by_task.get(task))


def _records(sources: Sources, unit: Unit, document: Any, task: str, samples: str | None) -> Iterator[Record]:
    config = mapping_of(document, "configs", task)
    stated = mapping_of(document, "results", task)
    scores = {key: score for key, value in stated.items() if _is_score(key) and (score := number_of(value)) is not None}
    filters: dict[str, list[str]] = {}
    for key in scores:
        filters.setdefault(key.partition(",")[0], []).append(key)
    if samples and (several := next((keys for keys in filters.values() if len(keys) > 1), None)):
        raise sources.refuse(
            samples,
            f"wanted one filter, found {', '.join(several[:3])}, and no line says which it is of",
            hint="run the task once for each filter",
        )
    items = _items(sources, samples, config) if samples else {}
    facts = _facts(document, task, config)
    for metric in dict.fromkeys([*filters, *items]):
        for key in filters.get(metric, [metric]):
            yield _record(sources, unit, facts, key, score=scores.get(key), stated=stated, items=items.get(metric))


def _is_score(key: str) -> bool:
    metric, comma, _ = key.partition(",")
    return bool(comma) and not metric.endswith(_MADE)


def _items(sources: Sources, name: str, config: Mapping[str, Any]) -> dict[str, Items]:
    """Columns for each metric whose items have a score of their own."""
    score_key, cluster_key = text_of(config.get("score_key")) or "score", text_of(config.get("cluster_key"))
    listed = config.get("metric_list")
    metrics = {one.get("metric") for one in listed if isinstance(one, dict)} if isinstance(listed, list) else None
    columns = Columns(sources)
    for row in sources.lines(name):
        for metric, value in row.items():
            if metric in _OWN or (metrics is not None and metric not in metrics):
                continue
            marks = value if isinstance(value, dict) else {score_key: value}
            score = marks.get(score_key)
            if not isinstance(score, int | float):
                # An aggregation of its own, such as a corpus's BLEU, has no score of one item.
                continue
            _add(columns.of(name, metric), name, row, score, cluster=marks.get(cluster_key) if cluster_key else None)
    for items in columns.found.values():
        if len(items.answers) > 1 and len(set(items.answers.documents)) == 1:
            items.answers.documents = array("Q", bytes(8 * len(items.answers)))
    return columns.found


def _add(items: Items, name: str, row: Row, score: float, *, cluster: Any) -> None:
    said = row.get("filtered_resps")
    counts = row.get("token_counts")
    tokens = [one.get("output_tokens") for one in counts if isinstance(one, dict)] if isinstance(counts, list) else []
    items.add(
        name,
        row.get("doc_id"),
        score,
        status="error" if said is None else "ok",
        document=row.get("doc_hash"),
        prompt=spelled_of(row.get("input")),
        said=spelled_of(said),
        cluster=text_of(cluster),
        tokens=tokens[0] if len(tokens) == 1 else None,
    )


def _facts(document: Any, task: str, config: Mapping[str, Any]) -> RunFacts:
    run = mapping_of(document, "config")
    version = text_of(document.get("lmms_eval_version")) or ""
    # Where the files lie and where in memory a function is: neither changes what is asked.
    kept = {key: value for key, value in config.items() if key not in ("metadata", "dataset_kwargs")}
    return RunFacts(
        task=text_of(task) or "unnamed",
        harness=Harness(
            name=NAME,
            version=None if version.startswith("unknown") else version or None,
            config_sha256=digest_of(_without_addresses(kept)) if kept else None,
        ),
        dataset=DatasetFacts(
            id=text_of(config.get("dataset_path")),
            split=text_of(config.get("test_split") or config.get("validation_split")),
            fingerprint=text_of(mapping_of(document, "task_hashes").get(task)),
            items=count_of(mapping_of(document, "n-samples", task).get("original")),
        ),
        model=text_of(document.get("model_name")),
        settings=settings_of(
            mapping_of(config, "generation_kwargs"),
            {key: run.get(key) for key in _SEEDS},
            {key: document.get(key) for key in _WHOLE},
            {"task_version": mapping_of(document, "versions").get(task)},
        ),
        shots=count_of(mapping_of(document, "n-shot").get(task)),
        repeats=max(1, count_of(config.get("repeats")) or 1),
        finished=text_of(document.get("date")),
        notes=() if document else ("samples without their results file: no version, no settings, no stated score",),
    )


def _without_addresses(value: Any) -> Any:
    """A function is written with its place in memory, which is another one in every run."""
    if isinstance(value, dict):
        return {key: _without_addresses(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_addresses(one) for one in value]
    return _ADDRESS.sub("", value) if isinstance(value, str) else value


def _record(
    sources: Sources,
    unit: Unit,
    facts: RunFacts,
    key: str,
    *,
    score: float | None,
    stated: Mapping[str, Any],
    items: Items | None,
) -> Record:
    metric, _, name = key.partition(",")
    document = sources.document(unit.main) if unit.main else {}
    judged = bool(_JUDGED.search(metric))
    headline = None
    if score is not None:
        stderr = number_of(stated.get(f"{metric}_stderr,{name}"))
        count = (
            len(items.answers) if items else count_of(mapping_of(document, "n-samples", facts.task).get("effective"))
        )
        headline = Headline(
            score=score, decimals=_DECIMALS, items=count, stderr=stderr if stderr and stderr > 0 else None
        )
    update = {
        "metric": key,
        "scale": _scale(score, items.answers.scores) if items and score is not None else None,
        "headline": headline,
        "kind": items.kind(judged=judged) if items else "judge" if judged else "unknown",
        "higher_is_better": mapping_of(document, "higher_is_better", facts.task).get(metric) is not False,
        "sources": tuple(sources.source(one, NAME) for one in unit.names),
        # An item's line holds what its task made of all runs of it.
        "repeats": 1 if items else facts.repeats,
        "notes": (*facts.notes, *_notes(items)),
    }
    return Record(facts.model_copy(update=update), items.answers if items else None)


def _notes(items: Items | None) -> Iterator[str]:
    if items and len(items.answers) > 1 and not any(items.answers.documents):
        yield "the file's hashes of items are all one, so whether the items are the same is known by their prompts only"


def _scale(score: float, scores: Sequence[float]) -> Scale | None:
    """What the stated score is out of, where the items say so; where their mean is 0, or another score, none."""
    mean = sum(scores) / len(scores) if scores else 0.0
    scales: tuple[Scale, ...] = (1, 100, 1000)
    return next((scale for scale in scales if mean > 0 and abs(score - scale * mean) <= _SAME * scale), None)


FORMAT: Final = Format(
    name=NAME,
    title="lmms-eval",
    files="`<date>_results.json` with `<date>_samples_<task>.jsonl` (`--log_samples`)",
    find=find,
    read=read,
)
