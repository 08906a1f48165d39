"""Benchmarks of reading recipes: 200 of about 100 lines each, made from those of this project, and lint of 500.

`python -m tests.recipes.bench`; one line a result. The peer is PyYAML on libyaml, on the same files in the same run.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import yaml

from flagrelease.adapters.recipes.cache import ParseCache
from flagrelease.adapters.recipes.catalogue import Catalogue
from tests.lint.many import many

ROOT = Path(__file__).parents[2]
COUNT = 200
LINES = range(60, 181)
LINTED = 500
ROUNDS = 9
_NAME = re.compile(r"^name: .*$", re.MULTILINE)
_EXTENDS = re.compile(r"^ *extends: ", re.MULTILINE)


def generate(folder: Path, count: int = COUNT) -> Path:
    """A recipe folder of so many copies of this project's recipes, of those with about 100 lines; the folder."""
    (folder / "chips").mkdir(parents=True)
    models = [path for path, _ in Catalogue(ROOT / "recipes").files() if _is_model(path.read_text(encoding="utf-8"))]
    for number, path in enumerate(islice(cycle(models), count)):
        place = path.relative_to(ROOT / "recipes")
        copy = folder / place.with_name(f"{path.stem}-{number}.yaml")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(_NAME.sub(f"name: {copy.stem}", path.read_text(encoding="utf-8"), count=1), encoding="utf-8")
    return folder


def _is_model(text: str) -> bool:
    return text.count("\n") in LINES and not _EXTENDS.search(text)


@contextmanager
def generated() -> Iterator[tuple[Path, Path]]:
    """The generated recipe folder, and an empty home."""
    with tempfile.TemporaryDirectory() as folder:
        yield generate(Path(folder, "recipes")), Path(folder, "home")


def load(recipes: Path, cache: ParseCache | None = None) -> object:
    """Every recipe of the folder, read and checked."""
    everything = Catalogue(recipes, cache).everything()
    assert not everything.unreadable, everything.unreadable[0]
    return everything


def medians(*runs: Callable[[], object]) -> list[float]:
    """Seconds of each, run in turn so that a change of the machine's speed hits all; the first round does not count."""
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS + 1):
        for run, times in zip(runs, taken, strict=True):
            begin = time.perf_counter()
            result = run()
            times.append(time.perf_counter() - begin)
            del result  # after the clock: what is read is there to be used, not to be thrown away
    return [statistics.median(times[1:]) for times in taken]


def load_200_cold() -> str:
    """All recipes without a cache, against what libyaml needs to load the same files, unchecked."""
    with generated() as (recipes, _):
        files = [path for path, _ in Catalogue(recipes).files()]
        size = sum(path.stat().st_size for path in files)

        def libyaml() -> object:
            return [yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader) for path in files]

        def events() -> object:
            return [sum(1 for _ in yaml.parse(path.read_bytes(), Loader=yaml.CSafeLoader)) for path in files]

        ours, theirs, only_events = medians(lambda: load(recipes), libyaml, events)
    return (
        f"{ours * 1000:.0f} ms for {len(files)} files of {size / len(files) / 1000:.1f} kB, read and checked; "
        f"yaml.load with CSafeLoader {theirs * 1000:.0f} ms: {ours / theirs:.2f} ×, budget 1.3 ×; "
        f"yaml.parse, events only, {only_events * 1000:.0f} ms: {ours / only_events:.2f} ×"
    )


def load_200_unchanged() -> str:
    """All recipes with a cache that has them, in a process that has its imports."""
    with generated() as (recipes, home):
        first = time.perf_counter()
        load(recipes, ParseCache(home))
        first = time.perf_counter() - first
        (again,) = medians(lambda: load(recipes, ParseCache(home)))
    return f"{again * 1000:.0f} ms, budget 20 ms; the first time, which fills the cache, {first * 1000:.0f} ms"


def lint_500() -> str:
    """`flagrelease lint` of 500 recipes with process start, the first time and again."""
    with tempfile.TemporaryDirectory() as folder:
        recipes = many(Path(folder, "recipes"), LINTED)
        environment = {**os.environ, "FLAGRELEASE_HOME": str(Path(folder, "home"))}
        argv = [str(Path(sys.executable).with_name("flagrelease")), "lint", "--recipes", str(recipes)]

        def lint() -> float:
            begin = time.perf_counter()
            subprocess.run(argv, env=environment, capture_output=True, check=True)
            return time.perf_counter() - begin

        first = lint()
        again = statistics.median(lint() for _ in range(ROUNDS))
        count = len(list(recipes.rglob("*.yaml")))
    return f"{again:.2f} s for {count} recipes with process start, budget 2 s; the first time {first:.2f} s"


BENCHMARKS: dict[str, Callable[[], str]] = {
    "load-200-cold": load_200_cold,
    "load-200-unchanged": load_200_unchanged,
    "lint-500": lint_500,
}


if __name__ == "__main__":
    for name in sys.argv[1:] or BENCHMARKS:
        sys.stdout.write(f"{name:26} {BENCHMARKS[name]()}\n")
        sys.stdout.flush()
