"""Every key of a resolved recipe has its value, its place, and what it took the place of."""

from pathlib import Path

import pytest

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.recipes.places import Trees
from flagrelease.errors import RecipeError
from flagrelease.planning.explain import explain, keys_of
from tests.planning.conftest import Call
from tests.planning.project import edit

PLAIN = ("--chip", "alpha", "--model", "small", "--variant", "plain")
SERVED = ("--chip", "alpha", "--model", "small")
LARGE = ("--chip", "alpha", "--model", "large")


def line_of(project: Path, name: str, text: str) -> str:
    """`file:line` of the one line that holds a text."""
    lines = (project / name).read_text().splitlines()
    (number,) = [index for index, line in enumerate(lines, start=1) if text in line]
    return f"{project / name}:{number}"


def told(call: Call, *words: str) -> tuple[object, list[tuple[object, str]]]:
    """The value of one key, and (value, `file:line` or why) of each place, the effective one first."""
    (key,) = call("explain", "--json", *words).data["keys"]
    places = [
        (one["value"], f"{one['at']['file']}:{one['at']['line']}" if one["at"] else one["why"])
        for one in (key["origin"], *key["overrode"])
    ]
    return key["value"], places


def test_a_written_key_is_where_it_is_written(project: Path, call: Call) -> None:
    at = line_of(project, "recipes/bundles/alpha/large.yaml", "port: 9000")
    assert told(call, *LARGE, "serving.port") == (9000, [(9000, at)])


def test_a_key_that_no_file_says_is_a_default_of_ours(call: Call) -> None:
    assert told(call, *SERVED, "serving.port") == (8000, [(8000, "default of flagrelease")])


def test_a_key_of_a_variant_that_extends_another_overrides_that_one(project: Path, call: Call) -> None:
    bundle = "recipes/bundles/alpha/small.yaml"
    value, places = told(call, *PLAIN, "engine")
    assert value == "script"
    assert places == [
        ("script", line_of(project, bundle, "engine: script")),
        ("server", line_of(project, bundle, "engine: server")),
    ]
    assert told(call, *PLAIN, "revision")[1] == [("r1", line_of(project, bundle, "revision: r1"))]


def test_the_environment_has_every_layer_the_strongest_first(project: Path, call: Call) -> None:
    bundle, chip = "recipes/bundles/alpha/small.yaml", "recipes/chips/alpha.yaml"
    profile = line_of(project, chip, "quick: {title")
    assert told(call, *PLAIN, "env.LEVEL")[1] == [
        ("4", line_of(project, bundle, 'LEVEL: "4"')),
        ("3", line_of(project, bundle, 'LEVEL: "3"')),
        ("2", profile),
    ]
    assert told(call, *PLAIN, "env.MODE") == ("quick", [("quick", profile), ("slow", line_of(project, chip, "KIT:"))])


def test_what_a_variant_leaves_open_comes_from_its_model(project: Path, call: Call) -> None:
    large, small = "recipes/models/large.yaml", "recipes/models/small.yaml"
    assert told(call, *LARGE, "serving.context_length") == (
        4096,
        [(4096, line_of(project, large, "defaults:")), (8192, line_of(project, large, "max_context"))],
    )
    assert told(call, *SERVED, "serving.served_name")[1] == [("small", line_of(project, small, "name: small"))]
    edit(project, "recipes/bundles/alpha/large.yaml", "port: 9000", "port: 9000, context_length: 1024")
    assert [value for value, _ in told(call, *LARGE, "serving.context_length")[1]] == [1024, 4096, 8192]


def test_a_chip_that_extends_another_shows_both_files(project: Path, call: Call) -> None:
    assert told(call, *SERVED, "chip.title")[1] == [
        ("Alpha", line_of(project, "recipes/chips/alpha.yaml", "title: Alpha")),
        ("What both chips have", line_of(project, "recipes/chips/base.yaml", "title: What")),
    ]
    assert told(call, *SERVED, "chip.vendor")[1][0][1] == line_of(project, "recipes/chips/base.yaml", "vendor:")


