"""Ask a built bundle again, without the rest of the build, and judge it; or a server that runs already.

The whole policy is a verdict: it takes the place of the last one, and the exit code is `build`'s (0 GO, 8 NO-GO, 11
HOLD). With `--task`, `--limit` or `--server` the records are written and nothing is judged: a part of the items, or a
server that nothing binds to an image, is never GO. What a harness had answered when it was cut off is kept; `--fresh`
throws it away. Keys of judges come from FLAGRELEASE_SECRET_<NAME>, or from the file that FLAGRELEASE_SECRET_<NAME>_FILE
names.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flagrelease.cli.options import Chip, EngineName, Json, Model, Offline, Out, Quiet, Recipes, Variant
from flagrelease.cli.session import Session, session
from flagrelease.cli.settings import settings
from flagrelease.domain.evalrun import EvalRunFile
from flagrelease.domain.evidence import EvalRun
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock
from flagrelease.domain.source import Sources
from flagrelease.domain.verdict import Evaluation
from flagrelease.errors import GateError, HoldError, RecipeError, SourceError
from flagrelease.evaluation.by_harness import Asked
from flagrelease.evaluation.outside import FOLDER as EVIDENCE
from flagrelease.evaluation.sides import Part, Run, ask_server, ask_side, ready_to_ask, side_of
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.durable import write_durably
from flagrelease.gate.phrases import HOLD_HINT
from flagrelease.pipeline import Look, NotDone, make_image
from flagrelease.stages.evaluate import evaluate as evaluate_stage
from flagrelease.stages.fetch import fetch
from flagrelease.stages.resolve import resolve

PARTS = "records"
"""The folder of records that are of a part, or of a server that is bound to no image."""


def _tasks(context: typer.Context, incomplete: str) -> list[str]:
    """The tasks of the bundle's policy."""
    from flagrelease.adapters.recipes.catalogue import Catalogue  # noqa: PLC0415 - for completion only

    given = context.params
    try:
        catalogue = Catalogue(settings(recipes=given.get("recipes")).recipes)
        policy = catalogue.recipe(given["chip"], given["model"], given.get("variant")).policy
    except (RecipeError, KeyError, TypeError):
        return []
    names = [*policy.tasks, *policy.harness_tasks] if policy else []
    return [name for name in names if name.startswith(incomplete)]


Tasks = Annotated[
    list[str] | None,
    typer.Option("--task", help="Only this task of the policy. May be repeated.", autocompletion=_tasks),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many items of each task.")]
Server = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="Ask the server at this address, such as http://127.0.0.1:8000."),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Throw away what an earlier run that was cut off has kept.")]


def evaluate(
    chip: Chip,
    model: Model,
    variant: Variant = None,
    task: Tasks = None,
    server: Server = None,
    limit: Limit = None,
    fresh: Fresh = False,
    engine: EngineName = "auto",
    recipes: Recipes = None,
    out: Out = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Evaluate a bundle, or a part of its policy, or a running server."""
    if server is not None and not server.startswith(("http://", "https://")):
        raise typer.BadParameter(f"wanted an address such as http://127.0.0.1:8000, found {server[:80]!r}")
    chosen = settings(recipes=recipes, out=out, offline=offline, engine=engine)
    part = Part(tasks=tuple(task or ()), limit=limit)
    is_judged = not (task or limit or server)
    with session(chosen, chip=chip, model=model, variant=variant, quiet=quiet, anew_from="evaluate", fresh=fresh) as at:
        _known(part, at)
        if is_judged:
            lock, sources, image = _built(at)
            _tell(at.run(evaluate_stage, image, lock, sources), json=json)
            return
        here = at.folder / PARTS / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        runs = _of_server(at, here, server, part) if server else _of_image(at, here, part)
        _write(at, here, runs, server)
    _tell_records(here, runs, json=json)


def _known(part: Part, at: Session) -> None:
    policy = at.recipe.policy
    names = [*policy.tasks, *policy.harness_tasks] if policy else []
    for name in part.tasks:
        if name not in names:
            raise RecipeError(f"wanted a task of the policy, found `{name}`", hint=f"there are: {', '.join(names)}")


def _built(at: Session) -> tuple[Lock, Sources, Image]:
    """What was built; nothing is built here. Raises SourceError where it was not, or is no longer whole."""
    look = Look(folder=at.folder, tools=at.tools, code=at.run.code)
    try:
        return make_image(look, at.recipe, at.lock)
    except NotDone as missing:
        raise SourceError(
            f"the bundle is not built here: stage `{missing.stage}` is not done, or is of another lock or version",
            hint=f"run `flagrelease build --chip {at.lock.chip} --model {at.lock.model}` first",
        ) from missing


def _of_image(at: Session, here: Path, part: Part) -> list[Run]:
    lock, _, image = _built(at)
    with at.told("evaluate"):
        ready_to_ask(at.tools, lock, part)
        here.mkdir(parents=True)
        runs = ask_side(at.tools, here, image, lock, "target", part=part, evidence=at.folder / EVIDENCE)
    at.tools.harnesses.tidy()
    return runs


def _of_server(at: Session, here: Path, server: str, part: Part) -> list[Run]:
    """No image is known, so none is named: whether its weights are the lock's is not known either."""
    lock = at.run(resolve, at.recipe, at.lock)
    at.run(fetch, lock)
    with at.told("evaluate"):
        ready_to_ask(at.tools, lock, part)
        here.mkdir(parents=True)
        address = server.rstrip("/").removesuffix("/v1")
        side = side_of(lock, None)
        who = Asked(
            base_url=address,
            served_name=lock.serving.served_name,
            side=side,
            limit=part.limit,
            kept_by=str(at.folder.resolve()),
        )
        runs = ask_server(at.tools, here, lock, who, which="target", part=part)
    at.tools.harnesses.tidy()
    return runs


def _write(at: Session, here: Path, runs: list[Run], server: str | None) -> None:
    for run in runs:
        write_durably(here / f"{run.task}.json", pretty_json(run))
    about = {"server": server} if server else {"image": runs[0].image if runs else None}
    write_durably(here / "about.json", pretty_json({"bundle": at.lock.bundle, "verdict": None, **about}))


def _tell(found: Evaluation, *, json: bool) -> None:
    verdict = found.verdict
    words = "\n".join((f"{verdict.decision}  {verdict.image}", *(f"    {reason}" for reason in verdict.reasons), ""))
    sys.stdout.write(pretty_json(verdict).decode() if json else words)
    if verdict.decision == "NO-GO":
        raise GateError("NO-GO: the reasons are above")
    if verdict.decision == "HOLD":
        raise HoldError("HOLD: the reasons are above", hint=HOLD_HINT)


def _tell_records(folder: Path, runs: list[Run], *, json: bool) -> None:
    rows = [{"task": run.task, "items": _items(run), "score": _score(run)} for run in runs]
    if json:
        sys.stdout.write(pretty_json({"records": str(folder), "tasks": rows}).decode())
        return
    for row in rows:
        score = "none" if row["score"] is None else f"{row['score']:.4f}"
        sys.stdout.write(f"{row['task']}  {row['items']} items, score {score}\n")
    sys.stdout.write(f"records  {folder}\nnothing was judged: a part, or a server of no image, is never GO\n")


def _items(run: Run) -> int:
    return len(run.items or ())


def _score(run: EvalRun | EvalRunFile) -> float | None:
    if isinstance(run, EvalRun):
        return run.score
    return run.headline.score if run.headline else None
