"""Every error a person can act on, as a tree, with the exit code each one ends the program with.

    FlagReleaseError
    ├── RecipeError      3   a recipe, policy or schema makes no sense
    ├── LockError        4   the lock is stale, incomplete, or something cannot be resolved
    ├── SourceError      5   a download, checksum, patch or weights file
    ├── BuildError       6   the image could not be built or unpacked
    ├── SmokeError       7   kernels or serving do not work
    ├── GateError        8   NO-GO: the bundle works, but not well enough
    ├── PublishError     9   a target did not take the release
    ├── ToolError       10   this machine lacks something
    └── HoldError       11   HOLD: the evidence does not decide

0 is success, 1 a bug in flagrelease, 2 a wrong command line, 130 an interrupt.
"""

from pathlib import Path
from typing import ClassVar


class FlagReleaseError(Exception):
    """What was wanted and what was found, where, and what to do next.

    `message` is one or more lines without a full stop at the end; `hint` is one line that can be done;
    `log` is a file that holds more.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", log: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.log = log


class RecipeError(FlagReleaseError):
    """A recipe, gate policy or baseline record makes no sense."""

    exit_code = 3


class LockError(FlagReleaseError):
    """The lock is stale or incomplete, or a reference cannot be resolved."""

    exit_code = 4


class SourceError(FlagReleaseError):
    """A download, a checksum, a patch or a weights file is not what the lock says."""

    exit_code = 5


class BuildError(FlagReleaseError):
    """The image could not be assembled, read or unpacked."""

    exit_code = 6


class SmokeError(FlagReleaseError):
    """The kernels or the server of a bundle do not work."""

    exit_code = 7


class GateError(FlagReleaseError):
    """NO-GO: the bundle works, but it does not answer as well as its reference."""

    exit_code = 8


class PublishError(FlagReleaseError):
    """A target did not take the release, or what it gave back is not what was sent."""

    exit_code = 9


class ToolError(FlagReleaseError):
    """This machine lacks something: a program, a kernel feature, room on a disk."""

    exit_code = 10


class HoldError(FlagReleaseError):
    """HOLD: the evidence neither shows the bundle good enough nor shows it bad."""

    exit_code = 11
