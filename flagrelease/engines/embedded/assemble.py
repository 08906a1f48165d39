"""An image put together from its declaration: no daemon, no root, and the same digest on any machine."""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final, Literal

from flagrelease.domain.image import BuildContext, Image, Layer, WeightFile
from flagrelease.domain.value import Value
from flagrelease.engines.embedded.deb import debian_base, join_packages
from flagrelease.engines.embedded.kept_layers import KeptLayers, key_of
from flagrelease.engines.embedded.source import source_entries
from flagrelease.engines.embedded.wheel import wheel_entries
from flagrelease.errors import BuildError
from flagrelease.oci.layer import Entry, parents, plan, write_layer
from flagrelease.oci.manifest import config_bytes, manifest_bytes
from flagrelease.ports import Progress, Store

LayerName = Literal["base", "wheels", "sources", "files", "weights"]
_WEIGHTS_MODE: Final = 0o644


def assemble(context: BuildContext, store: Store, progress: Progress, *, kept: Path | None = None) -> Image:
    """Write the layers, the config and the manifest of an image into the store; arguments as for `write_layers`."""
    return _describe(context, store, write_layers(context, store, progress, kept=kept))


def write_layers(context: BuildContext, store: Store, progress: Progress, *, kept: Path | None = None) -> list[Layer]:
    """Write the layers of an image into the store.

    They are `base`, `wheels`, `sources`, `files` and `weights`, from the lowest up; one that would be empty is
    not there. Images with the same weights at the same places share that layer. `progress` counts bytes of what goes
    in. `kept` is a folder of records of layers, so that one that was written before is not written again.

    Raises:
        BuildError: when the parts do not make one tree.
        SourceError: when something the context names is not in the store.
    """
    sizes = [sum(one.size for one in part) for part in (context.base, context.wheels, context.sources)]
    total = sum(sizes) + sum(weight.size for weight in context.weights)
    image = _Layers(store, KeptLayers(kept, store))
    image.add("base", context.base, lambda: _base(context, store, lambda done: progress(done, total)))
    image.add("wheels", (context.site_packages, *context.wheels), lambda: _wheels(context, store))
    progress(sum(sizes[:2]), total)
    image.add("sources", context.sources, lambda: _sources(context, store))
    progress(sum(sizes), total)
    image.add("files", context.files, lambda: nullcontext(_files(context, store)))
    image.add("weights", context.weights, lambda: nullcontext(_weights(context, store)))
    progress(total, total)
    return image.written


@contextmanager
def _base(context: BuildContext, store: Store, progress: Callable[[int], None]) -> Iterator[Sequence[Entry]]:
    with tempfile.TemporaryFile(prefix="flagrelease-base-") as spool:
        trees, done = [], 0
        packages = [(package, store.path(f"sha256:{package.sha256}")) for package in context.base]
        for package, entries in debian_base(packages, spool):
            trees.append(entries)
            done += package.size
            progress(done)
        yield join_packages(trees) if trees else []


def _wheels(context: BuildContext, store: Store) -> AbstractContextManager[Sequence[Entry]]:
    wheels = [(wheel, store.path(f"sha256:{wheel.sha256}")) for wheel in context.wheels]
    return wheel_entries(wheels, context.site_packages)


def _sources(context: BuildContext, store: Store) -> AbstractContextManager[Sequence[Entry]]:
    return source_entries([(source, store.path(source.archive)) for source in context.sources])


class _Layers:
    """The layers so far, and what is where in the tree they make."""

    def __init__(self, store: Store, kept: KeptLayers) -> None:
        self.written: list[Layer] = []
        self._store = store
        self._kept = kept
        self._key = ""
        self._tree: dict[str, Entry] = {}

    def add(
        self,
        name: LayerName,
        inputs: Sequence[Value | str],
        entries: Callable[[], AbstractContextManager[Sequence[Entry]]],
    ) -> None:
        """Write one layer, unless it is empty or was written before of the same inputs upon the same layers."""
        # Weights are large, and nothing of the layers below decides them but what lies at their places.
        below = self._at(inputs) if name == "weights" else self._key
        dumped = [one if isinstance(one, str) else one.model_dump(mode="json") for one in inputs]
        self._key = key_of(below, name, dumped)
        found = self._kept.find(self._key)
        if found is None:
            with entries() as made:
                found = self._write(name, made)
            self._kept.keep(self._key, *found)
        layer, placed = found
        if layer is not None:
            self.written.append(layer)
        self._tree.update((entry.path, entry) for entry in placed)

    def _at(self, weights: Sequence[Value | str]) -> str:
        paths = {_below_root(one.path) for one in weights if isinstance(one, WeightFile)}
        places = sorted(paths.union(*(parents(path) for path in paths)))
        there = [(path, self._tree[path].kind, self._tree[path].mode) for path in places if path in self._tree]
        return json.dumps(there)

    def _write(self, name: LayerName, entries: Sequence[Entry]) -> tuple[Layer | None, list[Entry]]:
        if not entries:
            return None, []
        self._check(name, entries)
        directories = {path: entry.mode for path, entry in self._tree.items() if entry.kind == "directory"}
        with self._store.writer() as writer:
            size = write_layer(writer, entries, directories=directories)
            digest = writer.commit()
        return Layer(name=name, digest=digest, size=size), list(plan(entries, directories))

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
