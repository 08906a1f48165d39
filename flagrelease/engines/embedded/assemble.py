"""An image put together from its declaration: no daemon, no root, and the same digest on any machine."""

import tempfile
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from flagrelease.domain.image import BuildContext, Image, Layer
from flagrelease.engines.embedded.deb import debian_base, join_packages
from flagrelease.engines.embedded.source import source_entries
from flagrelease.engines.embedded.wheel import wheel_entries
from flagrelease.errors import BuildError
from flagrelease.oci.layer import Entry, parents, plan, write_layer
from flagrelease.oci.manifest import config_bytes, manifest_bytes
from flagrelease.ports import Progress, Store

LayerName = Literal["base", "wheels", "sources", "files", "weights"]
_WEIGHTS_MODE: Final = 0o644


def assemble(context: BuildContext, store: Store, progress: Progress) -> Image:
    """Write the layers, the config and the manifest of an image into the store; arguments as for `write_layers`."""
    return _describe(context, store, write_layers(context, store, progress))


def write_layers(context: BuildContext, store: Store, progress: Progress) -> list[Layer]:
    """Write the layers of an image into the store.

    They are `base`, `wheels`, `sources`, `files` and `weights`, from the lowest up; one that would be empty is
    not there. Images with the same weights at the same places share that layer. `progress` counts bytes of what goes
    in.

    Raises:
        BuildError: when the parts do not make one tree.
        SourceError: when something the context names is not in the store.
    """
    base_bytes = sum(package.size for package in context.base)
    wheel_bytes = sum(wheel.size for wheel in context.wheels)
    source_bytes = sum(source.size for source in context.sources)
    total = base_bytes + wheel_bytes + source_bytes + sum(weight.size for weight in context.weights)
    image = _Layers(store)
    with tempfile.TemporaryFile(prefix="flagrelease-base-") as spool:
        trees, done = [], 0
        packages = [(package, store.path(f"sha256:{package.sha256}")) for package in context.base]
        for package, entries in debian_base(packages, spool):
            trees.append(entries)
            done += package.size
            progress(done, total)
        if trees:
            image.add("base", join_packages(trees))
    wheels = [(wheel, store.path(f"sha256:{wheel.sha256}")) for wheel in context.wheels]
    with wheel_entries(wheels, context.site_packages) as entries:
        image.add("wheels", entries)
    progress(base_bytes + wheel_bytes, total)
    with source_entries([(source, store.path(source.archive)) for source in context.sources]) as entries:
        image.add("sources", entries)
    progress(base_bytes + wheel_bytes + source_bytes, total)
    image.add("files", _files(context, store))
    image.add("weights", _weights(context, store))
    progress(total, total)
    return image.written


class _Layers:
    """The layers so far, and what is where in the tree they make."""

    def __init__(self, store: Store) -> None:
        self.written: list[Layer] = []
        self._store = store
        self._tree: dict[str, Entry] = {}

    def add(self, name: LayerName, entries: Sequence[Entry]) -> None:
        """Write one layer, unless it is empty."""
        if not entries:
            return
        self._check(name, entries)
        directories = {path: entry.mode for path, entry in self._tree.items() if entry.kind == "directory"}
        with self._store.writer() as writer:
            size = write_layer(writer, entries, directories=directories)
            digest = writer.commit()
        self.written.append(Layer(name=name, digest=digest, size=size))
        self._tree.update((entry.path, entry) for entry in plan(entries, directories))

    def _check(self, name: str, entries: Iterable[Entry]) -> None:
        """Refuse what would replace a link or a file of a lower layer by a directory, or the other way round."""
        for entry in entries:
            for parent in parents(entry.path):
                below = self._tree.get(parent)
                if below is not None and below.kind != "directory":
                    raise BuildError(
                        f"/{entry.path} of the layer {name} lies below /{parent}, a {below.kind} of a lower layer",
                        hint=f"name it by the place /{parent} stands for" if below.kind == "symlink" else "",
                    )
            below = self._tree.get(entry.path)
            if below is not None and (below.kind == "directory") != (entry.kind == "directory"):
                raise BuildError(
                    f"/{entry.path} is a {entry.kind} in the layer {name} and a {below.kind} in a lower layer"
                )


def _files(context: BuildContext, store: Store) -> list[Entry]:
    return [
        Entry(path=_below_root(file.path), kind="file", mode=file.mode, content=store.path(file.content))
        for file in context.files
    ]


def _weights(context: BuildContext, store: Store) -> list[Entry]:
    entries = []
    for weight in context.weights:
        file = store.path(weight.content)
        if file.stat().st_size != weight.size:
            raise BuildError(f"{weight.path}: wanted {weight.size} bytes, {file} has {file.stat().st_size}")
        entries.append(Entry(path=_below_root(weight.path), kind="file", mode=_WEIGHTS_MODE, content=file))
    return entries


def _below_root(path: str) -> str:
    return path.removeprefix("/")


def _describe(context: BuildContext, store: Store, layers: Sequence[Layer]) -> Image:
    if not layers:
        raise BuildError("the image has no base, no wheels, no files and no weights, wanted at least one of them")
    config = config_bytes(
        architecture=context.architecture,
        env=context.env,
        entrypoint=context.entrypoint,
        exposed_port=context.exposed_port,
        labels=context.labels,
        layers=layers,
    )
    config_digest = store.add_bytes(config)
    manifest = manifest_bytes(config=config_digest, config_size=len(config), layers=layers, annotations=context.labels)
    return Image(
        digest=store.add_bytes(manifest),
        manifest_size=len(manifest),
        config=config_digest,
        layers=tuple(layers),
        architecture=context.architecture,
        weights=context.weights,
    )
