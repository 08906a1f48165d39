"""`new chip NAME`, `new model NAME`, `new bundle [VARIANT] --chip C --model M`.

What is known is filled in, from the options and, for a bundle, from the recipes of its chip and model. Each gap is a
`TODO`; `flagrelease lint` names them until they are filled. A file that is there is never written over.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.templates import SandboxedTemplates
from flagrelease.cli.complete import names_in
from flagrelease.cli.options import Recipes
from flagrelease.cli.settings import settings
from flagrelease.domain.chip import Architecture
from flagrelease.domain.recipe import DOCKERFILE
from flagrelease.domain.source import RepoId
from flagrelease.domain.value import Name, Text
from flagrelease.errors import RecipeError
from flagrelease.formats.create import create
from flagrelease.formats.fits import fits
from flagrelease.scaffold.fill import new_bundle, new_chip, new_dockerfile, new_model

_BELONG = {
    "chip": ("title", "vendor", "architecture", "sdk"),
    "model": ("title", "huggingface", "modelscope", "weights"),
    "bundle": ("chip", "model", "engine", "sdk", "weights"),
}
_SHAPES = {
    "name": (Name, "a name: lower-case letters and digits, single '.', '_' or '-' inside"),
    "title": (Text, "text without control characters"),
    "vendor": (Text, "text without control characters"),
    "huggingface": (RepoId, "a repository: owner/name"),
    "modelscope": (RepoId, "a repository: owner/name"),
    "sdk": (Name, "a name: lower-case letters and digits, single '.', '_' or '-' inside"),
    "weights": (Name, "a name: lower-case letters and digits, single '.', '_' or '-' inside"),
}


@dataclass(frozen=True, kw_only=True)
class _Begun:
    """A recipe that is not written yet, where it goes, and what comes after it."""

    path: Path
    text: str
    then: tuple[str, ...]
    beside: tuple[Path, str] | None = None


What = Annotated[
    str,
    typer.Argument(
        metavar="chip|model|bundle",
        help="What to begin.",
        autocompletion=lambda incomplete: [word for word in _BELONG if word.startswith(incomplete)],
    ),
]
NewName = Annotated[str | None, typer.Argument(metavar="NAME", help="Its name; for a bundle, that of its variant.")]
Title = Annotated[str | None, typer.Option("--title", help="What people call the chip or model.")]
Vendor = Annotated[str | None, typer.Option("--vendor", help="Who makes the chip.")]
Architectures = Annotated[
    list[str] | None, typer.Option("--architecture", help="amd64 or arm64, of a chip's machines. May be repeated.")
]
HuggingFace = Annotated[str | None, typer.Option("--huggingface", help="owner/name of a model's weights.")]
ModelScope = Annotated[str | None, typer.Option("--modelscope", help="owner/name of a model's weights.")]
ItsChip = Annotated[
    str | None,
    typer.Option("--chip", help="Chip of a bundle, or an alias of it.", autocompletion=names_in("chips")),
]
ItsModel = Annotated[
    str | None,
    typer.Option("--model", help="Model of a bundle, as in recipes/models.", autocompletion=names_in("models")),
]
Engine = Annotated[
    str | None,
    typer.Option("--engine", help="Engine of a bundle, as in recipes/engines.", autocompletion=names_in("engines")),
]
Sdk = Annotated[str | None, typer.Option("--sdk", help="SDK generation: of a bundle, or the first one of a chip.")]
Weights = Annotated[str | None, typer.Option("--weights", help="Form of the weights: of a bundle, or of a model.")]
Stdout = Annotated[bool, typer.Option("--stdout", help="Print the recipe; write nothing.")]


def new(
    what: What,
    name: NewName = None,
    title: Title = None,
    vendor: Vendor = None,
    architecture: Architectures = None,
    huggingface: HuggingFace = None,
    modelscope: ModelScope = None,
    chip: ItsChip = None,
    model: ItsModel = None,
    engine: Engine = None,
    sdk: Sdk = None,
    weights: Weights = None,
    stdout: Stdout = False,
    recipes: Recipes = None,
) -> None:
    """Write or print the beginning of a recipe."""
    options = {
        "title": title, "vendor": vendor, "huggingface": huggingface, "modelscope": modelscope, "chip": chip,
        "model": model, "engine": engine, "sdk": sdk, "weights": weights,
    }  # fmt: skip
    given = {key: value for key, value in options.items() if value is not None}
    _check(what, name, {**given, **({"architecture": ""} if architecture else {})})
    catalogue = Catalogue(settings(recipes=recipes).recipes)
    if what == "bundle":
        begun = _bundle(catalogue, name, given)
    elif what == "model":
        begun = _model(catalogue, name or "", given)
    else:
        begun = _chip(catalogue, name or "", given, architecture or [])
    _put(begun, stdout=stdout)


def _check(what: str, name: str | None, given: dict[str, str]) -> None:
    if what not in _BELONG:
        raise typer.BadParameter(f"wanted chip, model or bundle, found `{what}`")
    if strange := [key for key in given if key not in _BELONG[what]]:
        options = ", ".join(f"--{key}" for key in _BELONG[what])
        raise typer.BadParameter(f"`--{strange[0]}` says nothing of a {what}; a {what} has {options}")
    if what == "bundle" and not {"chip", "model"} <= given.keys():
        raise typer.BadParameter("wanted the bundle's --chip and --model")
    if what != "bundle" and name is None:
        raise typer.BadParameter(f"wanted the name of the new {what}")
    for key, value in {**({"name": name} if name is not None else {}), **given}.items():
        shape, words = _SHAPES.get(key, (None, ""))
        if shape is not None and not fits(shape, value):
            raise RecipeError(f"wanted {words}, found {key} {value!r}", hint="choose another one")


def _chip(catalogue: Catalogue, name: str, given: dict[str, str], architectures: list[str]) -> _Begun:
    if wrong := [one for one in architectures if not fits(Architecture, one)]:
        raise typer.BadParameter(f"`--architecture {wrong[0]}`: wanted amd64 or arm64")
    taken = {alias: chip.name for chip in catalogue.everything().chips.values() for alias in chip.aliases}
    if name in taken:
        raise RecipeError(
            f"`{name}` is an alias of the chip `{taken[name]}`", hint="choose another name, or change that recipe"
        )
    title, vendor, sdk = given.get("title"), given.get("vendor"), given.get("sdk")
    return _Begun(
        path=catalogue.recipes / "chips" / f"{name}.yaml",
        text=new_chip(SandboxedTemplates(), name, title=title, vendor=vendor, architectures=architectures, sdk=sdk),
        then=(f"flagrelease new bundle --chip {name} --model MODEL",),
        beside=(catalogue.templates / f"{name}{DOCKERFILE}", new_dockerfile()),
    )


def _model(catalogue: Catalogue, name: str, given: dict[str, str]) -> _Begun:
    return _Begun(
        path=catalogue.recipes / "models" / f"{name}.yaml",
        text=new_model(SandboxedTemplates(), name, given),
        then=(
            "write a gate policy in recipes/gates before you see a result, or choose one",
            f"flagrelease new bundle --chip CHIP --model {name}",
        ),
    )


def _bundle(catalogue: Catalogue, variant: str | None, given: dict[str, str]) -> _Begun:
    chip, model = catalogue.chip(given["chip"]), catalogue.model(given["model"])
    engines = {name: catalogue.engine(name) for name in catalogue.names("engines")}
    for key, known in (("sdk", chip.sdks), ("weights", model.weights), ("engine", engines)):
        if key in given and given[key] not in known:
            raise RecipeError(
                f"wanted one of {', '.join(known)}, found --{key} {given[key]!r}", hint="leave it out to see them all"
            )
    text = new_bundle(
        SandboxedTemplates(), variant, chip=chip, model=model, engines=engines, chosen=given,
        gates=catalogue.names("gates"),
    )  # fmt: skip
    words = f"--chip {chip.name} --model {model.name}"
    return _Begun(
        path=catalogue.bundle_path(chip.name, model.name),
        text=text,
        then=(f"flagrelease lock {words}", f"flagrelease plan {words}"),
    )


def _put(begun: _Begun, *, stdout: bool) -> None:
    """Write the recipe and say what is next. Raises RecipeError when there is one already."""
    path = begun.path
    if stdout:
        sys.stdout.write(begun.text)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            create(path, begun.text.encode())
        except FileExistsError as error:
            hint = "change that file, or print a new one with --stdout"
            raise RecipeError(f"there is a recipe already: `{path}`", hint=hint) from error
        sys.stdout.write(f"{path}\n")
        _put_beside(begun)
    for step in (f"fill each TODO; `flagrelease lint {path}` names those that are left", *begun.then):
        sys.stderr.write(f"next: {step}\n")


def _put_beside(begun: _Begun) -> None:
    """Write what belongs to the recipe; one that is there stays."""
    if begun.beside is None:
        return
    path, text = begun.beside
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        create(path, text.encode())
        sys.stdout.write(f"{path}\n")
