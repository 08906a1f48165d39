"""Folders of hardware/ that contradict themselves, each under a device type of its own: how made, what is told."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.patching.flagscale_checkout import ENGINE, RUN, Checkout
from tests.patching.made_patches import new_file

MLU_RUN = RUN.replace(b"run 15\n", b"run 15 on mlu\n")
MLU_ENGINE = ENGINE.replace(b"engine 15\n", b"engine 15 on mlu\n")
CHANGE: Mapping[str, bytes | None] = {"vllm/engine.py": MLU_ENGINE}


@dataclass(frozen=True, kw_only=True)
class Case:
    """`at` is below the device's folder. `late`: made after everything was committed."""

    id: str
    device: str
    make: Callable[[Checkout, str], object]
    at: str
    found: str
    is_error: bool = True
    late: bool = False


def _vllm(**more: object) -> Callable[[Checkout, str], object]:
    """A right folder of generation 3, but for these words of its YAML."""
    return lambda checkout, device: checkout.generation_3(device, "vllm", CHANGE, **more)


def _beside(name: str, content: bytes) -> Callable[[Checkout, str], object]:
    """A right folder of generation 3 with one more file."""

    def make(checkout: Checkout, device: str) -> None:
        checkout.generation_3(device, "vllm", CHANGE)
        checkout.write({f"{device}/vllm/{name}": content})

    return make


def _files(files: Mapping[str, bytes]) -> Callable[[Checkout, str], object]:
    return lambda checkout, device: checkout.write({f"{device}/{name}": text for name, text in files.items()})


def _yaml(text: bytes) -> Callable[[Checkout, str], object]:
    return _beside("diff.yaml", text)


def _flagscale_and_vllm(**of_flagscale: object) -> Callable[[Checkout, str], object]:
    """Both made as one set by vllm's word, but FlagScale's YAML says something else."""

    def make(checkout: Checkout, device: str) -> None:
        both = {"FlagScale": "0.8.0", "vllm": "0.8.5"}
        checkout.generation_3(device, "FlagScale", {"flagscale/run.py": MLU_RUN}, **of_flagscale)
        checkout.generation_3(device, "vllm", CHANGE, backends_version=both)

    return make


def _symlink(checkout: Checkout, device: str) -> None:
    checkout.generation_3(device, "vllm", CHANGE)
    (checkout.top / "hardware" / device / "vllm" / "link.py.patch").symlink_to("/etc/passwd")


def _huge(checkout: Checkout, device: str) -> None:
    path = checkout.top / "hardware" / device / "vllm" / "huge.py.patch"
    checkout.generation_3(device, "vllm", CHANGE)
    path.touch()
    os.truncate(path, 70 << 20)


def _named_for_another_commit(checkout: Checkout, device: str) -> None:
    diff = checkout.diff("FlagScale", {"flagscale/run.py": MLU_RUN})
    checkout.write({f"{device}/FlagScale/1234567.patch": diff})
    checkout.write({f"{device}/FlagScale/1234567.yaml": checkout.yaml(device, "FlagScale")})


def _another_file(checkout: Checkout, device: str) -> None:
    checkout.generation_3(device, "vllm", CHANGE)
    checkout.write({f"{device}/vllm/vllm/other.py.patch": checkout.diff("vllm", {"vllm/config.py": b"x\n"})})


def _of_other_lines(checkout: Checkout, device: str) -> None:
    checkout.generation_3(device, "vllm", CHANGE)
    diff = checkout.diff("vllm", CHANGE).replace(b" engine 14\n", b" motor 14\n")
    checkout.write({f"{device}/vllm/vllm/engine.py.patch": diff})


def _with_blanks(checkout: Checkout, device: str) -> None:
    checkout.generation_3(device, "vllm", CHANGE)
    diff = checkout.diff("vllm", CHANGE).replace(b" engine 14\n", b" engine 14  \n")
    checkout.write({f"{device}/vllm/vllm/engine.py.patch": diff})


def _moved(checkout: Checkout, device: str) -> None:
    files = {"vllm/engine.py": None, "vllm/mlu/engine.py": ENGINE}
    checkout.generation_3(device, "vllm", files)


def _sglang(checkout: Checkout, device: str) -> None:
    facts = {"backends_commit": {"sglang": "7de2ce45"}, "backends_version": {"sglang": "0.4.1"}}
    checkout.write({f"{device}/sglang/x.py.patch": new_file("x.py")})
    checkout.write({f"{device}/sglang/diff.yaml": checkout.yaml(device, "FlagScale", **facts)})


