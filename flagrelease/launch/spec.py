"""A bundle's recipe and lock as the one value that says how it is run."""

from pydantic import ValidationError

from flagrelease.domain.chip import Chip
from flagrelease.domain.lock import Lock, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.run_spec import (
    Devices,
    HostNeeds,
    HuggingFaceOrigin,
    Listing,
    ModelScopeOrigin,
    RunFile,
    RunOrigin,
    RunProfile,
    RunServing,
    RunSpec,
    RunWeights,
    Switches,
    WheelOrigin,
)
from flagrelease.domain.source import LockedFile, Origin
from flagrelease.errors import RecipeError
from flagrelease.launch.server import inner_command

_PORTS = ("master_port_first", "master_port_last")


def run_spec(recipe: Recipe, lock: Lock | PartialLock | None = None) -> RunSpec:
    """How the bundle is run. Without a lock the files of its weights are not known.

    Raises:
        RecipeError: what the recipe says cannot be run, or would not fit the label.
    """
    try:
        return _spec(recipe, lock)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RecipeError(f"`{recipe.name}` cannot be run as its recipe says: {place}: {first['msg']}") from error


def _spec(recipe: Recipe, lock: Lock | PartialLock | None) -> RunSpec:
    variant, chip = recipe.variant, recipe.chip
    reference = variant.reference
    switched = reference if reference and reference.kind == "switched_off" else None
    return RunSpec(
        schema="flagrelease.run/v1",
        bundle=recipe.name,
        revision=variant.revision,
        chip=chip.name,
        chip_title=chip.title,
        model=recipe.model.name,
        variant=recipe.variant_name,
        engine=recipe.engine.name,
        architecture=recipe.architecture,
        command=inner_command(recipe),
        working_folder=variant.working_folder,
        env=recipe.env,
        script_env=variant.script.env if variant.script else {},
        container=variant.container,
        raw=chip.container.raw if chip.container else None,
        toolkit=chip.container.toolkit if chip.container else None,
        devices=_devices(recipe),
        host=_host(recipe),
        weights=_weights(recipe, lock),
        serving=_serving(recipe),
        switches=Switches(on=switched.on, off=switched.off) if switched else None,
        reference=reference,
        profiles={
            name: RunProfile(title=profile.title, on=profile.on, cost=profile.cost)
            for name, profile in chip.profiles.items()
            if not profile.engines or recipe.engine.name in profile.engines
        },
        master_ports=_master_ports(recipe),
    )


def _devices(recipe: Recipe) -> Devices:
    parallel = recipe.variant.parallel
    families = recipe.engine.multi_node_families
    if parallel.nodes > 1 and families and recipe.model.family not in families:
        raise RecipeError(
            f"`{recipe.name}` wants {parallel.nodes} machines, and {recipe.engine.title} runs "
            f"{', '.join(families)} on several, not {recipe.model.family or 'a model that names no family'}",
            hint="set `parallel.nodes` to 1, or take an engine that runs this family on several (lint rule FR308)",
        )
    parts = [
        part.dies_per_card
        for name, part in recipe.chip.hardware.items()
        if not recipe.variant.hardware or name in recipe.variant.hardware
    ]
    return Devices(
        world_size=parallel.world_size,
        nodes=parallel.nodes,
        dies_per_card=max(parts, default=1),
        visible=recipe.chip.visible_devices,
        collective=recipe.chip.libraries.collective if recipe.chip.libraries else None,
    )


def _host(recipe: Recipe) -> HostNeeds:
    driver, size = recipe.sdk.driver, recipe.weights.size_gb
    return HostNeeds(
        driver_min=driver.min if driver else None,
        driver_max=driver.max if driver else None,
        driver_tested=driver.tested if driver else (),
        listing=listing(recipe.chip),
        device_memory_gb=size / recipe.variant.parallel.world_size if size else None,
    )


def listing(chip: Chip) -> Listing | None:
    """The chip's program that lists devices. Raises ValidationError for one that a label may not name."""
    if chip.smi is None:
        return None
    program, *arguments = chip.smi.command
    return Listing.model_validate(
        {"program": program, "arguments": tuple(arguments), "paths": chip.smi.paths, "driver": chip.smi.driver}
    )


def _serving(recipe: Recipe) -> RunServing | None:
    serving = recipe.variant.serving
    if serving is None:
        return None
    return RunServing(
        served_name=recipe.served_name,
        port=serving.port,
        ready_within_s=serving.ready_within_s,
        # What is put together without an image engine is started by `--host` and `--port` (docs/engine.md).
        takes_address=recipe.is_assembled,
    )


def _master_ports(recipe: Recipe) -> tuple[int, int] | None:
    first, last = (recipe.variant.settings.get(name) for name in _PORTS)
    if first is None and last is None:
        return None
    if not isinstance(first, int) or not isinstance(last, int):
        raise RecipeError(
            f"`{recipe.name}` has settings {_PORTS[0]}: {first!r} and {_PORTS[1]}: {last!r}",
            hint=f"write two port numbers, such as {{{_PORTS[0]}: 20000, {_PORTS[1]}: 20050}}",
        )
    return first, last


def _weights(recipe: Recipe, lock: Lock | PartialLock | None) -> RunWeights:
    files = _locked(lock)
    found = [_origin(file.origin) for file in files]
    origins: dict[str, RunOrigin] = {str(one[0]): one[0] for one in found if one}
    numbers = {key: number for number, key in enumerate(origins)}
    # A folder of the machine that the lock was made on is no place that anybody else could take a file from.
    everywhere = None not in found
    return RunWeights(
        model=recipe.model.name,
        title=recipe.model.title,
        folder=recipe.variant.weights_folder,
        # What is put together without an image engine carries its weights, as a layer of their own.
        place="image" if recipe.is_assembled else recipe.variant.weights_in,
        origins=tuple(origins.values()) if everywhere else (),
        files=tuple(
            RunFile(
                path=file.path,
                size=file.size,
                sha256=file.sha256,
                origin=numbers[str(one[0])] if one and everywhere else 0,
                at=one[1] if one and everywhere and one[1] != file.path else None,
            )
            for file, one in zip(files, found, strict=True)
        ),
    )


def _locked(lock: Lock | PartialLock | None) -> tuple[LockedFile, ...]:
    if lock is None:
        return ()
    if isinstance(lock, Lock):
        return lock.weights.files
    return next((one.files for one in lock.inputs if one.key == "weights"), ())


def _origin(origin: Origin) -> tuple[RunOrigin, str] | None:
    match origin.kind:
        case "wheel":
            return WheelOrigin(kind="wheel", wheel=origin.wheel), origin.member
        case "huggingface":
            return HuggingFaceOrigin(kind="huggingface", repo=origin.repo, revision=origin.revision), origin.path
        case "modelscope":
            return ModelScopeOrigin(kind="modelscope", repo=origin.repo, revision=origin.revision), origin.path
        case "folder" | "supply":
            return None
