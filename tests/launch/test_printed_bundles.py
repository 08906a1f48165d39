"""What `flagrelease run --print` writes for some bundles, whole: `tests/launch/printed/`.

After a change that is meant: `python -m tests.launch.test_printed_bundles --update`, and read the diff.
"""

import sys
from pathlib import Path

import pytest

from flagrelease.cli.running.asked import FORMATS
from flagrelease.cli.running.printing import as_text
from flagrelease.launch.container import image_name, is_ours
from flagrelease.launch.spec import run_spec
from flagrelease.launch.start import start_of
from tests.launch.a_start import CATALOGUE, spec_of

PRINTED = Path(__file__).parent / "printed"
BUNDLES = {
    "cambricon": ("cambricon_mlu", "minicpm-o-2.6", "flagscale"),
    "cpu": ("cpu", "smollm2-135m-instruct", "llamacpp"),
    "duo": ("ascend_300i_duo", "deepseek-vl-7b-chat", "mindie"),
    "nvidia": ("nvidia_cuda", "minicpm-o-4.5", "vllm"),
}
CHIPS = {"hygon": "hygon_bw1000", "sunrise": "sunrise"}


def texts() -> dict[str, str]:
    """Each file and what it has to be."""
    starts = {}
    for name, cell in BUNDLES.items():
        recipe = CATALOGUE.recipe(*cell)
        starts[name] = start_of(run_spec(recipe), image=image_name(recipe), ours=is_ours(recipe))
    for name, chip in CHIPS.items():
        starts[name] = start_of(spec_of(CATALOGUE.chip(chip)), image="registry.example/a:r1", ours=True)
    return {f"{name}.{form}": as_text(start, form) for name, start in starts.items() for form in FORMATS}


@pytest.mark.parametrize("name", [f"{name}.{form}" for name in (*BUNDLES, *CHIPS) for form in FORMATS])
def test_a_bundle_is_printed_as_it_stands_there(name: str) -> None:
    assert texts()[name] == (PRINTED / name).read_text(encoding="utf-8")


def test_nothing_else_stands_there() -> None:
    assert sorted(path.name for path in PRINTED.iterdir()) == sorted(texts())


if __name__ == "__main__" and sys.argv[1:] == ["--update"]:
    for name, text in texts().items():
        (PRINTED / name).write_text(text, encoding="utf-8")
