"""Each line of the seeds is accounted for, and what is said to carry it does."""

import pytest

from flagrelease.domain.engine import Engine
from tests.recipes.seed_coverage import (
    Carriers,
    Entry,
    Seed,
    cited_lines,
    holds,
    malformed,
    misplaced_defects,
    not_held,
    numbers_in,
    read_seeds,
    uncovered,
)
from tests.recipes.seed_document import DOCUMENT, document

SEEDS = read_seeds()
CARRIERS = Carriers()
MODEL = "recipes/models/minicpm-o-2.6.yaml"
BUNDLE = "recipes/bundles/cambricon_mlu/minicpm-o-2.6.yaml"

each_seed = pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed-{seed.seed}")


def test_there_is_a_list_for_each_of_the_five_seeds() -> None:
    assert [(seed.seed, seed.lines) for seed in SEEDS] == [
        ("000", 170),
        ("001", 239),
        ("002", 117),
        ("003", 503),
        ("004", 232),
    ]


@each_seed
def test_every_line_is_in_an_entry(seed: Seed) -> None:
    assert uncovered(seed) == []


@each_seed
def test_every_entry_says_what_carries_it_or_why_nothing_does(seed: Seed) -> None:
    assert list(malformed(seed)) == []


@each_seed
def test_every_fact_is_in_what_is_said_to_carry_it(seed: Seed) -> None:
    assert list(not_held(seed, CARRIERS)) == []


@each_seed
def test_every_defect_is_recorded_and_about_these_lines(seed: Seed) -> None:
    assert list(misplaced_defects(seed, CARRIERS)) == []


@each_seed
def test_facts_are_no_sentences(seed: Seed) -> None:
    assert [token for entry in seed.entries for token in entry.tokens if len(token.split()) > 9] == []


def test_the_document_is_what_the_lists_and_the_recipes_give() -> None:
    written = DOCUMENT.read_text()
    assert written == document(), "run `python -m tests.recipes.seed_document --update`"


# The checks themselves --------------------------------------------------------------------------------


def one(**entry: object) -> Seed:
    given = Entry.model_validate({"lines": "1-2", "what": "something", **entry})
    return Seed(seed="000", title="a seed", lines=3, entries=(given,))


@pytest.mark.parametrize(
    ("tokens", "reference", "said"),
    [
        (("Qwen",), f"{MODEL}#title", "title holds none of the tokens"),
        (("2",), f"{MODEL}#weights.published.source.kind", "kind holds none of the tokens"),
        (("MiniCPM",), f"{MODEL}#no.such.key", "has no no.such.key"),
        (("MiniCPM",), "recipes/models/no-such.yaml#title", "there is no file"),
        (("MiniCPM", "Qwen"), f"{MODEL}#title", "does not hold Qwen"),
        ((), f"{MODEL}#title", "holds none of the tokens"),
    ],
)
def test_a_fact_that_is_not_there_is_told(tokens: tuple[str, ...], reference: str, said: str) -> None:
    faults = list(not_held(one(tokens=tokens, carried_by=({"recipe": reference},)), CARRIERS))
    assert said in faults[0]


def test_carriers_that_hold_the_facts_only_together_are_told_apart() -> None:
    both = ({"recipe": f"{MODEL}#title"}, {"recipe": f"{MODEL}#upstream.modelscope"})
    assert len(list(not_held(one(tokens=("MiniCPM", "2.6"), carried_by=both), CARRIERS))) == 1
    assert list(not_held(one(tokens=("MiniCPM", "2.6"), together=True, carried_by=both), CARRIERS)) == []
    (needless,) = not_held(one(tokens=("MiniCPM",), together=True, carried_by=both), CARRIERS)
    assert "`together` says nothing" in needless
    assert len(list(not_held(one(tokens=("MiniCPM", "2.6", "Qwen"), together=True, carried_by=both), CARRIERS))) == 1


@pytest.mark.parametrize("reference", ["docker-run of no/such/bundle", "no-such of cpu/smollm2-135m-instruct/llamacpp"])
def test_a_rendered_text_that_there_is_not_is_told(reference: str) -> None:
    assert len(list(not_held(one(carried_by=({"rendered": reference},)), CARRIERS))) == 1


@pytest.mark.parametrize(
    ("index", "said"), [(0, "is about seed 000:10, 45"), (99, "has no variants.flagscale.defects[99]")]
)
def test_a_defect_of_other_lines_is_told(index: int, said: str) -> None:
    reference = f"{BUNDLE}#variants.flagscale.defects[{index}]"
    (fault,) = misplaced_defects(one(carried_by=({"defect": reference},)), CARRIERS)
    assert said in fault


