"""render: the chip's Dockerfile for this bundle, and the folder that the engine is given, by content."""

from collections.abc import Iterator
from pathlib import Path

from flagrelease.domain.engine_build import ContextFile, EngineContext, Part, Parts, PreparedParts
from flagrelease.domain.lock import PartialLock
from flagrelease.domain.recipe import DOCKERFILE, MACROS, Recipe
from flagrelease.domain.run_spec import RUN_LABEL
from flagrelease.errors import LockError, RecipeError
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.dockerfile_text import context_path
from flagrelease.formats.run_label import run_label
from flagrelease.launch.server import inner_command, template_values
from flagrelease.launch.spec import run_spec
from flagrelease.locking.keys import installer_of, nature_of
from flagrelease.ports import Tools
from flagrelease.rendering.dockerfile import render_dockerfile
from flagrelease.rendering.plan import plan_image

_NAME = "Dockerfile"
_FOLDERS = {"installer": "installers", "archive": "archives", "wheel": "wheels"}
_NOT_IN_THE_IMAGE = {"weights", "baseline", "image"}
"""Kinds of inputs that a container is shown, or that evidence is held against: an image is built without them."""


def render(
    tools: Tools, here: Path, recipe: Recipe, lock: PartialLock, prepared: PreparedParts, *, rehearsal: bool
) -> EngineContext:
    """The build's folder and its plan; `here/Dockerfile` is for reading, also where parts are missing.

    Raises:
        LockError: a template is not what the recipe was locked with.
        RecipeError: the chip has no Dockerfile, or a template names a value that is not there.
    """
    parts = prepared.parts
    labels = {RUN_LABEL: run_label(run_spec(recipe, lock))}
    plan = plan_image(recipe, lock, parts, rehearsal=rehearsal, entrypoint=inner_command(recipe), labels=labels)
    text = render_dockerfile(
        tools.templates, plan, _template(tools, recipe, f"{recipe.chip.name}{DOCKERFILE}"),
        _template(tools, recipe, MACROS),
    )  # fmt: skip
    (here / _NAME).write_text(text, encoding="utf-8")
    dockerfile = tools.store.add_bytes(text.encode())
    context = EngineContext(
        plan=plan,
        base=_base(recipe, lock, parts),
        dockerfile=dockerfile,
        files=(
            ContextFile(path=_NAME, content=dockerfile),
            *_fetched(recipe, lock, parts),
            *(ContextFile(path=f"sources/{one.name}.tar", content=one.archive) for one in prepared.trees),
            *_configured(tools, here, recipe),
        ),
        missing=tuple(one for one in parts.missing if one.kind not in _NOT_IN_THE_IMAGE),
        stand_ins=parts.stand_ins,
        pinned_kernels=lock.kernels,
    )
    (here / "context.json").write_bytes(pretty_json(context))
    return context


def _template(tools: Tools, recipe: Recipe, name: str) -> str:
    found = next((one for one in recipe.templates if one.path == name), None)
    if found is None:
        raise RecipeError(
            f"`{recipe.name}` is built by an image engine, and dockerfiles/{name} is not there",
            hint="write it after the template of another chip; docs/dockerfiles.md says what goes into it",
        )
    return tools.recipes.template(name, sha256=found.sha256)


def _base(recipe: Recipe, lock: PartialLock, parts: Parts) -> Part:
    for one in lock.inputs:
        part = parts.get(one.key)
        if part and nature_of(recipe, one) == "base":
            return part
    raise LockError(f"the lock of `{lock.bundle}` names no base", hint="run `flagrelease lock` for this bundle")


def _fetched(recipe: Recipe, lock: PartialLock, parts: Parts) -> Iterator[ContextFile]:
    for one in lock.inputs:
        part, installer = parts.get(one.key), installer_of(recipe, one.key)
        # The adapter to torch comes in an archive: a stage of its own unpacks it.
        is_archive = installer is not None and installer.purpose == "torch-adapter"
        folder = "archives" if is_archive else _FOLDERS.get(nature_of(recipe, one))
        if part and part.content and part.file and folder:
            yield ContextFile(path=f"{folder}/{part.file}", content=part.content)


def _configured(tools: Tools, here: Path, recipe: Recipe) -> Iterator[ContextFile]:
    """The engine's own configuration files, from their templates."""
    for file in recipe.variant.files:
        text = _template(tools, recipe, file.template)
        if file.template.endswith(".j2"):
            text = tools.templates.fill(text, name=file.template, values=template_values(recipe))
        path = f"files/{context_path(file.path)}"
        copy = here / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text, encoding="utf-8")
        yield ContextFile(path=path, content=tools.store.add_bytes(text.encode()), mode=int(file.mode, 8))
