"""Component sources on loopback: a repository of 2,400 files of 15 kB, with a submodule."""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

from tests.mirrors.conftest import Forge, many, source, unseen
from tests.mirrors.server import GitServer, wait_until
from tests.mirrors.test_cuts import start

ROUNDS = 50


@contextmanager
def served() -> Iterator[tuple[Forge, str]]:
    """A forge with the repository, and its commit, which has a submodule."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "served").mkdir()
        with GitServer(Path(folder) / "served").running() as server:
            forge = Forge(server, Path(folder) / "home")
            inner = forge.make("own/inner", many(200, 5000, seed=2))
            forge.make("own/repo", many(2400, 15000))
            modules = '[submodule "one"]\n\tpath = lib\n\turl = ../inner\n'
            yield forge, forge.link("own/repo", "lib", inner, modules=modules)


def nothing_to_do() -> str:
    """A commit with everything here, against a git that does nothing."""
    with served() as (forge, commit):
        wanted = source(submodules=True)
        forge.bring(wanted, commit)
        mirrors = forge.mirrors()
        forge.server.asked.clear()
        ours = median(partial(mirrors.bring, wanted, commit, unseen))
        asked = len(forge.server.asked)
    plain = median(lambda: subprocess.run(["git", "version"], capture_output=True, check=True))
    return f"{ours:.2f} ms, {asked} requests; `git version` {plain:.2f} ms: {ours / plain:.2f} ×"


def sent_again() -> str:
    """Cut 6 MB into the last part, and every process killed: what is sent twice, beside a clone that begins anew."""
    with served() as (forge, commit):
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
        words = ["git", "clone", "--quiet", "--depth", "1", "--bare", f"{forge.server.url}/own/repo.git"]
        subprocess.run([*words, str(forge.home.parent / "clone")], check=True)
        whole = sum(one.bytes_sent for one in forge.server.fetches)
    again = (first + second - whole) / 1e6
    anew = first / 1e6
    return f"{again:.1f} MB of {whole / 1e6:.1f} MB; a clone, which begins anew, {anew:.1f} MB: {again / anew:.2f} ×"


def median(work: Callable[[], object]) -> float:
    """Milliseconds."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times)


BENCHMARKS: dict[str, Callable[[], str]] = {
    "source-unchanged": nothing_to_do,
    "source-sent-again": sent_again,
}
