"""FlagScale's hardware/ of all three generations becomes sets: the same trees, with their authors."""

import json
from pathlib import Path

import pytest

from flagrelease.domain.patch_series import Series
from flagrelease.formats.strict import decode_yaml
from tests.patching.conftest import Place
from tests.patching.flagscale_checkout import ENGINE, RUN, Checkout, flagscale_checkout

FACTS = ("--upstream", "none", "--remove-when", "FlagScale has a plugin")
MLU_RUN = RUN.replace(b"run 15\n", b"run 15 on mlu\n")
MLU_ENGINE = ENGINE.replace(b"engine 15\n", b"engine 15 on mlu\n")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return flagscale_checkout(tmp_path / "fs")


def series_at(place: Place, component: str, base: str, chip: str) -> Series:
    path = place.patches / component / base[:12] / chip / "series.yaml"
    return decode_yaml(path.read_bytes(), Series, source="series.yaml")


def imports(place: Place, checkout: Checkout, *more: str, status: int = 0) -> str:
    return place.run("import", "--from", "flagscale", str(checkout.top), *FACTS, *more, status=status)


def test_a_generation_1_mailbox_is_a_patch_a_mail(place: Place, checkout: Checkout) -> None:
    tree = checkout.generation_1("cambricon_MLU", [{"flagscale/run.py": MLU_RUN}, {"flagscale/mlu.py": b"x\n"}])
    told = imports(place, checkout, "--owner", "someone", "--task", "inference")
    assert "1 imported" in told
    series = series_at(place, "flagscale", checkout.base, "cambricon_mlu")
    assert series.result_tree == tree
    assert [one.subject for one in series.patches] == ["Vendor step 1", "Vendor step 2"]
    assert {one.author for one in series.patches} == {"Li Vendor <li@vendor.example>"}
    assert str(series.patches[0].date) == "2025-03-01"


@pytest.mark.parametrize("generation", [2, 3])
def test_a_backend_is_imported_at_its_own_commit(place: Place, checkout: Checkout, generation: int) -> None:
    files = {"vllm/engine.py": MLU_ENGINE, "vllm/config.py": None, "vllm/mlu.py": b"new\n"}
    make = checkout.generation_2 if generation == 2 else checkout.generation_3
    tree = make("Metax_C550", "vllm", files)
    checkout.commit("Metax for vllm")
    imports(place, checkout)
    series = series_at(place, "vllm", checkout.commits["vllm"], "metax_c550")
    assert (series.result_tree, series.base) == (tree, checkout.commits["vllm"])
    (patch,) = series.patches
    assert (patch.author, str(patch.date), patch.subject) == (
        "Li Vendor <li@vendor.example>", "2025-03-01", "Metax for vllm",
    )  # fmt: skip
    assert (series.owner, series.models, series.task) == ("li@vendor.example", ("qwen3",), ("inference",))
    assert series.why.startswith("vendor changes of Metax_C550 to vllm, imported from FlagScale at ")
    assert "applies: tree" in place.run("check", "--all", "--repo", f"vllm={checkout.where('vllm')}")


def test_json(place: Place, checkout: Checkout) -> None:
    checkout.generation_3("Metax_C550", "vllm", {"vllm/engine.py": MLU_ENGINE})
    told = json.loads(imports(place, checkout, "--json"))
    (one,) = told["sets"]
    assert one["state"] == "imported"
