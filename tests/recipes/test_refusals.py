"""Every cell that a vendor's matrix marks with a cross is refused, and the refusal says where that is stated.

The matrices are those of the instructions for MindIE: seed 003, lines 412 to 458, and seed 004, lines 13 to 22.
"""

from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.domain.bundle import Parallel
from flagrelease.domain.everything import Everything
from flagrelease.lint.judge import judge
from flagrelease.lint.project import Project

ROOT = Path(__file__).parents[2]
A2, DUO = "ascend_800i_a2", "ascend_300i_duo"
MODEL = "deepseek-vl-7b-chat"


@cache
def recipes() -> Everything:
    return Catalogue(ROOT / "recipes").everything()


def errors(chip: str, **changes: Any) -> list[str]:
    """What lint says of the bundle with these changes of its variant that it does not say without them."""

    def said(bundles: Any) -> set[str]:
        project = Project(recipes=replace(recipes(), bundles=bundles), today=date(2026, 11, 24))
        return {f"{one.rule.id} {one.found.text}" for one in judge(project) if one.severity == "error"}

    bundle = recipes().bundles[chip, MODEL]
    variant = bundle.variants["mindie"].model_copy(update=changes)
    changed = bundle.model_copy(update={"variants": {"mindie": variant}})
    return sorted(said({**recipes().bundles, (chip, MODEL): changed}) - said(recipes().bundles))


@pytest.mark.slow
@pytest.mark.parametrize("chip", [A2, DUO])
@pytest.mark.parametrize("granularity", ["per_token", "per_group"])
@pytest.mark.parametrize(
    ("scheme", "line"), [("w8a8", "003:425"), ("w8a16", "003:426"), ("kv-int8", "003:427"), ("w8a8-sparse", "003:428")]
)
def test_a_quantisation_is_refused_at_every_granularity_that_has_a_cross(
    chip: str, scheme: str, line: str, granularity: str
) -> None:
    said = errors(chip, quantisation=scheme, granularity=granularity)
    assert any(line in one for one in said), said


@pytest.mark.parametrize(
    ("chip", "scheme", "line"), [(DUO, "w8a16", "433"), (DUO, "kv-int8", "434"), (A2, "w8a8-sparse", "435")]
)
def test_a_quantisation_is_refused_on_the_machine_that_has_a_cross(chip: str, scheme: str, line: str) -> None:
    said = errors(chip, quantisation=scheme, granularity="per_channel")
    assert any(line in one for one in said), said


@pytest.mark.parametrize(
    ("chip", "scheme"),
    [(A2, "w8a8"), (DUO, "w8a8"), (A2, "w8a16"), (A2, "kv-int8"), (DUO, "w8a8-sparse")],
)
def test_a_quantisation_with_a_tick_is_not_refused_for_its_granularity_or_machine(chip: str, scheme: str) -> None:
    said = errors(chip, quantisation=scheme, granularity="per_channel")
    assert not [one for one in said if "003:4" in one], said


@pytest.mark.parametrize("strategy", ["data", "pipeline"])
@pytest.mark.parametrize("chip", [A2, DUO])
def test_data_and_pipeline_parallelism_are_refused(chip: str, strategy: str) -> None:
    said = errors(chip, parallel=Parallel.model_validate({strategy: 2}))
    assert any(strategy in one for one in said), said


@pytest.mark.parametrize("chip", [A2, DUO])
def test_bfloat16_is_refused_for_this_model_although_the_a2_has_it(chip: str) -> None:
    said = errors(chip, precision="bfloat16")
    assert any("seed 004:13-20" in one for one in said), said


def test_bfloat16_is_refused_on_the_duo_for_any_model() -> None:
    assert any("`ascend_300i_duo`" in one and "bfloat16" in one for one in errors(DUO, precision="bfloat16"))


@pytest.mark.parametrize("chip", [A2, DUO])
@pytest.mark.parametrize("size", [3, 16])
def test_a_world_size_outside_the_row_is_refused(chip: str, size: int) -> None:
    said = errors(chip, parallel=Parallel(tensor=size))
    assert any("seed 004:13-20" in one for one in said), said


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_a_world_size_of_the_row_is_not_refused(size: int) -> None:
    assert not [one for one in errors(A2, parallel=Parallel(tensor=size)) if "004" in one]


def test_a_benchmark_of_a_modality_that_the_cell_does_not_do_is_refused() -> None:
    said = errors(A2, gate="minicpm-o-4.5-transformers")
    assert any("video" in one for one in said), said


def test_several_machines_are_refused_for_a_family_that_is_not_named() -> None:
    said = errors(A2, parallel=Parallel(tensor=8, nodes=2))
    assert any("nodes" in one or "machines" in one for one in said), said
