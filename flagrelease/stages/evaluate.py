"""evaluate: ask the running bundle every item of its policy and hold the answers against the reference."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from flagrelease.domain.answers import Record
from flagrelease.domain.bundle import OtherChip, SwitchedOff
from flagrelease.domain.evidence import Baseline, EvalRun, SmokeReport
from flagrelease.domain.gate import Policy
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock
from flagrelease.domain.source import Sources
from flagrelease.domain.value import Name
from flagrelease.domain.verdict import Approved, Evaluation, EvidenceFile, Verdict, Waiver
from flagrelease.errors import GateError, HoldError, RecipeError, SmokeError
from flagrelease.evaluation.ask import Side
from flagrelease.evaluation.at_looks import ask_at_looks
from flagrelease.evaluation.outside import FOLDER as EVIDENCE
from flagrelease.evaluation.sides import Own, Run, ask_side, ready_to_ask
from flagrelease.formats.canonical import pretty_json, sha256_of
from flagrelease.formats.strict import decode_json
from flagrelease.gate.decide import decide
from flagrelease.gate.order import order_of
from flagrelease.gate.waiver import refuse_unless_in_force
from flagrelease.ingest.held import records_in
from flagrelease.ports import Completions, Events, Tools

_AGAIN = "run `flagrelease build` with `--from evaluate`"


def evaluate(tools: Tools, here: Path, image: Image, lock: Lock, sources: Sources) -> Evaluation:  # noqa: ARG001
    """The verdict on the image, with the records of both sides beside it.

    Raises:
        HoldError: a harness of the policy does not run here, and its evidence was not brought; it says what to run.
        LockError: the reference record is not what the lock pins.
        RecipeError: the reference record does not cover the policy's tasks.
        SmokeError: a server does not start, has not its switches, or ends by itself.
        ToolError: a harness failed, or lacks a key.
    """
    ready_to_ask(tools, lock)
    recorded = _baseline(tools, lock)
    elsewhere = here.parent / EVIDENCE
    if isinstance(lock.reference, SwitchedOff):
        title = lock.reference.title
        reference = ask_side(tools, here, image, lock, "reference", evidence=elsewhere)
    else:
        title, reference = _title(lock, recorded), [*recorded.runs] if recorded else []
    asked = {*lock.policy.tasks, *lock.policy.harness_tasks}
    reference = [run for run in reference if run.task in asked]
    own = _at_looks(tools, lock.policy, reference) if lock.policy.sequential else None
    target = ask_side(tools, here, image, lock, "target", evidence=elsewhere, own=own)
    evidence = (*_written(here, "reference", reference), *_written(here, "target", target))
    verdict = _verdict(here, lock, image, evidence)
    (here / "verdict.json").write_bytes(pretty_json(verdict))
    tools.harnesses.tidy()
    return Evaluation(verdict=verdict, reference=title, evidence=evidence)


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


def _baseline(tools: Tools, lock: Lock) -> Baseline | None:
    if lock.baseline is None:
        return None
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


def _at_looks(tools: Tools, policy: Policy, reference: Iterable[Run]) -> Own:
    """Asks a task of our own up to the look that decides it against what the reference answered."""
    runs = [run for run in reference if isinstance(run, EvalRun)]

    def own(name: Name, data: bytes, side: Side, client: Completions) -> EvalRun:
        of_task = [run for run in runs if run.task == name]
        return _ask_at_looks(name, data, side, client, tools.events, policy=policy, to=of_task)

    return own


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


def _title(lock: Lock, recorded: Baseline | None) -> str:
    """What the bundle was held against, or would have been."""
    if recorded:
        return recorded.title
    other = lock.reference
    assert isinstance(other, OtherChip)
    return (
        f"none: {other.stack} on chip {other.chip} has not been measured with this policy; name its record as the "
        "reference's `baseline`"
    )


def _written(here: Path, side: Literal["reference", "target"], runs: Iterable[Run]) -> Iterable[EvidenceFile]:
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
            finished=_when(run),
        )


def _when(run: Run) -> datetime:
    """The end of a run; what does not say it was read just now."""
    if isinstance(run, EvalRun):
        return run.finished
    return datetime.fromisoformat(run.finished) if run.finished else datetime.now(UTC)
