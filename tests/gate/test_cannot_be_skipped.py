"""Promise 25: no image is approved but by the gate's own word on records of exactly this image.

Each attack is made on evidence that would be let through as it is.
"""

import json
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from flagrelease.domain.evidence import Check, SmokeReport
from flagrelease.domain.image import Image, Layer
from flagrelease.domain.lock import Lock, LockFile
from flagrelease.domain.verdict import Approved, Evaluation, EvidenceFile, Verdict
from flagrelease.errors import FlagReleaseError, GateError
from flagrelease.formats.canonical import pretty_json, sha256_of
from flagrelease.formats.strict import decode_json
from flagrelease.gate.decide import decide
from flagrelease.ingest.held import records_in
from flagrelease.stages.evaluate import require_evidence

ROOT = Path(__file__).parents[2]
ONE, OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
Runs = dict[str, list[dict[str, Any]]]


@cache
def lock() -> Lock:
    path = ROOT / "recipes" / "bundles" / "cpu" / "smollm2-135m-instruct.lock.json"
    found = decode_json(path.read_bytes(), LockFile, source=str(path)).variants["llamacpp"]
    assert isinstance(found, Lock)
    return found


def runs() -> Runs:
    """The committed reference, and a target that answered each item alike."""
    path = ROOT / "recipes" / "baselines" / "smollm2-135m-instruct" / "transformers-fp32.json"
    both = [json.loads(path.read_text())["runs"] for _ in range(2)]
    for run in both[1]:
        run["image"] = ONE
    return {"reference": both[0], "target": both[1]}


def written(folder: Path, found: Runs) -> tuple[EvidenceFile, ...]:
    """The records as files, and what an evaluation says of them."""
    files = []
    for side, records in found.items():
        for record in records:
            path = folder / side / f"{record['task']}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pretty_json(record))
            files.append(
                {
                    "task": record["task"], "side": side, "path": f"{side}/{path.name}",
                    "sha256": sha256(path.read_bytes()).hexdigest(), "software": [], "finished": record["finished"],
                }
            )  # fmt: skip
    return tuple(EvidenceFile.model_validate_json(json.dumps(one)) for one in files)


def said_of(folder: Path, evidence: tuple[EvidenceFile, ...], *, image: str = ONE) -> Verdict:
    sides: dict[str, list[Any]] = {"reference": [], "target": []}
    for file in evidence:
        sides[file.side] += records_in(file.path, (folder / file.path).read_bytes())
    return decide(lock().policy, sha256_of(lock().policy), image, sides["reference"], sides["target"])


def an_image(digest: str = ONE) -> Image:
    layer = Layer(name="weights", digest=f"sha256:{'d' * 64}", size=1)
    config = f"sha256:{'c' * 64}"
    return Image(digest=digest, config=config, manifest_size=1, architecture="amd64", layers=(layer,))


def approved(folder: Path, evaluation: Evaluation, *, image: str = ONE, smoke: str = ONE) -> Approved:
    """As `publish` goes about it."""
    require_evidence(folder, lock(), an_image(image), evaluation)
    check = Check(id="a", title="first", status="pass", detail="fine", seconds=0.1)
    serving = SmokeReport(image=smoke, checks=(check,))
    return Approved(image=an_image(image), serving=serving, verdict=evaluation.verdict)


def evaluation_of(folder: Path, found: Runs | None = None) -> Evaluation:
    evidence = written(folder, found or runs())
    return Evaluation(verdict=said_of(folder, evidence), reference="the committed one", evidence=evidence)


def changed(evaluation: Evaluation, **fields: Any) -> Evaluation:
    return evaluation.model_copy(update={"verdict": evaluation.verdict.model_copy(update=fields)})


def edited(folder: Path, evaluation: Evaluation, *, text: Callable[[str], str], resealed: bool) -> Evaluation:
    """A record with another content, and where `resealed` its new hash in the evidence."""
    file = next(one for one in evaluation.evidence if one.side == "target")
    path = folder / file.path
    path.write_text(text(path.read_text()))
    if not resealed:
        return evaluation
    new = file.model_copy(update={"sha256": sha256(path.read_bytes()).hexdigest()})
    return evaluation.model_copy(update={"evidence": tuple(new if one is file else one for one in evaluation.evidence)})


def _lost(text: str) -> str:
    """A target that answers nothing right any more."""
    return text.replace('"score": 1.0', '"score": 0.0')


