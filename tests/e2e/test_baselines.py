"""A bundle held against a baseline of version 2: recorded from the first version, signed, pinned, withdrawn."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flagrelease.adapters.sealed.key_files import make_key
from tests.e2e.project import HOLD, MODEL, Project

pytestmark = pytest.mark.slow

NAME = f"{MODEL}/transformers-fp32"
POLICY = "smollm2-135m"
REFUSED = 3


def baseline(project: Project, command: str, *words: str | Path) -> "subprocess.CompletedProcess[str]":
    call = [sys.executable, "-m", "flagrelease", "baseline", command, *map(str, words)]
    call += ["--recipes", str(project.recipes)]
    return subprocess.run(call, env=project.env(), cwd=project.folder, capture_output=True, text=True, check=False)


def test_a_bundle_is_held_against_it_until_it_is_withdrawn(project: Project, tmp_path: Path) -> None:
    make_key(tmp_path, "maker", None)
    trusted = project.recipes / "baselines" / "trusted"
    trusted.mkdir()
    (trusted / "maker.pub").write_bytes((tmp_path / "maker.pub").read_bytes())
    first = project.recipes / "baselines" / f"{NAME}.json"
    words = ("--policy", POLICY, "--from", first, "--supersedes", "--sign-with", tmp_path / "maker.key")
    recorded = baseline(project, "record", NAME, *words)
    assert recorded.returncode == 0, recorded.stderr
    stale = project.call("build", "--until", "resolve")
    assert (stale.returncode, "older than its recipe" in stale.stderr) == (4, True)
    policy = project.recipes / "gates" / f"{POLICY}.yaml"
    policy.write_text(policy.read_text() + "signed_reference: true\n")
    assert project.call("lock").returncode == 0
    done = project.call("build")
    assert done.returncode == HOLD, done.stderr
    evaluation = project.done("evaluate")["value"]
    reference = [one["path"] for one in evaluation["evidence"] if one["side"] == "reference"]
    assert sorted(reference) == ["reference/boolq_next_word.jsonl", "reference/commonsense_qa.jsonl"]
    assert all(task["evidence"] == "paired" for task in evaluation["verdict"]["tasks"])
    assert not any(one["weight"] == "invalid" for task in evaluation["verdict"]["tasks"] for one in task["findings"])
    verified = baseline(project, "verify", NAME, "--chip", "cpu", "--model", MODEL)
    assert verified.returncode == 0, verified.stdout
    for line in ("ok     signature: maker", "ok     commonsense_qa: prompts", "ok     bundle: weights"):
        assert line in verified.stdout
    _what_the_bundle_answered_is_a_baseline_too(project)
    withdrawn = baseline(project, "expire", NAME, "--reason", "the wheel was wrong", "--by", "the tests")
    assert withdrawn.returncode == 0, withdrawn.stderr
    for command in (("build",), ("publish", "--to", f"oci:{tmp_path / 'layout'}")):
        refused = project.call(*command)
        assert refused.returncode == REFUSED, refused.stderr
        assert "the wheel was wrong" in refused.stderr


def _what_the_bundle_answered_is_a_baseline_too(project: Project) -> None:
    (evaluated,) = project.out.glob("*/8-evaluate")
    words = ("--policy", POLICY, "--from", evaluated.parent, "--by", "the tests", "--json")
    recorded = baseline(project, "record", f"{MODEL}/llamacpp", *words)
    assert recorded.returncode == 0, recorded.stderr
    answered = json.loads(recorded.stdout)["answered"]
    assert (answered["chip"], answered["image"]) == ("cpu", project.image())
