"""What does not fit in a recipe is told at once, each fault at its place, before anything is done."""

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.errors import RecipeError
from flagrelease.smoke.names import SERVING
from flagrelease.smoke.serving import TITLES
from tests.planning.conftest import Call

ROOT = Path(__file__).parents[2]
MODEL = "smollm2-135m-instruct"
BUNDLE = f"bundles/cpu/{MODEL}.yaml"
GATE = "gates/smollm2-135m.yaml"
RECORD = f"baselines/{MODEL}/transformers-fp32.json"
BEFORE = date(2026, 11, 1)

Edit = Callable[..., None]


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    """The committed recipes of the reference bundle, and no others."""
    folder = tmp_path / "recipes"
    for name in ("chips/cpu", "engines/llamacpp", "engines/vllm", f"models/{MODEL}", "models/probe-llama-tiny"):
        _copy(f"{name}.yaml", folder)
    for name in (GATE, BUNDLE, RECORD, BUNDLE.replace(".yaml", ".lock.json")):
        _copy(name, folder)
    shutil.copytree(ROOT / "dockerfiles", tmp_path / "dockerfiles")
    return folder


def _copy(name: str, folder: Path) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "recipes" / name, folder / name)


@pytest.fixture
def edit(recipes: Path) -> Edit:
    """Replace the one place in a file."""

    def edit(name: str, before: str, after: str) -> None:
        text = (recipes / name).read_text()
        assert text.count(before) == 1, (name, before)
        (recipes / name).write_text(text.replace(before, after))

    return edit


def faults(recipes: Path, on: date = BEFORE) -> list[str]:
    """Each fault, without the folder that the recipes are in."""
    with pytest.raises(RecipeError) as refused:
        Catalogue(recipes).recipe("cpu", MODEL, on=on)
    return [line.removeprefix(f"{recipes}/") for line in refused.value.message.splitlines()]


def place(recipes: Path, name: str, text: str) -> str:
    """`file:line:col` of a text that is there once."""
    content = (recipes / name).read_text()
    assert content.count(text) == 1, (name, text)
    index = content.index(text)
    return f"{name}:{content.count(chr(10), 0, index) + 1}:{index - content.rfind(chr(10), 0, index)}"


def test_the_committed_recipe_fits_together(recipes: Path) -> None:
    assert Catalogue(recipes).recipe("cpu", MODEL, on=BEFORE).name == f"cpu-{MODEL}-llamacpp"


ONE_FAULT = [
    ("sdk: debian12", "debain12", "variants.llamacpp.sdk: unknown sdk 'debain12'; did you mean 'debian12'?"),
    ("weights: q4_1", "q4", "variants.llamacpp.weights: unknown weights 'q4'; did you mean 'q4_1'?"),
    ("engine: llamacpp", "lamacpp", "variants.llamacpp.engine: unknown engine 'lamacpp'; did you mean 'llamacpp'?"),
    (
        "gate: smollm2-135m",
        "smollm-135m",
        "variants.llamacpp.gate: unknown gate policy 'smollm-135m'; did you mean 'smollm2-135m'?",
    ),
    (
        "default_variant: llamacpp",
        "lamacpp",
        "default_variant: unknown variant 'lamacpp'; did you mean 'llamacpp'?",
    ),
    (
        "model: probe-llama-tiny",
        "probe-lama",
        "variants.llamacpp.smoke.second_model.model: unknown model 'probe-lama'; did you mean 'probe-llama-tiny'?",
    ),
    (
        "weights: f32",
        "f16",
        "variants.llamacpp.smoke.second_model.weights: unknown weights 'f16'; there are f32",
    ),
    (
        "template: llamacpp/serve.json.j2",
        "llamacpp/serve.jsn.j2",
        (
            "variants.llamacpp.files[1].template: unknown template 'llamacpp/serve.jsn.j2'; did you mean "
            "'llamacpp/serve.json.j2'?"
        ),
    ),
    (
        f"baseline: {MODEL}/transformers-fp32.json",
        f"{MODEL}/transformers.json",
        (
            f"variants.llamacpp.reference.baseline: unknown baseline record '{MODEL}/transformers.json'; did you mean "
            f"'{MODEL}/transformers-fp32.json'?"
        ),
    ),
    (
        "check: unknown-model",
        "unknwon-model",
        (
            "variants.llamacpp.smoke.deviations[0].check: unknown serving check 'unknwon-model'; did you mean "
            "'unknown-model'?"
        ),
    ),
    (
        "expires: 2027-12-31",
        "2026-10-31",
        (
            "variants.llamacpp.smoke.deviations[0].expires: wanted 2026-11-01 or later, found 2026-10-31: mend what "
            "deviates, or renew it"
        ),
    ),
    (
        "context_length: 2048",
        "20480",
        (
            "variants.llamacpp.serving.context_length: wanted at most 8192, which is the model's `max_context`, found "
            "20480"
        ),
    ),
    ("chip: cpu", "gpu", "chip: wanted 'cpu', as the file's place says, found 'gpu'"),
    (f"\nmodel: {MODEL}", "smollm2", f"model: wanted '{MODEL}', as the file's place says, found 'smollm2'"),
]


