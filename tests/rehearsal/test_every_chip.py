"""Every chip of the catalogue: its real Dockerfile is built from the first line to the last, with stand-ins."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flagrelease.domain.chip_words import with_chip_words
from flagrelease.domain.engine_build import Call
from flagrelease.domain.recipe import Recipe
from flagrelease.formats.calls import calls_in_wheel
from tests.dockerd import Dockerd
from tests.rehearsal.rehearsing import CATALOGUE, CHIPS, Rehearsal, of_chip, open_lock, rehearse

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("chip", CHIPS)
def test_the_dockerfile_of_a_chip_is_built_to_its_end(
    chip: str, dockerd: Dockerd, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    recipe, lock = of_chip(chip, dockerd)
    if recipe.architecture == "arm64":
        request.getfixturevalue("arm64")
    done = rehearse(recipe, lock, tmp_path, dockerd)
    says_it_is_a_rehearsal(done)
    calls_are_those_of_the_recipe(done)
    kernels_are_built_for_the_chip(done)
    variables_are_those_of_the_recipe(done)
    everything_that_stood_in_is_named(done)
    assert dockerd.left() == {"containers": [], "networks": [], "volumes": []}


def sdks_with_installers() -> Iterator[tuple[str, str]]:
    for name in CHIPS:
        for sdk, one in CATALOGUE.chip(name).sdks.items():
            if any(installer.where == "image" for installer in one.installers):
                yield name, sdk


@pytest.mark.parametrize(("chip", "sdk"), list(sdks_with_installers()))
def test_the_installers_of_an_sdk_run_in_its_order_and_set_the_images_variables(
    chip: str, sdk: str, dockerd: Dockerd, tmp_path: Path
) -> None:
    recipe, lock = of_chip(chip, dockerd, sdk=sdk)
    done = rehearse(recipe, lock, tmp_path, dockerd)
    calls_are_those_of_the_recipe(done)
    assert [call.stand_in.split("-")[2].split("_")[0] for call in done.made.calls[:3]] == ["toolkit", "kernels", "nnal"]
    toolkit, nnal = "/usr/local/Ascend/ascend-toolkit/latest", "/usr/local/Ascend/nnal/atb/latest/atb/cxx_abi_1"
    assert done.env["ASCEND_TOOLKIT_HOME"] == toolkit
    assert done.env["ATB_HOME_PATH"] == nnal
    # What is installed last comes first; what the base has stays behind both.
    assert done.env["LD_LIBRARY_PATH"] == f"{nnal}/lib:{toolkit}/lib64"
    assert done.env["PATH"].startswith(f"{nnal}/bin:{toolkit}/bin:/usr/local/sbin:")
    # Later steps of the build have them, too.
    assert all(call.env["ASCEND_TOOLKIT_HOME"] == toolkit for call in done.made.calls[3:])


def test_what_pip_finds_wrong_in_the_image_is_listed(dockerd: Dockerd, tmp_path: Path) -> None:
    recipe, _ = of_chip("cambricon_mlu", dockerd)
    asks = recipe.variant.model_copy(update={"wheels": (*recipe.variant.wheels, "torch-mlu==1.29.2")})
    changed = recipe.model_copy(update={"variant": asks})
    done = rehearse(changed, open_lock(changed), tmp_path, dockerd)
    assert "torch-mlu 1.29.2 requires torch, which is not installed." in done.made.findings


def says_it_is_a_rehearsal(done: Rehearsal) -> None:
    assert done.config["Labels"]["ai.flagos.flagrelease.rehearsal"] == "true"
    assert done.config["Labels"]["ai.flagos.flagrelease.stand-in"] == "base"
    assert done.config["Labels"].items() >= done.made.labels.items()


def calls_are_those_of_the_recipe(done: Rehearsal) -> None:
    installers = [call for call in done.called if call[0].endswith(".run")]
    assert installers == [[name, *arguments] for name, arguments in runs(done.recipe)]
    assert done.called == [*installers, *component_calls(done.recipe)]


def runs(recipe: Recipe) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What the SDK's scripts are called as, with their words."""
    for one in recipe.sdk.installers:
        name = one.file.replace("{version}", recipe.sdk.version or "").replace("*", "x")
        if one.where == "image" and one.architecture in (None, recipe.architecture) and name.endswith(".run"):
            yield name, one.arguments


def component_calls(recipe: Recipe) -> Iterator[list[str]]:
    """What is built in the image itself; kernel libraries come as wheels."""
    for one in recipe.variant.components.values():
        named = with_chip_words(one, recipe.chip, recipe.sdk)
        for step in named.install if named.placed_at else ():
            if step.tool == "make":
                yield ["make", *(word for word in step.arguments if not word.startswith("-"))]
            else:
                yield ["build_editable" if step.editable else "build_wheel", step.path or "."]


def kernels_are_built_for_the_chip(done: Rehearsal) -> None:
    """Each wheel carries how it was built: with the chip's name in the variables that its library reads."""
    names = done.recipe.chip.libraries
    assert names
    made = {one.component: call_of(done, one.content) for one in done.made.kernels}
    assert {"flagtree", "vllm"} <= made.keys()
    assert made["flagtree"].env.get("FLAGTREE_BACKEND") == names.flagtree_backend
    assert made["vllm"].env["VLLM_TARGET_DEVICE"] == "empty"
    assert ("flaggems" in made) == bool(names.flaggems_vendor)
    if "flaggems" in made:
        assert made["flaggems"].env["GEMS_VENDOR"] == names.flaggems_vendor


def call_of(done: Rehearsal, content: str) -> Call:
    (call,) = calls_in_wheel(done.store.path(content))
    return call


def variables_are_those_of_the_recipe(done: Rehearsal) -> None:
    assert done.env.items() >= done.recipe.env.items()
    assert "PIP_BREAK_SYSTEM_PACKAGES" not in done.env


def everything_that_stood_in_is_named(done: Rehearsal) -> None:
    """Here is nothing of any vendor's, so it is everything that goes into the image."""
    assert {part.key for part in done.made.stand_ins} == {one.key for one in done.lock.inputs}
    assert all(part.why for part in done.made.stand_ins)
    assert not done.context.missing
