"""evaluate: ask the running bundle every item of its policy and hold the answers against the reference."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from flagrelease.domain.answers import Record
from flagrelease.domain.bundle import OtherChip, SwitchedOff
from flagrelease.domain.evidence import EvalRun, SmokeReport
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock
from flagrelease.domain.source import Sources
from flagrelease.domain.value import Name
from flagrelease.domain.verdict import Approved, Evaluation, EvidenceFile, Verdict, Waiver
from flagrelease.errors import GateError, HoldError, RecipeError, SmokeError
from flagrelease.evaluation.at_looks import Looks
from flagrelease.evaluation.outside import FOLDER as EVIDENCE
from flagrelease.evaluation.sides import Run, ask_side, ready_to_ask
from flagrelease.formats.canonical import pretty_json, sha256_of
from flagrelease.gate.decide import decide
from flagrelease.gate.order import order_of
from flagrelease.gate.phrases import HOLD_HINT
from flagrelease.gate.waiver import refuse_unless_in_force
from flagrelease.ingest.held import records_in
from flagrelease.ingest.reference import Reference, reference_of
from flagrelease.ports import Tools

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
    recorded = _reference(tools, lock)
    elsewhere = here.parent / EVIDENCE
    if isinstance(lock.reference, SwitchedOff):
        title = lock.reference.title
        asked = ask_side(tools, here, image, lock, "reference", evidence=elsewhere)
        before = tuple(_written(here, "reference", asked))
    else:
        title, before = _title(lock, recorded), tuple(_kept(here, recorded, lock)) if recorded else ()
    looks = _looks(here, lock, image, before) if lock.policy.sequential else {}
    target = ask_side(tools, here, image, lock, "target", evidence=elsewhere, looks=looks)
    evidence = (*before, *_written(here, "target", target))
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
        raise HoldError(f"HOLD\n{reasons}", hint=HOLD_HINT)


def _reference(tools: Tools, lock: Lock) -> Reference | None:
    if lock.baseline is None:
        return None

    def pinned(path: str, sha256: str) -> bytes:
        return tools.recipes.baseline(path, sha256=sha256)

    found = reference_of(lock.baseline.path, lock.baseline.sha256, pinned)
    missing = sorted(set(lock.policy.tasks) - {file.task for file in found.files})
    if missing:
        raise RecipeError(
            f"{lock.baseline.path}: wanted a run of every task of policy `{lock.policy.name}`, "
            f"found none of {', '.join(missing)}",
            hint="produce the reference record anew, for this policy",
        )
    return found


def _looks(here: Path, lock: Lock, image: Image, before: Iterable[EvidenceFile]) -> dict[Name, Looks]:
    """Of each task that is asked here: up to which items to ask, and whether to go on with what has been answered."""
    reference = [one for file in before for one in records_in(file.path, (here / file.path).read_bytes())]
    policy_sha256 = sha256_of(lock.policy)

    def goes_on(run: EvalRun) -> bool:
        target = records_in(f"target/{run.task}.json", pretty_json(run))
        verdict = decide(lock.policy, policy_sha256, image.digest, reference, target)
        found = next(task for task in verdict.tasks if task.task == run.task)
        return found.sequential is not None and found.sequential.step == "GO-ON" and found.decision != "INVALID"

    orders = {name: order_of(lock.policy, name, reference, {}) for name in lock.policy.tasks}
    return {name: Looks(order=one.items, after=one.looks, goes_on=goes_on) for name, one in orders.items()}


def _kept(here: Path, reference: Reference, lock: Lock) -> Iterable[EvidenceFile]:
    """The reference's records, byte for byte as they were recorded where they are files of their own."""
    (here / "reference").mkdir(exist_ok=True)
    for file in reference.files:
        if file.task in {*lock.policy.tasks, *lock.policy.harness_tasks}:
            (here / "reference" / file.name).write_bytes(file.content)
            yield EvidenceFile(
                task=file.task,
                side="reference",
                path=f"reference/{file.name}",
                sha256=hashlib.sha256(file.content).hexdigest(),
                software=file.software,
                finished=file.finished,
            )


def _title(lock: Lock, recorded: Reference | None) -> str:
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
