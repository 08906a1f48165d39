"""Every chip's Dockerfile, for each of its SDKs and each of its bundles, as it would be built today."""

import subprocess
import sys
from pathlib import Path

import pytest

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.recipes.rehearsals import rehearsed
from flagrelease.domain.engine_build import ImagePlan, Part, Parts
from flagrelease.domain.lock import PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.errors import RecipeError
from flagrelease.launch.server import inner_command
from flagrelease.rendering.plan import plan_image
from tests.rendering.buildkit import Reader, intended
from tests.rendering.conftest import ROOT, rendered

CATALOGUE = Catalogue(ROOT / "recipes")
SDKS = [(chip, sdk) for chip in CATALOGUE.names("chips") for sdk in CATALOGUE.chip(chip).sdks]
BUNDLES = [
    (chip, model, variant)
    for chip, model in CATALOGUE.bundles()
    for variant in CATALOGUE.bundle(chip, model).variants
    if chip != "cpu"
]
HADOLINT = str(Path(sys.executable).with_name("hadolint"))
SOME_LOCK = CATALOGUE.lock(CATALOGUE.recipe("nvidia_cuda", "minicpm-2b"))
NOTHING = Parts(parts=())


def _rehearsal(chip: str, sdk: str) -> ImagePlan:
    recipe = rehearsed(CATALOGUE, chip, sdk)
    return plan_image(recipe, _empty(recipe), NOTHING, rehearsal=True, entrypoint=inner_command(recipe))


def _empty(recipe: Recipe) -> PartialLock:
    """A lock that says nothing: each file has the name that the recipe gives it."""
    assert isinstance(SOME_LOCK, PartialLock)
    return SOME_LOCK.model_copy(update={"chip": recipe.chip.name, "inputs": ()})


def _bundle(chip: str, model: str, variant: str, parts: Parts = NOTHING) -> ImagePlan:
    recipe = CATALOGUE.recipe(chip, model, variant)
    lock = CATALOGUE.lock(recipe)
    assert isinstance(lock, PartialLock)
    return plan_image(recipe, lock, parts, entrypoint=inner_command(recipe))


@pytest.mark.parametrize(("chip", "sdk"), SDKS)
def test_every_sdk_of_every_chip_has_a_dockerfile_that_buildkit_reads_as_planned(chip: str, sdk: str) -> None:
    plan = _rehearsal(chip, sdk)
    assert Reader().read(rendered(plan)) == intended(plan)


@pytest.mark.parametrize(("chip", "model", "variant"), BUNDLES)
def test_every_bundle_has_a_dockerfile_without_a_single_part_at_hand(chip: str, model: str, variant: str) -> None:
    plan = _bundle(chip, model, variant)
    assert Reader().read(rendered(plan)) == intended(plan)


def test_hadolint_finds_nothing_in_any_of_them(tmp_path: Path) -> None:
    plans = [*(_rehearsal(*one) for one in SDKS), *(_bundle(*one) for one in BUNDLES)]
    for index, plan in enumerate(plans):
        (tmp_path / f"{plan.chip}-{plan.sdk}-{index}.Dockerfile").write_text(rendered(plan))
    files = sorted(str(path) for path in tmp_path.glob("*.Dockerfile"))
    argv = [HADOLINT, "--config", str(ROOT / ".hadolint.yaml"), *files]
    said = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert (said.stdout, said.returncode) == ("", 0)


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian:latest\nRUN cd /x && apt-get install curl\n")
    argv = [HADOLINT, "--config", str(ROOT / ".hadolint.yaml"), str(tmp_path / "Dockerfile")]
    assert subprocess.run(argv, check=False, capture_output=True).returncode != 0


def test_nothing_in_any_of_them_downloads_or_weakens_tls() -> None:
    words = {
        word
        for one in SDKS
        for read in Reader().read(rendered(_rehearsal(*one)))
        for word in read.values
        if read.cmd in ("RUN", "ADD", "COPY")
    }
    assert not [word for word in words if "://" in word or "trusted-host" in word or word in ("curl", "wget", "git")]


def test_ascend_is_installed_in_the_seeds_order_and_driver_and_firmware_stay_on_the_host() -> None:
    plan = _bundle("ascend_800i_a2", "deepseek-vl-7b-chat", "mindie")
    steps = [step.argv for step in plan.installers]
    assert steps == [
        ("python3", "-m", "pip", "--version"),
        ("sh", "/tmp/flagrelease/Ascend-cann-toolkit_8.0_linux-aarch64.run", "--install"),
        ("sh", "/tmp/flagrelease/Ascend-cann-kernels-__8.0_linux.run", "--install"),
        (
            "sh", "/tmp/flagrelease/Ascend-cann-nnal_8.0_linux-aarch64.run", "--install",
            "--install-path=/usr/local/Ascend",
        ),
    ]  # fmt: skip
    assert plan.shell_files == (
        "/usr/local/Ascend/ascend-toolkit/set_env.sh", "/usr/local/Ascend/nnal/atb/set_env.sh",
    )  # fmt: skip
    assert plan.bundle_shell_files == ("/opt/MindIE-LLM/set_env.sh",)
    assert [step.argv[-1] for step in plan.torch] == [
        "/tmp/flagrelease/torch-2.1.0-cp310-cp310-linux_aarch64.whl", "torch_npu",
    ]  # fmt: skip
    assert "npu-driver" not in rendered(plan)


