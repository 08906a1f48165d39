"""smoke_serving: does the bundle serve as its clients expect, and does it go away when told to."""

from datetime import UTC, datetime
from pathlib import Path

from flagrelease.domain.evidence import SmokeReport
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock
from flagrelease.domain.source import Sources
from flagrelease.errors import SmokeError
from flagrelease.formats.canonical import pretty_json
from flagrelease.ports import Tools
from flagrelease.smoke.serving import Bench, check_serving


def smoke_serving(tools: Tools, here: Path, image: Image, lock: Lock, sources: Sources) -> SmokeReport:
    """The report on the image, when nothing in it speaks against it; `report.json` is there either way.

    Raises:
        SmokeError: a check failed. The stage is not finished then: the next run makes every check again.
        RecipeError: a declared deviation names no check.
        SourceError: the second model's weights are not in the store.
        ToolError: this machine cannot run the image.
    """
    files = zip(sources.second_model, lock.second_model.files, strict=True)
    bench = Bench(
        engine=tools.engine,
        endpoint=tools.endpoint,
        events=tools.events,
        image=image,
        lock=lock,
        second_weights=tuple((tools.store.path(digest), file.path) for digest, file in files),
        here=here,
        port=tools.engine.free_port(),
    )
    report = check_serving(bench, today=datetime.now(UTC).date())
    path = here / "report.json"
    path.write_bytes(pretty_json(report))
    if report.failed:
        lines = "\n".join(f"  {check.id}: {check.detail.partition(chr(10))[0]}" for check in report.failed)
        raise SmokeError(
            f"{len(report.failed)} of {len(report.checks)} serving checks failed:\n{lines}",
            hint="the server's log is beside the report",
            log=path,
        )
    return report
