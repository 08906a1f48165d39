"""`flagrelease gate power` needs a policy and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def call(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "flagrelease", "gate", *words]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_policy_is_counted_for_people_and_as_data() -> None:
    told = call("power", "--policy", "minicpm-o-2.6", "--flips", "0.05")
    assert told.returncode == 0, told.stderr
    assert "worse by its margin in" in told.stdout
    data = json.loads(call("power", "--policy", "minicpm-o-2.6", "--flips", "0.05", "--json").stdout)
    assert [point["difference"] for point in data["bundle"]] == [0, -0.01, -0.02, -0.03, -0.05, -0.10]
    assert data["bundle"][0]["go"] > 0.95
    assert {task["flip_rate"] for task in data["tasks"]} == {0.05}


def test_a_policy_may_be_a_file_and_an_unknown_one_is_told_with_the_nearest() -> None:
    assert call("power", "--policy", "recipes/gates/minicpm-o-2.6.yaml").returncode == 0
    told = call("power", "--policy", "minicpm-o-2.7")
    assert told.returncode == 3
    assert "did you mean `minicpm-o-2.6`" in told.stderr


def test_without_a_side_the_command_says_what_it_wants() -> None:
    told = call("--policy", "minicpm-o-2.6")
    assert told.returncode == 2
    assert "wanted --reference, --target and --policy" in told.stderr