def test_the_abi_of_the_archive_is_asked_of_torch_unless_torch_is_a_stand_in() -> None:
    asked = _bundle("ascend_800i_a2", "deepseek-vl-7b-chat", "mindie")
    assert [step.argv[-1] for step in asked.checks] == ["1"]
    torch = Part(
        key="sdks.cann8.0.installers.torch", kind="installer", name="torch", state="stand_in", file="torch-2.1.0.whl"
    )
    rehearsal = _bundle("ascend_800i_a2", "deepseek-vl-7b-chat", "mindie", Parts(parts=(torch,)))
    assert rehearsal.checks == ()
    assert rehearsal.notes == ("Not asked of a stand-in: whether torch has the C++ ABI 1",)


def test_flagscale_is_installed_from_the_patched_tree_in_the_declared_order() -> None:
    (source,) = _bundle("cambricon_mlu", "minicpm-o-2.6", "flagscale").sources
    assert source.tree is not None
    assert (source.tree.path, source.tree.folder) == ("sources/flagscale.tar", "/opt/FlagScale")
    assert [step.argv[-2:] for step in source.steps] == [
        ("--editable", "/opt/FlagScale/vllm"), ("--editable", "/opt/FlagScale/vllm/vllm_mlu"),
        ("--no-build-isolation", "/opt/FlagScale"),
    ]  # fmt: skip
    assert all("--no-deps" in step.argv and "--no-index" in step.argv for step in source.steps)


def test_the_local_version_of_a_wheel_is_matched_exactly_and_takes_the_place_of_triton() -> None:
    plan = _bundle("nvidia_cuda", "minicpm-o-4.5", "vllm")
    flagtree = next(one for one in plan.sources if one.name == "flagtree")
    assert flagtree.steps[0].argv[3:] == ("uninstall", "--yes", "triton")
    assert flagtree.steps[1].argv[-1] == "flagtree===0.4.0+3.5"


def test_each_chip_has_its_own_names_in_the_libraries_and_a_chip_without_one_leaves_it_out() -> None:
    musa = rendered(_rehearsal("mthreads_s5000", "musa5.2.0"))
    assert '"FLAGTREE_BACKEND=mthreads"' in musa
    assert '"GEMS_VENDOR=mthreads"' in musa
    assert "-DFLAGGEMS_BACKEND=MUSA" in musa
    assert '"make", "-C", "/opt/FlagCX", "USE_MUSA=1", "-j"' in musa
    assert '"FLAGCX_ADAPTOR=musa"' in musa
    nvidia = rendered(_rehearsal("nvidia_cuda", "cuda13.0"))
    assert "FLAGTREE_BACKEND" not in nvidia
    metax = rendered(_rehearsal("metax_c550", "maca3.7.2.1"))
    assert '"GEMS_VENDOR=metax"' in metax
    assert "CMAKE_ARGS" not in metax
    arm = rendered(_rehearsal("arm", "debian12"))
    assert "FlagCX" not in arm.replace("FLAGCX_PATH", "").replace('"/opt/FlagCX"', "")
    assert "flaggems" not in rendered(_rehearsal("cpu", "debian12"))


def test_a_kernel_library_has_a_key_of_all_that_it_is_made_from() -> None:
    def key(parts: Parts = NOTHING, variant: str = "vllm") -> str:
        plan = _bundle("nvidia_cuda", "minicpm-o-4.5", variant, parts)
        return next(one.key for one in plan.kernels if one.component == "flaggems")

    def part(key: str, pin: str, state: str = "here") -> Parts:
        return Parts.model_validate(
            {"parts": ({"key": key, "kind": "component", "name": "x", "state": state, "pin": pin},)}
        )

    source = part("components.flaggems", "a" * 40)
    assert key(source) == key(source, "transformers"), "all bundles of a chip share it"
    keys = {key(), key(source), key(part("components.flaggems", "b" * 40)), key(part("sdks.cuda13.0.base", "sha256:0"))}
    keys.add(key(part("components.flaggems", "a" * 40, "stand_in")))
    assert len(keys) == 5, "another source, another SDK, and a stand-in are not the same"


def test_a_base_stands_by_its_digest_and_a_supplied_one_by_a_tag_of_ours() -> None:
    plan = _bundle("nvidia_cuda", "minicpm-o-4.5", "vllm")
    assert plan.base == "nvcr.io/nvidia/cuda:13.0.0-devel-ubuntu22.04"
    pinned = {"key": "sdks.cuda13.0.base", "kind": "base", "name": "x", "state": "here", "pin": f"sha256:{'0' * 64}"}
    by_digest = Parts.model_validate({"parts": (pinned,)})
    assert _bundle("nvidia_cuda", "minicpm-o-4.5", "vllm", by_digest).base == f"nvcr.io/nvidia/cuda@sha256:{'0' * 64}"
    supplied = Parts.model_validate({"parts": ({**pinned, "content": f"sha256:{'1' * 64}"},)})
    assert _bundle("nvidia_cuda", "minicpm-o-4.5", "vllm", supplied).base == "flagrelease/nvidia_cuda:cuda13.0-base"


@pytest.mark.parametrize(("chip", "sdk"), [("nvidia_cuda", "cuda99"), ("nvidia_cudda", None)])
def test_a_slip_of_the_keyboard_is_told_with_what_is_near(chip: str, sdk: str | None) -> None:
    with pytest.raises(RecipeError, match=r"nvidia_cud|cuda99"):
        rehearsed(CATALOGUE, chip, sdk)