def test_an_entry_of_a_list_overrides_the_one_at_its_place_since_lists_are_replaced_whole(call: Call) -> None:
    assert [value for value, _ in told(call, *SERVED, "chip.runner_labels[0]")[1]] == ["self-hosted", "self-hosted"]
    assert [value for value, _ in told(call, *SERVED, "chip.runner_labels[1]")[1]] == ["alpha"]


@pytest.mark.parametrize(
    ("key", "listed"),
    [
        ("sdks.kit8.5.version", "sdk.version"),
        ("chip.sdks.kit8.5.version", "sdk.version"),
        ("model.weights.full.source.repo", "weights.source.repo"),
        ("variants.served.serving.port", "serving.port"),
    ],
)
def test_a_key_as_it_stands_in_its_file_is_understood(call: Call, key: str, listed: str) -> None:
    assert call("explain", *SERVED, key).out == call("explain", *SERVED, listed).out


def test_a_key_that_is_also_a_prefix_shows_the_key(call: Call) -> None:
    assert [one["key"] for one in call("explain", "--json", *SERVED, "engine").data["keys"]] == ["engine"]


def test_a_key_that_holds_others_shows_all_of_them(call: Call) -> None:
    keys = [one["key"] for one in call("explain", "--json", *SERVED, "components.flag_gems.source").data["keys"]]
    assert keys[:3] == [f"components.flag_gems.source.{name}" for name in ("kind", "forge", "repository")]


def test_without_a_key_every_key_is_listed_and_can_be_asked_for(project: Path, call: Call) -> None:
    everything = call("explain", "--json", *SERVED).data["keys"]
    heads = {one["key"].partition(".")[0] for one in everything}
    assert heads > {"serving", "env", "chip", "sdk", "model", "weights", "engine", "policy"}
    catalogue = Catalogue(project / "recipes")
    recipe, trees = catalogue.recipe("alpha", "small"), Trees(catalogue)
    for one in everything:
        found = explain(recipe, lambda path: trees.tree(catalogue.recipes / path), one["key"])
        assert one["key"] in [each.key for each in found]


def test_every_value_is_the_one_of_its_effective_place(call: Call) -> None:
    for words in (SERVED, PLAIN, LARGE):
        for one in call("explain", "--json", *words).data["keys"]:
            assert one["value"] == one["origin"]["value"], one


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("serving.prt", "`serving.port`"),
        ("LEVEL", "`env.LEVEL`"),
        ("chip.titel", "`chip.title`"),
        ("nothing_like_it", "lists all"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(call: Call, key: str, near: str) -> None:
    with pytest.raises(RecipeError) as refused:
        call("explain", *SERVED, key)
    assert near in f"{refused.value.hint} {refused.value.message}"


@pytest.mark.parametrize("key", ["[", "a[x]", "''", "..", "a" * 10_000])
def test_a_key_that_is_no_key_is_refused_without_a_traceback(call: Call, key: str) -> None:
    with pytest.raises(RecipeError):
        call("explain", *SERVED, key)


def test_people_see_one_line_a_key_and_one_for_each_thing_it_overrode(project: Path, call: Call) -> None:
    chip = f"{project}/recipes/chips/alpha.yaml"
    assert call("explain", *SERVED, "env.MODE").out.splitlines() == [
        f'env.MODE = "quick"  {chip}:7:32 (profile quick)',
        f'    instead of "slow": {chip}:14:11 (SDK kit8.5)',
    ]


def test_completion_knows_every_key(project: Path) -> None:
    recipe = Catalogue(project / "recipes").recipe("alpha", "small")
    keys = keys_of(recipe)
    assert {"serving", "serving.port", "sdk.base.image", "env.LEVEL"} <= set(keys)
    assert len(keys) == len(set(keys))
