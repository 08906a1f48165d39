"""What is rendered of a bundle means the same as the command or file of its seed, but for listed differences.

The seeds' commands stand as data here and in `seed_containers.py`. A difference needs a reason: in the recipe
(`container.dropped`), or beside it there. A reason without a difference fails as well.
"""

import posixpath
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.templates import SandboxedTemplates
from flagrelease.domain.recipe import Recipe
from flagrelease.launch.container import run_command
from flagrelease.launch.server import inner_command, template_values
from flagrelease.launch.weights import download_command
from tests.launch.docker_run import Options, Setting, parse, settings
from tests.launch.seed_containers import CAMBRICON, LEAST, SCRIPT, SCRIPT_IMAGE, SERVER, SERVER_IMAGE, STARTED, Started

CATALOGUE = Catalogue(Path(__file__).parents[2] / "recipes")


def recipe_of(cell: tuple[str, str, str]) -> Recipe:
    return CATALOGUE.recipe(*cell)


each_start = pytest.mark.parametrize("start", STARTED, ids=lambda start: "-".join(start.cell))


def union(changes: list[Options]) -> list[Setting]:
    return sorted(setting for change in changes for setting in settings(change))


@each_start
def test_docker_run_is_the_seeds_but_for_what_is_listed(start: Started) -> None:
    seed, ours = settings(start.seed), parse(run_command(recipe_of(start.cell))).settings
    changes = [*start.dropped.values(), *start.deliberate.values(), LEAST]
    assert union([change.seed for change in changes]) == sorted(seed - ours)
    assert union([change.ours for change in changes]) == sorted(ours - seed)


@each_start
def test_each_option_that_a_recipe_drops_is_one_that_the_seed_has_and_ours_has_not(start: Started) -> None:
    container = recipe_of(start.cell).variant.container
    assert set(container.dropped) == set(start.dropped)
    assert [words for words, change in start.dropped.items() if not settings(change.seed)] == []


@each_start
def test_a_change_that_nothing_lists_or_that_is_not_there_would_be_seen(start: Started) -> None:
    seed, ours = settings(start.seed), parse(run_command(recipe_of(start.cell))).settings
    kept = seed & ours
    assert ("name", *start.seed["name"]) in kept
    changes = [*start.dropped.values(), *start.deliberate.values(), LEAST]
    without_one = [change.seed for change in changes][1:]
    assert union(without_one) != sorted(seed - ours)
    with_one_more = [*(change.seed for change in changes), {"name": start.seed["name"]}]
    assert union(with_one_more) != sorted(seed - ours)


@pytest.mark.parametrize(("cell", "pulled"), [(SCRIPT, SCRIPT_IMAGE), (SERVER, SERVER_IMAGE)])
def test_the_image_that_is_pulled_is_the_one_that_is_run(cell: tuple[str, str, str], pulled: str) -> None:
    recipe = recipe_of(cell)  # 001:56, 213
    assert recipe.variant.image is not None
    assert str(recipe.variant.image.pulled) == parse(run_command(recipe)).image == pulled


# What runs inside -------------------------------------------------------------------------------------


def command(argv: tuple[str, ...]) -> dict[str, Any]:
    """Words and long options of a command; a bare option is true."""
    words: list[str] = []
    found: dict[str, str | bool] = {}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            words.append(word)
            continue
        name, _, value = word[2:].partition("=")
        found[name] = value or (rest.pop(0) if rest and not rest[0].startswith("--") else True)
    return {"words": words, "options": found}


@pytest.mark.parametrize(
    ("cell", "seed"),
    [
        (CAMBRICON, {"words": ["flagscale", "serve", "mini_cpm_o26"], "options": {}}),  # 000:142
        (SCRIPT, {"words": ["python3", "generate_speech_from_video.py"], "options": {}}),  # 001:72
        (SERVER, {"words": ["vllm", "serve", "/share/MiniCPMO45"], "options": {"trust-remote-code": True}}),  # 001:227
    ],
)
def test_what_runs_inside_is_what_the_seed_runs(cell: tuple[str, str, str], seed: dict[str, Any]) -> None:
    recipe = recipe_of(cell)
    assert command(inner_command(recipe)) == seed
    assert parse(run_command(recipe)).command == inner_command(recipe)


