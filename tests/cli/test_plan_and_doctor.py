"""What `plan` and `doctor` tell a person before anything is downloaded."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CPU = ("--chip", "cpu", "--model", "smollm2-135m-instruct")
MLU = ("--chip", "cambricon_mlu", "--model", "minicpm-o-2.6")
CUDA = ("--chip", "nvidia_cuda", "--model", "minicpm-o-4.5")


def call(home: Path, *words: str, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "FLAGRELEASE_OUT": str(home / "out")}
    argv = [sys.executable, "-m", "flagrelease", *words]
    return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def told(home: Path, *words: str, path: str = "/usr/bin:/bin") -> dict[str, Any]:
    done = call(home, *words, "--json", path=path)
    data: dict[str, Any] = json.loads(done.stdout)
    return data


def a_program(folder: Path, name: str, says: str, status: int = 0) -> str:
    """A program on a PATH of its own, as a vendor's smi tool would be."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\nexit {status}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return f"{folder}:/usr/bin:/bin"


# plan ---------------------------------------------------------------------------------------------


def test_a_plan_counts_what_is_missing_and_its_bytes_without_fetching_any(tmp_path: Path) -> None:
    plan = told(tmp_path, "plan", *CPU)
    assert plan["blocked"] == ""
    assert plan["cached"] == 0
    assert plan["bytes_to_fetch"] == sum(one["size"] for one in plan["missing"]) > 100_000_000
    assert not (tmp_path / "out").exists()


def test_a_plan_names_every_stage_in_its_order_and_the_reason_where_there_is_nothing_to_do(tmp_path: Path) -> None:
    stages = told(tmp_path, "plan", *CPU)["stages"]
    assert [stage["stage"] for stage in stages][:3] == ["resolve", "fetch", "patch"]
    assert stages[2]["state"] == "nothing to do: the bundle builds no component from source"


def test_a_plan_shows_the_exact_commands(tmp_path: Path) -> None:
    text = call(tmp_path, "plan", *MLU).stdout
    assert "$ modelscope download --model AI-ModelScope/MiniCPM-o-2_6 --local_dir /nfs/MiniCPM-o-2_6" in text
    assert "$ flagscale serve mini_cpm_o26" in text
    assert "--privileged" not in text


def test_a_plan_names_what_is_open_and_whom_to_ask(tmp_path: Path) -> None:
    plan = told(tmp_path, "plan", *MLU)
    assert plan["blocked"] == "inputs are open"
    restricted = [one for one in plan["open"] if one["status"] == "restricted"]
    assert {one["reason"] for one in restricted} == {"ask ecosystem@cambricon.com"}


def test_a_plan_of_an_unknown_variant_ends_with_3_and_the_names_there_are(tmp_path: Path) -> None:
    done = call(tmp_path, "plan", *CUDA, "--variant", "vlm")
    assert done.returncode == 3
    assert "did you mean `vllm`" in done.stderr


# build of what cannot be built --------------------------------------------------------------------


def test_build_refuses_an_open_lock_naming_each_input(tmp_path: Path) -> None:
    done = call(tmp_path, "build", *MLU, "--quiet")
    assert (done.returncode, done.stdout) == (4, "")
    assert "zhiyuan_vllm:v0.2: ask ecosystem@cambricon.com" in done.stderr
    assert "components.flaggems" in done.stderr


def test_build_of_all_variants_goes_on_after_one_that_fails_and_ends_with_its_code(tmp_path: Path) -> None:
    done = call(tmp_path, "build", *CUDA, "--variant", "all", "--quiet", "--json")
    assert done.returncode == 4
    reports = json.loads(done.stdout)
    assert {report["variant"]: report["exit_code"] for report in reports} == {"transformers": 4, "vllm": 4}


# doctor -------------------------------------------------------------------------------------------


def test_doctor_says_what_a_bundle_needs_and_what_this_machine_lacks(tmp_path: Path) -> None:
    done = call(tmp_path, "doctor", *CUDA)
    assert done.returncode == 10
    assert "missing  chip: wanted NVIDIA" in done.stdout
    assert "hint:" in done.stdout