@pytest.mark.parametrize(("before", "wrong", "told"), ONE_FAULT, ids=[row[2].partition(":")[0] for row in ONE_FAULT])
def test_one_fault_is_told_at_its_value(recipes: Path, edit: Edit, before: str, wrong: str, told: str) -> None:
    key, _, _ = before.partition(": ")
    at = place(recipes, BUNDLE, before.removeprefix("\n"))
    file, line, column = at.split(":")
    edit(BUNDLE, before, f"{key}: {wrong}")
    width = len(key.removeprefix("\n")) + 2
    assert faults(recipes) == [f"{file}:{line}:{int(column) + width}: {told}"]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "count: 400",
            "count: 500",
            "tasks.commonsense_qa.selection.count: wanted 400, as recorded in `{record}`, found 500",
        ),
        (
            "{count: 200, seed: 1}",
            "{count: 200, seed: 2}",
            "tasks.boolq_next_word.selection.seed: wanted 1, as recorded in `{record}`, found 2",
        ),
        (
            "items_available: 2833",
            "items_available: 2834",
            "tasks.boolq_next_word.dataset.items_available: wanted 2833, as recorded in `{record}`, found 2834",
        ),
        (
            "  boolq_next_word:",
            "  boolq_next:",
            (
                "tasks.boolq_next: wanted one record of this task in `{record}`, found none; "
                "did you mean 'boolq_next_word'?"
            ),
        ),
        (
            "metric: acc_norm",
            "metric: exact_match",
            (
                "tasks.commonsense_qa.metric: wanted 'acc_norm', which is the metric of kind "
                "'option_loglikelihood', found 'exact_match'"
            ),
        ),
        (
            "format: boolq_passage",
            "format: commonsense_qa",
            (
                "tasks.boolq_next_word.format: wanted 'boolq_passage', which is the format of kind 'next_word', "
                "found 'commonsense_qa'"
            ),
        ),
    ],
)
def test_a_policy_that_cannot_be_answered_is_told_in_the_policy(
    recipes: Path, edit: Edit, before: str, after: str, told: str
) -> None:
    edit(GATE, before, after)
    (fault,) = faults(recipes)
    assert fault.startswith(f"{GATE}:")
    assert fault.split(": ", 1)[1] == told.format(record=recipes / RECORD)


def test_a_record_with_fewer_items_than_it_says_does_not_cover_the_policy(recipes: Path) -> None:
    record = json.loads((recipes / RECORD).read_text())
    task = record["runs"][0]["task"]
    record["runs"][0]["items"].pop()
    (recipes / RECORD).write_text(json.dumps(record))
    (fault,) = faults(recipes)
    assert f"tasks.{task}.selection.count: wanted {len(record['runs'][0]['items'])}, as recorded" in fault


def test_a_record_that_is_none_is_told_with_its_place(recipes: Path) -> None:
    (recipes / RECORD).write_text('{\n  "titel": "x"\n}\n')
    assert f"{RECORD}:2:3: titel: unknown key; did you mean 'title'?" in faults(recipes)


def test_all_faults_of_all_files_come_together_in_their_order(recipes: Path, edit: Edit) -> None:
    edit("chips/cpu.yaml", "vendor:", "vendro:")
    edit(GATE, "count: 400", "count: 500")
    edit(BUNDLE, "check: unknown-model", "check: unknwon-model")
    edit(BUNDLE, "expires: 2027-12-31", "expires: 2020-01-01")
    edit(BUNDLE, "weights: q4_1", "weights: q4")
    edit(BUNDLE, "chip: cpu", "chip: gpu")
    found = faults(recipes)
    assert [line.partition(": ")[2].partition(":")[0] for line in found] == [
        "vendro",
        "chip",
        "variants.llamacpp.weights",
        "variants.llamacpp.smoke.deviations[0].check",
        "variants.llamacpp.smoke.deviations[0].expires",
        "tasks.commonsense_qa.selection.count",
    ]
    assert [line.partition(":")[0] for line in found] == ["chips/cpu.yaml", *([BUNDLE] * 4), GATE]


