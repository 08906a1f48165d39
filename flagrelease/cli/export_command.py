"""Write a bundle's image, with the stages that made it, into one file that the chip's host goes on from.

For a machine that builds and a host that has the chip: `build --until build` here, `export`, and there
`build --from smoke_kernels --exported FILE`, which builds nothing and needs no network for what is in the file. The
file is an OCI image layout in a plain tar, which `podman load` and `skopeo` read, too. The same image gives the same
bytes. Harnesses and the recipes are not in it. Exit codes: 5 when the image is not built here, 10 when the file cannot
be written.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from flagrelease import __version__
from flagrelease.adapters.exports.naming import in_weights_layer
from flagrelease.adapters.exports.writing import Written, write_export
from flagrelease.cli.bundle_folder import bundle_folder
from flagrelease.cli.exports.stages import LAYOUT, PLACES, engine_of, look_at, named
from flagrelease.cli.options import Chip, Json, Model, Out, Quiet, Recipes, Variant
from flagrelease.cli.session import Session, session
from flagrelease.cli.settings import settings
from flagrelease.cli.wire import code_sha256
from flagrelease.domain.exported import Exported, ExportedFile
from flagrelease.domain.image import Image
from flagrelease.domain.value import Digest
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import pretty_json, sha256_of
from flagrelease.pipeline import NotDone
from flagrelease.report.words import size

To = Annotated[Path | None, typer.Option("--to", help="The file (default: BUNDLE-LOCK.export.tar, here).")]
SUFFIX = ".export.tar"


def export(
    chip: Chip,
    model: Model,
    variant: Variant = None,
    to: To = None,
    recipes: Recipes = None,
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the file; say what is in it and how it goes on."""
    chosen = settings(recipes=recipes, out=out, offline=True)
    with session(chosen, chip=chip, model=model, variant=variant, quiet=quiet) as at:
        try:
            image, look = look_at(at, at.folder)
        except NotDone as stop:
            who = f"--chip {chip} --model {model}"
            raise SourceError(
                f"the image of `{at.lock.bundle}` is not built here: {stop.stage} is not finished, or is of other "
                "inputs",
                hint=f"run `flagrelease build {who} --variant {at.lock.variant} --until build` here first",
            ) from stop
        path = to or Path(f"{bundle_folder(chosen, at.lock).name}{SUFFIX}")
        with at.told("export"):
            files = dict(_files(at.folder))
            kept = named(look) - {*image.blobs(), *in_weights_layer(image)}
            exported = _exported(at, image, files, kept)
            written = write_export(
                path, at.tools.store, image, exported, files=files,
                progress=lambda done, total: at.tools.events.progress(done, total, "bytes"),
            )  # fmt: skip
    data = _data(path, written, exported)
    sys.stdout.write(pretty_json(data).decode() if json else _words(path, written, exported))


def _exported(at: Session, image: Image, files: dict[str, Path], kept: frozenset[Digest]) -> Exported:
    lock = at.lock
    return Exported(
        chip=lock.chip,
        model=lock.model,
        variant=lock.variant,
        revision=lock.revision,
        image=image.digest,
        lock_sha256=sha256_of(lock),
        tool=f"flagrelease {__version__}",
        code_sha256=code_sha256(),
        engine=engine_of(at),
        files=tuple(_file(path, file) for path, file in sorted(files.items())),
        kept=tuple(sorted(kept)),
    )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """What the stages left in their folders, but the layout of the image."""
    for place in PLACES:
        for path in (folder / place).rglob("*"):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not name.startswith(f"{LAYOUT}/"):
                yield name, path


def _file(path: str, file: Path) -> ExportedFile:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return ExportedFile(path=path, sha256=digest, size=file.stat().st_size)


def _data(path: Path, written: Written, exported: Exported) -> dict[str, object]:
    return {
        "file": str(path),
        "size": written.size,
        "stages": written.stages,
        "exported": exported.model_dump(mode="json", by_alias=True),
    }


def _words(path: Path, written: Written, exported: Exported) -> str:
    who = f"--chip {exported.chip} --model {exported.model} --variant {exported.variant}"
    goes_on = f"flagrelease build {who} --from smoke_kernels --exported {path.name}"
    return "\n".join(
        (
            f"{path}: {exported.bundle} {exported.revision}, {size(written.size)}",
            f"  image   {exported.image}",
            f"  lock    {exported.lock_sha256}",
            f"  stages  {written.stages}",
            f"on the chip's host, with the same recipes: {goes_on}",
            "",
        )
    )
