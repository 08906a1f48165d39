"""Two bundles are compared by meaning."""

import json
from pathlib import Path

import pytest
import typer

from flagrelease.cli.diff_command import Named, named
from flagrelease.errors import RecipeError
from tests.planning.conftest import Call
from tests.planning.project import commit, edit

BUNDLE = "recipes/bundles/alpha/small.yaml"


def differing(call: Call, one: str, other: str, *words: str) -> dict[str, tuple[object, object]]:
    groups = call("diff", one, other, "--json", *words).data["groups"]
    return {
        key["key"]: (key.get("before", "nothing"), key.get("after", "nothing"))
        for group in groups
        for key in group["keys"]
    }


def test_a_bundle_is_equal_to_itself(call: Call) -> None:
    call("lock", "--offline")
    told = call("diff", "alpha/small", "alpha/small/served")
    assert told.out.splitlines()[1:] == ["equal"]
    assert call("diff", "alpha/small", "alpha/small", "--json").data["equal"] is True


def test_keys_of_two_variants_that_differ_are_listed_with_both_places(call: Call, project: Path) -> None:
    assert differing(call, "alpha/small", "alpha/small/plain") == {
        "engine": ("server", "script"),
        "env.LEVEL": ("3", "4"),
        "engine.name": ("server", "script"),
        "engine.serves": (True, False),
        "engine.title": ("A server", "A script"),
    }
    lines = call("diff", "alpha/small", "alpha/small/plain").out.splitlines()
    at = lines.index('  env.LEVEL: "3" → "4"')
    assert lines[at + 1].startswith(f"      - {project / BUNDLE}:13:")
    assert lines[at + 2].startswith(f"      + {project / BUNDLE}:29:")


def test_the_environment_is_compared_as_it_runs_not_as_it_is_written(call: Call, project: Path) -> None:
    edit(project, BUNDLE, 'env: {LEVEL: "4"}', 'env: {LEVEL: "3", MODE: quick}')
    assert "env.MODE" not in differing(call, "alpha/small", "alpha/small/plain")


def test_what_is_only_for_readers_is_left_out_and_counted(project: Path, call: Call) -> None:
    commit(project)
    edit(project, BUNDLE, "note: for readers", "note: for others")
    told = call("diff", "alpha/small@HEAD", "alpha/small", "--json").data
    assert (told["groups"], told["left_out_for_readers"]) == ([], 1)
    assert "note" in differing(call, "alpha/small@HEAD", "alpha/small", "--all")


def test_comments_and_the_order_of_keys_are_no_difference(project: Path, call: Call) -> None:
    commit(project)
    edit(project, BUNDLE, '{LEVEL: "3", OWN: "1"}', '{OWN: "1", LEVEL: "3"} # turned round')
    assert differing(call, "HEAD:alpha/small", "alpha/small", "--all") == {}


def test_two_git_revisions_of_one_bundle_are_compared_in_both_spellings(project: Path, call: Call) -> None:
    first = commit(project)
    edit(project, "recipes/chips/alpha.yaml", "version: 8.5.0", "version: 8.5.1")
    commit(project)
    edit(project, "recipes/chips/alpha.yaml", "version: 8.5.1", "version: 8.5.2")
    assert differing(call, "alpha/small@HEAD~1", "HEAD:alpha/small") == {"sdk.version": ("8.5.0", "8.5.1")}
    assert differing(call, f"alpha/small/served@{first}", "alpha/small") == {"sdk.version": ("8.5.0", "8.5.2")}
    out = call("diff", "alpha/small@HEAD~1", "HEAD:alpha/small").out
    assert "      - HEAD~1:recipes/chips/alpha.yaml:11:5" in out
    assert "      + HEAD:recipes/chips/alpha.yaml:11:5" in out