def test_a_fault_in_what_a_variant_extends_is_told_where_it_is_written(recipes: Path, edit: Edit) -> None:
    edit(BUNDLE, "default_variant: llamacpp", "default_variant: other")
    edit(BUNDLE, "weights: q4_1", "weights: q4")
    text = (recipes / BUNDLE).read_text()
    (recipes / BUNDLE).write_text(f"{text}  other:\n    extends: llamacpp\n    revision: r2\n")
    (fault,) = faults(recipes)
    assert fault.startswith(place(recipes, BUNDLE, "q4\n"))
    assert "variants.other.weights: unknown weights 'q4'" in fault


def test_a_deviation_is_in_force_on_its_last_day(recipes: Path) -> None:
    assert Catalogue(recipes).recipe("cpu", MODEL, on=date(2027, 12, 31)).variant_name == "llamacpp"
    (fault,) = faults(recipes, on=date(2028, 1, 1))
    assert "expires: wanted 2028-01-01 or later" in fault


def test_without_a_day_an_expired_deviation_is_there_to_be_looked_at(recipes: Path, edit: Edit) -> None:
    edit(BUNDLE, "expires: 2027-12-31", "expires: 2020-01-01")
    recipe = Catalogue(recipes).recipe("cpu", MODEL)
    assert recipe.variant.smoke is not None
    assert recipe.variant.smoke.deviations[0].expires == date(2020, 1, 1)


def test_a_name_that_is_not_the_files_is_told_with_its_place(recipes: Path, edit: Edit) -> None:
    edit("chips/cpu.yaml", "name: cpu", "name: gpu")
    at = place(recipes, "chips/cpu.yaml", "gpu\n")
    assert faults(recipes) == [f"{at}: name: wanted 'cpu', as the file is called, found 'gpu'"]


def test_a_bundle_in_a_folder_of_no_chip_is_told_so(recipes: Path) -> None:
    (recipes / "bundles/cpu").rename(recipes / "bundles/cpux")
    with pytest.raises(RecipeError, match=r"3:7: chip: the file's place says chip 'cpux', and there is none; did you"):
        Catalogue(recipes).recipe("cpux", MODEL)


def test_a_bundle_in_the_wrong_place_is_told_with_all_else_that_is_wrong(recipes: Path, edit: Edit) -> None:
    edit(BUNDLE, "chip: cpu", "chip: gpu")
    edit(BUNDLE, "weights: q4_1", "weights: q4")
    with pytest.raises(RecipeError) as refused:
        Catalogue(recipes).bundle("cpu", MODEL)
    assert len(refused.value.message.splitlines()) == 2


def test_a_variant_that_a_person_misspelt_is_their_fault_and_not_the_recipes(recipes: Path) -> None:
    with pytest.raises(RecipeError, match=r"unknown variant `lamacpp` in `.*`") as refused:
        Catalogue(recipes).recipe("cpu", MODEL, "lamacpp")
    assert refused.value.hint == "did you mean `llamacpp`?"


def test_the_names_of_the_serving_checks_are_those_of_the_suite() -> None:
    assert tuple(TITLES) == SERVING


@pytest.mark.parametrize("command", ["build", "plan", "lock"])
def test_every_command_tells_them_before_it_does_anything(
    recipes: Path, edit: Edit, command: str, tmp_path: Path, call: Call
) -> None:
    edit(BUNDLE, "sdk: debian12", "sdk: debain12")
    edit(BUNDLE, "expires: 2027-12-31", "expires: 2020-01-01")
    edit(GATE, "count: 400", "count: 500")
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file() and "home" not in path.parts)
    with pytest.raises(RecipeError) as refused:
        call(command, "--chip", "cpu", "--model", MODEL, "--recipes", str(recipes))
    assert len(refused.value.message.splitlines()) == 3
    after = sorted(path for path in tmp_path.rglob("*") if path.is_file() and "home" not in path.parts)
    assert after == before


def test_an_alias_finds_its_chip_beside_a_chip_that_cannot_be_read_yet(recipes: Path) -> None:
    _copy("chips/cambricon_mlu.yaml", recipes)
    (recipes / "chips" / "a_new_one.yaml").write_text("schema: flagrelease.chip/v2\nname: a_new_one\n")
    assert Catalogue(recipes).chip("cambricon_MLU").name == "cambricon_mlu"


def test_a_name_that_may_be_an_alias_of_an_unreadable_chip_tells_that_chips_faults(recipes: Path) -> None:
    (recipes / "chips" / "a_new_one.yaml").write_text("schema: flagrelease.chip/v2\nname: a_new_one\n")
    with pytest.raises(RecipeError, match=r"a_new_one\.yaml"):
        Catalogue(recipes).chip("a-new-one")
