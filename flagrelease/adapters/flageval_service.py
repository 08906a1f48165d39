"""The FlagEval service: it asks a served endpoint its own questions and keeps the scores.

Four of its calls are used: `POST /evaluation` starts, `POST /evaluation_progress` tells how far it is, `GET /evaldiffs`
has the scores, and `POST /stop_evaluation` ends it. A started evaluation is written down before it is waited for, so
that after a kill it is waited for again and never started twice. What the service answers is checked before anything
is believed; what it keeps of single items nobody outside sees, so its scores are aggregates and decide nothing.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, Protocol, get_args

from pydantic import Field

from flagrelease.adapters.flageval_calls import NotSentError, ServiceCalls, id_of, is_share, json_object, line_of
from flagrelease.domain.value import Text, Value
from flagrelease.errors import RecipeError, SourceError
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.durable import write_durably

State = Literal["S", "F", "C", "OOR"]
"""Succeeded, failed, cancelled, and out of retries (the service's documents; others read it as out of resources)."""

_PAUSES_S: Final = (30.0, 30.0, 30.0, 60.0, 60.0, 120.0)
"""Between two looks at a running evaluation; the last one for good."""


class Submission(Value):
    """What is to be evaluated, in the service's own words. `eval_model` has to be another name in each evaluation."""

    eval_model: Text
    model: Text
    eval_url: Text
    tokenizer: Text
    chip: Text
    domain: Literal["NLP", "MM"]
    mode: Text = "FlagRelease"
    batch_size: int = Field(default=1, ge=1)
    num_concurrent: int = Field(default=1, ge=1)
    num_retry: int = Field(default=10, ge=0)
    gen_kwargs: str = ""
    region: Literal["bj", "sz"] = "bj"
    user_id: int = Field(default=0, ge=0)
    dry_run: bool = False


class Looked(Value):
    """How far an evaluation is, as the service tells it."""

    finished: bool
    status: Text
    datasets: Text
    running: Text


class EvaluationService(Protocol):
    """An outside service that evaluates a served endpoint."""

    def evaluate(self, submission: Submission, here: Path, told: Callable[[Looked], None]) -> Path:
        """Start the evaluation, or wait for the one that was started here, and return the file of its scores."""


class FlagEvalService:
    """Fulfils `EvaluationService`.

    Args:
        address: The service, http or https. A secret is sent over http to this machine only.
        token_variable: Name of the environment variable that holds the service's token; none is sent when it is empty.
        key_variable: Name of the one that holds the key which the served endpoint asks for.
        timeout_s: Seconds for one answer, to its last byte.
        patience_s: Seconds for the whole evaluation.
        pause: How to wait.
    """

    def __init__(
        self,
        address: str,
        *,
        token_variable: str = "",
        key_variable: str = "",
        timeout_s: float = 60.0,
        patience_s: float = 24 * 3600.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._calls = ServiceCalls(address, token_variable=token_variable, timeout_s=timeout_s, pause=pause)
        self._key = self._calls.secret(key_variable) or "EMPTY"
        self._base, self._patience_s, self._pause = address.rstrip("/"), patience_s, pause

    def close(self) -> None:
        """End all connections."""
        self._calls.close()

    def evaluate(self, submission: Submission, here: Path, told: Callable[[Looked], None]) -> Path:
        """The file `flageval_result.json` below `here`, with the service's answer as it was checked.

        Raises:
            RecipeError: What was started below `here` is something else.
            SourceError: No answer, one that makes no sense, or an evaluation that did not succeed.
        """
        done = here / "flageval_result.json"
        request_id = self._started(submission, here)
        self._wait(request_id, submission.domain, told)
        results = self.results(request_id)
        self._refuse_unless_succeeded(request_id, submission.eval_model, results)
        write_durably(done, pretty_json({"request_id": request_id, "eval_results": results}))
        return done

    def _started(self, submission: Submission, here: Path) -> str:
        """The id of the evaluation that was started here before, or of a new one."""
        journal = here / "flageval_request.json"
        asked = submission.model_dump(mode="json")
        if journal.exists():
            found = json_object(journal.read_bytes(), str(journal))
            if found.get("asked") != asked:
                raise RecipeError(
                    f"{journal}: wanted the evaluation of {submission.eval_model}, found another one",
                    hint="use another folder",
                )
            if not found.get("request_id"):
                raise SourceError(
                    f"{journal}: the evaluation was sent and no answer came, so it may be running",
                    hint="write its id there as `request_id`, or delete the file to start anew",
                )
            return id_of(found.get("request_id"), str(journal))
        here.mkdir(parents=True, exist_ok=True)
        write_durably(journal, pretty_json({"asked": asked}))
        try:
            request_id = self.submit(submission)
        except NotSentError:
            with suppress(FileNotFoundError):
                journal.unlink()
            raise
        write_durably(journal, pretty_json({"asked": asked, "request_id": request_id}))
        return request_id

    def submit(self, submission: Submission) -> str:
        """Start an evaluation and return its id. It is sent once: what was sent may have been taken."""
        whole = submission.model_dump(mode="json")
        once = ("domain", "mode", "region", "user_id", "dry_run")
        info = {key: value for key, value in whole.items() if key not in once}
        body = {"eval_infos": [{**info, "api_key": self._key}], **{key: whole[key] for key in once}}
        return id_of(
            self._calls.asked("POST", "/evaluation", body, tries=1).get("request_id"), f"{self._base}/evaluation"
        )

    def progress(self, request_id: str, domain: str) -> Looked:
        """How far it is."""
        path = "/evaluation_progress"
        answer = self._calls.asked("POST", path, {"request_id": request_id, "domain": domain})
        if not isinstance(answer.get("finished"), bool):
            raise self._calls.nonsense(path, "`finished` as true or false", answer.get("finished"))
        status, datasets, running = (
            line_of(answer.get(key)) for key in ("status", "datasets_progress", "running_progress")
        )
        return Looked(finished=answer["finished"], status=status, datasets=datasets, running=running)

    def results(self, request_id: str) -> Mapping[str, Any]:
        """The scores by model, each with its state and, by dataset, `accuracy` and `diff`."""
        path = "/evaldiffs"
        found = self._calls.asked("GET", path, {"request_id": request_id}).get("eval_results")
        if not isinstance(found, dict) or not found:
            raise self._calls.nonsense(path, "`eval_results` by model", found)
        for model, result in found.items():
            details = result.get("details") if isinstance(result, dict) else None
            if not isinstance(details, list):
                raise self._calls.nonsense(path, f"`details` of {line_of(model)} as a list", details)
            for one in (result, *details):
                state = one.get("status") if isinstance(one, dict) else None
                if state not in get_args(State):
                    raise self._calls.nonsense(path, f"a state of {', '.join(get_args(State))}", state)
            for one in details:
                if not isinstance(one.get("dataset"), str) or not is_share(one.get("accuracy")):
                    raise self._calls.nonsense(path, "a dataset with its `accuracy`", one.get("accuracy"))
        return found

    def stop(self, request_id: str) -> None:
        """End a running evaluation."""
        self._calls.asked("POST", "/stop_evaluation", {"request_id": request_id})

    def _wait(self, request_id: str, domain: str, told: Callable[[Looked], None]) -> None:
        waited, before = 0.0, None
        for look in range(1_000_000):
            found = self.progress(request_id, domain)
            if found != before:
                told(found)
                before = found
            if found.finished:
                return
            if waited >= self._patience_s:
                break
            seconds = _PAUSES_S[min(look, len(_PAUSES_S) - 1)]
            self._pause(seconds)
            waited += seconds
        raise SourceError(
            f"{self._base}: evaluation {request_id} is not finished after {waited / 3600:.1f} hours",
            hint="call it again with the same folder to wait on",
        )

    def _refuse_unless_succeeded(self, request_id: str, model: str, results: Mapping[str, Any]) -> None:
        if results.keys() != {model}:
            raise self._calls.nonsense("/evaldiffs", f"the results of {model} alone", ", ".join(map(line_of, results)))
        states = {one["dataset"]: one["status"] for one in results[model]["details"]}
        bad = [f"{line_of(dataset)}: {_WORDS[state]}" for dataset, state in states.items() if state != "S"]
        if results[model]["status"] != "S" or bad or not states:
            what = "; ".join(bad[:5]) or f"it {_WORDS[results[model]['status']]}, with {len(states)} datasets"
            raise SourceError(
                f"{self._base}: wanted evaluation {request_id} to succeed in every dataset, found: {what}",
                hint="the service's log says why; part of the datasets is no result",
            )


_WORDS: Final[Mapping[str, str]] = {
    "S": "succeeded", "F": "failed", "C": "was cancelled", "OOR": "ran out of retries or resources",
}  # fmt: skip
