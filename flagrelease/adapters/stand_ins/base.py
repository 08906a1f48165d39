"""The image that stands in for a vendor's base: Debian packages of its lock, as an archive that `docker load` takes."""

from collections.abc import Callable, Sequence
from typing import Final

from flagrelease.domain.chip import Architecture
from flagrelease.domain.image import BuildContext, Image, Layer, RenderedFile
from flagrelease.domain.source import LockedDeb
from flagrelease.domain.stand_in import StandInBase
from flagrelease.domain.value import Digest
from flagrelease.formats.canonical import canonical_json
from flagrelease.oci.layer import Entry, write_layer
from flagrelease.oci.manifest import EPOCH
from flagrelease.ports import Progress, Store

Assemble = Callable[[BuildContext, Store, Progress], Image]
"""Puts an image together from its declaration; the embedded engine's."""

LABEL: Final = "ai.flagos.flagrelease.stand-in"
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_README: Final = b"""What is built on this image is a rehearsal: it is Debian in the place of a vendor's base image.
calls.jsonl beside this file, where there is one, has one line for each call of a stand-in, in their order.
"""


def base_archive(
    base: StandInBase,
    packages: Sequence[LockedDeb],
    architecture: Architecture,
    store: Store,
    assemble: Assemble,
) -> Digest:
    """Put the base together and keep it as an archive; its packages have to be in the store.

    Equal packages give equal bytes. Raises BuildError where they do not make one tree.
    """
    image = assemble(_context(base, packages, architecture, store), store, lambda _done, _total: None)
    config = _config(architecture, image.layers)
    name = store.add_bytes(config).removeprefix("sha256:")
    names = {layer.digest: f"{layer.digest.removeprefix('sha256:')}.tar" for layer in image.layers}
    manifest = [{"Config": f"{name}.json", "Layers": [names[layer.digest] for layer in image.layers], "RepoTags": None}]
    entries = [
        Entry(path=f"{name}.json", kind="file", content=config),
        Entry(path="manifest.json", kind="file", content=canonical_json(manifest)),
        *(Entry(path=path, kind="file", content=store.path(digest)) for digest, path in names.items()),
    ]
    with store.writer() as writer:
        write_layer(writer, entries)
        return writer.commit()


def _context(
    base: StandInBase, packages: Sequence[LockedDeb], architecture: Architecture, store: Store
) -> BuildContext:
    files = {
        "/opt/flagrelease-rehearsal/README": _README,
        # Vendors' Pythons let pip install beside the system's packages, which Debian's does not: this whiteout (OCI
        # image spec, layer.md) takes the file away that says so.
        f"/usr/lib/python{base.python}/.wh.EXTERNALLY-MANAGED": b"",
    }
    return BuildContext(
        architecture=architecture,
        base=tuple(packages),
        wheels=(),
        site_packages="/unused",
        files=tuple(RenderedFile(path=at, mode=0o644, content=store.add_bytes(text)) for at, text in files.items()),
        weights=(),
        env={},
        entrypoint=(),
        exposed_port=1,
        labels={},
    )


def _config(architecture: Architecture, layers: Sequence[Layer]) -> bytes:
    """The image's configuration: unlike that of a bundle it has no entry point and no port to be inherited."""
    return canonical_json(
        {
            "architecture": architecture,
            "config": {"Cmd": ["/bin/sh"], "Env": [f"PATH={_PATH}"], "Labels": {LABEL: "base"}},
            "created": EPOCH,
            "history": [{"created": EPOCH, "created_by": f"flagrelease stand-in: {layer.name}"} for layer in layers],
            "os": "linux",
            "rootfs": {"diff_ids": [layer.digest for layer in layers], "type": "layers"},
        }
    )
