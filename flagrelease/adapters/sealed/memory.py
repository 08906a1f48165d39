"""What keeps this process's memory from being written to a disk when it crashes."""

import ctypes
import resource
from contextlib import suppress

_PR_SET_DUMPABLE = 4


def refuse_core_dumps() -> None:
    """No core dump of this process from here on, nor of what it starts.

    For good, not for a time: a text that was freed stays in memory. A limit of 0 keeps the kernel from writing a file;
    where dumps are piped to a program, the kernel does not look at the limit, but at whether a process is dumpable.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, AttributeError):  # another kernel than Linux has no prctl
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