@pytest.mark.parametrize(
    "entry",
    [
        {"carried_by": ({"later": "issue 4"},), "not_carried": "a reason"},
        {"carried_by": ()},
        {"prose": True},
        {"carried_by": ({"later": "issue 4, and more"},)},
        {"lines": "1-4", "not_carried": "a reason"},
        {"not_carried": "a reason", "tokens": ("a",), "spelled": {"b": "c"}},
    ],
)
def test_an_entry_that_says_nothing_or_two_things_is_told(entry: dict[str, object]) -> None:
    assert len(list(malformed(one(**entry)))) == 1


def test_a_line_without_an_entry_is_told() -> None:
    assert uncovered(one(not_carried="a reason")) == [3]


def test_a_part_of_a_longer_word_or_number_is_no_fact() -> None:
    assert holds(["torch==2.1.0", "a 1.0.RC1 b"], "2.1.0")
    assert holds(["model_1.0.RC1_linux"], "1.0.RC1")
    assert not holds(["torch==2.1.05", "12.1.0"], "2.1.0")
    assert not holds(["MASTER_PORT=200300"], "MASTER_PORT=20030")


def test_lines_are_read_as_sources_and_lists_write_them() -> None:
    assert list(numbers_in("10, 45-47")) == [10, 45, 46, 47]
    assert cited_lines("seed 003:116-117, 272; seed 004:161; facts seed-audit", "003") == {116, 117, 272}
    assert cited_lines("seed 003:116-117, 272; seed 004:161; facts seed-audit", "004") == {161}


# Tables whose rows mean something only together -------------------------------------------------------


def mindie() -> Engine:
    return CARRIERS.catalogue.engine("mindie")


def test_quantisations_are_as_fine_and_where_the_two_tables_of_seed_003_have_a_tick() -> None:
    a2, duo = "ascend_800i_a2", "ascend_300i_duo"
    ticks = {  # 003:423-428 and 003:430-435
        "w8a8": (("per_channel",), {a2, duo}),
        "w8a16": (("per_channel",), {a2}),
        "kv-int8": (("per_channel",), {a2}),
        "w8a8-sparse": (("per_channel",), {duo}),
    }
    found = {name: (row.granularities, set(row.chips)) for name, row in mindie().quantisations.items()}
    del found["none"]
    assert found == ticks
    for chip in (a2, duo):
        here = {name for name, (_, chips) in ticks.items() if chip in chips}
        assert set(CARRIERS.catalogue.chip(chip).quantisations) == here | {"none"}


def test_precisions_and_strategies_are_those_with_a_tick_in_seed_003() -> None:
    engine = mindie()
    assert engine.chip_precisions == {  # 003:414-417
        "ascend_800i_a2": ("float16", "bfloat16"),
        "ascend_300i_duo": ("float16",),
    }
    assert engine.strategies == ("tensor", "expert")  # 003:441-446
    assert set(engine.multi_node_families) == {"llama", "deepseek-moe", "mixtral-moe"}  # 003:458


@pytest.mark.parametrize("model", ["deepseek-vl-7b-base", "deepseek-vl-7b-chat"])
def test_a_model_runs_as_its_row_in_seed_004_says(model: str) -> None:
    row = mindie().models[model]  # 004:13-20
    assert row.world_sizes == {"ascend_800i_a2": (1, 2, 4, 8), "ascend_300i_duo": (1, 2, 4, 8)}
    assert row.precisions == ("float16",)
    assert row.modalities_plain == row.modalities_served == ("text", "image")
    assert row.images_per_request_served == 1
    assert set(row.request_formats) == {"MindIE Service", "TGI", "Triton", "vLLM Generate"}


def test_both_ascend_parts_have_the_same_profiles_and_installers() -> None:
    a2, duo = (CARRIERS.catalogue.chip(name) for name in ("ascend_800i_a2", "ascend_300i_duo"))
    forced = {"INF_NAN_MODE_FORCE_DISABLE": "1"}  # 003:407, the 800I A2 only
    for name, profile in a2.profiles.items():
        other = duo.profiles[name]
        assert profile.on == other.on | (forced if name == "inference-defaults" else {})
        assert profile.off == other.off | (forced if name == "overflow" else {})
    assert set(a2.profiles) == set(duo.profiles)
    assert a2.sdks["cann8.0"] == duo.sdks["cann8.0"]
    assert (a2.host, a2.log_folders) == (duo.host, duo.log_folders)
