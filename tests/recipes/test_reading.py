"""Recipe files are read alike by the quick way, the tree and the cache."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from flagrelease.adapters.recipes.cache import ParseCache
from flagrelease.adapters.recipes.reading import Reader, recipe_files
from flagrelease.domain.bundle import Bundle
from flagrelease.domain.chip import Chip
from tests.recipes.folders import CHIP, outcome, outcome_by_tree, written

LINES = st.sampled_from([
    "extends: a", "extends: b", "extends: c", "extends: d", "extends: no", "extends: ../a", "title: Another",
    "title: no", "vendor: &v x", "vendor: R&D", "sdks: {one: {python: '3.12'}}", "sdks: {one: {python: 3.12}}",
    "sdks: {two: {title: x}}", "sdks: []", "architectures: [arm64]", "world_sizes: [1, 2]", "world_sizes: [true]",
    "aliases: [2030-12-31]", "hardware: {}",
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(st.booleans(), st.lists(LINES, max_size=4, unique=True))))
def test_chips_that_extend_each_other_are_read_alike(chips: dict[str, tuple[bool, list[str]]]) -> None:
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        texts = {
            name: (CHIP.replace("NAME", name) if whole else f"name: {name}\n") + "\n".join(lines)
            for name, (whole, lines) in chips.items()
        }
        reader = Reader(written(folder, **texts))
        cached = Reader(folder, ParseCache(folder / "home"))
        for path in recipe_files(folder / "chips"):
            by_tree = outcome_by_tree(reader, path, Chip)
            assert outcome(reader, path, Chip) == by_tree
            assert outcome(cached, path, Chip) == by_tree
            assert outcome(Reader(folder, ParseCache(folder / "home")), path, Chip) == by_tree


VARIANT = "revision: r1, sdk: s, weights: w, engine: e"
VARIANTS = st.sampled_from([
    VARIANT, "extends: one", "extends: two", "extends: three", "extends: onne", "extends: one, sdk: other",
    "extends: two, env: {A: b}", f"extends: two, {VARIANT}, env: {{C: d}}", f"{VARIANT}, sdk: x",
    f"{VARIANT}, waivers: [{{rule: FR001, reason: x, owner: x, expires: 2030-12-31}}]", f"{VARIANT}, env: {{A: 1}}",
    "extends: one, title: 2030-12-31",
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["one", "two", "three"]), VARIANTS))
def test_variants_that_extend_each_other_are_read_alike(variants: dict[str, str]) -> None:
    lines = "".join(f"  {name}: {{{text}}}\n" for name, text in variants.items())
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        path = folder / "bundles" / "c" / "m.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(f"schema: flagrelease.bundle/v2\nchip: c\nmodel: m\ndefault_variant: one\nvariants:\n{lines}")
        reader = Reader(folder)
        by_tree = outcome_by_tree(reader, path, Bundle, "variants")
        assert outcome(reader, path, Bundle, "variants") == by_tree
        for _ in range(2):
            assert outcome(Reader(folder, ParseCache(folder / "home")), path, Bundle, "variants") == by_tree


def test_what_is_quoted_stays_the_text_that_it_is(tmp_path: Path) -> None:
    texts = [
        "57637057",
        "1.10",
        "no",
        "22:22",
        "0x10",
        "1e3",
        "0123456",
        "~",
        "2030-12-31",
        "{{ 7*7 }}",
        "on",
        "null",
        "1_000",
    ]
    aliases = ", ".join(f'"{text}"' for text in texts)
    folder = written(tmp_path, a=CHIP.replace("NAME", "a") + f"aliases: [{aliases}]\n")
    cache = ParseCache(tmp_path / "home")
    for _ in range(2):
        chip = Reader(folder, cache).value(folder / "chips" / "a.yaml", Chip)
        assert chip.aliases == tuple(texts)


def test_files_are_sorted_by_the_parts_of_their_paths(tmp_path: Path) -> None:
    for name in ("b.yaml", "a/z.yaml", "a.yaml", "a-b/c.yaml", "c.yml", "a/.d.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert recipe_files(tmp_path) == sorted(tmp_path.rglob("*.yaml"))