def test_evidence_that_is_in_order_is_approved(tmp_path: Path) -> None:
    evaluation = evaluation_of(tmp_path)
    assert evaluation.verdict.decision == "GO", evaluation.verdict.reasons
    assert approved(tmp_path, evaluation).verdict == evaluation.verdict


Attack = Callable[[Path, Evaluation], Evaluation]
ATTACKS: dict[str, Attack] = {
    "a record is edited": lambda at, e: edited(at, e, text=_lost, resealed=False),
    "a record is edited, and its hash with it": lambda at, e: edited(at, e, text=_lost, resealed=True),
    "a record is empty": lambda at, e: edited(at, e, text=lambda _: "", resealed=True),
    "a record is cut off": lambda at, e: edited(at, e, text=lambda t: t[: len(t) // 2], resealed=True),
    "a score is no number": lambda at, e: edited(
        at, e, text=lambda t: t.replace('"score": 1.0', '"score": NaN', 1), resealed=True
    ),
    "a score is infinite": lambda at, e: edited(
        at, e, text=lambda t: t.replace('"score": 1.0', '"score": 1e999', 1), resealed=True
    ),
    "a score is missing": lambda at, e: edited(
        at, e, text=lambda t: t.replace('"score": 1.0', '"store": 1.0', 1), resealed=True
    ),
    "the answers are of another image": lambda at, e: edited(
        at, e, text=lambda t: t.replace(ONE, OTHER), resealed=True
    ),
    "a task's records are left out": lambda _, e: e.model_copy(
        update={"evidence": tuple(one for one in e.evidence if one.task != "boolq_next_word")}
    ),
    "the sides are exchanged": lambda _, e: e.model_copy(
        update={
            "evidence": tuple(
                one.model_copy(update={"side": "target" if one.side == "reference" else "reference"})
                for one in e.evidence
            )
        }
    ),
    "the target is compared with itself": lambda _, e: e.model_copy(
        update={
            "evidence": tuple(
                one.model_copy(update={"path": one.path.replace("reference", "target"), "sha256": other.sha256})
                for one, other in zip(e.evidence, [*e.evidence[2:], *e.evidence[2:]], strict=True)
            )
        }
    ),
    "there is no evidence at all": lambda _, e: e.model_copy(update={"evidence": ()}),
    "the verdict is of another policy": lambda _, e: changed(e, policy_sha256="9" * 64),
    "the verdict is of another image": lambda _, e: changed(e, image=OTHER),
    "a reason is reworded": lambda _, e: changed(e, reasons=("GO: all is well",)),
    "a task is left out of the verdict": lambda _, e: changed(e, tasks=e.verdict.tasks[:1]),
    "the verdict says HOLD and is published as it is": lambda _, e: changed(e, decision="HOLD"),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
def test_an_attack_on_the_evidence_is_refused(attack: Attack, tmp_path: Path) -> None:
    evaluation = attack(tmp_path, evaluation_of(tmp_path))
    with pytest.raises(FlagReleaseError):
        approved(tmp_path, evaluation)


def test_a_record_that_is_gone_is_missed(tmp_path: Path) -> None:
    evaluation = evaluation_of(tmp_path)
    (tmp_path / evaluation.evidence[-1].path).unlink()
    with pytest.raises(GateError, match="is not the one that the verdict was reached from"):
        approved(tmp_path, evaluation)


def test_a_bad_bundle_cannot_be_called_good(tmp_path: Path) -> None:
    found = runs()
    for run in found["target"]:
        for item in run["items"]:
            item["score"] = 0.0
        run["score"] = 0.0
    evaluation = evaluation_of(tmp_path, found)
    assert evaluation.verdict.decision == "NO-GO"
    with pytest.raises(ValidationError, match="NO-GO"):
        approved(tmp_path, evaluation)
    with pytest.raises(GateError, match="is not what the records"):
        approved(tmp_path, changed(evaluation, decision="GO"))


@pytest.mark.parametrize(("image", "smoke"), [(OTHER, ONE), (OTHER, OTHER), (ONE, OTHER)])
def test_good_evidence_of_one_image_approves_no_other(image: str, smoke: str, tmp_path: Path) -> None:
    evaluation = evaluation_of(tmp_path)
    with pytest.raises((FlagReleaseError, ValidationError)):
        approved(tmp_path, evaluation, image=image, smoke=smoke)


def test_the_order_of_records_changes_nothing(tmp_path: Path) -> None:
    evaluation = evaluation_of(tmp_path)
    turned = evaluation.model_copy(update={"evidence": evaluation.evidence[::-1]})
    assert approved(tmp_path, turned).verdict == evaluation.verdict
