"""Wheels and archives: pip installs them, they are what their names say, and the same on every machine."""

import gzip
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.adapters.stand_ins.deflate import stored_gzip
from flagrelease.adapters.stand_ins.stand_ins import HostStandIns
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.chip import Installer
from flagrelease.errors import BuildError, RecipeError
from flagrelease.formats.calls import calls_in_wheel, read_calls
from tests.stand_ins.making import Place, making

MODELS = "Ascend-mindie-atb-models_1.0.RC1_linux-aarch64_torch2.1.0-abi1.tar.gz"


def placed(found: tuple[str, str, int], store: FileStore, folder: Path) -> Path:
    """The file under its name, as a build's folder has it."""
    file = folder / found[0]
    store.link(found[1], file)
    assert file.stat().st_size == found[2]
    return file


@pytest.mark.slow
def test_pip_installs_a_wheel_and_its_module_says_what_it_is(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    wheel = placed(stand_ins.wheel("torch", "2.1.0+cpu"), store, tmp_path)
    assert wheel.name == "torch-2.1.0+cpu-py3-none-any.whl"
    calls.pip("install", "--no-deps", wheel)
    assert "Version: 2.1.0+cpu" in calls.pip("show", "torch").splitlines()
    assert calls.asks("[torch.__version__, torch.compiled_with_cxx11_abi()]", "torch") == ["2.1.0+cpu", True]
    assert calls.called() == [["import", "torch"]]
    assert "No broken requirements found." in calls.pip("check")


@pytest.mark.slow
def test_pip_checks_what_a_stand_in_requires(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    calls.pip("install", "--no-deps", placed(stand_ins.wheel("vllm-plugin-fl", "0.0.0"), store, tmp_path))
    said = calls.run(calls.python, "-m", "pip", "check", wanted=1)
    assert "vllm-plugin-fl 0.0.0 requires vllm, which is not installed." in said


@pytest.mark.slow
def test_an_import_that_cannot_be_written_down_is_said_and_works(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    calls.pip("install", "--no-deps", placed(stand_ins.wheel("flag_gems", "4.2.1rc0"), store, tmp_path))
    env = {"FLAGRELEASE_STAND_IN_CALLS": "/proc/no/calls.jsonl"}
    assert calls.run(calls.python, "-c", "import flag_gems; print('on')", env=env) == "on\n"


@pytest.mark.slow
def test_the_abi_of_torch_is_that_of_the_installers_name(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    installer = Installer(file="torch-1.11.0+abi0-cp39-cp39-linux_x86_64.whl", purpose="torch", source="a test")
    wheel = placed(stand_ins.installer(installer, None), store, tmp_path)
    assert wheel.name == "torch-1.11.0+abi0-py3-none-any.whl"
    calls.pip("install", "--no-deps", "--force-reinstall", wheel)
    assert calls.asks("torch.compiled_with_cxx11_abi()", "torch") is False


def test_the_wheels_of_an_archive_are_for_both_machines_as_the_vendors_are(
    stand_ins: HostStandIns, store: FileStore, tmp_path: Path
) -> None:
    archive = placed(stand_ins.archive("pytorch_v2.1.0_py310.tar.gz"), store, tmp_path)
    with tarfile.open(archive) as tar:
        assert tar.getnames() == [
            "torch_npu-2.1.0-py3-none-linux_aarch64.whl",
            "torch_npu-2.1.0-py3-none-linux_x86_64.whl",
        ]


@pytest.mark.slow
def test_the_archive_of_models_installs_as_its_vendor_says(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    archive = placed(stand_ins.archive(MODELS), store, tmp_path)
    models = tmp_path / "MindIE-LLM"
    models.mkdir()
    calls.run("tar", "-zxf", archive, at=models)
    calls.pip("install", models / "atb_llm-0.0.1-py3-none-any.whl")
    said = calls.run("bash", "-c", ". ./MindIE-LLM/set_env.sh && echo $ATB_SPEED_HOME_PATH", at=tmp_path)
    assert said == f"{models}\n"
    assert (models / "examples/models/deepseekvl/run_pa.sh").stat().st_mode & 0o111


def test_an_archive_that_nobody_described_is_refused(stand_ins: HostStandIns) -> None:
    with pytest.raises(RecipeError) as refused:
        stand_ins.archive("dtk-26.04.tar.gz")
    assert "under `archives` in recipes/stand-ins/parts.yaml" in refused.value.hint


@pytest.mark.parametrize("making_it", ["wheel", "archive"])
def test_bytes_are_the_same_everywhere(making_it: str, tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        stand_ins, _ = making(tmp_path / name)
        made.append(stand_ins.wheel("flagtree", "0.4.0+3.5") if making_it == "wheel" else stand_ins.archive(MODELS))
    assert made[0] == made[1]


@pytest.mark.parametrize("version", ["master", "8.0.RC1.alpha003", "", "../../x"])
def test_a_version_that_python_does_not_know_is_refused(stand_ins: HostStandIns, version: str) -> None:
    with pytest.raises(RecipeError, match="PEP 440"):
        stand_ins.wheel("vllm", version)


@given(st.binary(max_size=70_000) | st.integers(0, 200_000).map(bytes))
def test_gzip_without_compression_is_gzip(content: bytes) -> None:
    assert gzip.decompress(stored_gzip(content)) == content


@pytest.mark.parametrize(
    "line",
    [b"{}", b"[]", b'{"stand_in": "a", "argv": ["b"], "env": {}, "more": 1}', b'{"stand_in": "", "argv": []}', b"\xff"],
)
def test_what_is_no_call_is_refused_with_its_line(line: bytes) -> None:
    good = b'{"stand_in": "a", "argv": ["b"], "env": {}}\n'
    with pytest.raises(BuildError, match="the calls: line 2 is no call"):
        read_calls(good + line + b"\n", "the calls")


def test_calls_without_end_are_refused() -> None:
    with pytest.raises(BuildError, match="at most"):
        read_calls(b"\n" * (5 << 20), "the calls")


def test_a_file_that_is_no_wheel_has_no_calls(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(BuildError, match=r"a\.whl is not a wheel"):
        calls_in_wheel(tmp_path / "a.whl")


def test_a_wheel_that_no_stand_in_built_has_none(stand_ins: HostStandIns, store: FileStore, tmp_path: Path) -> None:
    assert calls_in_wheel(placed(stand_ins.wheel("vllm", "0.13.0"), store, tmp_path)) == ()
