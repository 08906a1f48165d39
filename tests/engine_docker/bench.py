"""The embedded engine against `docker build` for the bundle of the chip cpu: from nothing, and one line changed."""

import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.image import BuildContext
from flagrelease.engines.docker.folder import fill
from flagrelease.engines.embedded.assemble import assemble, write_layers
from tests.dockerd import CLIENT, Dockerd, running_dockerd, why_none

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".cache" / "e2e"
BUILT = ROOT / ".cache" / "bench"
BUILDX = ROOT / ".cache" / "buildx" / "docker-buildx"
_ROUNDS = 5


def ignore(_done: int, _total: int) -> None:
    """Nobody follows."""


def declaration() -> BuildContext:
    """What the bundle's image is made of, as the benchmark `build-with-nothing-to-do` left it."""
    for path in sorted(BUILT.glob("cpu-smollm2-*/*-render/done.json")):
        return BuildContext.model_validate_json(json.dumps(json.loads(path.read_text())["value"]))
    raise SystemExit("build the bundle first: `python -m tests.benchmarks build-with-nothing-to-do`")


def changed(context: BuildContext, store: FileStore, number: int) -> BuildContext:
    """The same with another line in one of its files."""
    first, *others = context.files
    content = store.path(first.content).read_bytes() + f"\n# {number}\n".encode()
    return context.model_copy(
        update={"files": (first.model_copy(update={"content": store.add_bytes(content)}), *others)}
    )


def assembled_against_docker() -> str:
    """Neither side has the weights in it: docker would copy them thrice, and no build of ours gives it them."""
    if why := why_none():
        return f"not measured: {why}"
    store = FileStore(HOME)
    context = declaration().model_copy(update={"weights": ()})
    client = [str(BUILDX), "build", "--builder", "default", "--load"] if BUILDX.exists() else [str(CLIENT), "build"]
    with running_dockerd() as dockerd, tempfile.TemporaryDirectory(dir=ROOT / ".cache") as folder:
        cold = _medians(store, dockerd, Path(folder), [*client, "--no-cache"], lambda _n: (context, None))
        kept = Path(folder, "kept")
        assemble(context, store, ignore, kept=kept)
        _build(dockerd, client, _filled(context, store, Path(folder, "first")))
        warm = _medians(
            store, dockerd, Path(folder), client, lambda n: (changed(context, store, n + time.time_ns()), kept)
        )
    name = "buildx" if BUILDX.exists() else "docker build"
    return (
        f"no cache {cold[0]:.2f} s, {name} {cold[1]:.2f} s: {cold[1] / cold[0]:.1f} × faster; after a change of a line "
        f"{warm[0]:.3f} s, {name} {warm[1]:.3f} s: {warm[1] / warm[0]:.1f} × faster, wanted 3 ×"
    )


def _medians(
    store: FileStore,
    dockerd: Dockerd,
    folder: Path,
    client: Sequence[str],
    turn: Callable[[int], tuple[BuildContext, Path | None]],
) -> tuple[float, float]:
    """Both in turn, so that a change of the machine's speed hits both; what docker is given is made beforehand."""
    ours, theirs = [], []
    for number in range(_ROUNDS):
        made, kept = turn(number)
        begin = time.perf_counter()
        assemble(made, store, ignore, kept=kept)
        ours.append(time.perf_counter() - begin)
        theirs.append(_build(dockerd, client, _filled(made, store, folder / f"docker-{number}")))
    return statistics.median(ours), statistics.median(theirs)


def _filled(context: BuildContext, store: FileStore, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    fill(folder, context, write_layers(context, store, ignore), store)
    return folder


def _build(dockerd: Dockerd, client: Sequence[str], folder: Path) -> float:
    argv = [*client, "--quiet", "--network", "none", "--tag", "fr-bench:1", str(folder)]
    begin = time.perf_counter()
    subprocess.run(argv, env=dockerd.environment(DOCKER_BUILDKIT="1"), check=True, capture_output=True)
    return time.perf_counter() - begin


BENCHMARKS: dict[str, Callable[[], str]] = {"embedded-against-docker": assembled_against_docker}
