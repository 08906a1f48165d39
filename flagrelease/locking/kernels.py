"""The wheels of kernel libraries in a lock: those that were built of exactly what it pins."""

from collections.abc import Callable

from flagrelease.domain.engine_build import KernelWheel
from flagrelease.domain.lock import LockedKernel, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.locking.parts import whole_parts
from flagrelease.rendering.plan import plan_image


def with_kernels(recipe: Recipe, lock: PartialLock, kept: Callable[[str], KernelWheel | None]) -> PartialLock:
    """The lock with each kernel library's wheel: as it names it, else as `kept` has it by the hash of its inputs.

    One that was built of something else than the lock pins now is left out. With open inputs there is none.
    """
    if lock.open:
        return lock.model_copy(update={"kernels": ()})
    plan = plan_image(recipe, lock, whole_parts(lock))
    named = {one.key: one for one in lock.kernels}
    found = [named.get(build.key) or _locked(kept(build.key)) for build in plan.kernels]
    return lock.model_copy(update={"kernels": tuple(one for one in found if one)})


def _locked(wheel: KernelWheel | None) -> LockedKernel | None:
    if wheel is None:
        return None
    sha256 = wheel.content.removeprefix("sha256:")
    return LockedKernel(component=wheel.component, key=wheel.key, file=wheel.file, sha256=sha256)
