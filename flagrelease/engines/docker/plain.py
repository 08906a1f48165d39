"""What BuildKit says with `--progress=plain`: how far a build is, and which step failed."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_STEP = re.compile(r"#(\d+) \[(?:[a-z0-9]+/[a-z0-9/]+ )?(?:(\S+) )?(\d+)/(\d+)\] (.*)")
_ENDED = re.compile(r"#(\d+) (DONE|CACHED|ERROR)")
_NAMED = re.compile(r"#(\d+) (\[[^\]]+\].*|exporting .*)")


@dataclass(frozen=True, kw_only=True)
class StepName:
    """A step as BuildKit names it; the stage is empty where a Dockerfile has but one."""

    stage: str
    number: int
    total: int
    text: str


@dataclass
class Heard:
    """What was said so far; `progress` counts the steps of the stages that are built."""

    progress: Callable[[int, int], None]
    failed: StepName | None = None
    failed_other: str = ""
    """The name of what failed where that is no step of the Dockerfile."""
    _steps: dict[str, StepName] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)

    def line(self, text: str) -> None:
        """Take one line."""
        step = _STEP.match(text)
        if step:
            name = StepName(stage=step[2] or "", number=int(step[3]), total=int(step[4]), text=step[5])
            self._steps[step[1]] = name
            self._tell()
        elif named := _NAMED.match(text):
            self._names.setdefault(named[1], named[2][:300])
        ended = _ENDED.match(text)
        if ended is None:
            return
        if ended[2] == "ERROR":
            # Others may be cancelled because of the first, and say so by a different word.
            self.failed = self.failed or self._steps.get(ended[1])
            self.failed_other = self.failed_other or self._names.get(ended[1], "")
        elif ended[1] in self._steps:
            self._done.add(ended[1])
            self._tell()

    def _tell(self) -> None:
        totals = {one.stage: one.total for one in self._steps.values()}
        self.progress(len(self._done), max(sum(totals.values()), len(self._done)))