def _twice(checkout: Checkout, device: str) -> None:
    checkout.generation_3("cambricon", "vllm", CHANGE)
    checkout.generation_3(device, "vllm", {"vllm/config.py": b"device = 'mlu'\n"})


BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\ncommit: *b\n"
DEEP = b"commit: " + b"[" * 5000 + b"\n"

CASES = (
    Case(id="outside-backend", device="mlu", make=_files({"loose.patch": b"x"}), at="/loose.patch", found="a patch in"),
    Case(id="bad-name", device="we$rd", make=_vllm(), at="/vllm", found="we$rd/vllm"),
    Case(id="not-a-file", device="bw1000", make=_symlink, at="/vllm/link.py.patch", found="a symlink", late=True),
    Case(id="too-large", device="BW1000", make=_huge, at="/vllm/huge.py.patch", found="73,400,320", late=True),
    Case(id="unknown-backend", device="dcu", make=_files({"torch/diff.patch": b"x"}), at="/torch", found="'torch'"),
    Case(id="unclear-generation", device="hcu", make=_beside("diff.patch", b"x"), at="/vllm", found="of 1 files"),
    Case(
        id="unclear-generation",
        device="du",
        make=_files({"vllm/diff.yaml": b"x: 1\n"}),
        at="/vllm",
        found="without a patch",
    ),
    Case(
        id="unclear-generation",
        device="hygon",
        make=_files({"12345678/a.py.patch": b"x"}),
        at="/12345678",
        found="named for a commit",
    ),
    Case(
        id="stray-file",
        device="Hygon_BW1000",
        make=_beside("notes.txt", b"x"),
        at="/vllm/notes.txt",
        found="another file",
        is_error=False,
    ),
    Case(
        id="two-patches",
        device="bi",
        make=_beside("vllm/engine.py.patch.encrypted", b"x"),
        at="/vllm",
        found="2 of vllm/engine.py",
    ),
    Case(id="unknown-chip", device="NVIDIA_CambriconMLU", make=_vllm(), at="/vllm", found="NVIDIA_CambriconMLU"),
    Case(id="chip-spelling", device="bI_v150", make=_vllm(), at="/vllm", found="bI_v150 for iluvatar", is_error=False),
    Case(
        id="no-diff-yaml",
        device="iluvatar",
        make=_files({"vllm/x.py.patch": new_file("x.py")}),
        at="/vllm",
        found="none",
    ),
    Case(id="bad-yaml", device="Iluvatar", make=_yaml(BOMB), at="/vllm/diff.yaml:1", found="anchor"),
    Case(id="bad-yaml", device="tianshu", make=_yaml(DEEP), at="/vllm/diff.yaml:1", found="nested more than"),
    Case(id="bad-yaml", device="corex", make=_yaml(b"commit: [a]\n"), at="/vllm/diff.yaml:1", found="a list as commit"),
    Case(id="bad-yaml", device="xpu", make=_yaml(b"task: x\n"), at="/vllm/diff.yaml:1", found="'x' as task"),
    Case(id="bad-yaml", device="klx", make=_yaml(b"- x\n"), at="/vllm/diff.yaml:1", found="a list"),
    Case(id="bad-yaml", device="p800", make=_yaml(b"task: []\ntask: []\n"), at="/vllm/diff.yaml:2", found="twice"),
    Case(
        id="unknown-key",
        device="Kunlunxin_R310p",
        make=_vllm(speed="high"),
        at="/vllm/diff.yaml:10",
        found="'speed'",
        is_error=False,
    ),
    Case(
        id="other-device",
        device="kunlunxin",
        make=_vllm(device_type="Kunlunxin_R310p"),
        at="/vllm/diff.yaml:7",
        found="'Kunlunxin_R310p'",
    ),
    Case(id="bad-task", device="musa", make=_vllm(task=["llama3"]), at="/vllm/diff.yaml:11", found="'llama3'"),
    Case(
        id="version-form",
        device="MUSA_S5000",
        make=_vllm(backends_version={"vllm": "v0.8.0"}),
        at="/vllm/diff.yaml:4",
        found="'v0.8.0' of vllm",
        is_error=False,
    ),
    Case(
        id="version-form",
        device="Tsing_micro",
        make=_vllm(backends_version={"vllm": "'main '"}),
        at="/vllm/diff.yaml:4",
        found="'main '",
        is_error=False,
    ),
    Case(
        id="no-contact",
        device="Metax_C550",
        make=_vllm(contact="''"),
        at="/vllm/diff.yaml:6",
        found="none",
        is_error=False,
    ),
    Case(
        id="models-form",
        device="enflame",
        make=_vllm(models=["'qwen3 '", "qwen3"]),
        at="/vllm/diff.yaml:9",
        found="'qwen3 '",
        is_error=False,
    ),
    Case(
        id="base-missing",
        device="metax",
        make=lambda c, d: c.generation_3(d, "FlagScale", {"flagscale/run.py": MLU_RUN}, commit=None),
        at="/FlagScale/diff.yaml",
        found="none",
    ),
    Case(
        id="base-missing",
        device="maca",
        make=lambda c, d: c.generation_3(d, "FlagScale", {"flagscale/run.py": MLU_RUN}, commit="main"),
        at="/FlagScale/diff.yaml:4",
        found="'main'",
    ),
    Case(
        id="bases-disagree",
        device="c550",
        make=_named_for_another_commit,
        at="/FlagScale/1234567.yaml:4",
        found="1234567 in the name",
    ),
    Case(
        id="bases-differ",
        device="Huawei_Atlas800TA3",
        make=_flagscale_and_vllm(commit="7" * 40),
        at="/vllm/diff.yaml:6",
        found="777777777777 in hardware/Huawei_Atlas800TA3/FlagScale/diff.yaml:4",
    ),
    Case(
        id="wrong-task",
        device="Atlas800TA3",
        make=_flagscale_and_vllm(task=["train"]),
        at="/vllm/diff.yaml:12",
        found="train in hardware/Atlas800TA3/FlagScale/diff.yaml:10",
    ),
    Case(
        id="part-missing",
        device="nvidia",
        make=_vllm(backends_version={"FlagScale": "0.8.0", "vllm": "0.8.5"}),
        at="/vllm/diff.yaml:4",
        found="none",
        is_error=False,
    ),
    Case(
        id="needs-key",
        device="cuda",
        make=_beside("vllm/secret.py.patch.encrypted", b"x"),
        at="/vllm/vllm/secret.py.patch.encrypted",
        found="no key",
    ),
    Case(
        id="refused-patch",
        device="gpu",
        make=_beside(".git/hooks/x.patch", new_file(".git/hooks/x")),
        at="/vllm/.git/hooks/x.patch:1",
        found="git-folder",
    ),
    Case(
        id="refused-patch",
        device="ascend",
        make=_beside(".gitmodules.patch", new_file(".gitmodules")),
        at="/vllm/.gitmodules.patch:1",
        found="gitmodules",
    ),
    Case(
        id="refused-patch",
        device="huawei",
        make=_beside("x.patch", new_file("../../../x")),
        at="/vllm/x.patch:1",
        found="outside-tree",
    ),
    Case(
        id="other-path",
        device="910b",
        make=_another_file,
        at="/vllm/vllm/other.py.patch:1",
        found="vllm/config.py",
    ),
    Case(
        id="base-unknown",
        device="910B",
        make=_vllm(backends_commit={"vllm": "f" * 40}),
        at="/vllm/diff.yaml",
        found=f"no commit {'f' * 40} in",
    ),
    Case(id="base-unknown", device="Ascend", make=_sglang, at="/sglang/diff.yaml", found="no clone in third_party/"),
    Case(id="does-not-apply", device="Huawei", make=_of_other_lines, at="/vllm", found="vllm/engine.py: the lines"),
    Case(
        id="whitespace",
        device="ascend_310p",
        make=_with_blanks,
        at="/vllm",
        found="white space mended",
        is_error=False,
    ),
    Case(
        id="rename-lost",
        device="armv9",
        make=_moved,
        at="/vllm",
        found="vllm/engine.py to vllm/mlu/engine.py",
        is_error=False,
    ),
    Case(
        id="author-unknown",
        device="CPU",
        make=_vllm(contact="''"),
        at="/vllm",
        found="1 of 1",
        is_error=False,
        late=True,
    ),
    Case(id="same-set-twice", device="cambricon_MLU", make=_twice, at="/vllm", found="hardware/cambricon/vllm"),
)
