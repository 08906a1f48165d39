"""Benchmarks of the matrix: 1,000 generated cells, in process and as a command, beside two peers that list a matrix.

`python -m tests.planning.bench`; one line a result. A peer that is not installed is named, not left out.
"""

import contextlib
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from flagrelease.cli.app import load
from tests.planning.project import FILES, write

CHIPS, MODELS, VARIANTS = 20, 25, ("served", "plain")
CELLS = CHIPS * MODELS * len(VARIANTS)
ROUNDS = 7
PEERS = Path(__file__).parents[2] / ".venv-peers" / "bin"
"""Where `make bench` installs the peers that are Python packages."""


def generate(root: Path) -> Path:
    """A project of 1,000 cells in 500 bundles, each with a lock; return its recipe folder."""
    recipes = write(root, {name: text for name, text in FILES.items() if "bundles/" not in name})
    chip, model, bundle = (
        FILES[f"recipes/{name}.yaml"] for name in ("chips/beta", "models/small", "bundles/alpha/small")
    )
    chips = [f"chip{number:02}" for number in range(CHIPS)]
    models = [f"model{number:02}" for number in range(MODELS)]
    alpha = FILES["recipes/chips/alpha.yaml"]
    profiles = alpha[alpha.index("        profiles:") : alpha.index("        sdks:")]
    files = {
        f"recipes/chips/{name}.yaml": chip.replace("name: beta", f"name: {name}").rstrip(" ") + profiles
        for name in chips
    }
    files |= {f"recipes/models/{name}.yaml": model.replace("name: small", f"name: {name}") for name in models}
    for one in chips:
        for other in models:
            text = bundle.replace("chip: alpha\n", f"chip: {one}\n", 1).replace("model: small", f"model: {other}")
            files[f"recipes/bundles/{one}/{other}.yaml"] = text
            files[f"recipes/bundles/{one}/{other}.lock.json"] = _lock()
    return write(root, files).parent / recipes.name


def _lock() -> str:
    """As large as a lock with ten inputs is."""
    one: dict[str, object] = {
        "key": "components.something", "kind": "component", "name": "owner/something at 0123456789ab",
        "status": "locked", "asked_sha256": "0" * 64, "pin": "a" * 40, "size": None, "files": [], "reason": None,
        "contact": None,
    }  # fmt: skip
    basis: dict[str, object] = {"kind": "partial", "recipe_sha256": "0" * 64}
    lasts = (one, {**one, "status": "unresolved"})
    variants = {name: {**basis, "inputs": [*[one] * 9, last]} for name, last in zip(VARIANTS, lasts, strict=True)}
    return json.dumps({"schema": "flagrelease.lockfile/v2", "variants": variants}, indent=2)


@contextlib.contextmanager
def generated() -> Iterator[dict[str, str]]:
    """The environment of a command that looks at the generated project."""
    with tempfile.TemporaryDirectory() as folder:
        recipes = generate(Path(folder, "project"))
        yield {**os.environ, "FLAGRELEASE_RECIPES": str(recipes), "FLAGRELEASE_HOME": f"{folder}/home"}


def in_process(*words: str) -> tuple[float, float]:
    """Seconds of one call within this process after imports: with an empty cache, and the median of those after it."""
    with generated() as environment:
        kept = dict(os.environ)
        os.environ.update(environment)
        try:
            first, *others = [_one_call(*words) for _ in range(ROUNDS + 1)]
        finally:
            os.environ.clear()
            os.environ.update(kept)
    return first, statistics.median(others)


def _one_call(*words: str) -> float:
    command = load("matrix")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        begin = time.perf_counter()
        command.main(list(words), prog_name="matrix", standalone_mode=False)
        took = time.perf_counter() - begin
    assert len(out.getvalue()) > CELLS
    return took


