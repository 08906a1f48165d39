"""evaluate: ask the running bundle every item of its policy and hold the answers against the reference."""

import hashlib
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Literal

from flagrelease.domain.evidence import Baseline, EvalRun, SmokeReport, Software
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock
from flagrelease.domain.source import Sources
from flagrelease.domain.verdict import Approved, Evaluation, EvidenceFile, Verdict, Waiver
from flagrelease.errors import GateError, HoldError, RecipeError, SmokeError
from flagrelease.evaluation.ask import Side, ask
from flagrelease.formats.canonical import pretty_json, sha256_of
from flagrelease.formats.strict import decode_json
from flagrelease.gate.decide import decide
from flagrelease.ports import Server, ServeRequest, Tools


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
        target = _answers(tools, server, image, lock)
    reference = [run for run in baseline.runs if run.task in lock.policy.tasks]
    verdict = decide(lock.policy, sha256_of(lock.policy), image.digest, reference, target)
    evidence = (*_written(here, "reference", reference), *_written(here, "target", target))
    (here / "verdict.json").write_bytes(pretty_json(verdict))
    return Evaluation(verdict=verdict, reference=baseline.title, evidence=evidence)


def approve(
    image: Image, serving: SmokeReport, evaluation: Evaluation, waiver: Waiver | None, *, today: date
) -> Approved:
    """What may be published: the only place that makes an Approved.

    Raises:
        GateError: the verdict is NO-GO.
        HoldError: the verdict is HOLD and no waiver for this image is in force.
        SmokeError: a check failed, or a declared deviation has expired since it was measured.
    """
    expired = [c.deviation.check for c in serving.checks if c.deviation and c.deviation.expires < today]
    if serving.failed or expired:
        names = ", ".join([c.id for c in serving.failed] + [f"{name} (its deviation has expired)" for name in expired])
        raise SmokeError(f"not to be published: {names}", hint="mend it, or renew the deviation in the bundle's recipe")
    verdict = evaluation.verdict
    granted = waiver is not None and waiver.image == image.digest and waiver.expires >= today
    if verdict.decision == "HOLD" and waiver is not None and not granted:
        raise HoldError(
            f"the waiver does not cover this image: it names {waiver.image} until {waiver.expires}",
            hint=f"a waiver for {image.digest} with a date from {today} on lets this HOLD through",
        )
    if not granted:
        stop_unless_go(verdict)
    return Approved(image=image, serving=serving, verdict=verdict, waiver=waiver if granted else None)


def stop_unless_go(verdict: Verdict, *, log: Path | None = None) -> None:
    """Raise GateError for NO-GO and HoldError for HOLD, with the gate's reasons."""
    reasons = "\n".join(f"  {reason}" for reason in verdict.reasons)
    if verdict.decision == "NO-GO":
        raise GateError(f"NO-GO\n{reasons}", log=log)
    if verdict.decision == "HOLD":
        raise HoldError(f"HOLD\n{reasons}", hint="more items, or a waiver for this image, would settle it", log=log)


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


def _answers(tools: Tools, server: Server, image: Image, lock: Lock) -> list[EvalRun]:
    with tools.completions(server.base_url) as client:
        side = Side(
            model=lock.model,
            weights_sha256=lock.weights.sha256,
            precision=lock.weights.precision,
            chip=lock.chip,
            image=image.digest,
            software=tuple(Software(name=w.project, version=w.version) for w in lock.wheels)
            or (Software(name=lock.engine, version=lock.revision),),
            settings={**client.settings, "threads": str(lock.serving.threads), "slots": str(lock.serving.slots)},
        )
        runs = []
        for dataset in lock.datasets:
            tools.events.said(dataset.task)
            data = tools.store.path(dataset.file.digest).read_bytes()
            runs.append(ask(dataset.task, lock.policy.tasks[dataset.task], data, side, client, events=tools.events))
        return runs


def _written(here: Path, side: Literal["reference", "target"], runs: Iterable[EvalRun]) -> Iterable[EvidenceFile]:
    for run in runs:
        path = here / side / f"{run.task}.json"
        path.parent.mkdir(exist_ok=True)
        content = pretty_json(run)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        yield EvidenceFile(task=run.task, side=side, path=str(path.relative_to(here)), sha256=digest)
