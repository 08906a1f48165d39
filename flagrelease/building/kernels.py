"""Kernel libraries: compiled on the SDK's image once for a chip, an SDK and a commit, and kept as wheels."""

from pathlib import Path

from flagrelease.building.bench import Bench
from flagrelease.domain.engine_build import KernelBuild, KernelWheel
from flagrelease.errors import BuildError, LockError
from flagrelease.rendering.dockerfile import WHEELS_TARGET

FOLDER = "kernels"
"""Where the bundle's stage finds them in the build's folder."""


def kernel_wheels(bench: Bench, sdk: str) -> tuple[KernelWheel, ...]:
    """The wheel of every kernel library of the bundle; those that are kept already are not built again.

    Raises:
        BuildError: a library does not compile, or gives another number of wheels than one.
        LockError: a wheel is not the one that the lock names.
    """
    plan, kept = bench.context.plan, bench.tools.kernel_wheels
    found = {one.component: kept.kept(one.key) for one in plan.kernels}
    if not all(found.values()):
        output = bench.here / "wheels"
        bench.build(WHEELS_TARGET, output=output, arguments={"SDK": sdk})
        for build in plan.kernels:
            found[build.component] = found[build.component] or _taken(bench, build, output / build.component)
    wheels = tuple(wheel for wheel in found.values() if wheel)
    for wheel in wheels:
        _hold_against_lock(bench, wheel)
        bench.add(f"{FOLDER}/{wheel.file}", wheel.content)
    return wheels


def _taken(bench: Bench, build: KernelBuild, folder: Path) -> KernelWheel:
    """One wheel from the folder that the build wrote, into the store."""
    found = sorted(path for path in folder.glob("*") if path.is_file() and not path.is_symlink())
    if [path.suffix for path in found] != [".whl"]:
        raise BuildError(
            f"kernel library `{build.component}`: wanted one wheel, its build gave "
            f"{', '.join(path.name for path in found) or 'nothing'}",
            hint="its install steps in the bundle's recipe have to make exactly one",
        )
    store, (path,) = bench.tools.store, found
    size = path.stat().st_size
    wheel = KernelWheel(
        component=build.component, key=build.key, file=path.name, content=store.add_file(path), size=size
    )
    bench.tools.kernel_wheels.keep(wheel)
    return bench.tools.kernel_wheels.kept(build.key) or wheel


def _hold_against_lock(bench: Bench, wheel: KernelWheel) -> None:
    pinned = next((one for one in bench.context.pinned_kernels if one.component == wheel.component), None)
    if pinned and pinned.key == wheel.key and f"sha256:{pinned.sha256}" != wheel.content:
        raise LockError(
            f"kernel library `{wheel.component}`: the lock names the wheel {pinned.sha256}, built here from the same "
            f"inputs is {wheel.content.removeprefix('sha256:')}",
            hint="its build is not reproducible on this machine; take the locked wheel in with `flagrelease supply`",
        )
