"""The bundle's own image: built, compared with its plan, and asked what pip thinks of it."""

from collections.abc import Mapping

from flagrelease.building.bench import Bench, tag_of
from flagrelease.building.variables import with_variables
from flagrelease.domain.engine_build import KernelWheel
from flagrelease.engine_ports import EngineImage
from flagrelease.errors import BuildError
from flagrelease.rendering.dockerfile import IMAGE_TARGET

_CHECK_WITHIN_S = 300.0
_FINDINGS = 200
_CONFLICTS = 1
"""The status of `pip check` that found something."""


def bundle_image(bench: Bench, sdk: str, kernels: tuple[KernelWheel, ...]) -> tuple[str, EngineImage]:
    """The image of the bundle in the engine: its tag, and what the engine says of it.

    Raises:
        BuildError: a step failed, or the image is not what its plan says.
    """
    plan = bench.context.plan
    made_of = [one.content for one in bench.context.files], [one.content for one in kernels]
    steps = tag_of("bundle-steps", sdk, *made_of)
    bench.build(IMAGE_TARGET, tag=steps, arguments={"SDK": sdk})
    tag = with_variables(bench, steps, "bundle", plan.bundle_shell_files)
    image = bench.tools.container_engine.image(tag)
    if image is None:
        raise BuildError(f"the engine has built {tag}, and does not have it", hint="run the same command again")
    if image.architecture != plan.architecture:
        raise BuildError(f"the image is for {image.architecture}, and the bundle for {plan.architecture}")
    if lost := _lost(plan.labels, image.labels):
        raise BuildError(f"the image lacks labels of its plan, or has others: {', '.join(lost)}")
    return tag, image


def findings(bench: Bench, tag: str) -> tuple[str, ...]:
    """What `pip check` says of the image, a line each. Raises BuildError when it cannot be asked."""
    argv = (bench.context.plan.python, "-m", "pip", "check")
    log = bench.here / "pip-check.log"
    status, said = bench.tools.container_engine.run_once(tag, argv, log=log, timeout_s=_CHECK_WITHIN_S)
    if status not in {0, _CONFLICTS}:
        raise BuildError(f"`{' '.join(argv)}` ended with {status} in the image", log=log)
    lines = [" ".join(line.split()) for line in said.decode(errors="replace").splitlines()]
    return tuple(line for line in lines if line and status == _CONFLICTS)[:_FINDINGS]


def _lost(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    return [name for name, value in wanted.items() if found.get(name) != value]
