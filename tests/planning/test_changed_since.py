"""What changed since a git revision, with the reason for each cell; every test has a real repository."""

import json
from pathlib import Path

import pytest
import typer

from flagrelease.errors import RecipeError
from tests.planning.conftest import Call
from tests.planning.project import COMMIT, commit, edit, git, write
from tests.planning.test_matrix import ALL, write_lock

ALPHA_SMALL = "recipes/bundles/alpha/small.yaml"


@pytest.fixture(autouse=True)
def _committed(project: Path) -> None:
    commit(project)


def reasons(call: Call, *words: str, since: str = "HEAD") -> dict[str, list[str]]:
    cells = call("matrix", "--format", "json", "--changed-since", since, *words).data["cells"]
    return {
        cell["bundle"]: [f"{one['file']}: {one['key']}: {one['text']}" for one in cell["reasons"]] for cell in cells
    }


def test_nothing_changed_is_an_empty_matrix_and_said_so(call: Call) -> None:
    told = call("matrix", "--format", "gha", "--changed-since", "HEAD")
    assert (told.out, told.err) == ('{"include":[]}\n', "no cell changed since HEAD\n")


def test_a_changed_key_of_a_variant_is_the_reason_of_that_cell_alone(project: Path, call: Call) -> None:
    edit(project, ALPHA_SMALL, 'env: {LEVEL: "4"}', 'env: {LEVEL: "5"}')
    assert reasons(call) == {"alpha-small-plain": [f'{ALPHA_SMALL}: variants.plain.env.LEVEL: "4" → "5"']}


def test_a_variant_that_extends_the_changed_one_changed_too(project: Path, call: Call) -> None:
    edit(project, ALPHA_SMALL, "parallel: {tensor: 4}", "parallel: {tensor: 2}")
    assert reasons(call) == {
        "alpha-small-served": [f"{ALPHA_SMALL}: variants.served.parallel.tensor: 4 → 2"],
        "alpha-small-plain": [f"{ALPHA_SMALL}: variants.plain.parallel.tensor: 4 → 2"],
    }


def test_comments_key_order_and_what_is_for_readers_are_no_reason(project: Path, call: Call) -> None:
    edit(project, ALPHA_SMALL, "note: for readers", "note: for other readers # and a comment")
    edit(project, ALPHA_SMALL, '{LEVEL: "3", OWN: "1"}', '{OWN: "1", LEVEL: "3"}')
    edit(project, "recipes/chips/beta.yaml", "runner_labels: [self-hosted, beta]", "runner_labels: [beta]")
    assert reasons(call) == {}


def test_a_changed_sdk_is_a_reason_for_the_cells_that_use_it(project: Path, call: Call) -> None:
    edit(project, "recipes/chips/alpha.yaml", "version: 8.5.0", "version: 8.5.1")
    text = 'recipes/chips/alpha.yaml: sdks.kit8.5.version: "8.5.0" → "8.5.1"'
    assert reasons(call) == {name: [text] for name in ALL[:3]}


def test_a_changed_profile_is_a_reason_for_every_image_that_can_be_asked_for_it(project: Path, call: Call) -> None:
    edit(project, "recipes/chips/alpha.yaml", 'LEVEL: "2"', 'LEVEL: "1"')
    text = 'recipes/chips/alpha.yaml: profiles.quick.on.LEVEL: "2" → "1"'
    assert reasons(call) == {name: [text] for name in ALL[:3]}


def test_a_chip_changes_with_the_one_it_extends_though_its_own_file_does_not(project: Path, call: Call) -> None:
    edit(project, "recipes/chips/base.yaml", "memory_probe: process_tree", "memory_probe: smi")
    text = 'recipes/chips/alpha.yaml: memory_probe: "process_tree" → "smi"'
    assert reasons(call) == {name: [text] for name in ALL[:3]}


