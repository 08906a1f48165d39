"""Targets by their names on a command line."""

from pathlib import Path

from flagrelease.adapters.oci_folder import OciFolderTarget
from flagrelease.adapters.registry.target import RegistryTarget
from flagrelease.errors import PublishError
from flagrelease.ports import Store, Target

_FOLDER = "oci:"


def target_for(
    text: str,
    store: Store,
    *,
    docker_config: Path | None = None,
    download_hosts: tuple[str, ...] = (),
    offline: bool = False,
) -> Target:
    """The target that `oci:DIR` or `HOST:PORT/REPO` names.

    Args:
        text: As a person wrote it.
        store: Where the image's blobs are.
        docker_config: Docker's `config.json` with the credentials of registries, if any.
        download_hosts: Hosts that a registry's downloads may be redirected to.
        offline: Whether no registry may be reached.

    Raises:
        PublishError: it names neither, or a registry while offline.
    """
    if text.startswith(_FOLDER):
        folder = text.removeprefix(_FOLDER)
        if not folder or "\x00" in folder:
            raise PublishError(f"`{text}` names no folder", hint="write it as `oci:DIR`, for example `oci:dist`")
        return OciFolderTarget(Path(folder), store)
    if text.startswith(("/", "./", "../", "~")):
        raise PublishError(f"`{text}` is neither a repository nor `oci:DIR`", hint=f"did you mean `{_FOLDER}{text}`?")
    target = RegistryTarget(text, store, docker_config=docker_config, download_hosts=download_hosts)
    if offline:
        raise PublishError(
            f"{target.name} is in a registry, and no network may be used", hint="leave --offline out, or use `oci:DIR`"
        )
    return target