@pytest.mark.parametrize(
    ("cell", "model", "folder"),
    [
        (CAMBRICON, "AI-ModelScope/MiniCPM-o-2_6", "/nfs/MiniCPM-o-2_6"),  # 000:62
        (SCRIPT, "FlagRelease/MiniCPM-o-4.5-nvidia-FlagOS", "/share/MiniCPMO45"),  # 001:54
        (SERVER, "FlagRelease/MiniCPM-o-4.5-nvidia-FlagOS", "/share/MiniCPMO45"),  # 001:211
    ],
)
def test_weights_come_from_where_the_seed_takes_them(cell: tuple[str, str, str], model: str, folder: str) -> None:
    wanted = {"words": ["modelscope", "download"], "options": {"model": model, "local_dir": folder}}
    assert command(download_command(recipe_of(cell))) == wanted


# FlagScale --------------------------------------------------------------------------------------------

EXPERIMENT = {  # 000:97-113
    "defaults": ["_self_", {"serve": "serve_mini_cpm_o26"}],
    "experiment": {
        "exp_name": "mini_cpm_o26",
        "exp_dir": "outputs/${experiment.exp_name}",
        "task": {"type": "serve", "backend": "vllm", "entrypoint": None},
        "runner": {"hostfile": None},
    },
    "action": "run",
    "hydra": {"run": {"dir": "${experiment.exp_dir}/hydra"}},
}

SERVE = {  # 000:117-132
    "model_args": {
        "vllm_model": {
            "model-tag": "/nfs/MiniCPM-o-2_6",
            "served-model-name": "minicpmo26-cambricon-flagos",
            "tensor-parallel-size": 1,
            "gpu-memory-utilization": 0.9,
            "port": 9010,
            "limit-mm-per-prompt": "image=18",
            "action-args": ["trust-remote-code", "enable-chunked-prefill"],
        }
    },
    "deploy": {"command_line_mode": True, "models": {"vllm_model": {"num_gpus": 1}}},
}


@pytest.mark.parametrize(
    ("path", "seed"),
    [  # 000:93-96, 115-116: both below examples/mini_cpm_o26/conf of the tree that the server is started in
        ("examples/mini_cpm_o26/conf/config_mini_cpm_o26.yaml", EXPERIMENT),
        ("examples/mini_cpm_o26/conf/serve/serve_mini_cpm_o26.yaml", SERVE),
    ],
)
def test_flagscales_files_say_what_the_seeds_say(path: str, seed: dict[str, Any]) -> None:
    recipe = recipe_of(CAMBRICON)
    (file,) = [file for file in recipe.variant.files if file.path == f"{recipe.variant.working_folder}/{path}"]
    text = (CATALOGUE.templates / file.template).read_text()
    rendered = SandboxedTemplates().fill(text, name=file.template, values=template_values(recipe))
    assert yaml.safe_load(rendered) == seed


def test_a_request_asks_for_the_model_and_the_port_that_are_served() -> None:
    serving = recipe_of(CAMBRICON).variant.serving
    assert serving is not None
    assert (serving.requested_model, serving.port) == ("minicpmo26-cambricon-flagos", 9010)  # 000:144-147
    assert serving.served_name == serving.requested_model


def test_flagscales_patch_tool_would_be_asked_for_the_same_tree() -> None:
    patches = recipe_of(CAMBRICON).variant.components["flagscale"].patches
    assert patches is not None
    words = recipe_of(CAMBRICON).engine.commands["unpatch"]
    values = {"${device_type}": str(patches.device_type), "${commit}": patches.base[:8]}
    assert command(tuple(values.get(word, word) for word in shlex.split(words))) == {  # 000:84
        "words": ["python", "tools/patch/unpatch.py"],
        "options": {"device-type": "cambricon_MLU", "commit-id": "57637057", "dir": "build"},
    }


