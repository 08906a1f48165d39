"""EvalScope: `reports/<model>/<benchmark>.json` (version 2), `reviews/…/<benchmark>_<subset>.jsonl`, `predictions/…`.

Its score is a mean over the answers it could score: a request that failed is in no file of items and in no mean, only
in the report's summary. Scores are rounded to four decimals. `macro_score` is a mean over subsets and is not read.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from flagrelease.domain.answers import Record
from flagrelease.domain.evalrun import DatasetFacts, Harness, Headline, Judge, RunFacts, Status
from flagrelease.errors import RecipeError
from flagrelease.formats.characters import checked_yaml
from flagrelease.formats.positions import UnreadableError, plain
from flagrelease.formats.yaml_tree import YamlTree
from flagrelease.ingest.format import Format, Unit, base_of
from flagrelease.ingest.items import ITEM_LIMIT, Columns, Items
from flagrelease.ingest.say import count_of, number_of, settings_of, text_of
from flagrelease.ingest.sources import Sources

NAME: Final = "evalscope"
_DECIMALS: Final = 4
_VERSION: Final = 2
_LONGEST: Final = 100
_CONFIG_LIMIT: Final = 256 << 10


def find(sources: Sources) -> Iterator[Unit]:
    """Each report, with the files of items, predictions and configuration that lie beside `reports`."""
    for name in sources.named(".json"):
        document = sources.document(name)
        if not isinstance(document, dict) or "dataset_name" not in document:
            continue
        if not isinstance(document.get("metrics"), list):
            continue
        root, _, below = name.rpartition("reports/")
        model, stem = below.rpartition("/")[0], base_of(name).removesuffix(".json")
        wanted = tuple(f"{root}{folder}/{model}/{stem}_" for folder in ("reviews", "predictions"))
        parts = sorted(one for one in sources.names if one.startswith(wanted) and one.endswith(".jsonl"))
        others = [other for other in _stems(sources, name) if len(other) > len(stem) and other.startswith(f"{stem}_")]
        parts = [one for one in parts if not base_of(one).startswith(tuple(f"{other}_" for other in others))]
        config = tuple(one for one in (f"{root}configs/task_config.yaml",) if one in sources.names)
        yield Unit(name, tuple(parts), config)


def _stems(sources: Sources, name: str) -> Iterator[str]:
    """Benchmarks reported beside this one: `mmlu_pro` has no file of `mmlu`'s."""
    folder = name[: name.rfind("/") + 1]
    return (base_of(one).removesuffix(".json") for one in sources.named(".json") if one.startswith(folder))


def read(sources: Sources, unit: Unit) -> Iterator[Record]:
    """One record a metric; the items are of the metrics that the review files name."""
    document = sources.document(unit.main)
    if document.get("schema_version") != _VERSION:
        raise sources.refuse(
            unit.main,
            f"wanted a report of schema version {_VERSION}, found {document.get('schema_version')}",
            hint="run EvalScope 1.14 or newer",
        )
    config = _config(sources, unit)
    facts = _facts(document, config)
    items = _items(sources, unit, document)
    for metric in document["metrics"]:
        identity = metric.get("identity") if isinstance(metric, dict) else None
        score = number_of(metric.get("score")) if isinstance(metric, dict) else None
        if not isinstance(identity, dict) or score is None:
            continue
        key = _key(identity)
        own = items.get(key)
        update = {
            "metric": key,
            "scale": 1,
            "kind": own.kind(judged=facts.judge is not None) if own else "unknown",
            "higher_is_better": _direction(metric) != "lower_is_better",
            "headline": Headline(score=score, decimals=_DECIMALS, items=count_of(metric.get("num"))),
            "sources": tuple(sources.source(name, NAME) for name in (*unit.names, *unit.shared)),
        }
        yield Record(facts.model_copy(update=update), own.answers if own else None)


def _key(identity: Mapping[str, Any]) -> str:
    dimensions = identity.get("dimensions")
    more = "".join(f",{key}={dimensions[key]}" for key in sorted(dimensions)) if isinstance(dimensions, dict) else ""
    return text_of(f"{identity.get('name')}{more}"[:200]) or "unnamed"


def _direction(metric: Mapping[str, Any]) -> Any:
    semantics = metric.get("semantics")
    return semantics.get("direction") if isinstance(semantics, dict) else None


def _config(sources: Sources, unit: Unit) -> Mapping[str, Any]:
    """The run's configuration: YAML, read as strictly as a recipe."""
    for name in unit.shared:
        try:
            found = plain(YamlTree().read(checked_yaml(sources.text(name, _CONFIG_LIMIT))))
        except UnreadableError as stop:
            raise sources.refuse(name, f"line {stop.fault.at.line}: {stop.fault.text}") from stop
        return found if isinstance(found, dict) else {}
    return {}


