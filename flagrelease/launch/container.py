"""The least privileged `docker run` that a bundle's recipe asks for, as an argument list."""

from collections.abc import Iterator, Mapping

from flagrelease.domain.chip import Chip
from flagrelease.domain.container import Access, Container, Mount
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import RecipeError
from flagrelease.launch.server import inner_command, switches


def run_command(recipe: Recipe, *, image: str | None = None) -> tuple[str, ...]:
    """The whole command, from the container program to what runs inside.

    Raises:
        RecipeError: the chip does not say how a container reaches its devices in the way the bundle asks for.
    """
    access = access_of(recipe.chip, recipe.variant.container)
    env = {**access.env, **recipe.variant.container.env, **switches(recipe)}
    program = access.program or "docker"
    name = image or image_name(recipe)
    return (program, "run", *_options(recipe, access), *_env(env), name, *inner_command(recipe))


def image_name(recipe: Recipe) -> str:
    """The image of the card where there is one, else the name our own image has.

    An image that only the vendor hands out is what ours is made from, not what runs.
    """
    published = recipe.variant.image
    if published and not published.restricted:
        return str(published.run)
    return f"flagrelease/{recipe.name}:{recipe.variant.revision}"


def access_of(chip: Chip, container: Container) -> Access:
    """The chip's way to its devices that the bundle chose."""
    ways = chip.container
    chosen = getattr(ways, container.access) if ways else None
    if chosen is None and chip.torch_device == "cpu":
        return Access()
    if not isinstance(chosen, Access):
        there = [way for way in ("raw", "toolkit") if ways and getattr(ways, way)]
        raise RecipeError(
            f"chip `{chip.name}` says nothing of the `{container.access}` way to its devices",
            hint=f"set the variant's `container.access` to {' or '.join(there)}" if there else "add it to the chip",
        )
    return chosen


def _options(recipe: Recipe, access: Access) -> Iterator[str]:
    container = recipe.variant.container
    yield "--detach"
    yield from _process(container)
    if recipe.variant.working_folder:
        yield from ("--workdir", recipe.variant.working_folder)
    yield from _shared(container, access)
    yield from _port(recipe, access)
    yield from _devices(access, recipe.variant.parallel.world_size)
    yield from _privileges(container, access)
    for name, limit in container.ulimits.items():
        yield from ("--ulimit", f"{name}={limit}")
    for folder in access.tmpfs:
        yield from ("--tmpfs", f"{folder}:exec")
    for mount in (*access.mounts, *container.mounts):
        yield from ("--volume", _mount(mount))
    yield from _weights(recipe)


def _process(container: Container) -> Iterator[str]:
    if container.init:
        yield "--init"
    for option, value in (("--name", container.name), ("--user", container.user)):
        if value:
            yield from (option, value)


def _privileges(container: Container, access: Access) -> Iterator[str]:
    for group in access.groups:
        yield from ("--group-add", group)
    for option in (*access.security_options, *container.security_options):
        yield from ("--security-opt", option)
    for capability in dict.fromkeys((*access.capabilities, *container.capabilities)):
        yield from ("--cap-add", capability)
    if access.privileged or container.privileged:
        yield "--privileged"


def _shared(container: Container, access: Access) -> Iterator[str]:
    network = container.network if container.network != "bridge" else access.network
    if network != "bridge":
        yield from ("--network", network)
    if container.pid == "host":
        yield from ("--pid", "host")
    if container.ipc == "host":
        yield from ("--ipc", "host")
    if container.shm_gb:
        yield from ("--shm-size", f"{container.shm_gb}g")


def _port(recipe: Recipe, access: Access) -> Iterator[str]:
    """A network of the container's own needs the server's port shown: on loopback, to this machine only."""
    serving = recipe.variant.serving
    if serving and "bridge" == recipe.variant.container.network == access.network:
        yield from ("--publish", f"127.0.0.1:{serving.port}:{serving.port}")


def _devices(access: Access, world_size: int) -> Iterator[str]:
    if access.runtime:
        yield from ("--runtime", access.runtime)
    if access.gpus:
        yield from ("--gpus", access.gpus)
    for device in access.devices:
        dies = range(world_size) if "{die}" in device else (0,)
        for die in dies:
            yield from ("--device", device.replace("{die}", str(die)))


def _weights(recipe: Recipe) -> Iterator[str]:
    """Weights that are not in the image are shown to it read-only, unless a wider mount shows them already."""
    variant = recipe.variant
    mounted = [mount.target or mount.source for mount in variant.container.mounts]
    folder = variant.weights_folder
    covered = any(folder == place or folder.startswith(f"{place.rstrip('/')}/") for place in mounted)
    if variant.weights_in == "mount" and not covered:
        yield from ("--volume", f"{folder}:{folder}:ro")


def _mount(mount: Mount) -> str:
    return f"{mount.source}:{mount.target or mount.source}{':ro' if mount.read_only else ''}"


def _env(env: Mapping[str, str]) -> Iterator[str]:
    for name, value in sorted(env.items()):
        yield from ("--env", f"{name}={value}")
