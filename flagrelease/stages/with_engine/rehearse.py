"""build, as a rehearsal: the real Dockerfile from its first line to its last, with stand-ins for what is not here.

Its value is no image that anything could publish.
"""

from pathlib import Path
from typing import Final

from flagrelease.building.bench import Bench
from flagrelease.building.image import bundle_image, findings
from flagrelease.building.kernels import kernel_wheels
from flagrelease.building.sdk import base_image, sdk_image
from flagrelease.domain.engine_build import Call, EngineContext, Rehearsed
from flagrelease.errors import BuildError
from flagrelease.formats.calls import CALLS_FILE, calls_in_wheel, read_calls
from flagrelease.formats.canonical import pretty_json
from flagrelease.ports import Tools

_CALLS_WITHIN_S: Final = 60.0


def build(tools: Tools, here: Path, context: EngineContext) -> Rehearsed:
    """What the rehearsal showed; `here/rehearsal.json` has it, too.

    Raises:
        BuildError: a step failed.
        ToolError: the engine does not answer, or the disk is full.
    """
    bench = Bench(tools=tools, context=context, folder=here / "context", here=here)
    bench.lay_out()
    sdk = sdk_image(bench, base_image(bench))
    kernels = kernel_wheels(bench, sdk)
    tag, image = bundle_image(bench, sdk, kernels)
    rehearsed = Rehearsed(
        bundle=context.plan.bundle,
        image_id=image.id,
        size=image.size,
        labels=dict(context.plan.labels),
        stand_ins=context.stand_ins,
        calls=_calls(bench, tag),
        kernel_calls=tuple(call for one in kernels for call in calls_in_wheel(tools.store.path(one.content))),
        kernels=kernels,
        findings=findings(bench, tag),
    )
    (here / "rehearsal.json").write_bytes(pretty_json(rehearsed))
    return rehearsed


def _calls(bench: Bench, tag: str) -> tuple[Call, ...]:
    log = bench.here / "calls.log"
    argv = (bench.context.plan.python, "-c", _SHOW, CALLS_FILE)
    status, said = bench.tools.container_engine.run_once(tag, argv, log=log, timeout_s=_CALLS_WITHIN_S)
    if status != 0:
        raise BuildError(f"the calls of the stand-ins cannot be read: status {status}", log=log)
    return read_calls(said, CALLS_FILE)


_SHOW: Final = "import pathlib, sys; p = pathlib.Path(sys.argv[1]); print(p.read_text() if p.exists() else '', end='')"
