"""Programs for arm64 on a machine that is none: Debian's emulator, registered with the kernel while tests run.

A registration is the machine's, not a process's: a keeper beside the tests takes it back, also when they were killed.
One that is there already is used as it is, and stays.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EMULATOR = Path(__file__).parents[2] / ".cache" / "tools" / "usr" / "bin" / "qemu-aarch64-static"
"""One program without libraries (Debian's qemu-user-static, unpacked by the Makefile)."""

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_NAME = "qemu-aarch64"
# How a program for arm64 begins (ELF header: 64 bits, little endian, executable or shared, machine 183); F: the kernel
# opens the emulator now, so that it is found in a container, too.
_MAGIC = r"\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
_MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"


def why_no_arm64() -> str | None:
    """Why this machine cannot run programs for arm64 now or in a moment; nothing when it can."""
    if platform.machine() == "aarch64" or (_BINFMT / _NAME).exists():
        return None
    if os.geteuid() != 0:
        return "no programs for arm64 here: registering an emulator needs root"
    return None if EMULATOR.exists() else f"no programs for arm64 here: {EMULATOR} is missing (`make test` brings it)"


@contextmanager
def emulated_arm64() -> Iterator[None]:
    """Have an emulator registered."""
    if platform.machine() == "aarch64" or (_BINFMT / _NAME).exists():
        yield
        return
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as keeper:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            keeper.stdin.close()
            keeper.wait(20)


def _keep() -> None:
    """Register it until standard input is closed."""
    mounted = not (_BINFMT / "register").exists()
    if mounted:
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(_BINFMT)], check=True)
    try:
        (_BINFMT / "register").write_text(f":{_NAME}:M::{_MAGIC}:{_MASK}:{EMULATOR}:F")
        try:
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            sys.stdin.buffer.read()
        finally:
            (_BINFMT / _NAME).write_text("-1")
    finally:
        if mounted:
            subprocess.run(["umount", str(_BINFMT)], check=True)


if __name__ == "__main__":
    _keep()
