"""What keeps this process's memory from being written to a disk when it crashes."""

import ctypes
import resource
from contextlib import suppress

_PR_SET_DUMPABLE = 4
_ONE = 1


def refuse_core_dumps() -> None:
    """No core dump of this process from here on, nor of what it starts.

    For good, not for a time: a text that was freed stays in memory. A limit of 1 byte keeps Linux from writing a file,
    and, unlike 0, from handing the memory to a program that the machine has for it (`|…` in kernel.core_pattern).
    Other kernels take it as well: no dump is that small. A process that is started is dumpable again, this one is not.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    limit = 0 if most == 0 else _ONE
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
    with suppress(OSError, AttributeError):  # another kernel than Linux has no prctl
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
