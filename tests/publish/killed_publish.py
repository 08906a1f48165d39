"""The publish stage, killed by its own hand: `STORE HERE TARGET IMAGE AT`.

AT is a number, for the nth thing it does: what it says, how far it is, each folder made, file renamed, linked or
removed. Or it is how a line begins that it says.
"""

import os
import signal
import sys
from pathlib import Path

from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.targets import target_for
from flagrelease.domain.image import Image
from flagrelease.stages.publish import publish
from tests.publish.stage import Said, StageTools, approved_go

_CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir"}


class Killing(Said):
    """Sends SIGKILL when it is time."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self._left = int(at) if at.isdigit() else 0
        self._words = "" if at.isdigit() else at

    def count(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def said(self, text: str) -> None:
        if self._words and text.startswith(self._words):
            self._left = 1
        self.count()

    def progress(self, done: int, total: int, unit: str) -> None:
        self.count()

    def audit(self, name: str, _arguments: object) -> None:
        if name in _CHANGES:
            self.count()


def main(home: str, here: str, target: str, image: str, at: str) -> None:
    store = FileStore(Path(home))
    killing = Killing(at)
    sys.addaudithook(killing.audit)
    approved = approved_go(Image.model_validate_json(image))
    publish(StageTools(store, killing), Path(here), approved, (target_for(target, store),), "r1")


main(*sys.argv[1:])