def as_command(argv: list[str], environment: dict[str, str] | None = None, cwd: Path | None = None) -> float:
    """Median of seconds with process start."""
    times = []
    for _ in range(ROUNDS + 1):
        begin = time.perf_counter()
        done = subprocess.run(argv, env=environment, cwd=cwd, capture_output=True, check=False)
        times.append(time.perf_counter() - begin)
        if done.returncode:
            raise SystemExit(f"{argv} ended with {done.returncode}:\n{done.stderr.decode()[-2000:]}")
    return statistics.median(times[1:])


def matrix_in_process() -> str:
    """As JSON, with all recipes in the parse cache; and the same the first time."""
    first, later = in_process("--format", "json")
    ours = f"{later * 1000:.0f} ms for {CELLS} cells after imports, budget 300 ms; with an empty cache {first:.2f} s"
    return f"{ours}; {rattler_build(later)}"


def matrix_with_locks_checked() -> str:
    """The same with each of the 500 locks in which nothing is open held against its recipe."""
    _, later = in_process("--format", "json", "--check-locks")
    return f"{later * 1000:.0f} ms for {CELLS} cells after imports, of which half are locked"


def matrix_as_command() -> str:
    """With process start, beside what lists as many cells elsewhere."""
    argv = [str(Path(sys.executable).with_name("flagrelease")), "matrix", "--format", "json"]
    with generated() as environment:
        ours = as_command(argv, environment)
    return f"{ours * 1000:.0f} ms for {CELLS} cells with process start; {bake(ours)}; {cibuildwheel(ours)}"


def bake(ours: float) -> str:
    """`docker buildx bake --print` of a matrix of as many targets."""
    found = (
        subprocess.run(["docker", "buildx", "version"], capture_output=True, check=False) if _has("docker") else None
    )
    if found is None or found.returncode:
        return "docker buildx bake: not installed: not run"
    axes = {"chip": CHIPS, "model": MODELS, "variant": len(VARIANTS)}
    lists = "\n".join(
        f"    {name} = {json.dumps([f'{name}{n}' for n in range(count)])}" for name, count in axes.items()
    )
    target = "-".join(f"${{{name}}}" for name in axes)
    text = f'target "cell" {{\n  name = "{target}"\n  matrix = {{\n{lists}\n  }}\n  tags = ["{target}:r1"]\n}}\n'
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "docker-bake.hcl").write_text(text)
        theirs = as_command(["docker", "buildx", "bake", "--print", "cell"], cwd=Path(folder))
    return f"docker buildx bake --print {theirs * 1000:.0f} ms: {ours / theirs:.2f} ×"


def cibuildwheel(ours: float) -> str:
    """`cibuildwheel --print-build-identifiers`, which lists a tenth as many cells or fewer."""
    program = PEERS / "cibuildwheel"
    if not program.exists():
        return "cibuildwheel: not installed: not run"
    argv = [str(program), "--platform", "linux", "--archs", "all", "--print-build-identifiers"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text('[build-system]\nrequires = ["setuptools"]\n')
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True)
        theirs = as_command(argv, cwd=Path(folder))
    count = len(done.stdout.split())
    return f"cibuildwheel --print-build-identifiers {theirs * 1000:.0f} ms for {count} cells: {ours / theirs:.2f} ×"


def rattler_build(ours: float) -> str:
    """rattler-build rendering one recipe in as many variants, in its own process after imports."""
    python = PEERS / "python"
    if not python.exists():
        return "rattler-build: not installed: not run"
    argv = [str(python), str(Path(__file__).with_name("rattler_peer.py"))]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    count, theirs = done.stdout.split()
    return f"rattler-build renders {count} variants in {float(theirs) * 1000:.0f} ms: {ours / float(theirs):.2f} ×"


def _has(program: str) -> bool:
    return shutil.which(program) is not None


BENCHMARKS: dict[str, Callable[[], str]] = {
    "matrix": matrix_in_process,
    "matrix-check-locks": matrix_with_locks_checked,
    "matrix-command": matrix_as_command,
}


if __name__ == "__main__":
    for name in sys.argv[1:] or BENCHMARKS:
        sys.stdout.write(f"{name:26} {BENCHMARKS[name]()}\n")
        sys.stdout.flush()
