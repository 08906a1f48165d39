"""FlagEvalMM: `<task>_result.json`, `<task>_evaluated.json` and the answers `<task>.json`.

Its score is a percentage over the answers that were not refused: an answer that begins with an error message is taken
out of the mean, and in older versions out of the file of items too. Those items are rebuilt here, from the answers.
`correct` is a truth value or a mean over several inferences, `score` a mark: 0 or 1 in OCRBench, tenths in MM-Vet.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from flagrelease.domain.answers import Record
from flagrelease.domain.evalrun import DatasetFacts, Harness, Headline, Judge, RunFacts, Status
from flagrelease.ingest.format import Format, Unit, base_of
from flagrelease.ingest.items import Items
from flagrelease.ingest.say import count_of, decimals_of, number_of, text_of
from flagrelease.ingest.sources import Sources

NAME: Final = "flagevalmm"
_RESULT: Final = "_result.json"
_EVALUATED: Final = "_evaluated.json"
_DECIMALS: Final = 2
_FAILED: Final = ("Error code",)
_REFUSED: Final = ("Can not answer because of", "Input data may contain inappropriate content")
_CLUSTERS: Final = ("video_id", "videoID", "image_id", "passage_id")
_JUDGED: Final = ("mmvet", "judge")


def find(sources: Sources) -> Iterator[Unit]:
    """Each result with the items and the answers beside it, then items that have no result."""
    taken: set[str] = set()
    for name in sources.named(_RESULT):
        document = sources.document(name)
        if isinstance(document, dict) and number_of(document.get("accuracy")) is not None:
            stem = name[: -len(_RESULT)]
            parts = tuple(one for one in (f"{stem}{_EVALUATED}", f"{stem}.json") if one in sources.names)
            taken.update(parts)
            yield Unit(name, parts)
    for name in sources.named(_EVALUATED):
        if name not in taken and _is_items(sources.document(name)):
            answers = f"{name[: -len(_EVALUATED)]}.json"
            yield Unit("", (name, answers) if answers in sources.names else (name,))


def _is_items(document: Any) -> bool:
    return (
        isinstance(document, list)
        and bool(document)
        and isinstance(document[0], dict)
        and ("question_id" in document[0])
    )


def read(sources: Sources, unit: Unit) -> Iterator[Record]:
    """The record of one task."""
    result = sources.document(unit.main) if unit.main else {}
    evaluated = next((name for name in unit.parts if name.endswith(_EVALUATED)), None)
    answers = next((name for name in unit.parts if name != evaluated), None)
    task = base_of(unit.main or evaluated or "").removesuffix(_RESULT).removesuffix(_EVALUATED)
    info = result.get("reject_info")
    rejects: Mapping[str, Any] = info if isinstance(info, dict) else {}
    items, notes = None, []
    if evaluated:
        items = Items(sources)
        rebuilt = _fill(sources, items, evaluated, answers)
        if rebuilt:
            notes.append(f"{rebuilt} answers were left out of the harness's mean; here they are items, and wrong")
    rejected = count_of(rejects.get("reject_number")) or 0
    if rejected and not (items and items.answers.count("ok") < len(items.answers)):
        notes.append(
            f"{rejected} of {count_of(rejects.get('total_question'))} answers were refused and left out of the mean"
        )
    judged = any(word in task.lower() for word in _JUDGED)
    total = count_of(rejects.get("total_question"))
    if total is not None and rejected > total:
        raise sources.refuse(unit.main, f"`reject_info`: wanted at most {total} refused answers, found {rejected}")
    headline = _headline(result, task, rejects, items)
    yield Record(
        RunFacts(
            task=text_of(task) or "unnamed",
            harness=Harness(name=NAME, version=None),
            dataset=DatasetFacts(items=count_of(rejects.get("total_question"))),
            judge=Judge(model=model) if judged and (model := text_of(result.get("eval_model_name"))) else None,
            metric="judge score" if judged else "accuracy",
            kind=items.kind(judged=judged) if items else "unknown",
            scale=100,
            headline=headline,
            repeats=_repeats(items),
            notes=tuple(notes),
            sources=tuple(sources.source(name, NAME) for name in unit.names),
        ),
        items.answers if items else None,
    )


def _headline(result: Mapping[str, Any], task: str, rejects: Mapping[str, Any], items: Items | None) -> Headline | None:
    """The mean is over what was not refused."""
    score = number_of(result.get("accuracy"))
    if score is None:
        return None
    total, rejected = count_of(rejects.get("total_question")), count_of(rejects.get("reject_number")) or 0
    counted = total - rejected if total is not None else items.answers.count("ok") if items else None
    least = _DECIMALS + 1 if "ocrbench" in task.lower() else _DECIMALS
    return Headline(score=score, decimals=max(least, decimals_of(score)), items=counted)


def _repeats(items: Items | None) -> int:
    return max(items.answers.repeats, default=0) + 1 if items else 1


def _fill(sources: Sources, items: Items, evaluated: str, answers: str | None) -> int:
    """All items. Returns how many of them the harness's mean leaves out."""
    left_out, known = 0, set()
    for row in _rows(sources, evaluated):
        known.add(str(row.get("question_id")))
        status = _status(row)
        left_out += status != "ok"
        _add(items, evaluated, row, status)
    if answers and _is_items(sources.document(answers)):
        for row in _rows(sources, answers):
            if str(row.get("question_id")) not in known:
                left_out += 1
                status = _status(row)
                _add(items, answers, row, "error" if status in ("ok", "judge_error") else status)
    return left_out


def _rows(sources: Sources, name: str) -> Iterator[Mapping[str, Any]]:
    document = sources.document(name)
    if not _is_items(document):
        raise sources.refuse(name, "wanted a list of items with `question_id`, found none")
    for number, row in enumerate(document, start=1):
        if not isinstance(row, dict):
            raise sources.refuse(name, f"entry {number}: wanted an object, found {type(row).__name__}")
        yield row


def _status(row: Mapping[str, Any]) -> Status:
    """By the beginning of the answer, as the harness itself sorts them out."""
    answer = row.get("raw_answer") or row.get("answer")
    said = list(answer.values()) if isinstance(answer, dict) else [answer]
    texts = [one for one in said if isinstance(one, str)]
    if texts and all(one.startswith(_FAILED) for one in texts):
        return "error"
    if texts and all(one.startswith((*_FAILED, *_REFUSED)) for one in texts):
        return "rejected"
    return "ok" if "correct" in row or "score" in row else "judge_error"


def _add(items: Items, name: str, row: Mapping[str, Any], status: Status) -> None:
    marks = row.get("inference_scores")
    several = marks if isinstance(marks, list) and marks and status == "ok" else [row.get("correct", row.get("score"))]
    usage = row.get("usage")
    for repeat, mark in enumerate(several):
        items.add(
            name,
            row.get("question_id"),
            mark,
            repeat=repeat,
            status=status,
            prompt=row.get("prompt") if isinstance(row.get("prompt"), str) else None,
            said=text_of(row.get("raw_answer") or row.get("answer")),
            cluster=next((text_of(row[key]) for key in _CLUSTERS if key in row), None),
            finish=row.get("finish_reason") or row.get("stop_reason"),
            tokens=usage.get("completion_tokens") if isinstance(usage, dict) else None,
        )


FORMAT: Final = Format(
    name=NAME,
    title="FlagEvalMM",
    files="`<task>_result.json`, `<task>_evaluated.json`, `<task>.json`",
    find=find,
    read=read,
)
