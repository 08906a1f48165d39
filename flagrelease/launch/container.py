"""The least privileged `docker run` that a bundle asks for, as an argument list."""

from collections.abc import Iterator

from flagrelease.domain.container import Mount
from flagrelease.domain.recipe import Recipe
from flagrelease.launch.spec import run_spec
from flagrelease.launch.start import LOOPBACK, Start, start_of


def run_command(recipe: Recipe, *, image: str | None = None) -> tuple[str, ...]:
    """The whole command, from the container program to what runs inside.

    Raises:
        RecipeError: the chip does not say how a container reaches its devices in the way the bundle asks for.
    """
    return docker_words(start_of(run_spec(recipe), image=image or image_name(recipe), ours=is_ours(recipe)))


def image_name(recipe: Recipe) -> str:
    """The image of the card where there is one, else the name our own image has.

    An image that only the vendor hands out is what ours is made from, not what runs.
    """
    published = recipe.variant.image
    if published and not is_ours(recipe):
        return str(published.run)
    return f"flagrelease/{recipe.name}:{recipe.variant.revision}"


def is_ours(recipe: Recipe) -> bool:
    """Whether what runs is an image that this project makes."""
    return recipe.variant.image is None or recipe.variant.image.restricted is not None


def docker_words(start: Start) -> tuple[str, ...]:
    """The container as a `docker run` command."""
    first, *others = start.entrypoint or ("",)
    return (
        *(start.program, "run", "--detach"),
        *_process(start),
        *_shared(start),
        *_devices(start),
        *_privileges(start),
        *_files(start),
        *_env(start),
        *(("--entrypoint", first) if first else ()),
        start.image,
        *others,
        *start.command,
    )


def _process(start: Start) -> Iterator[str]:
    if start.init:
        yield "--init"
    for option, value in (("--name", start.name), ("--user", start.user), ("--workdir", start.working_folder)):
        if value:
            yield from (option, value)


def _shared(start: Start) -> Iterator[str]:
    if start.network != "bridge":
        yield from ("--network", start.network)
    if start.host_pid:
        yield from ("--pid", "host")
    if start.host_ipc:
        yield from ("--ipc", "host")
    if start.shm_gb:
        yield from ("--shm-size", f"{start.shm_gb}g")
    if start.ports:
        yield from ("--publish", f"{LOOPBACK}:{start.ports[0]}:{start.ports[1]}")


def _devices(start: Start) -> Iterator[str]:
    if start.runtime:
        yield from ("--runtime", start.runtime)
    if start.gpus:
        yield from ("--gpus", start.gpus)
    for device in start.devices:
        yield from ("--device", device)


def _privileges(start: Start) -> Iterator[str]:
    for group in start.groups:
        yield from ("--group-add", group)
    if start.privileged:
        # Beside it Docker heeds neither of the two: to print them would promise what is not kept.
        yield "--privileged"
    else:
        yield from ("--cap-drop", "ALL")
        for capability in start.capabilities:
            yield from ("--cap-add", capability)
    yield from ("--security-opt", "no-new-privileges")
    for option in start.security_options:
        yield from ("--security-opt", option)
    for name, limit in start.ulimits.items():
        yield from ("--ulimit", f"{name}={limit}")


def _files(start: Start) -> Iterator[str]:
    for folder in start.tmpfs:
        yield from ("--tmpfs", f"{folder}:exec")
    for mount in start.mounts:
        yield from ("--volume", volume(mount))


def volume(mount: Mount) -> str:
    """A mount as docker and podman spell it."""
    return f"{mount.source}:{mount.target or mount.source}{':ro' if mount.read_only else ''}"


def _env(start: Start) -> Iterator[str]:
    for name, value in sorted(start.env.items()):
        yield from ("--env", f"{name}={value}")
