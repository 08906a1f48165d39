"""What a person sees who calls the program."""

import subprocess
import sys
from pathlib import Path

import pytest

from flagrelease.cli import app
from flagrelease.cli.app import COMMANDS
from flagrelease.errors import FlagReleaseError, LockError, PublishError, RecipeError

ROOT = Path(__file__).parents[2]


def flagrelease(*words: str, cwd: Path = ROOT, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home or cwd), "LANG": "C.UTF-8"}
    argv = [sys.executable, "-m", "flagrelease", *words]
    return subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_help_lists_the_commands_in_panels_by_who_uses_them() -> None:
    done = flagrelease("--help")
    assert done.returncode == 0
    positions = [done.stdout.index(word) for word in ("Recipes", "Bundle", "Release", "Store")]
    assert positions == sorted(positions)


def test_help_of_a_command_explains_its_exit_codes() -> None:
    assert "8 NO-GO" in flagrelease("build", "--help").stdout


def test_an_unknown_chip_ends_with_3_and_the_nearest_name() -> None:
    done = flagrelease("build", "--chip", "cpuu", "--model", "smollm2-135m-instruct")
    assert (done.returncode, done.stdout) == (3, "")
    assert "unknown chip `cpuu`" in done.stderr
    assert "did you mean `cpu`" in done.stderr


def test_an_unknown_model_ends_with_3_and_the_nearest_name() -> None:
    done = flagrelease("build", "--chip", "cpu", "--model", "smollm2-135m-instrukt")
    assert done.returncode == 3
    assert "did you mean `smollm2-135m-instruct`" in done.stderr


def test_an_alias_of_a_chip_is_understood(tmp_path: Path) -> None:
    done = flagrelease("build", "--chip", "generic_cpu", "--model", "no-such-model", home=tmp_path)
    assert "unknown model" in done.stderr


def test_a_wrong_command_ends_with_2_and_a_suggestion() -> None:
    done = flagrelease("biuld")
    assert done.returncode == 2
    assert "build" in done.stderr


def test_an_unknown_stage_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    words = ("build", "--chip", "cpu", "--model", "smollm2-135m-instruct", "--until", "bild")
    done = flagrelease(*words, home=tmp_path)
    assert done.returncode == 2
    assert "resolve" in done.stderr
    assert not (tmp_path / ".cache").exists()


def test_a_folder_without_recipes_is_named_with_what_to_do(tmp_path: Path) -> None:
    done = flagrelease("build", "--chip", "cpu", "--model", "x", cwd=tmp_path)
    assert done.returncode == 3
    assert "--recipes" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    done = flagrelease(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_the_version_is_told() -> None:
    assert flagrelease("--version").stdout.startswith("flagrelease ")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            RecipeError("a.yaml:1:1: x: wrong\nb.yaml:2:2: y: wrong\n  and why", hint="mend them"),
            "error: a.yaml:1:1: x: wrong\nerror: b.yaml:2:2: y: wrong\n  and why\n  hint: mend them\n",
        ),
        (LockError("one lock is stale\nanother is"), "error: one lock is stale\nerror: another is\n"),
        (PublishError("r failed: no\ndone: none"), "error: r failed: no\ndone: none\n"),
    ],
)
def test_every_fault_of_a_list_begins_as_an_error(
    error: FlagReleaseError, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app._tell(error)
    assert capsys.readouterr().err == told
