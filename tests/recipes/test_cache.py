"""What the cache holds is used, and whatever happens to the cache changes nothing but the time."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flagrelease.adapters.recipes.cache import FILE, Kept, ParseCache
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.recipes.reading import Reader, recipe_files
from flagrelease.adapters.storage.cache_tag import is_marked
from flagrelease.domain.bundle import Bundle
from flagrelease.domain.chip import Chip
from tests.recipes.folders import CHIP, OTHER, written

ROOT = Path(__file__).parents[2]


def size(home: Path) -> int:
    return (home / FILE).stat().st_size


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    return written(tmp_path / "recipes", a=CHIP.replace("NAME", "a"), b=OTHER)


def read(recipes: Path, home: Path | None) -> str:
    """All recipes as text."""
    return repr(Catalogue(recipes, ParseCache(home) if home else None).everything())


def test_recipes_are_kept_once_and_then_found(recipes: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = read(recipes, home)
    kept = size(home)
    assert read(recipes, home) == first == read(recipes, None)
    assert size(home) == kept
    assert is_marked(home)


def test_what_a_good_recipe_was_read_as_is_used_again(recipes: Path, tmp_path: Path) -> None:
    path = recipes / "chips" / "a.yaml"
    cache = ParseCache(tmp_path)
    other = CHIP.replace("NAME", "a").replace("A chip", "Found in the cache")
    (tmp_path / "other.yaml").write_text(other)
    spelled = Reader(recipes).value(tmp_path / "other.yaml", Chip).model_dump_json(by_alias=True, exclude_unset=True)
    cache.put(cache.key(Chip, "", path.read_bytes()), Kept(spelled.encode()))
    assert Reader(recipes, ParseCache(tmp_path)).value(path, Chip).title == "Found in the cache"


def test_a_changed_file_is_read_anew_and_so_is_what_extends_it(recipes: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    read(recipes, home)
    written(recipes, a=CHIP.replace("NAME", "a").replace("Somebody", "Somebody else"))
    chips = Catalogue(recipes, ParseCache(home)).everything().chips
    assert [chip.vendor for chip in chips.values()] == ["Somebody else", "Somebody else"]


def test_a_file_that_extends_one_that_is_gone_or_broken_is_refused_as_without_a_cache(
    recipes: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    read(recipes, home)
    written(recipes, a="{")
    assert read(recipes, home) == read(recipes, None)
    (recipes / "chips" / "a.yaml").unlink()
    assert read(recipes, home) == read(recipes, None)
    assert "there is no recipe 'a'" in read(recipes, home)


def test_a_bad_file_is_refused_each_time(recipes: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    written(recipes, c=CHIP.replace("NAME", "c").replace("vendor", "vendro"))
    assert read(recipes, home) == read(recipes, home) == read(recipes, None)


def test_what_another_kind_or_place_was_read_as_is_not_used(tmp_path: Path) -> None:
    cache = ParseCache(tmp_path)
    keys = {cache.key(Chip, "", b"x"), cache.key(Bundle, "", b"x"), cache.key(Bundle, "variants", b"x")}
    assert len({*keys, cache.key(Chip, "", b"y")}) == 4


def test_a_kept_text_that_is_no_such_recipe_is_read_anew(recipes: Path, tmp_path: Path) -> None:
    path = recipes / "chips" / "a.yaml"
    cache = ParseCache(tmp_path)
    for spelled in (b"{}", b"[", b'{"name": 1}', b"\xff"):
        cache.put(cache.key(Chip, "", path.read_bytes()), Kept(spelled))
        assert Reader(recipes, ParseCache(tmp_path)).value(path, Chip).title == "A chip"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_cache_changes_nothing(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        recipes = written(folder / "recipes", a=CHIP.replace("NAME", "a"), b=OTHER)
        wanted = read(recipes, folder)
        content = bytearray((folder / FILE).read_bytes())
        for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)):
            content[at] = data.draw(st.integers(0, 255))
        (folder / FILE).write_bytes(content[: data.draw(st.integers(0, len(content)))])
        assert read(recipes, folder) == wanted
        assert read(recipes, folder) == wanted


def test_what_a_killed_process_left_unfinished_spoils_nothing_after_it(recipes: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    read(recipes, home)
    whole = (home / FILE).read_bytes()
    for length in range(0, len(whole), 97):
        (home / FILE).write_bytes(whole[:length])
        read(recipes, home)
        after = size(home)
        read(recipes, home)
        assert size(home) == after


def test_processes_at_once_keep_whole_lines(tmp_path: Path) -> None:
    recipes, home = tmp_path / "recipes", tmp_path / "home"
    written(recipes, **{f"c{n}": CHIP.replace("NAME", f"c{n}") for n in range(40)})
    code = (
        "import sys; from pathlib import Path\n"
        "from flagrelease.adapters.recipes.cache import ParseCache\n"
        "from flagrelease.adapters.recipes.catalogue import Catalogue\n"
        "recipes, home = map(Path, sys.argv[1:])\n"
        "assert len(Catalogue(recipes, ParseCache(home)).everything().chips) == 40\n"
    )
    argv = [sys.executable, "-c", code, str(recipes), str(home)]
    running = [subprocess.Popen(argv, cwd=ROOT) for _ in range(6)]
    assert [process.wait() for process in running] == [0] * 6
    cache = ParseCache(home)
    assert all(cache.get(cache.key(Chip, "", path.read_bytes())) for path in recipe_files(recipes / "chips"))


@pytest.mark.parametrize("home", ["a-file/home", "a-folder", "a-pipe", "a-link"])
def test_a_home_that_cannot_be_written_or_read_only_costs_time(recipes: Path, tmp_path: Path, home: str) -> None:
    (tmp_path / "a-file").touch()
    (tmp_path / "a-folder" / FILE).mkdir(parents=True)
    (tmp_path / "a-pipe").mkdir()
    os.mkfifo(tmp_path / "a-pipe" / FILE)
    (tmp_path / "a-link").mkdir()
    (tmp_path / "a-link" / FILE).symlink_to("nothing/there")
    assert read(recipes, tmp_path / home) == read(recipes, None)


def test_the_file_does_not_grow_beyond_its_limit_and_keeps_what_was_used(recipes: Path, tmp_path: Path) -> None:
    path = recipes / "chips" / "a.yaml"
    for number in range(50):
        written(recipes, a=CHIP.replace("NAME", "a").replace("Somebody", f"Somebody {number}"))
        Reader(recipes, ParseCache(tmp_path, limit=4_000)).value(path, Chip)
        assert size(tmp_path) <= 4_000
    cache = ParseCache(tmp_path, limit=4_000)
    assert cache.get(cache.key(Chip, "", path.read_bytes()))
    assert list((tmp_path / "tmp").iterdir()) == []


def test_more_than_the_limit_at_once_is_not_kept_over_and_over(tmp_path: Path) -> None:
    cache = ParseCache(tmp_path, limit=2_000)
    for number in range(20):
        cache.put(cache.key(Chip, "", bytes([number])), Kept(b"x" * 300))
        assert size(tmp_path) <= 2_000
    before = size(tmp_path)
    cache.put(cache.key(Chip, "", b"more"), Kept(b"x" * 300))
    assert size(tmp_path) == before


def test_a_recipe_can_be_found_by_the_process_that_kept_it(tmp_path: Path) -> None:
    cache = ParseCache(tmp_path)
    key = cache.key(Chip, "", b"x")
    assert cache.get(key) is None
    cache.put(key, Kept(b"{}", (("a/b", "0" * 64), ("c", "1" * 64))))
    assert cache.get(key) == ParseCache(tmp_path).get(key) == Kept(b"{}", (("a/b", "0" * 64), ("c", "1" * 64)))


def test_gc_keeps_the_cache_and_gc_all_removes_it(recipes: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    read(recipes, home)
    gc = [sys.executable, "-m", "flagrelease", "gc"]
    environment = {**os.environ, "FLAGRELEASE_HOME": str(home)}
    assert subprocess.run(gc, env=environment, cwd=ROOT, capture_output=True, check=False).returncode == 0
    assert (home / FILE).exists()
    assert subprocess.run([*gc, "--all"], env=environment, cwd=ROOT, capture_output=True, check=False).returncode == 0
    assert sorted(home.iterdir()) == []
