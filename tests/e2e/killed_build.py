"""A build whose display kills the whole program at a chosen event: `STAGE KIND NTH RECIPES OUT HOME MODEL [TO WAIVER]`.

With a target and a waiver, what was built is published.
"""

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.storage.locks import hold
from flagrelease.adapters.storage.roots import in_use, register
from flagrelease.cli.bundle_folder import bundle_folder
from flagrelease.cli.settings import settings
from flagrelease.cli.wire import HostTools, code_sha256
from flagrelease.domain.run import Event
from flagrelease.domain.verdict import Waiver
from flagrelease.formats.strict import decode_yaml
from flagrelease.pipeline import Run, deliver, release
from flagrelease.report.journal import Journal
from flagrelease.stages.evaluate import approve

TAG = "killed"


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
    stage, kind, nth, recipes, out, home, model, *publishing = words
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
        run = Run(folder=folder, tools=tools, journal=journal, code=code_sha256())
        built = release(run, recipe, lock)
        if publishing:
            to, waiver = publishing
            granted = decode_yaml(Path(waiver).read_bytes(), Waiver, source=waiver)
            today = datetime.now(UTC).date()
            approved = approve(built.image, built.serving, built.evaluation, granted, today=today)
            deliver(run, approved, (tools.target(to),), TAG)


if __name__ == "__main__":
    main(sys.argv[1:])
