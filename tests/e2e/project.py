"""A copy of the project's recipes with few benchmark items, and the program as a person calls it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flagrelease.evaluation.prompts import prompts_sha256

ROOT = Path(__file__).parents[2]
CHIP, MODEL = "cpu", "smollm2-135m-instruct"
FEW = 12

HOLD = 11


@dataclass
class Project:
    """Recipes in a folder of their own, bundles in another, a store that may be shared."""

    folder: Path
    home: Path
    model: str = MODEL
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def recipes(self) -> Path:
        return self.folder / "recipes"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def argv(self, command: str, *words: str) -> list[str]:
        out = [] if command in {"lock", "fsck", "gc", "doctor", "schema"} else ["--out", str(self.out)]
        recipes = [] if command in {"gc", "doctor"} else ["--recipes", str(self.recipes)]
        bundle = [] if command in {"fsck", "gc", "doctor", "schema"} else ["--chip", CHIP, "--model", self.model]
        return [sys.executable, "-m", "flagrelease", command, *bundle, *recipes, *out, *words]

    def env(self) -> dict[str, str]:
        return {**os.environ, "FLAGRELEASE_HOME": str(self.home), "PYTHONDONTWRITEBYTECODE": "", **self.environment}

    def call(self, command: str, *words: str, timeout_s: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.argv(command, *words),
            env=self.env(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def start(self, command: str, *words: str) -> subprocess.Popen[str]:
        """Start a command and leave it running; its output goes to a file."""
        log = self.folder / f"{command}-{time.monotonic_ns()}.log"
        with log.open("w") as stream:
            return subprocess.Popen(
                self.argv(command, *words), env=self.env(), cwd=self.folder, stdout=stream, stderr=stream, text=True
            )

    def bundle(self) -> Path:
        """The one bundle folder that was made."""
        (folder,) = [p for p in self.out.iterdir() if p.is_dir()]
        return folder

    def done(self, stage: str) -> dict[str, Any]:
        """The record of a finished stage."""
        (path,) = self.out.glob(f"*/*-{stage}/done.json")
        record: dict[str, Any] = json.loads(path.read_text())
        return record

    def image(self) -> str:
        """The digest of the image that was built."""
        digest: str = self.done("build")["value"]["digest"]
        return digest

    def events(self) -> list[dict[str, Any]]:
        """Every event of every run so far."""
        paths = list(self.out.glob("*/events.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines() if line.endswith("}")]

    def kill_at(self, stage: str, kind: str, nth: int = 1, *, publishing: tuple[str, ...] = ()) -> None:
        """Build and kill -9 the program by its own hand, at the nth event of this kind in the stage.

        `publishing` are a target and the waiver with which it is published there under the tag `killed`.
        """
        argv = [sys.executable, str(ROOT / "tests" / "e2e" / "killed_build.py"), stage, kind, str(nth)]
        words = [str(self.recipes), str(self.out), str(self.home), self.model, *publishing]
        done = subprocess.run([*argv, *words], env=self.env(), cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr

    def kill_in(self, stage: str, *words: str, within_s: float = 300) -> None:
        """Start a build and kill -9 it as soon as it is in the stage."""
        before = sum(e["kind"] == "started" and e["stage"] == stage for e in self.events())
        process = self.start("build", *words)
        try:
            deadline = time.monotonic() + within_s
            while sum(e["kind"] == "started" and e["stage"] == stage for e in self.events()) <= before:
                assert process.poll() is None, f"the build ended before {stage}"
                assert time.monotonic() < deadline, f"the build did not reach {stage}"
                time.sleep(0.01)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def make_project(folder: Path, home: Path, *, items: int | None = FEW) -> Project:
    """Copy the recipes and templates; with `items`, ask only so many of each task, the reference likewise."""
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    shutil.copytree(ROOT / "dockerfiles", folder / "dockerfiles")
    project = Project(folder=folder, home=home)
    if items is not None:
        _ask_fewer(project.recipes, items)
        done = project.call("lock", "--recipes", str(project.recipes))
        assert done.returncode == 0, done.stderr
    return project


def _ask_fewer(recipes: Path, items: int) -> None:
    policy = recipes / "gates" / "smollm2-135m.yaml"
    policy.write_text(re.sub(r"count: \d+", f"count: {items}", policy.read_text()))
    (record,) = recipes.glob("baselines/*/*.json")
    baseline = json.loads(record.read_text())
    for run in baseline["runs"]:
        # A smaller count is the beginning of a larger one, so the reference's first items are the ones asked.
        run["items"] = run["items"][:items]
        run["dataset"]["items_selected"] = items
        run["prompts_sha256"] = prompts_sha256(item["prompt_sha256"] for item in run["items"])
        run["score"] = sum(i["score"] for i in run["items"]) / items
    record.write_text(json.dumps(baseline))
