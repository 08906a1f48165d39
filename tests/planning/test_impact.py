"""What another version of one thing would touch."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from flagrelease.errors import RecipeError
from flagrelease.planning.impact import same_version
from flagrelease.stages import ORDER
from tests.planning.conftest import Call
from tests.planning.project import COMMIT, edit
from tests.planning.test_matrix import ALL


def told(call: Call, bump: str) -> Any:
    return call("impact", "--json", "--bump", bump).data["bumps"][0]


def names(cells: list[dict[str, str]]) -> list[str]:
    return [f"{one['chip']}-{one['model']}-{one['variant']}" for one in cells]


@pytest.mark.parametrize("name", ["flag_gems", "flaggems", "FlagGems", "Flag-Gems", "flag.gems"])
def test_a_component_is_found_however_it_is_spelled(call: Call, name: str) -> None:
    assert names(told(call, f"{name}=6.0")["redo"]) == [*ALL[1:3], "beta-small-served"]


def test_cells_that_are_at_the_version_already_are_named_apart(call: Call) -> None:
    bump = told(call, "flaggems=5.0.2")
    assert names(bump["redo"]) == ALL[1:3]
    assert names(bump["already_at_it"]) == ["beta-small-served"]


@pytest.mark.parametrize(
    ("bump", "wanted"),
    [
        ("some-wheel=2.0", ALL[:1]),
        ("some_wheel=2.0", ALL[:1]),
        ("alpha:sdk=9.0", ALL[:3]),
        ("ALPHA_ONE:sdk=9.0", ALL[:3]),
        ("alpha:kit8.5=9.0", ALL[:3]),
        ("kit=9.0", ALL),
        ("large=2.0", ALL[:1]),
        ("small:full=2.0", ALL[1:]),
        ("Small-Model=2.0", ALL[1:]),
        ("script=2.0", ["alpha-small-plain"]),
        ("quiz=2.0", ALL[1:]),
        ("The Quiz=2.0", None),
        ("strict=2.0", ALL[1:]),
    ],
)
def test_wheels_sdks_weights_engines_policies_and_benchmarks_can_be_bumped(
    call: Call, bump: str, wanted: list[str] | None
) -> None:
    assert names(told(call, bump)["redo"]) == (wanted or ALL[1:])


@pytest.mark.parametrize("bump", ["alpha:sdk=8.5.0", "kit=v8.5.0", "kit8.5=kit8.5", "large=1.2.3"])
def test_nothing_is_redone_for_the_version_that_is_there(call: Call, bump: str) -> None:
    assert told(call, bump)["redo"] == []
    assert told(call, bump)["already_at_it"]


def test_stages_that_have_work_to_do_depend_on_what_is_bumped(call: Call) -> None:
    stages = {bump: told(call, bump)["redo"][0]["stages"] for bump in ("flaggems=6", "strict=2", "quiz=2")}
    assert stages["flaggems=6"] == list(ORDER[1:-1])
    assert stages["strict=2"] == ["smoke_kernels", "smoke_serving", "evaluate"]
    assert stages["quiz=2"] == ["evaluate"]


def test_patch_sets_on_the_component_are_named(call: Call) -> None:
    (one,) = told(call, "flaggems=6.0")["patch_sets"]
    assert (one["folder"], one["status"]) == (f"patches/flag_gems/{COMMIT}/alpha/", "imported")
    assert names(one["cells"]) == ALL[1:3]
    assert told(call, "kit=9.0")["patch_sets"] == []


def test_evaluations_are_named_by_policy_and_cells_without_a_gate_too(call: Call) -> None:
    found = {one["policy"]: (one["tasks"], names(one["cells"])) for one in told(call, "kit=9.0")["evaluations"]}
    assert found == {None: (0, ["alpha-large-served"]), "strict": (1, ALL[1:])}


def test_cells_that_are_measured_against_the_bumped_chip_are_named(call: Call) -> None:
    assert names(told(call, "alpha:sdk=9.0")["references"]) == ["beta-small-served"]
    assert told(call, "flaggems=6.0")["references"] == []


def test_several_bumps_are_told_one_after_the_other(call: Call) -> None:
    out = call("impact", "--bump", "flaggems=6.0", "--bump", "quiz=2").out
    assert out.index("flaggems → 6.0") < out.index("quiz → 2")


@pytest.mark.parametrize(
    ("name", "near"), [("flag_gem", "`FlagGems`"), ("strickt", "`strict`"), ("alpha:sdl", "`alpha:sdk`")]
)
def test_an_unknown_name_is_refused_with_the_nearest(call: Call, name: str, near: str) -> None:
    with pytest.raises(RecipeError, match="no bundle uses anything that is called") as refused:
        call("impact", "--bump", f"{name}=1")
    assert near in refused.value.hint or near.lower().replace("flaggems", "flag_gems") in refused.value.hint


@pytest.mark.parametrize("bump", ["flaggems", "=1", "flaggems=", " = "])
def test_what_is_no_bump_is_a_usage_error(call: Call, bump: str) -> None:
    with pytest.raises(typer.BadParameter, match="wanted a name and a version"):
        call("impact", f"--bump={bump}")


def test_a_recipe_that_cannot_be_read_stops_it_since_its_uses_would_be_missing(project: Path, call: Call) -> None:
    edit(project, "recipes/bundles/beta/small.yaml", "revision: r1", "revison: r1")
    with pytest.raises(RecipeError, match="did you mean 'revision'"):
        call("impact", "--bump", "flaggems=6")


# Time ---------------------------------------------------------------------------------------------


def ran(project: Path, bundle: str, seconds: float) -> None:
    """An earlier run of a bundle, each of its stages that long."""
    for number, stage in enumerate(ORDER[:-1], start=1):
        here = project.parent / "out" / f"{bundle}-0123abcd" / f"{number}-{stage}"
        here.mkdir(parents=True)
        (here / "done.json").write_text(json.dumps({"stage": stage, "seconds": seconds}))


def test_time_is_unknown_without_an_earlier_run_and_said_so(call: Call) -> None:
    bump = told(call, "flaggems=6.0")
    assert (bump["known_seconds"], bump["cells_of_unknown_time"]) == (0, 3)
    assert "time: unknown: none of these cells ever ran here" in call("impact", "--bump", "flaggems=6.0").out


def test_time_is_that_of_the_stages_with_work_to_do(project: Path, call: Call) -> None:
    ran(project, "beta-small-served", 10.0)
    assert told(call, "quiz=2")["known_seconds"] == 10.0
    assert told(call, "strict=2")["known_seconds"] == 30.0
    assert told(call, "flaggems=6")["known_seconds"] == 70.0
    out = call("impact", "--bump", "flaggems=6").out
    assert "time: 1 min 10 s for 1 cells, by earlier runs; unknown for 2 that never ran here" in out


def test_a_stage_that_never_ended_makes_the_time_unknown(project: Path, call: Call) -> None:
    ran(project, "beta-small-served", 10.0)
    (project.parent / "out/beta-small-served-0123abcd/8-evaluate/done.json").unlink()
    assert told(call, "quiz=2")["cells_of_unknown_time"] == 3


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("v1.0", "1.0", True),
        ("8.2.RC1", "8.2.rc1", True),
        ("0123456789abcdef", "0123456", True),
        ("0.4.0+3.5", "0.4.0", False),
        ("1.0", "1.0.1", False),
        ("0123456789", "0123457", False),
    ],
)
def test_versions_are_compared_as_people_write_them(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    assert same_version(one, other) is same
