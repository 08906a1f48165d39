"""Targets by their names on a command line."""

from pathlib import Path

from flagrelease.adapters.oci_folder import OciFolderTarget
from flagrelease.adapters.registry.target import RegistryTarget
from flagrelease.errors import PublishError
from flagrelease.ports import Store, Target

_FOLDER = "oci:"
_LONGEST = 1024
_LIKE = "write it as `oci:DIR`, for example `oci:dist`"


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
        return OciFolderTarget(_folder(text), store)
    if text.startswith(("/", "./", "../", "~")):
        raise PublishError(f"`{text}` is neither a repository nor `oci:DIR`", hint=f"did you mean `{_FOLDER}{text}`?")
    target = RegistryTarget(text, store, docker_config=docker_config, download_hosts=download_hosts)
    if offline:
        raise PublishError(
            f"{target.name} is in a registry, and no network may be used", hint="leave --offline out, or use `oci:DIR`"
        )
    return target


def _folder(text: str) -> Path:
    """The folder of `oci:DIR`, whose path stock tools have to be able to read: `oci:DIR:TAG`, with one `:`."""
    written = text.removeprefix(_FOLDER)
    if not written:
        raise PublishError(f"`{text}` names no folder", hint=_LIKE)
    if not written.isprintable():
        raise PublishError(f"{text!a} has characters that cannot be shown", hint=_LIKE)
    folder, colon, tag = written.partition(":")
    if colon:
        named = f"name the folder `{_FOLDER}{folder}`" + (f", and the tag by --tag {tag}" if tag else "")
        is_tagged = folder and "/" not in tag and ":" not in tag
        hint = named if is_tagged else "name a folder whose path has no `:`"
        raise PublishError(f"`{text}` has a `:` after the folder", hint=hint)
    path = Path(written).absolute()
    if ":" in str(path) or not str(path).isprintable():
        raise PublishError(
            f"{str(path)!a} has a `:` or what cannot be shown, so stock tools cannot name it",
            hint="name a folder elsewhere",
        )
    if len(str(path)) > _LONGEST:
        raise PublishError(f"{path} is longer than {_LONGEST} characters", hint=_LIKE)
    return path
