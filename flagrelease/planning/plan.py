"""What `build` would do for one bundle, stage by stage, without doing it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flagrelease.domain.component import GitSource
from flagrelease.domain.lock import Lock, PartialLock
from flagrelease.domain.recipe import DOCKERFILE, Recipe
from flagrelease.launch.container import run_command
from flagrelease.launch.server import inner_command
from flagrelease.launch.weights import download_command
from flagrelease.locking.inputs import Input, inputs_of
from flagrelease.stages import ORDER


@dataclass(frozen=True, kw_only=True)
class PlannedStage:
    """One stage: `state` is done, to do, nothing to do, or blocked; `seconds` is what it took the last time."""

    stage: str
    state: str
    does: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The stages in their order, the inputs that are missing or open, and how many bytes have to be fetched."""

    bundle: str
    blocked: str
    stages: tuple[PlannedStage, ...]
    missing: tuple[Input, ...]
    open: tuple[Input, ...]
    cached: int
    bytes_to_fetch: int
    seconds: float | None = field(default=None)


def plan(
    recipe: Recipe,
    lock: Lock | PartialLock | None,
    *,
    stale: str,
    has: Callable[[str], bool],
    done: Sequence[str],
    earlier: Mapping[str, float],
    no_engine: str = "",
) -> Plan:
    """The plan of one bundle.

    Args:
        recipe: The bundle.
        lock: Its lock, if there is one.
        stale: Why the lock cannot be used; empty when it can.
        has: Whether the store has a digest.
        done: Stages whose results would be reused.
        earlier: Seconds that stages took in earlier runs.
        no_engine: Why no container engine can build it, where it needs one and nothing else keeps it from being built.
    """
    inputs = inputs_of(lock) if lock else ()
    opened = tuple(one for one in inputs if one.status != "locked")
    files = [one for one in inputs if one.size and one.status == "locked"]
    missing = (
        () if "fetch" in done else tuple(one for one in files if not has(f"sha256:{one.pin.removeprefix('sha256:')}"))
    )
    blocked = stale or ("inputs are open" if opened else "") or no_engine
    stages = tuple(
        _stage(name, recipe, lock, blocked=bool(blocked), done=done, seconds=earlier.get(name)) for name in ORDER
    )
    times = [s.seconds for s in stages if s.state == "to do" and s.stage != "publish"]
    known = [seconds for seconds in times if seconds is not None]
    return Plan(
        bundle=recipe.name,
        blocked=blocked,
        stages=stages,
        missing=missing,
        open=opened,
        cached=len(files) - len(missing),
        bytes_to_fetch=sum(one.size for one in missing),
        seconds=sum(known) if len(known) == len(times) and not blocked else None,
    )


def _digest(one: Input) -> str:
    """A base image is pinned by a digest, a file by its hash alone."""
    return f"sha256:{one.pin.removeprefix('sha256:')}"


def _stage(
    name: str,
    recipe: Recipe,
    lock: Lock | PartialLock | None,
    *,
    blocked: bool,
    done: Sequence[str],
    seconds: float | None,
) -> PlannedStage:
    nothing = _nothing_to_do(name, recipe)
    state = "done" if name in done else f"nothing to do: {nothing}" if nothing else "to do"
    if blocked and state == "to do":
        state = "blocked"
    return PlannedStage(
        stage=name,
        state=state,
        does=tuple(_DOES[name](recipe, lock)),
        commands=tuple(command for command in _commands(name, recipe) if command),
        seconds=seconds,
    )


def _nothing_to_do(name: str, recipe: Recipe) -> str:
    if name == "patch" and not any(isinstance(one.source, GitSource) for one in recipe.variant.components.values()):
        return "the bundle builds no component from source"
    if name == "smoke_kernels" and not {"flaggems", "flagtree"} & recipe.variant.components.keys():
        return "the operators are inside its engine"
    if name == "smoke_serving" and recipe.variant.serving is None:
        return "the variant has no server"
    return ""