def test_components_are_installed_in_the_seeds_order_and_way() -> None:
    seed = [  # 000:72, 79, 85-88, 141
        ("flaggems", ".", {"no_deps"}),
        ("flagscale", ".", {"no_deps"}),
        ("flagscale", "vllm", {"editable"}),
        ("flagscale", "vllm/vllm_mlu", {"editable"}),
        ("flagscale", ".", set()),
    ]
    # FlagScale as it was cloned is replaced by the patched tree in the last step, so it is installed once.
    seed.remove(("flagscale", ".", {"no_deps"}))
    ours = [
        (name, step.path or ".", {way for way in ("no_deps", "editable") if getattr(step, way)})
        for name, component in recipe_of(CAMBRICON).variant.components.items()
        for step in component.install
    ]
    assert ours == seed


# MindIE -----------------------------------------------------------------------------------------------

EXPORTED = {  # 004:95-112
    "MASTER_PORT": "20030",
    "USE_REFACTOR": "true",
    "ATB_LAYER_INTERNAL_TENSOR_REUSE": "1",
    "INF_NAN_MODE_ENABLE": "0",
    "ATB_OPERATION_EXECUTE_ASYNC": "1",
    "TASK_QUEUE_ENABLE": "1",
    "ATB_CONVERT_NCHW_TO_ND": "1",
    "LCCL_ENABLE_FALLBACK": "1",
    "ATB_WORKSPACE_MEM_ALLOC_GLOBAL": "1",
    "ATB_CONTEXT_WORKSPACE_SIZE": "0",
}

BY_CHIP = {
    # 003:407: without it the variable above has no effect on this part.
    "ascend_800i_a2": {"INF_NAN_MODE_FORCE_DISABLE": "1"},
    "ascend_300i_duo": {},
}


@pytest.mark.parametrize("chip", BY_CHIP)
@pytest.mark.parametrize("model", ["deepseek-vl-7b-base", "deepseek-vl-7b-chat"])
def test_the_script_of_mindie_runs_where_and_with_what_the_seed_has_it(chip: str, model: str) -> None:
    recipe = recipe_of((chip, model, "mindie"))
    weights = f"/data_mm/weights/{model}"
    folder = "/opt/MindIE-LLM"  # 004:26-29: the working folder is chosen by whoever installs
    script = f"{folder}/examples/models/deepseekvl/run_pa.sh"
    bash, program, *rest = inner_command(recipe)
    assert (bash, posixpath.join(folder, program), rest) == ("bash", script, ["--run", weights, "${image_path}"])
    run = parse(run_command(recipe))
    assert run.options["workdir"] == {folder}  # 004:84
    assert f"{weights}:{weights}:ro" in run.options["volume"]
    variables = dict(word.split("=", 1) for word in run.options["env"])
    # ASCEND_RT_VISIBLE_DEVICES (004:89) is not set: the container is given the devices of the world size alone.
    assert variables == EXPORTED | BY_CHIP[chip]
    assert {device for device in run.options["device"] if "davinci" in device} == {
        "/dev/davinci0",
        "/dev/davinci_manager",
    }


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("chat", ["bash", "${script_path}/run_pa.sh", "--run", "${weight_path}", "${image_path}"]),  # 004:86
        # 004:130 spells the last variable iamge_path.
        ("precision", ["bash", "${script_path}/run_pa.sh", "--precision", "${weight_path}", "${image_path}"]),
        # 004:224 spells the path out that script_path stands for.
        ("performance", ["bash", "${script_path}/run_pa.sh", "--performance", "${weight_path}", "${image_path}"]),
        ("textvqa", ["bash", "scripts/mm_run.sh", "textvqa", "deepseekvl"]),  # 004:205
        ("build", ["cd", "examples/atb_models", "&&", "bash", "scripts/build.sh"]),  # 003:247-248
        ("abi", ["python", "-c", "import torch; print(torch.compiled_with_cxx11_abi())"]),  # 003:122
    ],
)
def test_mindies_other_commands_are_the_seeds(name: str, seed: list[str]) -> None:
    assert shlex.split(CATALOGUE.engine("mindie").commands[name]) == seed
