"""The two published cards that the project starts from, where they lie beside it."""

from pathlib import Path

import pytest

from flagrelease.domain.bundle import Bundle
from flagrelease.domain.everything import Everything
from flagrelease.domain.published import Published
from flagrelease.formats.strict import decode_yaml
from flagrelease.importing.importing import Imported, import_card

SEEDS = Path(__file__).parents[3] / "shared" / "seeds"


def imported(start: str, recipes: Everything) -> Imported:
    found = sorted(SEEDS.glob(f"{start}*.txt"))
    if not found:
        pytest.skip(f"no {SEEDS} beside the project: the published cards are not part of it")
    return import_card(found[0].read_bytes(), source=found[0].name, recipes=recipes)


def kinds(found: Imported) -> set[tuple[int, str]]:
    return {(one.line, one.kind) for one in found.defects}


def bundle(found: Imported) -> Bundle:
    text = found.bundle.text
    assert text.count("# TODO ") == text.count("# TODO ready_within_s")
    return decode_yaml(text.replace("# TODO ready_within_s:", "ready_within_s: 1800 #"), Bundle, source="r.yaml")


def test_the_defects_that_the_audit_names_are_found_in_the_first_card(recipes: Everything) -> None:
    assert kinds(imported("000", recipes)) >= {
        (10, "reference-differs"),
        (28, "unmeasured-claim"),
        (30, "unset-switch"),
        (41, "mail-and-download"),
        (64, "image-without-registry"),
        (64, "privileged"),
        (64, "host-network"),
        (64, "host-pid"),
        (64, "host-ipc"),
        (64, "x11"),
        (70, "unpinned-clone"),
        (77, "unpinned-clone"),
        (80, "index-address"),
        (84, "short-commit"),
        (94, "folder-order"),
        (117, "weights-not-mounted"),
        (140, "folder-order"),
        (141, "installed-twice"),
        (144, "placeholder"),
    }


def test_the_defects_that_the_audit_names_are_found_in_the_second_card(recipes: Everything) -> None:
    assert kinds(imported("001", recipes)) >= {
        (25, "unsigned-difference"),
        (30, "no-item-counts"),
        (44, "driver-too-old"),
        (49, "empty-version"),
        (53, "lost-fences"),
        (56, "floating-image"),
        (56, "versions-differ"),
        (59, "option-without-effect"),
        (66, "unmeasured-claim"),
        (213, "floating-image"),
    }


@pytest.mark.parametrize(
    ("start", "chip", "model"), [("000", "cambricon_mlu", "minicpm-o-2.6"), ("001", "nvidia_cuda", "minicpm-o-4.5")]
)
def test_the_draft_says_what_the_recipe_says(start: str, chip: str, model: str, recipes: Everything) -> None:
    found = imported(start, recipes)
    assert (found.chip, found.model) == (chip, model)
    drafted, written = bundle(found), recipes.bundles[chip, model]
    assert list(drafted.variants) == list(written.variants)
    for name, variant in drafted.variants.items():
        ours = written.variants[name]
        for key in (
            "sdk",
            "weights",
            "engine",
            "weights_folder",
            "weights_in",
            "flagos",
            "gate",
            "published",
            "parallel",
        ):
            assert getattr(variant, key) == getattr(ours, key), (name, key)
        assert set(variant.components) == set(ours.components)
        assert variant.container.name == ours.container.name
        if variant.serving and ours.serving:
            assert variant.serving.served_name == ours.serving.served_name
            assert variant.serving.port == ours.serving.port
            assert variant.serving.arguments == ours.serving.arguments


@pytest.mark.parametrize(("start", "chip"), [("000", "cambricon_mlu"), ("001", "nvidia_cuda")])
def test_the_drafted_scores_are_those_of_the_recipe(start: str, chip: str, recipes: Everything) -> None:
    for draft in imported(start, recipes).published:
        drafted = decode_yaml(draft.text, Published, source=draft.path)
        ours = recipes.published[chip, drafted.name]
        assert drafted.scores.kind == ours.scores.kind
        without = {"note"}
        assert [row.model_dump(exclude=without) for row in drafted.scores.rows] == [
            row.model_dump(exclude=without) for row in ours.scores.rows
        ]
