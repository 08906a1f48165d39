"""Publish a bundle: `--to oci:DIR` writes an OCI image layout, `--to HOST:PORT/REPO` pushes to a registry.

Only what the gate let through is published: GO, or HOLD with a waiver for exactly this image. Each target is asked
first; then blobs, the manifest, a pull by digest that is compared, and last the tag.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.cards.card import write_card
from flagrelease.cli.options import Chip, Json, Model, Offline, Out, Quiet, Recipes, Variant
from flagrelease.cli.session import session
from flagrelease.cli.settings import settings
from flagrelease.domain.verdict import Waiver
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.strict import decode_yaml
from flagrelease.oci.reference import check_tag
from flagrelease.pipeline import CARD, deliver, release
from flagrelease.stages.evaluate import approve, require_evidence

To = Annotated[list[str], typer.Option("--to", help="`oci:DIR` or `HOST:PORT/REPO`. May be repeated.")]
Tag = Annotated[str | None, typer.Option("--tag", help="Tag (default: BUNDLE-rN).")]
WaiverFile = Annotated[
    Path | None,
    typer.Option(
        "--waiver",
        help="YAML with image, owner, reason, expires: lets a HOLD through.",
        exists=True,
        dir_okay=False,
        readable=True,
    ),
]


def publish(
    chip: Chip,
    model: Model,
    to: To,
    variant: Variant = None,
    tag: Tag = None,
    waiver: WaiverFile = None,
    recipes: Recipes = None,
    out: Out = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Publish a bundle that is built; builds what is missing first."""
    chosen = settings(recipes=recipes, out=out, offline=offline)
    granted = decode_yaml(waiver.read_bytes(), Waiver, source=str(waiver)) if waiver else None
    with session(chosen, chip=chip, model=model, variant=variant, quiet=quiet) as at:
        named = check_tag(tag or f"{at.lock.bundle}-{at.lock.revision}")
        targets = tuple(at.tools.target(text) for text in to)
        built = release(at.run, at.recipe, at.lock)
        require_evidence(at.folder / at.run.place("evaluate"), built.lock, built.image, built.evaluation)
        if built.lock.baseline:
            at.tools.recipes.refuse_bad_baseline(built.lock.baseline.path, datetime.now(UTC).date())
        approved = approve(built.image, built.serving, built.evaluation, granted, today=datetime.now(UTC).date())
        done = deliver(at.run, approved, targets, named)
        write_card(at.folder / CARD, built, release=done)
    if json:
        sys.stdout.write(pretty_json(done).decode())
    else:
        sys.stdout.write("".join(f"published  {p.reference}\n" for p in done.published))
