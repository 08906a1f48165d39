"""evaluate: ask the running bundle every item of its policy and hold the answers against the reference."""

import hashlib
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Literal

from flagrelease.domain.answers import Record
from flagrelease.domain.evidence import Baseline, EvalRun, SmokeReport, Software
from flagrelease.domain.gate import Policy
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock
from flagrelease.domain.source import Sources
from flagrelease.domain.value import Name
from flagrelease.domain.verdict import Approved, Evaluation, EvidenceFile, Verdict, Waiver
from flagrelease.errors import GateError, HoldError, RecipeError, SmokeError
from flagrelease.evaluation.ask import Side, ask
from flagrelease.evaluation.at_looks import ask_at_looks
from flagrelease.formats.canonical import pretty_json, sha256_of
from flagrelease.formats.strict import decode_json
from flagrelease.gate.decide import decide
from flagrelease.gate.order import order_of
from flagrelease.gate.waiver import refuse_unless_in_force
from flagrelease.ingest.held import records_in
from flagrelease.ports import Completions, Events, Server, ServeRequest, Tools

_AGAIN = "run `flagrelease build` with `--from evaluate`"


def evaluate(tools: Tools, here: Path, image: Image, lock: Lock, sources: Sources) -> Evaluation:  # noqa: ARG001
    """The verdict on the image, with the records of both sides beside it.

    Raises:
        LockError: the reference record is not what the lock pins.
        RecipeError: the reference record does not cover the policy's tasks.
        SmokeError: the server does not start or ends by itself.
    """
    baseline = _baseline(tools, lock)
    request = ServeRequest(port=tools.engine.free_port(), log=here / "server.log")
    with tools.engine.serve(image, request) as server:
        server.wait_until_healthy(lock.serving.ready_within_s)
        target = _answers(tools, server, image, lock, baseline)
        if not server.alive():
            raise SmokeError("the server ended by itself while it was asked", log=request.log)
    reference = [run for run in baseline.runs if run.task in lock.policy.tasks]
    evidence = (*_written(here, "reference", reference), *_written(here, "target", target))
    verdict = _verdict(here, lock, image, evidence)
    (here / "verdict.json").write_bytes(pretty_json(verdict))
    return Evaluation(verdict=verdict, reference=baseline.title, evidence=evidence)


def approve(
    image: Image, serving: SmokeReport, evaluation: Evaluation, waiver: Waiver | None, *, today: date
) -> Approved:
    """What may be published: the only place that makes an Approved. A waiver lets a HOLD through and nothing else.

    Raises:
        GateError: the verdict is NO-GO.
        HoldError: the verdict is HOLD and no waiver for this image is in force.
        SmokeError: a declared deviation has expired since it was measured.
    """
    refuse_expired(serving, today)
    verdict = evaluation.verdict
    if verdict.decision != "HOLD" or waiver is None:
        stop_unless_go(verdict)
        return Approved(image=image, serving=serving, verdict=verdict)
    refuse_unless_in_force(waiver, image.digest, today=today)
    return Approved(image=image, serving=serving, verdict=verdict, waiver=waiver)


def refuse_expired(serving: SmokeReport, today: date) -> None:
    """Raise SmokeError when a deviation that was in force when it was measured is so no more."""
    expired = [c.deviation for c in serving.checks if c.deviation and c.deviation.expires < today]
    if expired:
        names = ", ".join(f"{deviation.check} (until {deviation.expires})" for deviation in expired)
        raise SmokeError(f"declared deviations have expired: {names}", hint="mend them, or renew them in the recipe")


def require_evidence(here: Path, lock: Lock, image: Image, evaluation: Evaluation) -> None:
    """Read the records below `here` again and decide again: a verdict is as good as the records it rests on.

    Raises:
        GateError: a record is missing or changed, or the verdict is not what the records give.
    """
    if _verdict(here, lock, image, evaluation.evidence) != evaluation.verdict:
        raise GateError(f"the verdict is not what the records in `{here}` give", hint=_AGAIN)