def test_a_bundle_is_found_at_a_revision_of_its_own(project: Path, call: Call) -> None:
    commit(project)
    edit(project, "recipes/chips/alpha.yaml", "version: 8.5.0", "version: 8.5.1")
    commit(project)
    edit(project, BUNDLE, "revision: r1", "revision: r2")
    edit(project, "recipes/chips/alpha.yaml", "version: 8.5.1", "version: 8.5.2")
    commit(project)
    wanted = {"revision": ("r1", "r2"), "sdk.version": ("8.5.1", "8.5.2")}
    assert differing(call, "alpha/small@r1", "alpha/small@r2") == wanted
    assert differing(call, "r1:Alpha_One/small/plain", "alpha/small/plain") == wanted
    edit(project, BUNDLE, "revision: r2", "revision: r3")
    assert differing(call, "alpha/small@r2", "alpha/small@r3") == {"revision": ("r2", "r3")}


def test_a_revision_of_its_own_that_never_was_is_refused_with_those_that_were(project: Path, call: Call) -> None:
    commit(project)
    edit(project, BUNDLE, "revision: r1", "revision: r2")
    commit(project)
    with pytest.raises(RecipeError, match="at its revision r7, found none in the history") as refused:
        call("diff", "alpha/small@r7", "alpha/small")
    assert refused.value.hint == "it was at r2, r1"


def test_templates_and_baselines_are_compared_by_their_hash(project: Path, call: Call) -> None:
    commit(project)
    (project / "dockerfiles/start.sh.j2").write_text("exec true\n")
    (project / "recipes/baselines/small/record.json").write_text("[]")
    assert set(differing(call, "alpha/small@HEAD", "alpha/small")) == {"templates.start.sh.j2", "baseline.sha256"}


def test_a_policy_that_one_side_has_is_one_difference(call: Call) -> None:
    keys = differing(call, "alpha/small", "alpha/large")
    assert keys["policy"][1] == "nothing"
    assert not [key for key in keys if key.startswith("policy.")]


def test_inputs_of_both_locks_are_compared(project: Path, call: Call) -> None:
    call("lock", "--offline")
    commit(project)
    path = project / "recipes/bundles/beta/small.lock.json"
    locks = json.loads(path.read_text())
    component = next(one for one in locks["variants"]["served"]["inputs"] if one["key"] == "components.flag_gems")
    component |= {"status": "locked", "pin": "a" * 40, "reason": None}
    path.write_text(json.dumps(locks))
    (moved,) = call("diff", "beta/small@HEAD", "beta/small", "--json").data["inputs"]
    assert (moved["key"], moved["after"]) == ("components.flag_gems", "a" * 40)
    assert "inputs of the locks (1)" in call("diff", "beta/small@HEAD", "beta/small").out


def test_without_locks_it_says_that_inputs_were_not_compared(call: Call) -> None:
    told = call("diff", "alpha/small", "alpha/small")
    assert "equal, as far as the recipes go; locks were not compared" in told.out
    assert "inputs are not compared: wanted the lock of variant `served`" in told.err
    assert call("diff", "alpha/small", "alpha/small", "--json").data["inputs"] is None


def test_an_unknown_variant_of_a_revision_is_refused_with_the_nearest_name(project: Path, call: Call) -> None:
    commit(project)
    with pytest.raises(RecipeError, match=r"unknown variant `served2` in `HEAD:recipes/bundles/alpha/small\.yaml`"):
        call("diff", "alpha/small/served2@HEAD", "alpha/small")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cpu/m", Named("cpu", "m", "", "")),
        ("cpu/m/v", Named("cpu", "m", "v", "")),
        ("cpu/m@v1.0", Named("cpu", "m", "", "v1.0")),
        ("cpu/m/v@HEAD@{1}", Named("cpu", "m", "v", "HEAD@{1}")),
        ("feature/x:cpu/m", Named("cpu", "m", "", "feature/x")),
        ("cpu/m@feature/x", Named("cpu", "m", "", "feature/x")),
    ],
)
def test_bundles_and_revisions_are_told_apart(text: str, wanted: Named) -> None:
    assert named(text) == wanted


@pytest.mark.parametrize("text", ["", "cpu", "cpu/", "/m", "a/b/c/d", "HEAD:", "cpu/m/"])
def test_what_names_no_bundle_is_a_usage_error(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="wanted chip/model"):
        named(text)