def test_engines_models_policies_and_benchmarks_are_reasons(project: Path, call: Call) -> None:
    edit(project, "recipes/engines/script.yaml", "title: A script", "title: Another script")
    edit(project, "recipes/models/large.yaml", "version: 1.2.3", "version: 1.2.4")
    edit(project, "recipes/gates/strict.yaml", "margin_pt: 3.0", "margin_pt: 2.0")
    edit(project, "recipes/benchmarks/quiz.yaml", "items: 100", "items: 90")
    policy = "recipes/gates/strict.yaml: harness_tasks.quiz.margin_pt: 3.0 → 2.0"
    quiz = "recipes/benchmarks/quiz.yaml: items: 100 → 90"
    script = 'recipes/engines/script.yaml: title: "A script" → "Another script"'
    assert reasons(call) == {
        "alpha-large-served": ['recipes/models/large.yaml: weights.full.source.version: "1.2.3" → "1.2.4"'],
        "alpha-small-served": [policy, quiz],
        "alpha-small-plain": [script, policy, quiz],
        "beta-small-served": [policy, quiz],
    }


def test_templates_baselines_and_patches_are_reasons(project: Path, call: Call) -> None:
    (project / "dockerfiles/start.sh.j2").write_text("exec true\n")
    (project / "recipes/baselines/small/record.json").write_text("[]")
    (project / f"patches/flag_gems/{COMMIT}/alpha/0002-more.patch").write_text("more\n")
    (project / "patches/flag_gems/ffffffffffff/alpha").mkdir(parents=True)
    (project / "patches/flag_gems/ffffffffffff/alpha/0001-other.patch").write_text("not for this base\n")
    wanted = [
        "dockerfiles/start.sh.j2: : changed",
        "recipes/baselines/small/record.json: : changed",
        f"patches/flag_gems/{COMMIT}/alpha/0002-more.patch: : a new file",
    ]
    assert reasons(call) == {"alpha-small-served": wanted, "alpha-small-plain": wanted}


def test_a_changed_lock_is_a_reason_with_the_input_that_moved(project: Path, call: Call) -> None:
    call("lock", "--offline", "--chip", "beta", "--model", "small")
    commit(project)
    path = project / "recipes/bundles/beta/small.lock.json"
    locks = json.loads(path.read_text())
    component = next(one for one in locks["variants"]["served"]["inputs"] if one["key"] == "components.flag_gems")
    component |= {"status": "locked", "pin": "a" * 40, "reason": None}
    path.write_text(json.dumps(locks))
    ((name, (reason,)),) = reasons(call).items()
    assert name == "beta-small-served"
    assert reason.startswith("recipes/bundles/beta/small.lock.json: components.flag_gems: unresolved: ")
    assert reason.endswith(f"→ {'a' * 40}")


def test_a_new_lock_is_a_reason_and_one_spelled_otherwise_is_none(project: Path, call: Call) -> None:
    call("lock", "--offline", "--chip", "beta", "--model", "small")
    assert reasons(call) == {
        "beta-small-served": ["recipes/bundles/beta/small.lock.json: variants.served: newly locked"]
    }
    commit(project)
    path = project / "recipes/bundles/beta/small.lock.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert reasons(call) == {}


def test_a_lock_that_cannot_be_read_counts_as_changed(project: Path, call: Call) -> None:
    write_lock(project, "beta", "small", ["served"])
    ((name, (reason,)),) = reasons(call).items()
    assert name == "beta-small-served"
    assert "inputs cannot be compared: the lock cannot be read" in reason


def test_new_bundles_and_new_variants_are_reasons_by_themselves(project: Path, call: Call) -> None:
    text = (project / "recipes/bundles/beta/small.yaml").read_text()
    (project / "recipes/bundles/beta/large.yaml").write_text(text.replace("model: small", "model: large"))
    edit(project, ALPHA_SMALL, "  plain:\n", "  other:\n    extends: served\n  plain:\n")
    assert reasons(call) == {
        "alpha-small-other": [f"{ALPHA_SMALL}: variants.other: a new variant"],
        "beta-large-served": ["recipes/bundles/beta/large.yaml: : a new bundle"],
    }


def test_cells_that_are_gone_are_told(project: Path, call: Call) -> None:
    (project / "recipes/bundles/beta/small.yaml").unlink()
    edit(project, ALPHA_SMALL, '  plain:\n    extends: served\n    engine: script\n    env: {LEVEL: "4"}\n', "")
    told = call("matrix", "--format", "json", "--changed-since", "HEAD")
    assert [one["variant"] for one in told.data["gone"]] == ["plain", "served"]
    assert "gone since HEAD: beta-small-served" in told.err


