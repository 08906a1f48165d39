"""The matrix lists every cell, lets filters through or refuses them, and says how each cell stands."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import typer

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import sha256_of
from tests.planning.conftest import Call
from tests.planning.project import FILES, edit, write

ALL = ["alpha-large-served", "alpha-small-served", "alpha-small-plain", "beta-small-served"]


def names(call: Call, *words: str) -> list[str]:
    return [cell["bundle"] for cell in call("matrix", "--format", "json", *words).data["cells"]]


def states(call: Call, *words: str) -> dict[str, str]:
    return {cell["bundle"]: cell["state"] for cell in call("matrix", "--format", "json", *words).data["cells"]}


def write_lock(project: Path, chip: str, model: str, variants: Iterable[str], *, opened: int = 0) -> None:
    """A lock as far as the matrix looks into it."""
    recipes = project / "recipes"
    inputs = [{"status": "unresolved"}] * opened + [{"status": "locked"}]
    locks = {
        name: {
            "kind": "partial",
            "recipe_sha256": sha256_of(Catalogue(recipes).recipe(chip, model, name).binding()),
            "inputs": inputs,
        }
        for name in variants
    }
    path = recipes / "bundles" / chip / f"{model}.lock.json"
    path.write_text(json.dumps({"schema": "flagrelease.lockfile/v2", "variants": locks}))


def test_every_bundle_and_variant_is_a_cell(call: Call) -> None:
    assert names(call) == ALL


def test_a_cell_has_what_a_scheduler_needs(call: Call) -> None:
    cell = call("matrix", "--format", "json", "--chip", "alpha", "--variant", "plain").data["cells"][0]
    assert cell == {
        "bundle": "alpha-small-plain", "chip": "alpha", "model": "small", "variant": "plain", "is_default": False,
        "engine": "script", "revision": "r1", "architecture": "amd64", "world_size": 4,
        "runner_labels": ["self-hosted", "alpha"], "state": "unlocked", "open_inputs": 0,
    }  # fmt: skip


def test_default_variants_alone_can_be_asked_for(call: Call) -> None:
    assert names(call, "--default-only") == [name for name in ALL if not name.endswith("plain")]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--chip", "alpha_one"], ALL[:3]),
        (["--chip", "AL*"], ALL[:3]),
        (["--model", "small", "--chip", "beta"], ["beta-small-served"]),
        (["--model", "sm?ll", "--model", "large"], ALL),
        (["--engine", "scr*"], ["alpha-small-plain"]),
        (["--label", "beta"], ["beta-small-served"]),
        (["--variant", "[ps]*"], ALL),
    ],
)
def test_filters_take_names_aliases_and_patterns(call: Call, words: list[str], wanted: list[str]) -> None:
    assert names(call, *words) == wanted


@pytest.mark.parametrize(
    ("option", "word", "near"),
    [
        ("--chip", "alpa", "`alpha`"),
        ("--model", "smal", "`small`"),
        ("--variant", "serve", "`served`"),
        ("--engine", "servr", "`server`"),
        ("--label", "self_hosted", "`self-hosted`"),
    ],
)
def test_a_filter_that_matches_nothing_is_named_with_the_nearest_names(
    call: Call, option: str, word: str, near: str
) -> None:
    with pytest.raises(RecipeError) as refused:
        call("matrix", option, word)
    assert refused.value.message == f"{option} `{word}` matches no cell"
    assert near in refused.value.hint


def test_one_of_several_patterns_that_matches_nothing_is_an_error_too(call: Call) -> None:
    with pytest.raises(RecipeError, match="--chip `gamma` matches no cell"):
        call("matrix", "--chip", "alpha", "--chip", "gamma")


def test_filters_that_exclude_each_other_say_how_many_cells_each_lets_through(call: Call) -> None:
    with pytest.raises(RecipeError, match=r"--chip beta \(1\), --engine script \(1\)"):
        call("matrix", "--chip", "beta", "--engine", "script")


def test_refused_cells_are_listed_apart(call: Call) -> None:
    refused = call("matrix", "--format", "json").data["refused"]
    assert [(one["chip"], one["model"], one["what"]) for one in refused] == [
        ("alpha", "large", "more than one machine")
    ]
    assert "refused" not in call("matrix").out
    assert "refused  alpha × large: more than one machine: nobody tried (here)" in call("matrix", "--refused").out
    assert call("matrix", "--format", "json", "--chip", "beta").data["refused"] == []


def test_the_table_has_a_line_a_cell_below_its_headings(call: Call) -> None:
    lines = call("matrix").out.splitlines()
    assert lines[0].split() == [
        "chip",
        "model",
        "variant",
        "engine",
        "rev",
        "arch",
        "devices",
        "runner",
        "labels",
        "ready",
    ]
    assert lines[2].split() == [
        "alpha",
        "small",
        "served",
        "server",
        "r1",
        "amd64",
        "4",
        "self-hosted,alpha",
        "unlocked",
    ]
    assert len(lines) == 1 + len(ALL)


# Readiness ----------------------------------------------------------------------------------------


def test_a_cell_is_open_with_its_count_locked_or_unlocked(project: Path, call: Call) -> None:
    write_lock(project, "alpha", "small", ["served"], opened=2)
    write_lock(project, "beta", "small", ["served"])
    assert states(call) == dict(zip(ALL, ["unlocked", "open", "unlocked", "locked"], strict=True))
    assert "open: 2 inputs" in call("matrix").out


def test_locks_are_held_against_their_recipes_when_that_is_asked(project: Path, call: Call) -> None:
    write_lock(project, "beta", "small", ["served"])
    write_lock(project, "alpha", "large", ["served"])
    edit(project, "recipes/bundles/beta/small.yaml", "ready_within_s: 60", "ready_within_s: 61")
    assert states(call, "--check-locks") == dict(zip(ALL, ["ready", "unlocked", "unlocked", "stale"], strict=True))


def test_only_what_is_ready_can_be_asked_for(project: Path, call: Call) -> None:
    write_lock(project, "beta", "small", ["served"])
    assert names(call, "--ready") == ["beta-small-served"]


def test_when_nothing_is_ready_it_says_how_the_cells_stand(project: Path, call: Call) -> None:
    write_lock(project, "alpha", "small", ["served"], opened=1)
    with pytest.raises(RecipeError, match="none of 4 cells is ready to build: 1 open, 3 unlocked"):
        call("matrix", "--ready")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"variants": {"served": {"kind": "whole"}}}', "[" * 100_000])
def test_what_is_no_lock_is_unreadable_and_no_traceback(project: Path, call: Call, content: str) -> None:
    (project / "recipes/bundles/beta/small.lock.json").write_text(content)
    assert states(call, "--chip", "beta") == {"beta-small-served": "unreadable"}


# GitHub Actions -----------------------------------------------------------------------------------


def test_gha_is_one_line_that_a_workflow_can_parse(call: Call) -> None:
    out = call("matrix", "--format", "gha").out
    assert out.count("\n") == 1
    assert out.isascii()
    jobs = json.loads(out)["include"]
    assert [job["name"] for job in jobs] == ALL
    assert jobs[3]["runs_on"] == ["self-hosted", "beta"]


def test_gha_refuses_a_chip_without_a_runner(project: Path, call: Call) -> None:
    edit(project, "recipes/chips/beta.yaml", "runner_labels: [self-hosted, beta]\n", "")
    with pytest.raises(RecipeError, match="found no `runner_labels` in the recipes of beta"):
        call("matrix", "--format", "gha")


def many(project: Path, count: int) -> None:
    """So many cells in all, as variants of one bundle."""
    text = (
        "        schema: flagrelease.bundle/v2\n        chip: beta\n        model: small\n        default_variant: v0\n"
    )
    text += "        variants:\n"
    for number in range(count):
        text += f"          v{number}: {{revision: r1, sdk: kit8.5, weights: full, engine: server}}\n"
    write(project, {"recipes/bundles/beta/small.yaml": text})
    for path in (project / "recipes" / "bundles" / "alpha").iterdir():
        path.unlink()


def test_more_cells_than_a_workflow_takes_are_refused_with_what_to_do(project: Path, call: Call) -> None:
    many(project, 257)
    with pytest.raises(RecipeError, match="takes 256 jobs, these are 257 cells") as refused:
        call("matrix", "--format", "gha")
    assert "--shard 1/2" in refused.value.hint


def test_shards_together_are_all_cells(project: Path, call: Call) -> None:
    many(project, 257)
    assert call("matrix", "--shards").out == "2\n"
    shards = json.loads(call("matrix", "--format", "gha", "--shards").out)["shard"]
    assert shards == ["1/2", "2/2"]
    parts = [json.loads(call("matrix", "--format", "gha", "--shard", one).out)["include"] for one in shards]
    assert [len(part) for part in parts] == [128, 129]
    assert len({job["variant"] for part in parts for job in part}) == 257


@pytest.mark.parametrize("text", ["0/1", "2/1", "1", "a/b", "1/0", "-1/2", "1/1/1"])
def test_a_shard_that_is_none_is_a_usage_error(call: Call, text: str) -> None:
    with pytest.raises(typer.BadParameter, match="wanted a number and a count"):
        call("matrix", f"--shard={text}")


def test_too_few_shards_are_a_usage_error(project: Path, call: Call) -> None:
    many(project, 257)
    with pytest.raises(typer.BadParameter, match="257 cells need 2 shards"):
        call("matrix", "--shard", "1/1")


# Recipes that cannot be read ----------------------------------------------------------------------


def test_no_cell_is_lost_because_its_recipe_cannot_be_read(project: Path, call: Call) -> None:
    edit(project, "recipes/bundles/beta/small.yaml", "revision: r1", "revison: r1")
    with pytest.raises(RecipeError, match="did you mean 'revision'"):
        call("matrix")
    with pytest.raises(RecipeError, match="did you mean 'revision'"):
        call("matrix", "--chip", "beta")


@pytest.mark.parametrize("file", ["chips/beta", "engines/server", "models/small", "gates/strict"])
def test_a_cell_whose_chip_engine_model_or_policy_cannot_be_read_is_refused(
    project: Path, call: Call, file: str
) -> None:
    (project / "recipes" / f"{file}.yaml").write_text("name: [\n")
    with pytest.raises(RecipeError, match=f"{file.partition('/')[2]}.yaml"):
        call("matrix", "--chip", "b*")


def test_a_recipe_that_cannot_be_read_stops_nobody_who_asks_for_other_cells(project: Path, call: Call) -> None:
    edit(project, "recipes/bundles/beta/small.yaml", "revision: r1", "revison: r1")
    told = call("matrix", "--format", "json", "--chip", "alpha")
    assert len(told.data["cells"]) == 3
    assert told.err == "bundles/beta/small.yaml cannot be read; no cell here is made from it\n"


def test_an_engine_that_has_no_recipe_is_named(project: Path, call: Call) -> None:
    (project / "recipes/engines/script.yaml").unlink()
    with pytest.raises(RecipeError, match=r"engines/script\.yaml: wanted a recipe, found none"):
        call("matrix")


# The same bytes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["--format", "json"], ["--format", "gha"], ["--refused"]])
def test_the_output_is_the_same_in_every_process_and_with_every_hash_seed(project: Path, words: list[str]) -> None:
    argv = [sys.executable, "-m", "flagrelease", "matrix", *words]
    outs = set()
    for seed in ("0", "1", "4242"):
        done = subprocess.run(argv, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True)
        outs.add(done.stdout)
    assert len(outs) == 1
    assert outs.pop().strip()


@pytest.mark.parametrize(("words", "status"), [(["--chip", "nope"], 3), (["--shard", "2"], 2), (["--format", "x"], 2)])
def test_exit_codes_tell_a_wrong_name_from_a_wrong_command_line(project: Path, words: list[str], status: int) -> None:
    done = subprocess.run([sys.executable, "-m", "flagrelease", "matrix", *words], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (status, b"")
    assert b"Traceback" not in done.stderr


def test_the_order_in_which_files_were_written_does_not_matter(project: Path, call: Call) -> None:
    before = call("matrix", "--format", "json").out
    for name in FILES:
        (project / name).unlink()
    write(project, {name: FILES[name] for name in reversed(list(FILES))})
    assert call("matrix", "--format", "json").out == before
