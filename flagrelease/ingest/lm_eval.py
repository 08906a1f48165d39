"""lm-evaluation-harness: `results_<date>.json` beside `samples_<task>_<date>.jsonl`.

A task has a score for each (metric, filter), and a line for each item and filter. Groups are means of other tasks and
have no items of their own. `stderr` may be the text "N/A".
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from flagrelease.domain.answers import Record
from flagrelease.domain.evalrun import DatasetFacts, Harness, Headline, RunFacts
from flagrelease.ingest.format import Format, Unit, base_of, folder_of
from flagrelease.ingest.items import Columns, Items
from flagrelease.ingest.say import count_of, digest_of, mapping_of, number_of, settings_of, text_of
from flagrelease.ingest.sources import Row, Sources

NAME: Final = "lm-eval"
_SAMPLES: Final = re.compile(r"samples_(.+?)_(\d{4}-\d\d-\d\dT[\d.:-]+)\.jsonl\Z")
_RESULTS: Final = re.compile(r"results_(\d{4}-\d\d-\d\dT[\d.:-]+)\.json\Z")
_FIELDS: Final = ("doc_id", "doc_hash", "filter")
_DECIMALS: Final = 12
"""Scores are written unrounded."""

_SEEDS: Final = ("random_seed", "numpy_seed", "torch_seed", "fewshot_seed", "limit", "gen_kwargs")
_WHOLE: Final = ("chat_template_sha", "system_instruction_sha", "fewshot_as_multiturn")


def find(sources: Sources) -> Iterator[Unit]:
    """Results with their samples, then samples that belong to none."""
    samples = {name for name in sources.named(".jsonl") if all(key in sources.first(name) for key in _FIELDS)}
    for name in sources.named(".json"):
        if not _is_results(sources, name):
            continue
        date = _RESULTS.match(base_of(name))
        own = sorted(one for one in samples if folder_of(one) == folder_of(name) and _date(one) == (date and date[1]))
        samples.difference_update(own)
        yield Unit(name, tuple(own))
    yield from (Unit("", (name,)) for name in sorted(samples))


def read(sources: Sources, unit: Unit) -> Iterator[Record]:
    """One record a task, metric and filter."""
    document = sources.document(unit.main) if unit.main else {}
    by_task: dict[str, list[str]] = {}
    for name in unit.parts:
        found = _SAMPLES.match(base_of(name))
        by_task.setdefault(found[1] if found else base_of(name).removesuffix(".jsonl"), []).append(name)
    results = document.get("results", {})
    groups = {
        *mapping_of(document, "groups"),
        *(name for name, own in mapping_of(document, "group_subtasks").items() if own),
    }
    for task in [*results, *(name for name in by_task if name not in results)]:
        if task in groups and task not in by_task:
            continue
        scores = {key: value for key, value in mapping_of(results, task).items() if _is_score(key, value)}
        items = _items(sources, by_task.get(task, ()))
        facts = _facts(document, task)
        for key in dict.fromkeys([*scores, *items]):
            yield _record(
                sources, unit, facts, key, scores=scores, stated=mapping_of(results, task), items=items.get(key)
            )


def _is_results(sources: Sources, name: str) -> bool:
    document = sources.document(name)
    if not isinstance(document, dict) or "lmms_eval_version" in document:
        # A harness of its own, whose files have the same shape.
        return False
    return isinstance(document.get("results"), dict) and "configs" in document


def _date(name: str) -> str | None:
    found = _SAMPLES.match(base_of(name))
    return found[2] if found else None


def _is_score(key: str, value: Any) -> bool:
    return "," in key and "_stderr," not in key and number_of(value) is not None


def _items(sources: Sources, names: tuple[str, ...] | list[str]) -> dict[str, Items]:
    """Columns for each "metric,filter" whose item scores are numbers from 0 to 1."""
    columns = Columns(sources)
    for name in names:
        for row in sources.lines(name):
            metrics = row.get("metrics")
            for metric in metrics if isinstance(metrics, list) else ():
                value = row.get(metric) if isinstance(metric, str) else None
                if isinstance(value, list | dict | str) or value is None:
                    # What is not a mean over items, such as perplexity's pairs, has no score of one item.
                    continue
                _add(columns.of(name, f"{metric},{row.get('filter', 'none')}"), name, row, value)
    return columns.found


def _add(items: Items, name: str, row: Row, value: Any) -> None:
    answers = row.get("resps")
    first = answers[0] if isinstance(answers, list) and answers else None
    first = first[0] if isinstance(first, list) and first else first
    items.add(
        name,
        row.get("doc_id"),
        value,
        status="error" if answers and first is None else "ok",
        document=row.get("doc_hash"),
        prompt=row.get("prompt_hash"),
        said=first if isinstance(first, str) else None,
    )


def _facts(document: Any, task: str) -> RunFacts:
    config = dict(mapping_of(document, "configs", task))
    # Where the server is and where the task file lies: neither changes what is asked.
    for key in ("metadata", "dataset_kwargs"):
        config.pop(key, None)
    total = mapping_of(document, "n-samples", task)
    run, version = mapping_of(document, "config"), mapping_of(document, "versions").get(task)
    settings = settings_of(
        mapping_of(config, "generation_kwargs"),
        {key: run.get(key) for key in _SEEDS},
        {key: document.get(key) for key in _WHOLE},
        {"task_version": version},
    )
    return RunFacts(
        task=text_of(task) or "unnamed",
        harness=Harness(
            name=NAME,
            version=text_of(document.get("lm_eval_version")),
            config_sha256=digest_of(config) if config else None,
        ),
        dataset=DatasetFacts(
            id=text_of(config.get("dataset_path")),
            split=text_of(config.get("test_split") or config.get("validation_split")),
            fingerprint=text_of(mapping_of(document, "task_hashes").get(task)),
            items=count_of(total.get("original")),
        ),
        model=text_of(document.get("model_name")),
        settings=settings,
        shots=count_of(mapping_of(document, "n-shot").get(task)),
        repeats=max(1, count_of(config.get("repeats")) or 1),
        finished=text_of(document.get("date")),
        notes=() if document else ("samples without their results file: no version, no settings, no stated score",),
    )


def _record(
    sources: Sources,
    unit: Unit,
    facts: RunFacts,
    key: str,
    *,
    scores: Mapping[str, Any],
    stated: Mapping[str, Any],
    items: Items | None,
) -> Record:
    metric, _, name = key.partition(",")
    direction = mapping_of(sources.document(unit.main), "higher_is_better") if unit.main else {}
    score = number_of(scores.get(key))
    headline = None
    if score is not None:
        effective = count_of(stated.get("sample_len")) or (len(items.answers) if items else None)
        stderr = number_of(stated.get(f"{metric}_stderr,{name}"))
        headline = Headline(score=score, decimals=_DECIMALS, items=effective, stderr=stderr)
    update = {
        "metric": key,
        "scale": 1,
        "headline": headline,
        "kind": items.kind() if items else "unknown",
        "higher_is_better": mapping_of(direction, facts.task).get(metric) is not False,
        "sources": tuple(sources.source(one, NAME) for one in unit.names),
        # Each item's line holds the one answer that its filter left over.
        "repeats": 1 if items else facts.repeats,
    }
    return Record(facts.model_copy(update=update), items.answers if items else None)


FORMAT: Final = Format(
    name=NAME,
    title="lm-evaluation-harness",
    files="`results_*.json` with `samples_*.jsonl` (`--log_samples`)",
    find=find,
    read=read,
)
