"""The plan of a bundle's image: everything its Dockerfile is rendered from.

A missing part does not keep it from that: the image cannot be built then, and the Dockerfile is for reading.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from flagrelease.domain.bundle import ImageFile
from flagrelease.domain.engine_build import CopiedFile, ImagePlan, Part, Parts, Step
from flagrelease.domain.lock import PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.formats.dockerfile_text import context_path
from flagrelease.rendering.commands import same_abi
from flagrelease.rendering.components import ComponentSteps
from flagrelease.rendering.names import Inputs
from flagrelease.rendering.sdk import SdkSteps

OURS: Final = "ai.flagos.flagrelease"


def plan_image(
    recipe: Recipe,
    lock: PartialLock,
    parts: Parts,
    *,
    rehearsal: bool = False,
    entrypoint: tuple[str, ...] = (),
    labels: Mapping[str, str] | None = None,
    epoch: int = 0,
) -> ImagePlan:
    """The plan. `entrypoint` is what the image starts with where the variant writes none; `labels` come on top.

    Raises:
        RecipeError: a component has no folder that it could lie in.
    """
    inputs = Inputs(lock, parts)
    python = ImagePlan.model_fields["python"].default
    sdk, components = SdkSteps(recipe, inputs, python), ComponentSteps(recipe, inputs, python)
    checks, notes = _checks(recipe, inputs, sdk, components, python)
    variant, installers, torch = recipe.variant, sdk.installers(), sdk.torch()
    made_on = [*inputs.identity(sdk.keys()), *_spelled(recipe.sdk.env, (*installers, *torch))]
    return ImagePlan(
        bundle=recipe.name,
        title=variant.title or f"{recipe.model.title} on {recipe.chip.title}",
        chip=recipe.chip.name,
        sdk=variant.sdk,
        architecture=recipe.architecture,
        base=base_name(recipe, inputs.part(sdk.base_key), inputs),
        epoch=epoch,
        rehearsal=rehearsal,
        sdk_env=recipe.sdk.env,
        shell_files=sdk.shell_files(),
        bundle_shell_files=components.shell_files(),
        unpacked=sdk.unpacked(),
        installers=installers,
        torch=torch,
        kernels=components.kernels(made_on),
        kernel_install=components.kernel_install(),
        sources=components.sources(),
        requirements=components.requirements(),
        files=tuple(_copied(one) for one in variant.files),
        checks=checks,
        notes=notes,
        env={name: value for name, value in recipe.env.items() if recipe.sdk.env.get(name) != value},
        labels={**_labels(recipe, rehearsal=rehearsal), **(labels or {})},
        working_folder=variant.working_folder,
        port=variant.serving.port if variant.serving else None,
        user=variant.container.user,
        entrypoint=variant.entrypoint or entrypoint,
    )


def _copied(file: ImageFile) -> CopiedFile:
    return CopiedFile(path=f"files/{context_path(file.path)}", target=file.path, mode=int(file.mode, 8))


def base_name(recipe: Recipe, part: Part | None, inputs: Inputs) -> str:
    """What stands behind FROM: the image by digest, or the tag that a supplied archive or a stand-in is loaded as."""
    sdk = recipe.variant.sdk
    base = recipe.sdk.base
    if part and (part.content or part.state == "stand_in"):
        return f"flagrelease/{recipe.chip.name}:{sdk}-base"
    if base.kind == "debian":
        return f"flagrelease/{recipe.chip.name}:{sdk}-base"
    locked = inputs.locked(f"sdks.{sdk}.base")
    pin = (part.pin if part else None) or (locked.pin if locked else None) or base.digest
    tag = f":{base.tag}" if base.tag else ""
    return f"{base.image}{tag}" if pin is None else f"{base.image}@{pin}"


def _checks(
    recipe: Recipe, inputs: Inputs, sdk: SdkSteps, components: ComponentSteps, python: str
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """What fails the build, and what is not asked because a stand-in could not answer."""
    stack = recipe.sdk.torch
    stated = stack.cxx11_abi if stack else None
    abi = components.archive_abi() if stated is None else 1 if stated else 0
    if abi is None:
        return (), ()
    if inputs.is_stand_in(sdk.torch_key()):
        return (), (f"Not asked of a stand-in: whether torch has the C++ ABI {abi}",)
    return (same_abi(abi, python=python),), ()


def _spelled(env: Mapping[str, str], steps: tuple[Step, ...]) -> Iterator[list[str | None]]:
    yield [f"{name}={value}" for name, value in sorted(env.items())]
    for step in steps:
        yield list(step.argv)


def _labels(recipe: Recipe, *, rehearsal: bool) -> dict[str, str]:
    # Keys of the OCI image spec (annotations.md); ours are in the reverse domain of the project.
    labels = {
        "org.opencontainers.image.title": recipe.name,
        "org.opencontainers.image.version": recipe.variant.revision,
        f"{OURS}.chip": recipe.chip.name,
        f"{OURS}.sdk": recipe.variant.sdk,
        f"{OURS}.model": recipe.model.name,
        f"{OURS}.variant": recipe.variant_name,
    }
    if recipe.variant.weights_in == "image":
        labels["org.opencontainers.image.licenses"] = recipe.model.licence.name
    if rehearsal:
        labels[f"{OURS}.rehearsal"] = "true"
    return labels
