"""Take evidence that was made on another machine as the result of a bundle's smoke and evaluation here.

The image has to be here: `flagrelease build --until build` makes it, with the same digest everywhere. Refused is
evidence of another image, lock or policy, of another reference, with a record that was changed, with switches or
software that are not the bundle's, taken before, or not signed by a trusted key. The verdict is decided again from the
records. What was here before is kept with --supersedes. Exit codes: 5 for a damaged file, 8 when it does not fit.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from flagrelease.adapters.evidence.reading import Pack, opened_pack
from flagrelease.adapters.recipes.baselines import Baselines
from flagrelease.cli.baseline.options import Trusted
from flagrelease.cli.evidence.fitting import refuse_other_bundle, refuse_other_image, refuse_unfit
from flagrelease.cli.evidence.placing import Placing, refuse_twice
from flagrelease.cli.evidence.show_command import PackFile
from flagrelease.cli.options import Chip, Json, Model, Out, Quiet, Recipes, Variant
from flagrelease.cli.session import session
from flagrelease.cli.settings import settings
from flagrelease.cli.wire import code_sha256
from flagrelease.errors import GateError, SourceError
from flagrelease.formats.canonical import pretty_json
from flagrelease.pipeline import make_image
from flagrelease.report.evidence import pack_data
from flagrelease.sealing.detached import VerifyingKey
from flagrelease.stages.evaluate import require_evidence

Unsigned = Annotated[bool, typer.Option("--unsigned", help="Take it although no trusted key signed it.")]
Supersedes = Annotated[bool, typer.Option("--supersedes", help="Take it in place of evidence that is here; keep that.")]


def take(
    pack: PackFile,
    chip: Chip,
    model: Model,
    variant: Variant = None,
    trusted: Trusted = None,
    unsigned: Unsigned = False,
    supersedes: Supersedes = False,
    recipes: Recipes = None,
    out: Out = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check everything, then put the stages' results in place."""
    chosen = settings(recipes=recipes, out=out, offline=True)
    keys = Baselines(chosen.recipes).trusted(trusted or ())
    with (
        opened_pack(pack, keys) as found,
        session(chosen, chip=chip, model=model, variant=variant, quiet=quiet) as at,
    ):
        if not unsigned:
            _refuse_unsigned(found, keys)
        try:
            lock, sources, image = make_image(at.run, at.recipe, at.lock)
        except SourceError as error:
            missing = error.message.partition("\n")[0].removesuffix(":")
            hint = f"run `flagrelease build --chip {chip} --model {model} --until build` first"
            raise SourceError(f"the image is not here: {missing}", hint=hint) from error
        refuse_other_bundle(found, lock)
        refuse_other_image(found, image)
        placing = Placing(at.run, found, lock, sources, image)
        refuse_twice(placing, at.folder, supersedes=supersedes)
        with placing.staged() as folders:
            evaluate = folders["evaluate"]
            refuse_unfit(found, lock, evaluate, placing.reference(at.tools.recipes))
            require_evidence(evaluate, lock, image, found.manifest.evaluation)
            placing.put(folders)
        if found.manifest.code_sha256 != code_sha256():
            at.tools.events.said(
                "it was made by another state of flagrelease; the verdict was decided again by this one"
            )
        verdict = found.manifest.evaluation.verdict
        at.tools.events.said(f"took the evidence of {found.manifest.by}: {verdict.decision}")
        if as_json:
            sys.stdout.write(pretty_json(pack_data(pack, found.sha256, found.manifest, found.signer)).decode())
        else:
            reasons = "".join(f"    {reason}\n" for reason in verdict.reasons)
            sys.stdout.write(f"{verdict.decision}  {lock.bundle} {lock.revision}\n{reasons}")
            sys.stdout.write(f"`flagrelease build --chip {chip} --model {model}` writes the card\n")


def _refuse_unsigned(pack: Pack, trusted: Sequence[VerifyingKey]) -> None:
    if pack.signer is None:
        shown = ", ".join(key.shown for key in trusted) or "none"
        raise GateError(
            f"{pack.path}: no trusted key signed it; it says {pack.claimed or 'nothing'}, trusted are {shown}",
            hint="--trusted names a key; --unsigned takes it from whoever brought it",
        )
