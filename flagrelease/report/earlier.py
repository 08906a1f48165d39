"""What earlier runs of a bundle took, stage by stage."""

import json
from collections.abc import Mapping
from pathlib import Path

from flagrelease.stages import ORDER


def earlier_seconds(out: Path, bundle: str) -> Mapping[str, float]:
    """Seconds of each stage the last time it acted, in any folder of this bundle below `out`. Empty without a run."""
    latest: dict[str, tuple[float, float]] = {}
    for path in out.glob(f"{bundle}-????????/?-*/done.json"):
        stage = path.parent.name.partition("-")[2]
        try:
            when, seconds = path.stat().st_mtime, float(json.loads(path.read_bytes())["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            # A record that is being written, or damaged, tells nothing.
            continue
        if stage in ORDER and when > latest.get(stage, (0.0, 0.0))[0]:
            latest[stage] = (when, seconds)
    return {stage: latest[stage][1] for stage in ORDER if stage in latest}