def test_another_default_variant_is_a_reason_for_the_new_one(project: Path, call: Call) -> None:
    edit(project, ALPHA_SMALL, "default_variant: served", "default_variant: plain")
    assert reasons(call) == {"alpha-small-plain": [f'{ALPHA_SMALL}: default_variant: "served" → "plain"']}


def test_filters_hold_for_what_changed(project: Path, call: Call) -> None:
    edit(project, "recipes/gates/strict.yaml", "margin_pt: 3.0", "margin_pt: 2.0")
    assert list(reasons(call, "--chip", "beta")) == ["beta-small-served"]


def test_the_table_has_the_reasons_below_each_cell_and_a_job_has_the_first(project: Path, call: Call) -> None:
    edit(project, "recipes/gates/strict.yaml", "margin_pt: 3.0", "margin_pt: 2.0")
    edit(project, "recipes/gates/strict.yaml", "title: Strict", "title: Stricter")
    table = call("matrix", "--changed-since", "HEAD", "--chip", "beta").out
    assert table.splitlines()[2] == "    recipes/gates/strict.yaml: harness_tasks.quiz.margin_pt: 3.0 → 2.0"
    job = json.loads(call("matrix", "--changed-since", "HEAD", "--chip", "beta", "--format", "gha").out)["include"][0]
    assert job["reason"] == "recipes/gates/strict.yaml: harness_tasks.quiz.margin_pt: 3.0 → 2.0 and 1 more"


# Code ---------------------------------------------------------------------------------------------


def test_a_change_of_code_is_a_reason_for_every_cell_only_when_that_is_asked(project: Path, call: Call) -> None:
    write(project, {"flagrelease/pipeline.py": "pass\n", "flagrelease/__pycache__/pipeline.pyc": "x"})
    assert reasons(call) == {}
    assert reasons(call, "--code") == {name: ["flagrelease/pipeline.py: : a new file"] for name in ALL}


def test_code_without_a_revision_is_a_usage_error(call: Call) -> None:
    with pytest.raises(typer.BadParameter, match="--changed-since"):
        call("matrix", "--code")


# Revisions ----------------------------------------------------------------------------------------


def test_it_compares_with_where_head_left_the_revision_not_with_what_came_there_later(
    project: Path, call: Call
) -> None:
    git(project, "switch", "--quiet", "--create", "change")
    edit(project, ALPHA_SMALL, 'env: {LEVEL: "4"}', 'env: {LEVEL: "5"}')
    commit(project)
    git(project, "switch", "--quiet", "main")
    edit(project, "recipes/chips/beta.yaml", "version: 8.5.0", "version: 8.5.1")
    commit(project)
    git(project, "switch", "--quiet", "change")
    assert list(reasons(call, since="main")) == ["alpha-small-plain"]


def test_a_recipe_of_an_older_schema_then_counts_as_changed(project: Path, call: Call) -> None:
    edit(project, "recipes/chips/beta.yaml", "schema: flagrelease.chip/v2", "schema: flagrelease.chip/v1")
    commit(project)
    edit(project, "recipes/chips/beta.yaml", "schema: flagrelease.chip/v1", "schema: flagrelease.chip/v2")
    assert reasons(call) == {
        "beta-small-served": ["recipes/chips/beta.yaml: : could not be read then, so all of it counts as changed"]
    }


def test_an_unknown_revision_is_refused_with_the_nearest_names(project: Path, call: Call) -> None:
    git(project, "tag", "v1.0")
    with pytest.raises(RecipeError, match=r"wanted a git revision, found no 'v1\.1'") as refused:
        call("matrix", "--changed-since", "v1.1")
    assert "did you mean `v1.0`?" in refused.value.hint


def test_histories_that_share_no_commit_are_refused(project: Path, call: Call) -> None:
    git(project, "switch", "--quiet", "--orphan", "other")
    git(project, "commit", "--quiet", "--allow-empty", "--message=another beginning")
    git(project, "switch", "--quiet", "main")
    with pytest.raises(RecipeError, match="the commit at which HEAD left `other`, found none") as refused:
        call("matrix", "--changed-since", "other")
    assert "fetch-depth" in refused.value.hint
