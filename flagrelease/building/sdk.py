"""The base image and the SDK on it: shared by every bundle of the chip and the SDK, so built once."""

from collections.abc import Collection

from flagrelease.building.bench import Bench, tag_of
from flagrelease.building.variables import with_variables
from flagrelease.errors import SourceError
from flagrelease.rendering.dockerfile import SDK_TARGET


def base_image(bench: Bench) -> str:
    """Have the base in the engine; its tag.

    Raises:
        SourceError: its digest is gone, it is for another architecture, or a supplied archive is not what it should be.
    """
    base, plan, engine = bench.context.base, bench.context.plan, bench.tools.container_engine
    tag = tag_of("base", base.content or base.pin)
    if engine.image(tag):
        return tag
    if base.content:
        try:
            engine.load(bench.tools.store.path(base.content), tag=tag, architecture=plan.architecture)
        except SourceError as error:
            raise SourceError(f"{base.name}, from {base.file}: {error.message}", hint=error.hint) from error
        return tag
    assert base.pin
    bench.tools.events.said(f"base {base.name} at {base.pin}")
    engine.pull(
        _repository(base.name), base.pin, plan.architecture, tag=tag,
        progress=lambda done, of: bench.tools.events.progress(done, of, "bytes"),
    )  # fmt: skip
    return tag


def sdk_image(bench: Bench, base: str) -> str:
    """The base with the SDK's installers and torch stack, and what their files of variables set; its tag."""
    plan, engine = bench.context.plan, bench.tools.container_engine
    read = {bind.source for step in (*plan.installers, *plan.torch) for bind in step.binds}
    read |= {one.path for one in plan.unpacked}
    inputs = [[one.path, one.content] for one in bench.context.files if _is_below(one.path, read)]
    steps = [one.model_dump(mode="json") for one in (*plan.installers, *plan.torch, *plan.unpacked)]
    tag = tag_of("sdk-steps", base, steps, plan.sdk_env, plan.epoch, plan.rehearsal, inputs)
    if not engine.image(tag):
        bench.build(SDK_TARGET, tag=tag, arguments={"BASE": base})
    return with_variables(bench, tag, "sdk", plan.shell_files)


def _repository(name: str) -> str:
    """An image's name without its tag."""
    head, _, tail = name.rpartition(":")
    return head if head and "/" not in tail else name


def _is_below(path: str, read: Collection[str]) -> bool:
    """Whether a file of the build's folder is one that steps read, or lies in a folder that they do."""
    return any(path == one or path.startswith(f"{one}/") for one in read)
