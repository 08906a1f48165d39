"""A project of one chip whose parts a vendor hands out, and the vendor: an image, an installer, repositories."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.patching.vendor import commit, run_git, write

ROOT = Path(__file__).parents[2]
CHIP, MODEL = "cambricon_mlu", "smollm2-135m-instruct"
BUNDLE = f"{CHIP}/{MODEL}"

RECIPE = """
schema: flagrelease.bundle/v2
chip: cambricon_mlu
model: smollm2-135m-instruct
default_variant: vllm
variants:
  vllm:
    revision: r1
    sdk: zhiyuan-vllm-0.2
    weights: q4_1
    weights_in: mount
    engine: vllm
    components:
      flaggems:
        source: {{kind: git, repository: own/FlagGems, commit: {gems}}}
        install: [{{tool: pip}}]
        provenance: these tests
      tool:
        source: {{kind: git, repository: own/Tool, commit: {tool}}}
        install: [{{tool: make, arguments: [USE_CAMBRICON=1]}}]
        placed_at: /opt/tool
        provenance: these tests
    env: {{GREETING: 'it''s "$HOME" `id`; #1'}}
    entrypoint: [python3, -m, http.server]
    serving: {{port: 8000, ready_within_s: 60}}
"""
GEMS = {
    "pyproject.toml": b'[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    b'[project]\nname = "flag_gems"\nversion = "4.2.1"\n',
    "flag_gems/__init__.py": b"OPERATORS = ['add']\n",
}
TOOL = {
    "Makefile": b"all:\n\tprintf '%s' \"$(USE_CAMBRICON)\" > built\n"
    b"\tif [ -f /run/secrets/token ]; then printf '%s' $$(wc -c < /run/secrets/token) > read; fi\n"
}


@dataclass
class VendorProject:
    """The project in a folder, its store, and the commits of the vendor's repositories."""

    folder: Path
    home: Path
    gems: str
    tool: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def recipes(self) -> Path:
        return self.folder / "recipes"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def recipe(self) -> Path:
        return self.recipes / "bundles" / CHIP / f"{MODEL}.yaml"

    @property
    def lock(self) -> dict[str, Any]:
        text = (self.recipes / "bundles" / CHIP / f"{MODEL}.lock.json").read_text()
        found: dict[str, Any] = json.loads(text)["variants"]["vllm"]
        return found

    def call(self, command: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a person does, to its end."""
        argv = [sys.executable, "-m", "flagrelease", command, *words]
        environment = {
            **os.environ,
            **self.environment,
            "FLAGRELEASE_HOME": str(self.home),
            "FLAGRELEASE_RECIPES": str(self.recipes),
            "FLAGRELEASE_OUT": str(self.out),
            "PYTHONPATH": str(ROOT),
            **more,
        }
        return subprocess.run(
            argv, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600, check=False
        )

    def ok(self, command: str, *words: str, **more: str) -> str:
        done = self.call(command, *words, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def refused(self, status: int, command: str, *words: str, **more: str) -> str:
        done = self.call(command, *words, **more)
        assert done.returncode == status, (done.returncode, done.stderr)
        return done.stderr

    def lock_it(self) -> None:
        self.ok("lock", "--chip", CHIP, "--model", MODEL)

    def write_recipe(self, text: str = RECIPE) -> None:
        self.recipe.write_text(text.format(gems=self.gems, tool=self.tool))

    def stage(self, name: str) -> Path:
        (found,) = self.out.glob(f"*/*-{name}")
        return found


def vendor_project(folder: Path, home: Path, environment: dict[str, str]) -> VendorProject:
    """Recipes of the project with one more bundle, whose components are on a forge of the vendor's."""
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    shutil.copytree(ROOT / "dockerfiles", folder / "dockerfiles")
    forge = folder / "forge"
    made = {name: _repository(forge / f"own/{name}.git", files) for name, files in _REPOSITORIES.items()}
    project = VendorProject(
        folder, home, made["FlagGems"], made["Tool"], {**environment, "FLAGRELEASE_FORGE_GITHUB": f"file://{forge}"}
    )
    project.write_recipe()
    return project


_REPOSITORIES = {"FlagGems": GEMS, "Tool": TOOL}


def _repository(place: Path, files: dict[str, bytes]) -> str:
    place.mkdir(parents=True)
    run_git("init", "--quiet", at=place)
    write(place, files)
    return commit(place, "first")
