"""Three questions in words about each made-up video."""

from typing import Any


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    """Nothing to be seen."""
    return []


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: Any = None) -> str:
    """The question."""
    return str(doc["question"])


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    """Right where the answer is somewhere in what was said; half of that under a judge's name."""
    right = float(doc["answer"].lower() in results[0].strip().lower())
    return {
        "facts_score": {"question_id": doc["question_id"], "videoID": doc["videoID"], "score": right},
        "gpt_eval_score": {"question_id": doc["question_id"], "videoID": doc["videoID"], "score": right / 2},
    }


def mean_of(results: list[dict[str, Any]]) -> float:
    """Out of a hundred."""
    return float(100 * sum(one["score"] for one in results) / len(results))
