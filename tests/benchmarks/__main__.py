"""Benchmarks: each a figure measured now, beside its budget or a named peer measured in the same run.

`python -m tests.benchmarks [NAME …]`; without names, all but `demo`, which clones the project and downloads everything.
"""

import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import tests.engine_docker.bench
import tests.mirrors.bench
import tests.patching.bench
import tests.planning.bench
import tests.recipes.bench
import tests.sealing.bench

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".cache" / "e2e"
ROUNDS = 7
BUNDLE = ("--chip", "cpu", "--model", "smollm2-135m-instruct")


def seconds(argv: list[str], *, environment: dict[str, str] | None = None, cwd: Path = ROOT) -> float:
    """Wall time of one run of a command, its output thrown away; a failure ends the benchmark."""
    begin = time.perf_counter()
    done = subprocess.run(argv, env={**os.environ, **(environment or {})}, cwd=cwd, capture_output=True, check=False)
    took = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(f"{argv} ended with {done.returncode}:\n{done.stderr.decode()[-2000:]}")
    return took


def in_turn(ours: list[str], theirs: list[str], environment: dict[str, str] | None = None) -> tuple[float, float]:
    """Medians of both commands, run in turn so that a change of the machine's speed hits both."""
    pairs = [(seconds(ours, environment=environment), seconds(theirs)) for _ in range(ROUNDS + 1)][1:]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def program() -> list[str]:
    """The command as it was installed."""
    return [str(Path(sys.executable).with_name("flagrelease"))]


def help_() -> str:
    """`--help` against the smallest program of the same command line library."""
    hello = "import typer\ndef hello(): pass\ntyper.run(hello)"
    ours, theirs = in_turn([*program(), "--help"], [sys.executable, "-c", hello, "--help"])
    return (
        f"{ours * 1000:.0f} ms, budget 150 ms; a one-line typer program {theirs * 1000:.0f} ms: {ours / theirs:.2f} ×"
    )


def build_with_nothing_to_do() -> str:
    """A second `build`, to its verdict, against GNU make finding nothing to do for as many steps."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"FLAGRELEASE_HOME": str(HOME), "FLAGRELEASE_OUT": str(ROOT / ".cache" / "bench")}
        build = [*program(), "build", *BUNDLE, "--quiet"]
        seconds(build, environment=environment)  # the first one takes minutes
        stamps = [Path(folder, f"step{number}") for number in range(9)]
        for stamp in stamps:
            stamp.touch()
        rules = "\n".join(f"{b}: {a}" for a, b in itertools.pairwise(stamps))
        Path(folder, "Makefile").write_text(f"all: {stamps[-1]}\n{rules}\n")
        ours, theirs = in_turn(build, ["make", "-s", "-C", folder, "all"], environment)
    return f"{ours:.2f} s, budget 0.5 s; GNU make without checking content {theirs:.3f} s: {ours / theirs:.0f} ×"


def server_ready() -> str:
    """The server inside its image against the same program and weights started outside of it."""
    from tests.benchmarks.ready import ready_inside, ready_outside  # noqa: PLC0415 - needs a built image

    pairs = [(ready_inside(HOME), ready_outside(HOME)) for _ in range(5)]
    ours, theirs = (statistics.median(p[side] for p in pairs) for side in (0, 1))
    return f"{ours:.2f} s, budget 3 s; the same server on the host {theirs:.2f} s: {ours / theirs:.2f} ×"


def demo() -> str:
    """`make demo` in a fresh clone with an empty home: environment, downloads, build, smoke, evaluation."""
    with tempfile.TemporaryDirectory() as folder:
        seconds(["git", "clone", "-q", str(ROOT), f"{folder}/clone"])
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))}
        argv = ["env", "-i", f"PATH={os.environ['PATH']}", f"HOME={folder}", *(f"{k}={v}" for k, v in kept.items())]
        took = seconds([*argv, "make", "demo"], cwd=Path(folder, "clone"))
        shutil.rmtree(f"{folder}/clone")
    return f"{took:.0f} s, budget 300 s"


def plan() -> str:
    """`plan` of one bundle whose lock is fresh, against `--help`, which loads nothing but the command line."""
    environment = {"FLAGRELEASE_HOME": str(HOME), "FLAGRELEASE_OUT": str(ROOT / ".cache" / "bench")}
    ours, theirs = in_turn([*program(), "plan", *BUNDLE], [*program(), "--help"], environment)
    return f"{ours * 1000:.0f} ms, budget 300 ms; --help {theirs * 1000:.0f} ms: {ours / theirs:.2f} ×"


BENCHMARKS: dict[str, Callable[[], str]] = {
    "help": help_,
    "plan": plan,
    **tests.planning.bench.BENCHMARKS,
    **tests.recipes.bench.BENCHMARKS,
    **tests.mirrors.bench.BENCHMARKS,
    **tests.patching.bench.BENCHMARKS,
    **tests.sealing.bench.BENCHMARKS,
    "build-with-nothing-to-do": build_with_nothing_to_do,
    "server-ready": server_ready,
    **tests.engine_docker.bench.BENCHMARKS,
    "demo": demo,
}


def main(names: list[str]) -> None:
    """Print one line a benchmark."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"unknown benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in names or [name for name in BENCHMARKS if name != "demo"]:
        sys.stdout.write(f"{name:26} {BENCHMARKS[name]()}\n")
        sys.stdout.flush()


main(sys.argv[1:])
