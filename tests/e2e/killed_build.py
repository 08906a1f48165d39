"""A build whose display kills the whole program at a chosen event: `STAGE KIND NTH RECIPES OUT HOME MODEL`."""

import os
import signal
import sys
from pathlib import Path

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.storage.locks import hold
from flagrelease.adapters.storage.roots import in_use, register
from flagrelease.cli.session import bundle_folder
from flagrelease.cli.settings import settings
from flagrelease.cli.wire import HostTools, code_sha256
from flagrelease.domain.run import Event
from flagrelease.pipeline import Run, release
from flagrelease.report.journal import Journal


class KillingDisplay:
    """Shows nothing, and sends SIGKILL at the nth event of a kind in a stage."""

    def __init__(self, stage: str, kind: str, nth: int) -> None:
        self.at = (stage, kind)
        self.left = nth

    def show(self, event: Event) -> None:
        self.left -= (event.stage, event.kind) == self.at
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def close(self) -> None:
        pass


def main(words: list[str]) -> None:
    stage, kind, nth, recipes, out, home, model = words
    os.environ["FLAGRELEASE_HOME"] = home
    chosen = settings(recipes=Path(recipes), out=Path(out))
    catalogue = Catalogue(chosen.recipes)
    recipe = catalogue.recipe("cpu", model)
    lock = catalogue.lock(recipe)
    folder = bundle_folder(chosen, lock)
    with (
        Journal(folder / "events.jsonl", KillingDisplay(stage, kind, int(nth))) as journal,
        in_use(chosen.home),
        hold(folder, "run", on_wait=journal.said),
    ):
        register(chosen.home, folder)
        tools = HostTools(chosen, journal, catalogue)
        release(Run(folder=folder, tools=tools, journal=journal, code=code_sha256()), recipe, lock)


main(sys.argv[1:])
