"""One side asked everything: the policy's own tasks here, the others by their harnesses."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from flagrelease.domain.bundle import Reference
from flagrelease.domain.evalrun import EvalRunFile
from flagrelease.domain.evidence import EvalRun, Software
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock
from flagrelease.domain.value import Name
from flagrelease.errors import FlagReleaseError, SmokeError
from flagrelease.evaluation.ask import Side
from flagrelease.evaluation.at_looks import Looks
from flagrelease.evaluation.by_harness import Asked, Question, ask_by_harness, record_of
from flagrelease.evaluation.outside import Which, brought, orders_of
from flagrelease.evaluation.own import ask_own
from flagrelease.evaluation.profile import differing, profile_of
from flagrelease.harness_ports import Results
from flagrelease.ports import Server, ServeRequest, Tools

Run = EvalRun | EvalRunFile


@dataclass(frozen=True, kw_only=True)
class Part:
    """What of a policy is asked: `tasks` (all where it names none), and at most `limit` items of each."""

    tasks: Collection[Name] = ()
    limit: int | None = None

    def has(self, name: Name) -> bool:
        """Whether this task is asked."""
        return not self.tasks or name in self.tasks


WHOLE = Part()


@dataclass(frozen=True, kw_only=True)
class Switches:
    """The variables that a side is served with: `wanted` by name, null for one that must not be set."""

    wanted: dict[str, str | None] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """Those that are set."""
        return {name: value for name, value in self.wanted.items() if value is not None}

    @property
    def without(self) -> frozenset[str]:
        """Those that are taken out."""
        return frozenset(name for name, value in self.wanted.items() if value is None)


def switches_of(reference: Reference | None, which: Which) -> Switches:
    """On for the target, off for the reference, where the reference is the same image with its switches off."""
    if reference is None or reference.kind != "switched_off":
        return Switches()
    on: dict[str, str | None] = dict(reference.on)
    if which == "target":
        return Switches(wanted=on)
    return Switches(wanted=dict.fromkeys(on) | dict(reference.off))


def questions_of(lock: Lock, part: Part = WHOLE) -> tuple[Question, ...]:
    """The tasks that are asked by a harness here."""
    items = {dataset.task: dataset for dataset in lock.datasets}
    return tuple(
        Question(name=name, task=task, harness=lock.harness(task.harness), dataset=items[name])
        for name, task in lock.policy.harness_tasks.items()
        if part.has(name) and task.asked and lock.harness(task.harness).harness.runs.kind == "environment"
    )


def ready_to_ask(tools: Tools, lock: Lock, part: Part = WHOLE) -> None:
    """Have every environment, and know that every key is there: before minutes are spent. Raises ToolError."""
    for question in questions_of(lock, part):
        tools.harnesses.check(question.harness, judged=question.task.judge is not None)
        tools.harnesses.bring(
            question.harness, lambda done, total: tools.events.progress(done, total, "items")
        )  # fmt: skip


_ALL_AT_ONCE: Mapping[Name, Looks] = MappingProxyType({})


def ask_side(
    tools: Tools,
    here: Path,
    image: Image,
    lock: Lock,
    which: Which,
    *,
    part: Part = WHOLE,
    looks: Mapping[Name, Looks] = _ALL_AT_ONCE,
    evidence: Path,
) -> list[Run]:
    """Serve the image as the side wants it and ask it every task of the policy; a record each.

    A task with `looks` is asked up to the one that decides it. Logs go to `here`; what is asked elsewhere is looked for
    in the folder `evidence`.

    Raises:
        HoldError: a task is asked elsewhere, and its evidence is not here.
        SmokeError: the server does not start, has not the switches that were asked for, or ends by itself.
    """
    switches = switches_of(lock.reference, which)
    orders = [one for one in orders_of(lock, image.digest, evidence, which, switches.wanted) if part.has(one.name)]
    supplied = brought(tools, orders)
    log = here / ("server.log" if which == "target" else "server-reference.log")
    request = ServeRequest(port=tools.engine.free_port(), env=switches.env, without=switches.without, log=log)
    with tools.engine.serve(image, request) as server:
        server.wait_until_healthy(lock.serving.ready_within_s)
        side = side_of(lock, image)
        profile = profile_of(server, switches.wanted, side.settings)
        if wrong := differing(switches.wanted, profile.switches):
            raise SmokeError(f"the {which}'s server has not its switches: {'; '.join(wrong)}", log=log)
        who = Asked(
            base_url=server.base_url,
            served_name=lock.serving.served_name,
            side=side,
            server=profile,
            host=tools.engine.host(),
            limit=part.limit,
            kept_by=str(evidence.parent.resolve()),
        )
        runs = ask_server(tools, here, lock, who, which=which, part=part, looks=looks, alive=server)
        if not server.alive():
            raise SmokeError("the server ended by itself while it was asked", log=log)
    runs += [_brought(lock, who, name, results) for name, results in supplied.items()]
    return runs


def ask_server(
    tools: Tools,
    here: Path,
    lock: Lock,
    who: Asked,
    *,
    which: Which,
    part: Part,
    looks: Mapping[Name, Looks] = _ALL_AT_ONCE,
    alive: Server | None = None,
) -> list[Run]:
    """A record of each task that is asked here, of a server that runs."""
    own = {name: task for name, task in lock.policy.tasks.items() if part.has(name)}
    runs: list[Run] = [*ask_own(tools, lock, who, own, looks)]
    for question in questions_of(lock, part):
        log = here / f"{which}-{question.name}.log"
        try:
            runs.append(ask_by_harness(tools, question, who, log=log))
        except FlagReleaseError:
            if alive is not None and not alive.alive():
                # What the harness says of that is not the cause.
                raise SmokeError("the server ended by itself while it was asked", log=alive.log) from None
            raise
    return runs


def side_of(lock: Lock, image: Image | None) -> Side:
    """Who answers, as the lock knows it; without an image, it is not known that the server is the bundle's."""
    software = tuple(Software(name=w.project, version=w.version) for w in lock.wheels)
    return Side(
        model=lock.model,
        weights_sha256=lock.weights.sha256,
        precision=lock.weights.precision,
        chip=lock.chip,
        image=image.digest if image else None,
        software=software or (Software(name=lock.engine_title, version=lock.revision),),
        settings={"threads": str(lock.serving.threads), "slots": str(lock.serving.slots)},
    )


def _brought(lock: Lock, who: Asked, name: Name, results: Results) -> EvalRunFile:
    """The record of evidence that was made elsewhere: of this image, by its order, and of no server that was seen."""
    task = lock.policy.harness_tasks[name]
    question = Question(name=name, task=task, harness=lock.harness(task.harness), dataset=None)
    made_elsewhere = replace(who, server=None, host=None)
    return record_of(question, made_elsewhere, results, notes=("made elsewhere, and brought here as files",))