def test_doctor_finds_a_chip_by_its_own_program_and_holds_the_driver_against_the_sdk(tmp_path: Path) -> None:
    path = a_program(tmp_path / "bin", "nvidia-smi", "| NVIDIA-SMI 570.158.01  Driver Version: 570.158.01  CUDA |")
    findings = {one["name"]: one for one in told(tmp_path, "doctor", *CUDA, path=path)["findings"]}
    assert findings["chip"]["standing"] == "ok"
    assert findings["driver"]["standing"] == "missing"
    assert "wanted at least 580" in findings["driver"]["text"]
    assert "found 570.158.01" in findings["driver"]["text"]


def test_doctor_takes_a_newer_driver_that_nobody_tested_for_what_it_is(tmp_path: Path) -> None:
    path = a_program(tmp_path / "bin", "nvidia-smi", "| NVIDIA-SMI 590.1  Driver Version: 590.1  CUDA |")
    findings = {one["name"]: one for one in told(tmp_path, "doctor", *CUDA, path=path)["findings"]}
    assert findings["driver"]["standing"] == "unknown"
    assert "untested" in findings["driver"]["text"]


def test_doctor_tells_a_chip_whose_program_fails(tmp_path: Path) -> None:
    path = a_program(tmp_path / "bin", "cnmon", "no device", status=1)
    findings = {one["name"]: one for one in told(tmp_path, "doctor", *MLU, path=path)["findings"]}
    assert findings["chip"]["standing"] == "missing"
    assert "no device" in findings["chip"]["text"]


def test_doctor_lists_the_chips_of_this_machine(tmp_path: Path) -> None:
    path = a_program(tmp_path / "bin", "mthreads-gmi", "one card")
    names = [one["name"] for one in told(tmp_path, "doctor", path=path)["findings"]]
    assert "chip mthreads_s5000" in names


def test_doctor_gives_a_vendors_advice_for_the_machine_and_changes_nothing(tmp_path: Path) -> None:
    done = call(tmp_path, "doctor", "--chip", "ascend_800i_a2", "--model", "deepseek-vl-7b-base")
    assert "advice   host:" in done.stdout


@pytest.mark.parametrize("words", [("--chip", "cpu"), ("--model", "smollm2-135m-instruct")])
def test_doctor_wants_both_a_chip_and_a_model(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = call(tmp_path, "doctor", *words)
    assert done.returncode == 3
    assert "--chip and --model" in done.stderr


def test_doctor_needs_no_recipes_to_look_at_the_machine(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "flagrelease", "doctor"]
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "user namespaces" in done.stdout


# run and completion -------------------------------------------------------------------------------


def test_run_of_a_bundle_that_was_never_built_says_so_in_two_lines(tmp_path: Path) -> None:
    done = call(tmp_path, "run", *CPU)
    assert done.returncode == 5
    lines = done.stderr.splitlines()
    told = lines[next(index for index, line in enumerate(lines) if line.startswith("error: ")) :]
    home = tmp_path / ".cache" / "flagrelease"
    assert told[0].startswith("error: the bundle is not ready here: ")
    assert told[0].endswith(f" files are not in {home}, and offline none is fetched")
    assert told[1:] == ["  hint: run `flagrelease build --chip cpu --model smollm2-135m-instruct` first"]


def test_run_refuses_a_profile_that_the_chip_does_not_have_before_anything_is_unpacked(tmp_path: Path) -> None:
    done = call(tmp_path, "run", *CPU, "--profile", "logs")
    assert done.returncode == 3
    assert "has no profile `logs`" in done.stderr
    assert not (tmp_path / ".cache" / "flagrelease" / "rootfs").exists()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("plan", "--chip", "asc"), "ascend_800i_a2"),
        (("plan", "--model", "mini"), "minicpm-o-4.5"),
        (("plan", "--variant", "v"), "vllm"),
        (("build", "--until", "smoke"), "smoke_serving"),
    ],
)
def test_the_shell_completes_what_recipes_and_stages_are_called(
    tmp_path: Path, words: tuple[str, ...], offered: str
) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "_FLAGRELEASE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("flagrelease", *words)),
        "COMP_CWORD": str(len(words)),
    }
    program = Path(sys.executable).with_name("flagrelease")
    done = subprocess.run([program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert offered in done.stdout.split()
