"""Whether a pack is about this very bundle: its image, lock, policy, weights, software, switches and reference."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from flagrelease.adapters.evidence.reading import Pack
from flagrelease.adapters.result_files import ResultFiles
from flagrelease.domain.answers import Answers, Record
from flagrelease.domain.evidence import Software
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock
from flagrelease.domain.packed import EvidenceManifest
from flagrelease.errors import GateError, RecipeError
from flagrelease.evaluation.outside import Which
from flagrelease.evaluation.profile import differing
from flagrelease.evaluation.sides import switches_of
from flagrelease.formats.canonical import sha256_of
from flagrelease.gate.records.check import cut
from flagrelease.ingest.recognise import records_of
from flagrelease.ingest.sources import Sources
from flagrelease.smoke.names import SERVING

_SIDES: Final[tuple[Which, ...]] = ("reference", "target")
_AGAIN: Final = (
    "make the evidence again, of this image, by this lock: `flagrelease build`, then `flagrelease evidence pack`"
)


def refuse_other_bundle(pack: Pack, lock: Lock) -> None:
    """Raise GateError for evidence of another bundle, of another lock or of an older policy."""
    manifest = pack.manifest
    wrong = [
        f"{what}: wanted {wanted}, found {found}"
        for what, wanted, found in (
            ("bundle", lock.bundle, manifest.bundle),
            ("revision", lock.revision, manifest.revision),
            (
                "policy",
                f"{lock.policy.name} ({sha256_of(lock.policy)})",
                f"{manifest.policy} ({manifest.policy_sha256})",
            ),
            ("lock", sha256_of(lock), manifest.lock_sha256),
        )
        if wanted != found
    ]
    _refuse(pack, wrong)


def refuse_other_image(pack: Pack, image: Image) -> None:
    """Raise GateError for evidence of another image."""
    wanted, found = image.digest, pack.manifest.image
    _refuse(pack, [f"image: wanted {wanted}, found {found}"] if wanted != found else [])


def refuse_unfit(pack: Pack, lock: Lock, folder: Path, reference: Sequence[Record]) -> None:
    """Raise GateError where the smoke report or a record does not fit; `folder` is that of the evaluate stage."""
    manifest = pack.manifest
    named = [file.path for file in pack.manifest.files]
    wrong = [
        f"the record {one.path} is not in the pack"
        for one in manifest.evaluation.evidence
        if f"evaluate/{one.path}" not in named
    ]
    _refuse(pack, wrong)
    try:
        given = {one.side for one in manifest.evaluation.evidence}
        sides = {side: records_of(Sources(ResultFiles(folder / side))) if side in given else () for side in _SIDES}
    except RecipeError as error:
        raise GateError(f"{pack.path} holds no records that can be read: {error.message}", hint=_AGAIN) from error
    wrong += [*_smoke(manifest, lock), *_switches(manifest, lock)]
    for record in sides["target"]:
        wrong += _of_bundle("target", record, manifest, lock)
    if lock.baseline is None:
        # The same image, with its switches off.
        for record in sides["reference"]:
            wrong += _of_bundle("reference", record, manifest, lock)
    else:
        wrong += _reference(sides["reference"], reference)
    _refuse(pack, wrong)


def _refuse(pack: Pack, wrong: Sequence[str]) -> None:
    if wrong:
        lines = "\n".join(f"  {text}" for text in wrong[:20])
        raise GateError(f"{pack.path} is no evidence of this bundle\n{lines}", hint=_AGAIN)


def _smoke(manifest: EvidenceManifest, lock: Lock) -> Iterator[str]:
    """Another version of flagrelease may check less; what deviates has to be declared here."""
    made = [check.id for check in manifest.serving.checks]
    if sorted(made) != sorted(SERVING):
        lack = ", ".join(sorted(set(SERVING) - set(made))) or "none"
        more = ", ".join(cut(name) for name in made if name not in SERVING or made.count(name) > 1) or "none"
        yield f"smoke: wanted every serving check once; missing: {lack}; unknown or twice: {more}"
    for check in manifest.serving.checks:
        if check.status == "fail":
            yield f"smoke: {check.id} failed: {cut(check.detail)}"
        if check.status == "deviates" and check.deviation not in lock.smoke.deviations:
            yield f"smoke: {check.id} deviates, which the bundle does not declare so"


def _switches(manifest: EvidenceManifest, lock: Lock) -> Iterator[str]:
    wanted_env = switched_on(lock)
    for name in sorted(manifest.switches.keys() | wanted_env.keys()):
        wanted, found = wanted_env.get(name, "unset"), manifest.switches.get(name, "unset")
        if wanted != found:
            yield f"switch {name}: wanted {cut(wanted)}, found {cut(found)}"


def switched_on(lock: Lock) -> dict[str, str]:
    """The variables that the target's server runs with."""
    return {**lock.env, **switches_of(lock.reference, "target").env}


def _of_bundle(side: Which, record: Record, manifest: EvidenceManifest, lock: Lock) -> Iterator[str]:
    """A record of what the image itself answered, with the switches that this side wants."""
    facts, wanted_switches = record.facts, switches_of(lock.reference, side).wanted
    software = tuple(Software(name=wheel.project, version=wheel.version) for wheel in lock.wheels)
    compared: tuple[tuple[str, object, object], ...] = (
        ("image", manifest.image, facts.image),
        ("chip", lock.chip, facts.chip),
        ("weights", lock.weights.sha256, facts.weights_sha256),
        ("precision", lock.weights.precision, facts.precision),
        ("software", _spelled(software or facts.software), _spelled(facts.software)),
    )
    for what, wanted, found in compared:
        if wanted != found:
            yield f"{side}: {cut(facts.task)}: {what}: wanted {cut(wanted)}, found {cut(found)}"
    stated = facts.server.switches if facts.server else {}
    if facts.server is not None or wanted_switches:
        for text in differing(wanted_switches, stated):
            yield f"{side}: {cut(facts.task)}: switch {cut(text)}"


def _spelled(software: Sequence[Software]) -> str:
    return ", ".join(f"{one.name} {one.version}" for one in software)


def _reference(found: Sequence[Record], wanted: Sequence[Record]) -> Iterator[str]:
    """The reference's answers are those of the baseline that the lock pins, one by one."""
    known = {record.facts.task: record for record in wanted}
    for record in found:
        own = known.get(record.facts.task)
        if own is None or _columns(own.answers) != _columns(record.answers):
            yield f"{cut(record.facts.task)}: the reference's answers are not those of the baseline that the lock pins"


def _columns(answers: Answers | None) -> Mapping[str, object] | None:
    if answers is None:
        return None
    marks = zip(answers.documents, answers.prompts, answers.said, strict=True)
    rows = zip(answers.ids, answers.repeats, answers.scores, answers.statuses, marks, strict=True)
    return {f"{item} {repeat}": rest for item, repeat, *rest in rows}