def _verdict(here: Path, lock: Lock, image: Image, evidence: Iterable[EvidenceFile]) -> Verdict:
    """What the records give, as they lie below `here`."""
    sides: dict[str, list[Record]] = {"reference": [], "target": []}
    for file in evidence:
        path = here / file.path
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise GateError(f"the record `{path}` is not the one that the verdict was reached from", hint=_AGAIN)
        sides[file.side] += records_in(file.path, content)
    return decide(lock.policy, sha256_of(lock.policy), image.digest, sides["reference"], sides["target"])


def stop_unless_go(verdict: Verdict) -> None:
    """Raise GateError for NO-GO and HoldError for HOLD, with the gate's reasons."""
    reasons = "\n".join(f"  {reason}" for reason in verdict.reasons)
    if verdict.decision == "NO-GO":
        raise GateError(f"NO-GO\n{reasons}")
    if verdict.decision == "HOLD":
        raise HoldError(f"HOLD\n{reasons}", hint="more items, or a waiver for this image, would settle it")


def _baseline(tools: Tools, lock: Lock) -> Baseline:
    data = tools.recipes.baseline(lock.baseline.path, sha256=lock.baseline.sha256)
    baseline = decode_json(data, Baseline, source=lock.baseline.path)
    missing = sorted(set(lock.policy.tasks) - {run.task for run in baseline.runs})
    if missing:
        raise RecipeError(
            f"{lock.baseline.path}: wanted a run of every task of policy `{lock.policy.name}`, "
            f"found none of {', '.join(missing)}",
            hint="produce the reference record anew, for this policy",
        )
    return baseline


def _answers(tools: Tools, server: Server, image: Image, lock: Lock, baseline: Baseline) -> list[EvalRun]:
    with tools.completions(server.base_url) as client:
        side = Side(
            model=lock.model,
            weights_sha256=lock.weights.sha256,
            precision=lock.weights.precision,
            chip=lock.chip,
            image=image.digest,
            software=tuple(Software(name=w.project, version=w.version) for w in lock.wheels)
            or (Software(name=lock.engine_title, version=lock.revision),),
            settings={**client.settings, "threads": str(lock.serving.threads), "slots": str(lock.serving.slots)},
        )
        runs = []
        for dataset in lock.datasets:
            tools.events.said(dataset.task)
            data = tools.store.path(dataset.file.digest).read_bytes()
            if lock.policy.sequential:
                reference = [run for run in baseline.runs if run.task == dataset.task]
                run = _ask_at_looks(dataset.task, data, side, client, tools.events, policy=lock.policy, to=reference)
            else:
                run = ask(dataset.task, lock.policy.tasks[dataset.task], data, side, client, events=tools.events)
            runs.append(run)
        return runs


def _ask_at_looks(
    task: Name,
    data: bytes,
    side: Side,
    client: Completions,
    events: Events,
    *,
    policy: Policy,
    to: Iterable[EvalRun],
) -> EvalRun:
    """Up to the look that decides the task against the reference, or advises to stop."""
    reference = [one for run in to for one in _as_records("reference", run)]
    order = order_of(policy, task, reference, {})

    def goes_on(run: EvalRun) -> bool:
        (verdict,) = decide(policy, sha256_of(policy), side.image or "", reference, _as_records("target", run)).tasks
        stop = verdict.sequential
        return stop is not None and stop.step == "GO-ON" and verdict.decision != "INVALID"

    return ask_at_looks(
        task,
        policy.tasks[task],
        data,
        side,
        client,
        events=events,
        order=order.items,
        looks=order.looks,
        goes_on=goes_on,
    )


def _as_records(side: str, run: EvalRun) -> tuple[Record, ...]:
    return records_in(f"{side}/{run.task}.json", pretty_json(run))


def _written(here: Path, side: Literal["reference", "target"], runs: Iterable[EvalRun]) -> Iterable[EvidenceFile]:
    for run in runs:
        path = here / side / f"{run.task}.json"
        path.parent.mkdir(exist_ok=True)
        content = pretty_json(run)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        yield EvidenceFile(
            task=run.task,
            side=side,
            path=str(path.relative_to(here)),
            sha256=digest,
            software=run.software,
            finished=run.finished,
        )
