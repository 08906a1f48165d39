"""Evidence packs as people and programs read them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flagrelease.domain.packed import EvidenceManifest, HostProfile
from flagrelease.report.words import short, size
from flagrelease.sealing.detached import VerifyingKey


def pack_data(path: Path, sha256: str, manifest: EvidenceManifest, signer: VerifyingKey | None) -> Mapping[str, Any]:
    """For programs."""
    return {
        "file": str(path),
        "sha256": sha256,
        "signed_by": {"name": signer.name, "key": signer.id} if signer else None,
        "manifest": manifest.model_dump(mode="json", by_alias=True),
    }


def packed_words(path: Path, sha256: str, manifest: EvidenceManifest, signer: VerifyingKey | None) -> str:
    """What a pack is about, for a person."""
    return "\n".join(_lines(path, sha256, manifest, signer.shown if signer else "nobody: `--sign-with KEY` signs it"))


def shown_words(
    path: Path, sha256: str, manifest: EvidenceManifest, signer: VerifyingKey | None, claimed: str | None
) -> str:
    """The same of one from elsewhere: a signature that does not count is no signature."""
    said = f"nobody that is trusted here; it says {short(claimed)}" if claimed else "nobody"
    return "\n".join(_lines(path, sha256, manifest, signer.shown if signer else said))


def _lines(path: Path, sha256: str, manifest: EvidenceManifest, signed: str) -> Iterator[str]:
    verdict, checks = manifest.evaluation.verdict, manifest.serving.checks
    yield f"{path}: {manifest.bundle} {short(manifest.revision)}"
    yield f"  sha256     {sha256}"
    yield f"  image      {manifest.image}"
    yield f"  lock       {manifest.lock_sha256}"
    yield f"  policy     {manifest.policy} ({manifest.policy_sha256})"
    yield f"  made       {manifest.finished:%Y-%m-%d %H:%M} UTC, packed by {short(manifest.by)} with {manifest.tool}"
    yield f"  signed by  {signed}"
    yield from _host(manifest.host)
    yield f"  smoke      {sum(one.status == 'pass' for one in checks)} of {len(checks)} checks pass"
    yield f"  verdict    {verdict.decision}, to be decided again where it is taken"
    yield from (f"    {short(reason)}" for reason in verdict.reasons)
    yield f"  files      {len(manifest.files)}, {size(sum(file.size for file in manifest.files))}"
    yield ""


def _host(host: HostProfile) -> Iterator[str]:
    machine = f"{host.machine}, {host.cores} cores, {size(host.memory_bytes)}"
    yield f"  host       {short(machine)}, {short(host.system)}, kernel {short(host.kernel)}"
    for chip in host.chips:
        driver = f", driver {short(chip.driver)}" if chip.driver else ""
        yield f"             {chip.chip}: {chip.devices} devices{driver}"
