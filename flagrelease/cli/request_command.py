"""One mail a contact, for base images, installers, images, components, patches and weights that are restricted.

The fields that a vendor wants to know are left blank, or filled in with `--field "organisation=…"`. A bundle of which
nothing is restricted needs no mail.
"""

import dataclasses
import sys
from typing import Annotated

import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.templates import SandboxedTemplates
from flagrelease.cli.options import Chip, Json, Model, Recipes, Variant
from flagrelease.cli.settings import settings
from flagrelease.formats.canonical import pretty_json
from flagrelease.requesting.mail import Language, Mail, asked_fields, mails
from flagrelease.requesting.parts import Part, restricted_parts, together

_LANGUAGES: dict[str, tuple[Language, ...]] = {"en": ("en",), "zh": ("zh",), "both": ("en", "zh")}

In = Annotated[str, typer.Option("--language", help="en, zh or both.")]
Field = Annotated[list[str] | None, typer.Option("--field", help="NAME=VALUE of a field. May be repeated.")]


def request(
    chip: Chip,
    model: Model,
    variant: Variant = None,
    language: In = "both",
    field: Field = None,
    as_json: Json = False,
    recipes: Recipes = None,
) -> None:
    """Print the mails."""
    if language not in _LANGUAGES:
        raise typer.BadParameter(f"`--language {language}`: wanted en, zh or both")
    catalogue = Catalogue(settings(recipes=recipes).recipes)
    bundle = catalogue.bundle(catalogue.chip(chip).name, catalogue.model(model).name)
    names = list(bundle.variants) if variant == "all" else [variant or bundle.default_variant]
    found = [catalogue.recipe(bundle.chip, bundle.model, name) for name in names]
    parts = together(part for one in found for part in restricted_parts(one))
    written = mails(
        parts,
        model=found[0].model.title,
        chip=found[0].chip.title,
        bundles=[one.name for one in found],
        languages=_LANGUAGES[language],
        filled=_filled(field or [], parts),
        templates=SandboxedTemplates(),
    )
    if as_json:
        sys.stdout.write(pretty_json([dataclasses.asdict(mail) for mail in written]).decode())
    else:
        sys.stdout.write(f"\n{'=' * 72}\n\n".join(_text(mail) for mail in written))
    if not written:
        sys.stderr.write(f"nothing of {', '.join(one.name for one in found)} is restricted: no mail is needed\n")


def _filled(fields: list[str], parts: list[Part]) -> dict[str, str]:
    """What `--field` says. Raises BadParameter for a field that no vendor asks for."""
    known = asked_fields(parts)
    filled = {}
    for written in fields:
        name, equals, value = (word.strip() for word in written.partition("="))
        if not equals:
            raise typer.BadParameter(f"`--field {written}`: wanted NAME=VALUE")
        if name.casefold() not in {one.casefold() for one in known}:
            raise typer.BadParameter(f"`--field {name}`: no vendor asks for it; wanted {', '.join(known) or 'none'}")
        filled[name] = " ".join(value.split())
    return filled


def _text(mail: Mail) -> str:
    return f"To: {mail.contact}\nSubject: {mail.subject}\n\n{mail.body}"