def _facts(document: Mapping[str, Any], config: Mapping[str, Any]) -> RunFacts:
    task = text_of(document.get("dataset_name")) or "unnamed"
    own = _at(config, "resolved_benchmarks", task)
    summary = _at(document, "execution_summary")
    requested, errored = count_of(summary.get("requested")), count_of(summary.get("errored")) or 0
    notes = (
        (f"{errored} of {requested} requests failed: the harness leaves them out of its score; here they are wrong",)
        if errored
        else ()
    )
    judges = _at(config, "judge").get("models")
    identity = _at(config, "evaluation_identity", "benchmarks", task)
    return RunFacts(
        task=task,
        harness=Harness(name=NAME, version=text_of(config.get("evalscope_version"))),
        dataset=DatasetFacts(
            id=_dataset(own.get("dataset_id")),
            revision=text_of(own.get("dataset_revision")),
            split=text_of(own.get("eval_split")),
            items=requested,
        ),
        model=text_of(document.get("model_name")),
        settings=settings_of(
            {key: value for key, value in _at(config, "generation_config").items() if key != "batch_size"},
            {key: own.get(key) for key in ("few_shot_num", "prompt_template", "system_prompt", "extra_params")},
            {"limit": config.get("limit"), "evaluation_version": identity.get("evaluation_version")},
        ),
        shots=count_of(own.get("few_shot_num")),
        judge=Judge(model=text_of(_judges(judges)) or "unnamed") if judges else None,
        repeats=max(1, count_of(config.get("repeats")) or 1),
        notes=notes,
    )


def _dataset(name: Any) -> str | None:
    """A hub's name, or the last part of a path: where a folder lies is each machine's own business."""
    text = text_of(name)
    return text.rstrip("/").rpartition("/")[2] if text and text.startswith(("/", ".", "~")) else text


def _at(document: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        found = document.get(key)
        if not isinstance(found, dict):
            return {}
        document = found
    return document


def _items(sources: Sources, unit: Unit, document: Mapping[str, Any]) -> dict[str, Items]:
    ends = _ends(sources, unit)
    primary = document.get("primary_metric_identity") or _only_metric(document)
    columns = Columns(sources)
    for name in unit.parts:
        if "/reviews/" in f"/{name}" and name.endswith(".jsonl"):
            for row in sources.lines(name):
                _add(sources, columns, name, row, ends=ends, primary=primary)
    return columns.found


def _only_metric(document: Mapping[str, Any]) -> Any:
    """The metric of a report that has one: a judge's, which the report calls by another name than its items."""
    metrics = [one for one in document["metrics"] if isinstance(one, dict)]
    return metrics[0].get("identity") if len(metrics) == 1 else None


def _judges(models: Any) -> str:
    """The judges by name; the address of their API is each machine's own business."""
    names = [one.get("model_id") for one in models if isinstance(one, dict)] if isinstance(models, list) else [models]
    return ", ".join(str(name) for name in names)


def _add(
    sources: Sources,
    columns: Columns,
    name: str,
    row: Mapping[str, Any],
    *,
    ends: Mapping[tuple[str, str], tuple[Any, Any]],
    primary: Any,
) -> None:
    subset = base_of(name).removesuffix(".jsonl")
    sample = row.get("sample_score")
    score = sample.get("score") if isinstance(sample, dict) else None
    values = score.get("value") if isinstance(score, dict) else None
    if not isinstance(sample, dict) or not isinstance(score, dict) or not isinstance(values, dict):
        raise _no_review(sources, name, row)
    usable: Status = "ok" if score.get("status") in ("success", None) else "error"
    finish, tokens = ends.get((subset, str(row.get("index"))[:_LONGEST]), (None, None))
    for metric, value in values.items():
        # The report has names of its own for some metrics; it says which one is the main one, and so does the item.
        named = score.get("main_score_name") or (metric if len(values) == 1 else None)
        is_main = metric == named and isinstance(primary, dict)
        key = _key(primary) if is_main else metric
        items = columns.of(name, key)
        repeat = count_of(sample.get("generation_index")) or 0
        group = sample.get("group_id") if repeat or sample.get("group_id") is not None else sample.get("sample_id")
        items.add(
            name,
            f"{subset}:{group}",
            value,
            repeat=repeat,
            status=usable,
            prompt=_asked(row),
            said=text_of(score.get("prediction")),
            finish=finish,
            tokens=tokens,
        )


def _no_review(sources: Sources, name: str, row: Mapping[str, Any]) -> RecipeError:
    return sources.refuse(name, f"item {row.get('index')}: wanted `sample_score.score.value`, found none")


def _asked(row: Mapping[str, Any]) -> str | None:
    """What was sent: the messages before the answer."""
    messages = row.get("messages")
    if not isinstance(messages, list):
        return None
    sent = [one.get("content") for one in messages if isinstance(one, dict) and one.get("role") != "assistant"]
    return "\n".join(str(one) for one in sent) or None


def _ends(sources: Sources, unit: Unit) -> dict[tuple[str, str], tuple[Any, Any]]:
    """How each answer ended and how long it was, from the predictions."""
    found: dict[tuple[str, str], tuple[Any, Any]] = {}
    for name in unit.parts:
        if "/predictions/" in f"/{name}" and name.endswith(".jsonl"):
            subset = base_of(name).removesuffix(".jsonl")
            for row in sources.lines(name):
                output = row.get("model_output")
                choices = output.get("choices") if isinstance(output, dict) else None
                usage = _at(output, "usage") if isinstance(output, dict) else {}
                first = choices[0] if isinstance(choices, list) and choices else {}
                reason = first.get("stop_reason") if isinstance(first, dict) else None
                found[subset, str(row.get("index"))[:_LONGEST]] = (reason, usage.get("output_tokens"))
                if len(found) > ITEM_LIMIT:
                    raise sources.refuse(name, f"wanted at most {ITEM_LIMIT:,} answers of one task, found more")
    return found


FORMAT: Final = Format(
    name=NAME,
    title="EvalScope",
    files="its output folder: `reports/`, `reviews/`, `predictions/`, `configs/`",
    find=find,
    read=read,
)
