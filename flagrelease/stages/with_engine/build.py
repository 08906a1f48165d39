"""build: base, SDK, kernel libraries and the bundle's image by a container engine, then into the store."""

from pathlib import Path

from flagrelease.building.bench import Bench
from flagrelease.building.image import bundle_image, findings
from flagrelease.building.kernels import kernel_wheels
from flagrelease.building.open_parts import require_parts, require_secrets
from flagrelease.building.sdk import base_image, sdk_image
from flagrelease.domain.engine_build import EngineBuilt, EngineContext
from flagrelease.formats.canonical import pretty_json
from flagrelease.oci.layout import write_layout
from flagrelease.ports import Tools


def build(tools: Tools, here: Path, context: EngineContext) -> EngineBuilt:
    """The image; `here/image` is its OCI layout, linked from the store, `here/context` what the engine was given.

    Raises:
        LockError: parts are missing; the message names each with the way to get it.
        SourceError: a part is not what the lock says.
        BuildError: a step failed.
        ToolError: a build secret is not given, the engine does not answer, or the disk is full.
    """
    require_parts(context)
    require_secrets(context, tools.build_secrets)
    bench = Bench(tools=tools, context=context, folder=here / "context", here=here)
    bench.lay_out()
    sdk = sdk_image(bench, base_image(bench))
    kernels = kernel_wheels(bench, sdk)
    tag, _ = bundle_image(bench, sdk, kernels)
    listed = findings(bench, tag)
    image = tools.container_engine.keep(tag, lambda done, of: tools.events.progress(done, of, "bytes"))
    write_layout(tools.store, image, here / "image", tag=context.plan.labels["org.opencontainers.image.version"])
    built = EngineBuilt(image=image, kernels=kernels, findings=listed)
    (here / "built.json").write_bytes(pretty_json(built))
    return built
