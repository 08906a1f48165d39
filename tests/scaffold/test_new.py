"""`flagrelease new`: what is known is filled in, what is not is a gap that is found."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.templates import SandboxedTemplates
from flagrelease.domain.bundle import Bundle
from flagrelease.domain.chip import Chip
from flagrelease.domain.model import Model
from flagrelease.domain.value import Value
from flagrelease.errors import RecipeError
from flagrelease.formats.placeholders import placeholders
from flagrelease.formats.strict import decode_yaml, read_yaml
from flagrelease.scaffold.fill import new_bundle, new_chip, new_dockerfile, new_model

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KINDS: dict[str, type[Value]] = {"chip": Chip, "model": Model, "bundle": Bundle}


def gaps(text: str, kind: type[Value]) -> list[str]:
    """Every key that a reader or lint objects to: placeholders, and keys that are missing."""
    root, faults = read_yaml(text, kind, source="r.yaml")
    assert faults == []
    found = [str(one.path[-1]) for one in placeholders(root) if isinstance(one.path[-1], str)]
    found += [str(one.path[-2]) for one in placeholders(root) if isinstance(one.path[-1], int)]
    said = refusal(text, kind)
    missing = re.findall(r": ([\w.-]+): the key is missing", said)
    assert len(missing) == len(said.splitlines()), said
    return sorted([*found, *(key.rpartition(".")[2] for key in missing)])


def refusal(text: str, kind: type[Value]) -> str:
    try:
        decode_yaml(text, kind, source="r.yaml")
    except RecipeError as error:
        return error.message
    return ""


def marks(text: str) -> list[str]:
    """Every line that says TODO, or stands for a name that is to be chosen."""
    lines = [line for line in text.splitlines()[2:] if "TODO" in line or re.search(r"(^|[ /\[])todo\b", line)]
    return [re.sub(r"^[-# ]*(TODO )?", "", line.strip()) for line in lines]


def scaffold(kind: str) -> str:
    if kind == "chip":
        return new_chip(SandboxedTemplates(), "x9", title=None, vendor=None, architectures=(), sdk=None)
    if kind == "model":
        return new_model(SandboxedTemplates(), "m-1", {})
    return bundle("nvidia_cuda", "minicpm-o-4.5")


def bundle(chip: str, model: str, **chosen: str) -> str:
    catalogue = Catalogue(ROOT / "recipes")
    return new_bundle(
        SandboxedTemplates(),
        None,
        chip=catalogue.chip(chip),
        model=catalogue.model(model),
        engines={name: catalogue.engine(name) for name in catalogue.names("engines")},
        chosen=chosen,
        gates=catalogue.names("gates"),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_mark_is_a_gap_that_is_found_and_every_gap_is_marked(kind: str) -> None:
    text = scaffold(kind)
    assert len(gaps(text, KINDS[kind])) == len(marks(text)), marks(text)
    assert len(marks(text)) >= 5


FILLS = {
    "chip": {
        "# TODO architectures:": "architectures: [amd64] #",
        "[todo]": "[x9-smi]",
        "image: todo": "image: registry.example/x9/base\n      tag: 1.0.0",
        ": TODO\n": ": X9_VISIBLE_DEVICES\n",
        ": todo\n": ": x9\n",
        "/dev/todo{die}": "/dev/x9-{die}",
    },
    "model": {
        "# TODO commercial_use:": "commercial_use: allowed #",
        "# TODO modalities:": "modalities: [text] #",
        "todo/todo": "owner/name",
    },
    "bundle": {
        "# TODO sdk: one of": "sdk: cuda12.8.1",
        "# TODO engine: one of": "engine: vllm",
        "# TODO ready_within_s:": "ready_within_s: 60 #",
        "todo:": "vllm:",
        "default_variant: todo": "default_variant: vllm",
        "kind: recorded": "kind: other_chip",
        "baseline: todo": "chip: metax_c550\n      stack: vllm without FlagOS",
        "/todo": "/data/weights",
    },
}


def filled(kind: str) -> str:
    text = scaffold(kind)
    for gap, value in FILLS[kind].items():
        assert gap in text
        text = text.replace(gap, value)
    return re.sub(r'"TODO: [^"]*"', "a sentence", text)


@pytest.mark.parametrize("kind", KINDS)
def test_a_scaffold_whose_gaps_are_filled_is_a_recipe(kind: str) -> None:
    assert gaps(filled(kind), KINDS[kind]) == []
    decode_yaml(filled(kind), KINDS[kind], source="r.yaml")


PLACES = {"chip": "chips/x9.yaml", "model": "models/m-1.yaml", "bundle": "bundles/nvidia_cuda/minicpm-o-4.5.yaml"}


@pytest.mark.parametrize("kind", KINDS)
def test_lint_names_the_gaps_of_a_scaffold_and_passes_once_they_are_filled(kind: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    shutil.copytree(ROOT / "dockerfiles", tmp_path / "dockerfiles")
    path = tmp_path / "recipes" / PLACES[kind]
    (tmp_path / "dockerfiles" / "x9.Dockerfile.j2").write_text(new_dockerfile())
    argv = [sys.executable, "-m", "flagrelease", "lint", str(path), "--recipes", str(tmp_path / "recipes")]
    path.write_text(scaffold(kind))
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "the key is missing" in done.stdout + done.stderr
    path.write_text(filled(kind))
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_bundle_takes_what_is_the_only_choice_and_lists_the_others() -> None:
    text = bundle("cpu", "smollm2-135m-instruct", engine="llamacpp")
    variant = decode_yaml(
        text.replace("# TODO ready_within_s:", "ready_within_s: 60 #"), Bundle, source="r.yaml"
    ).variants["llamacpp"]
    assert (variant.sdk, variant.weights, variant.engine) == ("debian12", "q4_1", "llamacpp")
    assert variant.serving is not None
    assert variant.serving.context_length == 8192
    listed = bundle("nvidia_cuda", "minicpm-o-4.5")
    assert "    # TODO sdk: one of\n    #   cuda12.8: CUDA 12.8 of build-infra\n" in listed
    assert "    #   vllm: vLLM\n" in listed
    assert "mindie" not in listed


def test_a_model_with_a_hub_takes_its_weights_from_there() -> None:
    text = new_model(SandboxedTemplates(), "m", {"huggingface": "owner/Name", "title": 'A "title": # x'})
    root, faults = read_yaml(text, Model, source="r.yaml")
    assert faults == []
    assert text.count("owner/Name") == 2
    assert 'title: "A \\"title\\": # x"' in text
    assert root is not None


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    folder = tmp_path / "recipes"
    for name in ("chips", "models", "engines", "gates"):
        shutil.copytree(ROOT / "recipes" / name, folder / name)
    return folder


def new(*words: str, recipes: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "flagrelease", "new", *words, "--recipes", str(recipes)]
    return subprocess.run(argv, cwd=recipes.parent, capture_output=True, text=True, timeout=60, check=False)


def test_a_recipe_is_written_once_and_never_over(recipes: Path) -> None:
    words = ("bundle", "--chip", "nvidia", "--model", "minicpm-o-4.5", "--engine", "vllm")
    done = new(*words, recipes=recipes)
    path = recipes / "bundles/nvidia_cuda/minicpm-o-4.5.yaml"
    assert (done.returncode, done.stdout) == (0, f"{path}\n"), done.stderr
    assert f"`flagrelease lint {path}`" in done.stderr
    assert "next: flagrelease lock --chip nvidia_cuda --model minicpm-o-4.5" in done.stderr
    before = path.read_bytes()
    again = new(*words, recipes=recipes)
    assert (again.returncode, again.stdout) == (3, "")
    assert f"there is a recipe already: `{path}`" in again.stderr
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_recipe_can_be_printed_and_nothing_written(recipes: Path) -> None:
    done = new("chip", "x9", "--title", "X 9", "--architecture", "arm64", "--stdout", recipes=recipes)
    assert done.returncode == 0
    assert "title: X 9\n" in done.stdout
    assert "architectures: [arm64]\n" in done.stdout
    assert not (recipes / "chips/x9.yaml").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        pytest.param(("chip", "../x"), 3, "wanted a name", id="path traversal"),
        pytest.param(("chip", "X9"), 3, "wanted a name", id="capitals"),
        pytest.param(("chip", "mlu"), 3, "`mlu` is an alias of the chip `cambricon_mlu`", id="alias"),
        pytest.param(("chip",), 2, "name of the new chip", id="no name"),
        pytest.param(("chip", "x", "--engine", "vllm"), 2, "says nothing of a chip", id="option of another kind"),
        pytest.param(("chip", "x", "--architecture", "mips"), 2, "amd64 or arm64", id="architecture"),
        pytest.param(("model", "m", "--huggingface", "a b"), 3, "owner/name", id="hub"),
        pytest.param(("model", "m", "--title", "a\x1b[2J"), 3, "control characters", id="escape"),
        pytest.param(("bundle",), 2, "--chip and --model", id="no chip"),
        pytest.param(("bundle", "--chip", "nvidia", "--model", "no"), 3, "unknown model `no`", id="no such model"),
        pytest.param(
            ("bundle", "--chip", "nvidia", "--model", "minicpm-o-4.5", "--sdk", "x"), 3, "cuda13.0", id="no such sdk"
        ),
        pytest.param(("engine", "x"), 2, "wanted chip, model or bundle", id="another kind"),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...], code: int, message: str, recipes: Path) -> None:
    done = new(*words, recipes=recipes)
    assert done.returncode == code, done.stderr
    assert message in " ".join(done.stderr.split())
    assert not (recipes / "bundles").exists()


def test_a_new_chip_comes_with_the_template_of_its_dockerfile_which_is_never_written_over(recipes: Path) -> None:
    template = recipes.parent / "dockerfiles/x9.Dockerfile.j2"
    done = new("chip", "x9", recipes=recipes)
    assert done.stdout == f"{recipes / 'chips/x9.yaml'}\n{template}\n"
    template.write_text("mine")
    (recipes / "chips/x9.yaml").unlink()
    assert new("chip", "x9", recipes=recipes).stdout == f"{recipes / 'chips/x9.yaml'}\n"
    assert template.read_text() == "mine"
