"""Write what smoke and evaluation recorded about this bundle into one file, to be taken where it is published.

The file holds the smoke report, the records of both sides, the verdict, what this machine is, and the digests of the
image, the lock and the policy; no log, and no text of a dataset. The same evidence gives the same bytes. A verdict of
any kind is packed: what it is worth is decided again where it is taken.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from flagrelease import __version__
from flagrelease.adapters.evidence.profile import host_profile
from flagrelease.adapters.evidence.writing import packed_file, write_pack
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.cli.baseline.options import SignWith, signer
from flagrelease.cli.bundle_folder import bundle_folder
from flagrelease.cli.evidence.fitting import switched_on
from flagrelease.cli.options import Chip, Json, Model, Out, Quiet, Recipes, Variant
from flagrelease.cli.patch.passphrases import PassphraseFd
from flagrelease.cli.session import session
from flagrelease.cli.settings import settings
from flagrelease.cli.wire import code_sha256
from flagrelease.domain.packed import EvidenceManifest, HostProfile
from flagrelease.errors import SourceError
from flagrelease.formats.canonical import pretty_json, sha256_of
from flagrelease.pipeline import Built, Look, NotDone, Run, release
from flagrelease.report.evidence import pack_data, packed_words

To = Annotated[Path | None, typer.Option("--to", help="The file (default: BUNDLE-LOCK.evidence.tar, here).")]
By = Annotated[str | None, typer.Option("--by", help="Who packs it (default: who signs it).")]
SUFFIX = ".evidence.tar"
_NOT_EVIDENCE = ("done.json", "taken.json")


def pack(
    chip: Chip,
    model: Model,
    variant: Variant = None,
    to: To = None,
    by: By = None,
    sign_with: SignWith = None,
    passphrase_fd: PassphraseFd = None,
    recipes: Recipes = None,
    out: Out = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the pack; say what is in it."""
    key = signer(sign_with, passphrase_fd)
    who = by or (key.public.name if key else None)
    if who is None:
        raise typer.BadParameter("wanted --by, who packs it, or --sign-with")
    chosen = settings(recipes=recipes, out=out, offline=True)
    with session(chosen, chip=chip, model=model, variant=variant, quiet=quiet) as at:
        try:
            built = release(Look(folder=at.folder, tools=at.tools, code=at.run.code), at.recipe, at.lock)
        except NotDone as stop:
            raise SourceError(
                f"there is no evidence of `{at.lock.bundle}` here: {stop.stage} is not finished, or is of other inputs",
                hint=f"run `flagrelease build --chip {chip} --model {model}` here first",
            ) from stop
        files = dict(sorted(_files(at.folder, built)))
        host = host_profile(chosen.home, [Catalogue(chosen.recipes).chip(built.lock.chip)])
        manifest = _manifest(built, code_sha256(), who, host, files)
        path = to or Path(f"{bundle_folder(chosen, at.lock).name}{SUFFIX}")
        digest = write_pack(path, manifest, files, key)
    shown = key.public if key else None
    if as_json:
        sys.stdout.write(pretty_json(pack_data(path, digest, manifest, shown)).decode())
    else:
        sys.stdout.write(packed_words(path, digest, manifest, shown))


def _manifest(built: Built, code: str, who: str, host: HostProfile, files: Mapping[str, Path]) -> EvidenceManifest:
    lock, evidence = built.lock, built.evaluation.evidence
    return EvidenceManifest(
        chip=lock.chip,
        model=lock.model,
        variant=lock.variant,
        revision=lock.revision,
        image=built.image.digest,
        lock_sha256=sha256_of(lock),
        policy=lock.policy.name,
        policy_sha256=sha256_of(lock.policy),
        tool=f"flagrelease {__version__}",
        code_sha256=code,
        by=who,
        host=host,
        switches=switched_on(lock),
        kernels=built.kernels,
        serving=built.serving,
        evaluation=built.evaluation,
        files=tuple(packed_file(path, file) for path, file in files.items()),
        finished=max(one.finished for one in evidence if one.side == "target"),
    )


def _files(folder: Path, built: Built) -> Iterator[tuple[str, Path]]:
    """The records, and what stages wrote as JSON beside them. Logs may say anything, and are left."""
    evaluate = folder / Run.place("evaluate")
    yield from ((f"evaluate/{one.path}", evaluate / one.path) for one in built.evaluation.evidence)
    for stage in ("smoke_serving", "evaluate"):
        here = folder / Run.place(stage)
        yield from ((f"{stage}/{path.name}", path) for path in here.glob("*.json") if path.name not in _NOT_EVIDENCE)