def _commands(name: str, recipe: Recipe) -> Iterator[tuple[str, ...]]:
    if name == "fetch":
        yield download_command(recipe)
    if name == "smoke_serving" and recipe.variant.serving:
        yield inner_command(recipe)
        if not recipe.is_assembled:
            yield run_command(recipe)


def _resolve(recipe: Recipe, lock: Lock | PartialLock | None) -> Iterator[str]:
    yield f"hold recipes/bundles/{recipe.chip.name}/{recipe.model.name}.lock.json against its recipe"
    if lock:
        yield f"{len(inputs_of(lock))} inputs, architecture {lock.architecture}"


def _fetch(recipe: Recipe, lock: Lock | PartialLock | None) -> Iterator[str]:
    kinds = [one.kind for one in inputs_of(lock)] if lock else []
    yield ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or f"the inputs of {recipe.name}"


def _patch(recipe: Recipe, _lock: Lock | PartialLock | None) -> Iterator[str]:
    for name, component in recipe.variant.components.items():
        ref, pinned = component.patches, recipe.patch_set(name)
        if ref and pinned:
            sealed = ", sealed" if pinned.is_sealed else ""
            yield (
                f"apply the patches of {ref.chip}{sealed} to {name} at {pinned.base}: set {pinned.series[:12]}, "
                f"tree {pinned.result_tree}"
            )
        elif ref:
            yield f"apply the patches of {ref.chip} to {name} at {ref.base}, which are not in the project"
        elif isinstance(component.source, GitSource):
            yield f"{name} as it is at {component.source.commit or component.source.tag or component.source.branch}"


def _render(recipe: Recipe, lock: Lock | PartialLock | None) -> Iterator[str]:
    if isinstance(lock, PartialLock):
        yield f"the Dockerfile from dockerfiles/{recipe.chip.name}{DOCKERFILE}"
    for file in recipe.variant.files:
        yield f"{file.path} from dockerfiles/{file.template}"


def _build(recipe: Recipe, lock: Lock | PartialLock | None) -> Iterator[str]:
    base = recipe.sdk.base
    if base.kind == "debian":
        what = f"{len(base.packages)} Debian packages and what they depend on"
    else:
        what = f"the image {base.image}{f':{base.tag}' if base.tag else ''}"
    yield f"on {what}: {', '.join((*recipe.variant.components, *recipe.variant.wheels)) or 'no component'}"
    if isinstance(lock, PartialLock):
        yield "by a container engine: SDK and kernel libraries once for the chip, then the bundle"


def _kernels(recipe: Recipe, _lock: Lock | PartialLock | None) -> Iterator[str]:
    libraries = recipe.chip.libraries
    if libraries and libraries.flaggems_vendor:
        yield f"operators of {libraries.flaggems_vendor or recipe.chip.name} against a reference"


def _serving(recipe: Recipe, _lock: Lock | PartialLock | None) -> Iterator[str]:
    serving = recipe.variant.serving
    if serving:
        yield f"start it on port {serving.port}, ask for {recipe.served_name}, stop it, start it again"


def _evaluate(recipe: Recipe, _lock: Lock | PartialLock | None) -> Iterator[str]:
    policy = recipe.policy
    if policy is None:
        yield "no gate policy: nothing could be published"
        return
    for name, task in policy.tasks.items():
        yield f"{name}: {task.selection.count} of {task.dataset.items_available} items, margin {task.margin_pt} points"
    for name, asked in policy.harness_tasks.items():
        yield f"{name}: {asked.items} items by {asked.harness}, margin {asked.margin_pt} points"


def _publish(recipe: Recipe, _lock: Lock | PartialLock | None) -> Iterator[str]:
    yield f"as {recipe.name}-{recipe.variant.revision}, once the gate has let it through"


_DOES: Mapping[str, Callable[[Recipe, Lock | PartialLock | None], Iterator[str]]] = {
    "resolve": _resolve,
    "fetch": _fetch,
    "patch": _patch,
    "render": _render,
    "build": _build,
    "smoke_kernels": _kernels,
    "smoke_serving": _serving,
    "evaluate": _evaluate,
    "publish": _publish,
}
