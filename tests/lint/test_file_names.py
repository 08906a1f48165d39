"""What names say of Python, torch, ABI and processor."""

import pytest

from flagrelease.lint.file_names import agrees, architectures_in, cxx11_abi_in, pythons_in, torches_in


@pytest.mark.parametrize(
    ("name", "pythons"),
    [
        ("torch-2.1.0-cp310-cp310-linux_aarch64.whl", ("3.10",)),
        ("pytorch_v2.1.0_py310.tar.gz", ("3.10",)),
        ("quay.io/ascend/cann:9.1.0-310p-ubuntu22.04-py3.12", ("3.12",)),
        ("flagrelease-nvidia-python_3.12.3-torch_cuda-2.9.0", ("3.12",)),
        ("torch-2.1.0-cp10-cp10-linux_aarch64.whl", ("10",)),
        ("xllamacpp-1.0-cp38-abi3-manylinux_x86_64.whl", ()),
        ("atb_llm-0.0.1-py3-none-any.whl", ()),
        ("Ascend-cann-toolkit_8.0_linux-x86_64.run", ()),
        ("registry.example/recipe38/base:2.1", ()),
    ],
)
def test_pythons(name: str, pythons: tuple[str, ...]) -> None:
    assert pythons_in(name) == pythons


@pytest.mark.parametrize(
    ("name", "torches"),
    [
        ("Ascend-mindie-atb-models_1.0.RC1_linux-aarch64_torch2.1.0-abi1.tar.gz", ("2.1.0",)),
        ("torch-2.1.0+cpu-cp310-cp310-linux_x86_64.whl", ("2.1.0",)),
        ("pytorch_v2.1.0_py310.tar.gz", ("2.1.0",)),
        ("v26.06.0-torch2.12.0-torchmlu1.33.1-ubuntu22.04-py310", ("2.12.0",)),
        ("torch_npu-2.1.0.post8-cp310-cp310-linux_aarch64.whl", ()),
        ("torch_mlu-1.24.1-torch2.5.0-cp310-cp310-linux_x86_64.whl", ("2.5.0",)),
    ],
)
def test_torches(name: str, torches: tuple[str, ...]) -> None:
    assert torches_in(name) == torches


@pytest.mark.parametrize(
    ("name", "abi"),
    [("models_torch2.1.0-abi0.tar.gz", False), ("models-abi1.tar.gz", True), ("x-cxx11abiFALSE-y", False),
     ("flash_attn-2.5+cxx11abiTRUE", True), ("xllamacpp-cp38-abi3-linux", None), ("capability1", None)],
)  # fmt: skip
def test_abis(name: str, *, abi: bool | None) -> None:
    assert cxx11_abi_in(name) is abi


@pytest.mark.parametrize(
    ("name", "architectures"),
    [("Ascend-hdk-*-npu-driver_*_linux-x86-64.run", ("amd64",)), ("linux_aarch64.whl", ("arm64",)),
     ("flagos_1.6-amd64", ("amd64",)), ("base:py312-ubuntu24.04", ()), ("sdk-max64", ())],
)  # fmt: skip
def test_architectures(name: str, architectures: tuple[str, ...]) -> None:
    assert architectures_in(name) == architectures


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("2.10", "2.10.0", True), ("2.7.1", "2.7.1+cu128", True), ("2.1.0", "2.10.0", False), ("2", "2.9", True)],
)
def test_versions_agree_as_far_as_both_say(one: str, other: str, *, same: bool) -> None:
    assert agrees(one, other) is same
