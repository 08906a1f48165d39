"""Keep a reference run: the results of any harness that `gate` reads, or what a bundle answered when it was evaluated.

NAME is MODEL/STACK. What the files state of chip, image, software and weights is taken from them; what they do not,
the options say. Results that the policy or a benchmark does not fit are refused, as is a name that is taken: with
--supersedes the earlier one is kept beside. --again adds a rerun of the same reference, and says how many answers
differ when nothing does. Exit codes: 8 when the results do not fit.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer

from flagrelease import __version__
from flagrelease.adapters.recipes.baseline_files import NewRecords, changing_baselines, put_statement
from flagrelease.adapters.recipes.baselines import Baselines, HeldBaseline
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.result_files import ResultFiles
from flagrelease.cli.baseline.options import BaselineName, SignWith, built_value, pairs, records_in, signer
from flagrelease.cli.gate.policy import ThePolicy, policy_named
from flagrelease.cli.options import Json, Recipes
from flagrelease.cli.patch.passphrases import PassphraseFd
from flagrelease.cli.settings import settings
from flagrelease.domain.answers import Record
from flagrelease.domain.baseline import Answered, BaselineStatement, Rerun, Written
from flagrelease.domain.benchmark import Benchmark
from flagrelease.domain.evidence import Software
from flagrelease.domain.gate import Policy
from flagrelease.domain.value import RelativePath
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import pretty_json, sha256_of
from flagrelease.formats.fits import fits
from flagrelease.gate.records.recorded import Kept, answered_by, fitting, rerun_of, task_of
from flagrelease.ingest.recognise import records_of
from flagrelease.ingest.sources import Sources
from flagrelease.report.baselines import recorded_words

_GOOD_FOR = timedelta(days=365)

From = Annotated[
    Path, typer.Option("--from", metavar="PATH", help="Results: a file, a folder, or a bundle's folder below out.")
]
Title = Annotated[str | None, typer.Option("--title", help="What people call it (default: from what answered).")]
By = Annotated[str | None, typer.Option("--by", help="Who records it (default: who signs it).")]
Expires = Annotated[
    datetime | None, typer.Option("--expires", formats=["%Y-%m-%d"], help="Last day it is good (default: in a year).")
]
ItsChip = Annotated[str | None, typer.Option("--chip", help="Chip that answered.")]
Hardware = Annotated[str | None, typer.Option("--hardware", help="Its hardware, such as `NVIDIA A100-SXM4-80GB`.")]
ItsImage = Annotated[str | None, typer.Option("--image", help="Digest of the image that answered.")]
ItsSoftware = Annotated[
    list[str] | None, typer.Option("--software", metavar="NAME=VERSION", help="What answered. May be repeated.")
]
Weights = Annotated[str | None, typer.Option("--weights", help="SHA-256 of the weights.")]
Precision = Annotated[str | None, typer.Option("--precision", help="What it computed in.")]
Switch = Annotated[
    list[str] | None,
    typer.Option(
        "--switch", metavar="NAME=VALUE", help="Variable it ran with; `NAME` alone is unset. May be repeated."
    ),
]
Supersedes = Annotated[bool, typer.Option("--supersedes", help="Take the name of a baseline that is there; keep that.")]
Again = Annotated[bool, typer.Option("--again", help="Add these results as a rerun of the baseline that is there.")]


@dataclass(kw_only=True)
class _Work:
    """What is recorded, where, and by whom."""

    path: Path
    policy: Policy
    benchmarks: Mapping[str, Benchmark]
    kept: Mapping[str, Kept]
    before: HeldBaseline | None
    written: Written

    @property
    def name(self) -> str:
        """Its place below `recipes/baselines/`."""
        return f"{self.path.parent.name}/{self.path.name}"

    @cached_property
    def new(self) -> NewRecords:
        """What is to be written beside it."""
        return NewRecords(self.path)


def record(
    name: BaselineName,
    from_: From,
    policy: ThePolicy,
    title: Title = None,
    by: By = None,
    expires: Expires = None,
    chip: ItsChip = None,
    hardware: Hardware = None,
    image: ItsImage = None,
    software: ItsSoftware = None,
    weights: Weights = None,
    precision: Precision = None,
    switch: Switch = None,
    supersedes: Supersedes = False,
    again: Again = False,
    sign_with: SignWith = None,
    passphrase_fd: PassphraseFd = None,
    as_json: Json = False,
    recipes: Recipes = None,
) -> None:
    """Write the records, then the statement; say what was recorded."""
    catalogue = Catalogue(settings(recipes=recipes).recipes)
    model, path = _place(catalogue, name)
    key = signer(sign_with, passphrase_fd)
    chosen = policy_named(catalogue, policy)
    benchmarks = catalogue.everything().benchmarks
    kept = fitting(chosen, benchmarks, records_in(from_))
    who = by or (key.public.name if key else None)
    if who is None:
        raise typer.BadParameter("wanted --by, who records it, or --sign-with")
    written = built_value(Written, by=who, at=datetime.now(UTC).replace(microsecond=0), tool=_TOOL)
    stated = {
        "chip": chip, "hardware": hardware, "image": image, "model": model, "weights_sha256": weights,
        "software": tuple(Software(name=n, version=v) for n, v in pairs(software or (), "--software").items()),
        "precision": precision, "switches": _switches(switch or ()),
    }  # fmt: skip
    with changing_baselines(path):
        before = _before(path, supersedes or again, again=again)
        work = _Work(path=path, policy=chosen, benchmarks=benchmarks, kept=kept, before=before, written=written)
        if again:
            statement = _rerun(work)
        else:
            answered = _answered(catalogue, kept, stated)
            statement = _first(work, answered, title, expires.date() if expires else None)
        put_statement(work.new, statement, before=before, signer=key)
    notes = [f"{task}: {one.id}: {one.text}" for task, own in kept.items() for one in own.findings]
    sys.stderr.write("".join(f"{text}\n" for text in notes))
    sys.stdout.write(pretty_json(statement).decode() if as_json else recorded_words(statement, path, key))


_TOOL = f"flagrelease {__version__}"


def _place(catalogue: Catalogue, name: str) -> tuple[str, Path]:
    """The model and the statement's file. Raises RecipeError for a model that is not there."""
    bare = name.removesuffix(".json")
    if not fits(RelativePath, bare) or bare.count("/") != 1 or not bare.replace("/", "").isascii():
        raise typer.BadParameter(f"wanted MODEL/STACK, found {name[:80]!r}")
    model = catalogue.model(bare.partition("/")[0]).name
    return model, catalogue.recipes / "baselines" / f"{bare}.json"


