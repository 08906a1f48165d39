"""A small evidence pack, whole and signed."""

from datetime import UTC, datetime
from pathlib import Path

from flagrelease.adapters.evidence.writing import packed_file, write_pack
from flagrelease.domain.evidence import Check, Skipped, SmokeReport
from flagrelease.domain.packed import EvidenceManifest, HostProfile
from flagrelease.domain.verdict import Evaluation, Verdict
from flagrelease.sealing.detached import SigningKey, VerifyingKey, signing
from flagrelease.sealing.keys import new_key

IMAGE = "sha256:" + "1" * 64
KEY: SigningKey = signing(new_key("chip-host"))
STRANGER: VerifyingKey = signing(new_key("stranger")).public
FILES = {"evaluate/target/quiz.json": b'{"score": 1.0}', "smoke_serving/report.json": b"{}" * 400}


def a_pack(folder: Path, *, signer: SigningKey | None = KEY, name: str = "evidence.tar") -> Path:
    """The pack, in a folder."""
    files = {}
    for path, data in FILES.items():
        files[path] = folder / path.replace("/", "-")
        files[path].write_bytes(data)
    manifest = EvidenceManifest(
        chip="cpu",
        model="tiny",
        variant="serve",
        revision="r1",
        image=IMAGE,
        lock_sha256="2" * 64,
        policy="quick",
        policy_sha256="3" * 64,
        tool="flagrelease",
        code_sha256="4" * 64,
        by="chip-host",
        host=HostProfile(
            machine="x86_64", architecture="amd64", system="Debian", kernel="6", cores=2, memory_bytes=1 << 34
        ),
        switches={"LANG": "C"},
        kernels=Skipped(skipped="nothing to do"),
        serving=SmokeReport(image=IMAGE, checks=(Check(id="ready", title="ready", status="pass", seconds=0.1),)),
        evaluation=Evaluation(
            verdict=Verdict(image=IMAGE, decision="HOLD", reasons=("why",), policy_sha256="3" * 64, tasks=()),
            reference="another chip",
            evidence=(),
        ),
        files=tuple(packed_file(path, file) for path, file in sorted(files.items())),
        finished=datetime(2030, 1, 1, tzinfo=UTC),
    )
    to = folder / name
    write_pack(to, manifest, files, signer)
    return to
