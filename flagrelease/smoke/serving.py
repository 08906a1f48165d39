"""The serving suite: every check on one image, from the first start to another model on the same port."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from flagrelease.domain.evidence import Check, SmokeReport
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock
from flagrelease.errors import SmokeError
from flagrelease.ports import Endpoint, Events, ImageEngine, ServeRequest
from flagrelease.smoke.chat import ANSWERS
from flagrelease.smoke.check import Measured, Question, Talk, held, made, not_made, refuse_unknown
from flagrelease.smoke.crosstalk import CROSSTALK
from flagrelease.smoke.lifecycle import (
    CYCLES,
    SECOND_CONFIG,
    SECOND_FOLDER,
    Start,
    becomes_ready,
    second_config,
    second_mounts,
    serves_another_model,
    starts_again,
    stops,
)
from flagrelease.smoke.refusals import REFUSALS

QUESTIONS: tuple[Question, ...] = (*ANSWERS, *REFUSALS, *CROSSTALK)
TITLES = {
    "ready": "the server is healthy in time",
    **{question.id: question.title for question in QUESTIONS},
    "stop": "SIGTERM ends the server as asked, with no process left and a free port",
    "reload": f"the memory of the ready server does not grow over {CYCLES} starts, and each stop gives all of it back",
    "second-model": "another model starts on the same port",
}
"""Every check in its order."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What the suite works with. `second_weights` are (host path, path in the weights folder)."""

    engine: ImageEngine
    endpoint: Callable[[str], Endpoint]
    events: Events
    image: Image
    lock: Lock
    second_weights: tuple[tuple[Path, str], ...]
    here: Path
    port: int

    def start(self, log: str) -> Start:
        """The bundle as it is, logging to `log` in the suite's folder."""
        request = ServeRequest(port=self.port, log=self.here / log)
        return Start(
            serve=lambda: self.engine.serve(self.image, request),
            endpoint=self.endpoint,
            serving=self.lock.serving,
            seed=self.image.digest,
            stop_within_s=self.lock.smoke.stop_within_s,
        )

    def start_second(self) -> Start:
        """The same image with the second model's weights and a configuration of its own."""
        serving = self.lock.serving.model_copy(update={"served_name": self.lock.smoke.second_model.model})
        config = self.here / "second-model.json"
        config.write_bytes(second_config(serving, f"{SECOND_FOLDER}/{self.second_weights[0][1]}"))
        request = ServeRequest(
            port=self.port,
            mounts=second_mounts(config, self.second_weights),
            arguments=("--config", SECOND_CONFIG),
            log=self.here / "second-model.log",
        )
        return Start(
            serve=lambda: self.engine.serve(self.image, request),
            endpoint=self.endpoint,
            serving=serving,
            seed=self.image.digest,
            stop_within_s=self.lock.smoke.stop_within_s,
        )


def check_serving(bench: Bench, *, today: date) -> SmokeReport:
    """Make every check. One that fails stops no other, unless the server is dead: then the others count as failed too.

    Raises:
        RecipeError: A declared deviation names no check.
        ToolError: This machine cannot run the image.
    """
    deviations = bench.lock.smoke.deviations
    refuse_unknown(deviations, tuple(TITLES))
    checks: list[Check] = []
    with closing(_checks(bench)) as made_now:
        for found in made_now:
            check = held(found, deviations, today)
            checks.append(check)
            bench.events.said(f"{check.status:8} {check.id}: {check.detail.partition(chr(10))[0]}")
            bench.events.progress(len(checks), len(TITLES), "items")
    return SmokeReport(image=bench.image.digest, checks=tuple(checks))


def _checks(bench: Bench) -> Generator[Check]:
    before = yield from _first_run(bench)
    yield made("reload", TITLES["reload"], lambda found: starts_again(bench.start("reload.log"), before, found))
    first, second = bench.lock.serving.served_name, bench.start_second()
    yield made("second-model", TITLES["second-model"], lambda found: serves_another_model(second, first, found))


def _first_run(bench: Bench) -> Generator[Check, None, int]:
    """The checks of one start; returns the bytes of memory that are held after it."""
    start = bench.start("server.log")
    try:
        with start.serve() as server:

            def ready(measured: Measured) -> str:
                return becomes_ready(server, start.serving, measured)

            first = made("ready", TITLES["ready"], ready)
            yield first
            dead = "the server did not become healthy" if first.status == "fail" else ""
            talk = start.talk(server)
            for question in QUESTIONS:
                dead = dead or ("" if server.alive() else "the server had ended by itself")
                yield not_made(question.id, question.title, dead) if dead else _asked(question, talk)
            dead = dead or ("" if server.alive() else "the server had ended by itself")

            def stop(measured: Measured) -> str:
                return stops(server, start.stop_within_s, measured)

            yield not_made("stop", TITLES["stop"], dead) if dead else made("stop", TITLES["stop"], stop)
            return server.memory()
    except SmokeError as error:
        # The server never came to be: each check has to be in the report all the same.
        yield not_made("ready", TITLES["ready"], error.message)
        for name in (*(question.id for question in QUESTIONS), "stop"):
            yield not_made(name, TITLES[name], "the server could not be started")
        return 0


def _asked(question: Question, talk: Talk) -> Check:
    return made(question.id, question.title, lambda measured: question.look(talk, measured))