def _before(path: Path, allowed: bool, *, again: bool) -> HeldBaseline | None:
    names = Baselines(path.parents[2])
    name = f"{path.parent.name}/{path.name}"
    if name not in names.names():
        if again:
            names.held(name)
        return None
    if not allowed:
        raise RecipeError(
            f"there is a baseline `{name}` already",
            hint="--supersedes takes its name and keeps it beside; --again adds these results as a rerun",
        )
    return names.held(name)


def _switches(words: list[str] | tuple[()]) -> dict[str, str | None]:
    unset = {word: None for word in words if "=" not in word}
    return {**unset, **pairs([word for word in words if "=" in word], "--switch")}


def _answered(catalogue: Catalogue, kept: Mapping[str, Kept], stated: Mapping[str, object]) -> Answered:
    """What answered: from the options, and where they are silent from the records, which have to agree."""
    facts = [one.record.facts for one in kept.values()]
    known = dict(stated)
    for field in ("chip", "image", "weights_sha256", "precision", "software"):
        found = {getattr(one, field) for one in facts} - {None, ()}
        if not known[field] and len(found) == 1:
            (known[field],) = found
        elif not known[field] and found:
            shown = ", ".join(sorted(map(str, found)))
            raise RecipeError(f"the records disagree about {field}: {shown}", hint="one baseline is of one reference")
    missing = {"chip": "--chip", "weights_sha256": "--weights"}
    lack = [option for field, option in missing.items() if not known[field]]
    if lack:
        raise RecipeError(
            f"the results do not say everything of what answered: wanted {', '.join(lack)}",
            hint="a reference of which that is not known cannot be held against a bundle",
        )
    known["chip"] = catalogue.chip(str(known["chip"])).name
    return built_value(Answered, **known)


def _first(work: _Work, answered: Answered, title: str | None, expires: date | None) -> BaselineStatement:
    tasks = []
    for task, one in work.kept.items():
        facts = answered_by(one.record.facts, answered)
        record = Record(facts, one.record.answers)
        tasks.append(task_of(task, record, work.new.add(task, record)))
    return built_value(
        BaselineStatement,
        name=work.name,
        title=title or f"{answered.model}: {_ran(answered)} on {answered.hardware or answered.chip}",
        answered=answered,
        policy=work.policy.name,
        policy_sha256=sha256_of(work.policy),
        tasks=tuple(tasks),
        written=work.written,
        expires=expires or work.written.at.date() + _GOOD_FOR,
        supersedes=work.before.sha256 if work.before else None,
    )


def _ran(answered: Answered) -> str:
    return ", ".join(f"{one.name} {one.version}" for one in answered.software) or f"image {answered.image}"


def _rerun(work: _Work) -> BaselineStatement:
    before = work.before
    if before is None or before.statement is None:
        raise RecipeError(
            f"`{work.name}` is a baseline of version 1, to which nothing can be added",
            hint=f"record it anew first: --from {work.path} --supersedes",
        )
    first = dict(
        zip((t.name for t in before.statement.tasks), records_of(Sources(ResultFiles(work.path))), strict=True)
    )
    answered = before.statement.answered
    tasks = []
    for task, one in work.kept.items():
        if task in first:
            again = Record(answered_by(one.record.facts, answered), one.record.answers)
            file = work.new.add(task, again)
            tasks.append(rerun_of(task, first[task], again, file, policy=work.policy, benchmarks=work.benchmarks))
    made = built_value(Rerun, written=work.written, tasks=tuple(tasks))
    return before.statement.model_copy(update={"reruns": (*before.statement.reruns, made), "supersedes": before.sha256})
