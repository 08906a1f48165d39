"""render: turn the lock into everything the image is made of, as data."""

from pathlib import Path

from flagrelease.domain.evidence import Skipped
from flagrelease.domain.image import BuildContext, PlacedSource, RenderedFile, WeightFile
from flagrelease.domain.lock import Lock, LockedImageFile
from flagrelease.domain.run_spec import RUN_LABEL, RunSpec
from flagrelease.domain.source import PatchedSources, Sources
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.run_label import run_label
from flagrelease.ports import Tools


def render(
    tools: Tools,
    here: Path,
    lock: Lock,
    sources: Sources,  # noqa: ARG001 - what is fetched has to be there before it is named
    patched: PatchedSources | Skipped,
    *,
    spec: RunSpec,
) -> BuildContext:
    """The image's declaration: base packages, wheels, rendered files, weights, environment, entry point, labels.

    `spec` is how the bundle is run; it becomes a label, for those who have the image and not its recipes.

    Raises:
        BuildError: the label that says how it is run would be too long.
        LockError: a template is not what the lock pins.
        RecipeError: a template names a value that is not there.
    """
    context = BuildContext(
        architecture=lock.architecture,
        base=lock.base.packages,
        wheels=lock.wheels,
        site_packages=f"/usr/local/lib/python{lock.python}/dist-packages",
        sources=_placed(lock, patched),
        files=tuple(_rendered(tools, here, lock, file) for file in lock.files),
        weights=tuple(
            WeightFile(path=f"{lock.weights_folder}/{f.path}", content=f.digest, size=f.size)
            for f in lock.weights.files
        ),
        env=lock.env,
        entrypoint=lock.entrypoint,
        exposed_port=lock.serving.port,
        labels=_labels(lock, spec),
    )
    (here / "context.json").write_bytes(pretty_json(context))
    return context


def _placed(lock: Lock, patched: PatchedSources | Skipped) -> tuple[PlacedSource, ...]:
    if isinstance(patched, Skipped):
        return ()
    pairs = zip(lock.components, patched.components, strict=True)
    return tuple(PlacedSource(path=to.placed_at, archive=made.archive, size=made.size) for to, made in pairs)


def _rendered(tools: Tools, here: Path, lock: Lock, locked: LockedImageFile) -> RenderedFile:
    file = locked.file
    text = tools.recipes.template(file.template, sha256=locked.template_sha256)
    if file.template.endswith(".j2"):
        text = tools.templates.fill(text, name=file.template, values={"lock": lock})
    content = text.encode()
    # A copy that a person can read, at the place it has in the image.
    copy = here / "files" / file.path.lstrip("/")
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(content)
    return RenderedFile(path=file.path, mode=int(file.mode, 8), content=tools.store.add_bytes(content))


def _labels(lock: Lock, spec: RunSpec) -> dict[str, str]:
    # Keys of the OCI image spec (annotations.md); ours are in the reverse domain of the project.
    return {
        "org.opencontainers.image.title": lock.bundle,
        "org.opencontainers.image.version": lock.revision,
        "org.opencontainers.image.licenses": lock.weights.licence.name,
        "ai.flagos.flagrelease.chip": lock.chip,
        "ai.flagos.flagrelease.model": lock.model,
        "ai.flagos.flagrelease.variant": lock.variant,
        RUN_LABEL: run_label(spec),
    }
