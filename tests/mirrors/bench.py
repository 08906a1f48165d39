"""Figures of component sources: `python -m tests.mirrors.bench`. A repository of 2 400 files, served on loopback.

What is printed: the time of a first `bring` and of a clone; that of `bring` when all is here, and of a plain `git`
process beside it; the bytes that are sent again when a fetch is cut and killed in its last part, 6 MB into it.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from tests.mirrors.conftest import Forge, many, source, unseen
from tests.mirrors.server import GitServer, wait_until
from tests.mirrors.test_cuts import start

ROUNDS = 50


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "served").mkdir()
        with GitServer(Path(folder) / "served").running() as server:
            forge = Forge(server, Path(folder) / "home")
            inner = forge.make("own/inner", many(200, 5000, seed=2))
            forge.make("own/repo", many(2400, 15000))
            modules = '[submodule "one"]\n\tpath = lib\n\turl = ../inner\n'
            commit = forge.link("own/repo", "lib", inner, modules=modules)
            say("files: 2400 of 15 000 bytes")
            sent_again(forge, commit)
            nothing_to_do(forge, commit)


def nothing_to_do(forge: Forge, commit: str) -> None:
    """The time of `bring` with everything here."""
    for words, wanted in (("alone", source()), ("with a submodule", source(submodules=True))):
        forge.bring(wanted, commit)
        mirrors = forge.mirrors()
        forge.server.asked.clear()
        times = [timed(partial(mirrors.bring, wanted, commit, unseen)) for _ in range(ROUNDS)]
        say(f"bring with all here, {words}: {statistics.median(times):.2f} ms, {len(forge.server.asked)} requests")
    plain = [timed(lambda: subprocess.run(["git", "version"], capture_output=True, check=True)) for _ in range(ROUNDS)]
    say(f"git version: {statistics.median(plain):.2f} ms")


def sent_again(forge: Forge, commit: str) -> None:
    """Bytes that are sent twice when the connection is cut in the last part and all processes are killed then."""
    how = forge.server.of("/own/repo")
    how.cuts, how.pause_at = [None, None, None, 6_000_000], 5
    running = start(forge, commit)
    wait_until(forge.server.paused.is_set)
    ours = psutil.Process(running.pid)
    for process in (*ours.children(recursive=True), ours):
        process.kill()
    running.communicate()
    first = sum(one.bytes_sent for one in forge.server.fetches)
    how.pause_at = None
    forge.server.go_on.set()
    forge.server.asked.clear()
    forge.bring(source(), commit)
    second = sum(one.bytes_sent for one in forge.server.fetches)
    forge.server.asked.clear()
    url = f"{forge.server.url}/own/repo.git"
    words = ["git", "clone", "--quiet", "--depth", "1", "--bare", url, str(forge.home.parent / "clone")]
    clone = timed(lambda: subprocess.run(words, check=True))
    whole = sum(one.bytes_sent for one in forge.server.fetches)
    again = Forge(forge.server, forge.home.parent / "again")
    bring = timed(lambda: again.bring(source(), commit))
    say(f"bring of all, checked: {bring:.0f} ms; git clone --depth 1, unchecked: {clone:.0f} ms")
    say(f"cut and killed after {first} bytes; the next run was sent {second}")
    say(f"sent again: {first + second - whole} bytes more than a clone of depth 1, which has {whole}")


def say(text: str) -> None:
    """Print one line."""
    sys.stdout.write(f"{text}\n")


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


if __name__ == "__main__":
    main()
