"""`flagrelease run --print`: what a person sees."""

import json
import shlex
from pathlib import Path

import pytest
import yaml

from flagrelease.cli.running.asked import with_bare_print
from tests.cli.test_command_line import flagrelease

CUDA = ("run", "--chip", "nvidia_cuda", "--model", "minicpm-o-4.5")


def test_print_without_a_word_is_the_docker_command(tmp_path: Path) -> None:
    bare = flagrelease(*CUDA, "--print", home=tmp_path)
    assert bare.returncode == 0, bare.stderr
    assert bare.stdout == flagrelease(*CUDA, "--print", "docker", home=tmp_path).stdout
    command = [line for line in bare.stdout.splitlines() if not line.startswith("#")]
    words = shlex.split(command[0])
    assert words[:2] == ["docker", "run"]
    assert words[words.index("--cap-drop") :][:2] == ["--cap-drop", "ALL"]
    assert not {"--privileged", "--pid", "--ipc", "--network"} & set(words)
    assert "127.0.0.1:8000:8000" in words


def test_reasons_for_what_is_wider_and_for_what_is_left_out_are_comments(tmp_path: Path) -> None:
    lines = flagrelease(*CUDA, "--print", home=tmp_path).stdout.splitlines()
    assert any(line.startswith("# shm_gb: ") for line in lines)
    assert any(line.startswith("# left out: --privileged: ") for line in lines)


@pytest.mark.parametrize("form", ["compose", "k8s"])
def test_a_file_is_yaml(form: str, tmp_path: Path) -> None:
    done = flagrelease(*CUDA, "--print", form, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert isinstance(yaml.safe_load(done.stdout), dict)


def test_json_holds_the_command_as_words(tmp_path: Path) -> None:
    done = flagrelease(*CUDA, "--print", "--json", home=tmp_path)
    told = json.loads(done.stdout)
    assert (told["format"], told["commands"][0][:2]) == ("docker", ["docker", "run"])
    assert shlex.join(told["commands"][0]) in told["text"]


def test_native_leaves_the_switches_out(tmp_path: Path) -> None:
    assert "USE_FLAGGEMS=1" in flagrelease(*CUDA, "--print", home=tmp_path).stdout
    native = flagrelease(*CUDA, "--native", "--print", home=tmp_path)
    assert native.returncode == 0
    assert "USE_FLAGGEMS" not in native.stdout
    assert "FLAGCX_PATH" not in native.stdout


def test_native_sets_what_the_reference_sets(tmp_path: Path) -> None:
    words = (*CUDA, "--variant", "transformers", "--print")
    assert "USE_FLAGOS=1" in flagrelease(*words, home=tmp_path).stdout
    assert "USE_FLAGOS=0" in flagrelease(*words, "--native", home=tmp_path).stdout


def test_native_of_a_bundle_without_switches_is_refused(tmp_path: Path) -> None:
    done = flagrelease("run", "--chip", "cambricon_mlu", "--model", "minicpm-o-2.6", "--native", home=tmp_path)
    assert done.returncode == 3
    assert "does not say how FlagOS is switched off" in done.stderr
    assert "switched_off" in done.stderr


def test_a_profile_sets_its_variables_over_the_bundles(tmp_path: Path) -> None:
    words = ("run", "--chip", "ascend_800i_a2", "--model", "deepseek-vl-7b-chat", "--print")
    plain = flagrelease(*words, home=tmp_path).stdout
    done = flagrelease(*words, "--profile", "overflow", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "INF_NAN_MODE_ENABLE=0" in plain
    assert "INF_NAN_MODE_ENABLE=1" in done.stdout


def test_a_misspelt_profile_is_told_with_the_nearest(tmp_path: Path) -> None:
    words = ("run", "--chip", "ascend_800i_a2", "--model", "deepseek-vl-7b-chat", "--print", "--profile", "overflw")
    done = flagrelease(*words, home=tmp_path)
    assert done.returncode == 3
    assert "did you mean overflow" in done.stderr


def test_another_way_to_the_devices_is_taken_when_it_is_asked_for(tmp_path: Path) -> None:
    assert "--gpus all" in flagrelease(*CUDA, "--print", home=tmp_path).stdout
    raw = flagrelease(*CUDA, "--access", "raw", "--print", home=tmp_path).stdout
    assert "--gpus" not in raw
    assert "--device /dev/nvidia0" in raw


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--print", "kubernetes"), "no format to print"),
        (("--access", "host", "--print"), "wanted --access raw or toolkit"),
    ],
)
def test_a_word_that_is_none_is_refused_with_those_there_are(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    done = flagrelease(*CUDA, *words, home=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert told in done.stderr


def test_run_without_a_bundle_says_what_it_wants(tmp_path: Path) -> None:
    done = flagrelease("run", home=tmp_path)
    assert done.returncode == 3
    assert "--chip and --model" in done.stderr


@pytest.mark.parametrize(
    ("words", "read"),
    [
        (["--print"], ["--print", "docker"]),
        (["--print", "--json"], ["--print", "docker", "--json"]),
        (["--print", "compose"], ["--print", "compose"]),
        (["--print", "h:5000/a@sha256:0"], ["--print", "docker", "h:5000/a@sha256:0"]),
        (["--print", "foo"], ["--print", "foo"]),
        (["--print=k8s"], ["--print=k8s"]),
        ([], []),
    ],
)
def test_the_format_may_be_left_out(words: list[str], read: list[str]) -> None:
    assert with_bare_print(words) == read


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("flagrelease run --print ", ["compose", "docker", "hostfile", "k8s", "quadlet", "rank-table"]),
        ("flagrelease run --access ", ["raw", "toolkit"]),
        ("flagrelease run --chip ascend_800i_a2 --profile over", ["overflow"]),
    ],
)
def test_a_shell_completes_formats_ways_and_profiles(line: str, offered: list[str], tmp_path: Path) -> None:
    done = completed(line, tmp_path)
    assert sorted(done) == offered


def completed(line: str, home: Path) -> list[str]:
    import os  # noqa: PLC0415
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    from tests.cli.test_command_line import ROOT  # noqa: PLC0415

    words = line.split()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "_FLAGRELEASE_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - (0 if line.endswith(" ") else 1)),
    }
    argv = [sys.executable, "-c", "import sys; sys.argv = ['flagrelease']; from flagrelease.cli.app import app; app()"]
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.split()
