"""A bundle's run in one value: what each stage did and how long it took, and what came out."""

import json
from pathlib import Path

from flagrelease.domain.evidence import SmokeReport
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock
from flagrelease.domain.verdict import Verdict
from flagrelease.stages import ORDER


def summary(folder: Path, *, lock: Lock, image: Image, serving: SmokeReport, verdict: Verdict) -> dict[str, object]:
    """The content of `report.json`: the verdict, the deviations it lives with, and the stages in their order.

    Each stage with its seconds and, where it had nothing to do, the reason.
    """
    paths = [folder / f"{number}-{stage}" / "done.json" for number, stage in enumerate(ORDER, start=1)]
    return {
        "bundle": lock.bundle,
        "revision": lock.revision,
        "folder": str(folder),
        "card": str(folder / "README.md"),
        "image": image.digest,
        "image_bytes": image.size,
        "decision": verdict.decision,
        "reasons": list(verdict.reasons),
        "deviations": [
            {"check": check.id, "observed": check.deviation.observed, "expires": check.deviation.expires.isoformat()}
            for check in serving.checks
            if check.deviation
        ],
        "stages": [_stage(path) for path in paths if path.is_file()],
    }


def _stage(path: Path) -> dict[str, object]:
    done = json.loads(path.read_bytes())
    value = done["value"]
    skipped = value.get("skipped") if isinstance(value, dict) else None
    return {"stage": done["stage"], "seconds": done["seconds"], **({"skipped": skipped} if skipped else {})}
