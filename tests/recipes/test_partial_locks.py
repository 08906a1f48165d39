"""What an image engine builds is locked input by input; what cannot be known from here is said, never guessed."""

from pathlib import Path
from typing import NoReturn

import pytest

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.domain.chip import Architecture, DebianBase, ImageBase, Sdk
from flagrelease.domain.component import GitSource
from flagrelease.domain.lock import LockedInput, PartialLock
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.source import FileSource
from flagrelease.errors import LockError, ToolError
from flagrelease.locking.inputs import moves_between
from flagrelease.locking.lock import make_lock, require_fresh, require_whole
from tests.recipes.test_locking import CountingResolver

ROOT = Path(__file__).parents[2]


class Unreachable:
    """Answers no question, as a machine without a network does."""

    def debian(self, base: DebianBase, architecture: Architecture) -> NoReturn:
        raise LockError("nobody answers")

    def wheel(self, requirement: str, sdk: Sdk, architecture: Architecture) -> NoReturn:
        raise LockError("nobody answers")

    def files(self, source: FileSource) -> NoReturn:
        raise LockError("nobody answers")

    def image(self, base: ImageBase, architecture: Architecture) -> NoReturn:
        raise LockError("nobody answers")

    def commit(self, source: GitSource) -> NoReturn:
        raise LockError("nobody answers")


@pytest.fixture
def recipe() -> Recipe:
    return Catalogue(ROOT / "recipes").recipe("cambricon_mlu", "minicpm-o-2.6")


def lock(
    recipe: Recipe,
    resolver: CountingResolver | Unreachable,
    previous: PartialLock | None = None,
    *upgrade: str,
) -> PartialLock:
    made = make_lock(recipe, resolver, previous=previous, upgrade=frozenset(upgrade), say=lambda _: None)
    assert isinstance(made, PartialLock)
    return made


def of(lock: PartialLock, key: str) -> LockedInput:
    return next(one for one in lock.inputs if one.key == key)


def test_a_full_commit_of_the_recipe_is_its_own_pin_and_is_asked_for_nowhere(recipe: Recipe) -> None:
    found = of(lock(recipe, Unreachable()), "components.flagscale")
    assert (found.status, found.pin) == ("locked", "576370570066f0f88e471af60a8ef61c098ab5e0")


def test_a_commit_of_eight_digits_is_looked_up(recipe: Recipe) -> None:
    assert of(lock(recipe, Unreachable()), "components.flaggems").status == "unresolved"
    assert of(lock(recipe, CountingResolver()), "components.flaggems").pin == "a" * 40


def test_what_only_the_vendor_hands_out_is_restricted_with_whom_to_ask(recipe: Recipe) -> None:
    found = of(lock(recipe, CountingResolver()), "sdks.zhiyuan-vllm-0.2.base")
    assert (found.status, found.contact, found.pin) == ("restricted", "ecosystem@cambricon.com", None)


def test_an_open_input_has_the_same_reason_on_every_machine(recipe: Recipe) -> None:
    assert lock(recipe, Unreachable()) == lock(recipe, Unreachable())
    assert "nobody answers" not in str(lock(recipe, Unreachable()))


def test_pins_stay_when_nobody_answers_any_more(recipe: Recipe) -> None:
    first = lock(recipe, CountingResolver())
    assert lock(recipe, Unreachable(), first) == first


def test_an_upgrade_names_one_component_and_moves_no_other(recipe: Recipe) -> None:
    first = lock(recipe, CountingResolver())
    moves = moves_between(first, lock(recipe, CountingResolver("b"), first, "flaggems"))
    assert [(move.key, move.before[:4], move.after[:4]) for move in moves] == [("components.flaggems", "aaaa", "bbbb")]


def test_a_fresh_lock_is_found_fresh_without_asking_anybody(recipe: Recipe) -> None:
    require_fresh(recipe, lock(recipe, CountingResolver()))
    require_fresh(recipe, lock(recipe, Unreachable()))


def test_a_pin_edited_by_hand_is_found(recipe: Recipe) -> None:
    made = lock(recipe, CountingResolver())
    inputs = [
        one.model_copy(update={"pin": "b" * 40}) if one.key == "components.flagscale" else one for one in made.inputs
    ]
    with pytest.raises(LockError, match="is not what its recipe gives: inputs"):
        require_fresh(recipe, made.model_copy(update={"inputs": tuple(inputs)}))


def test_a_lock_older_than_its_recipe_is_refused(recipe: Recipe) -> None:
    changed = recipe.model_copy(update={"variant": recipe.variant.model_copy(update={"revision": "r2"})})
    with pytest.raises(LockError, match="older than its recipe"):
        require_fresh(changed, lock(recipe, Unreachable()))


def test_build_refuses_open_inputs_by_name_with_whom_to_ask(recipe: Recipe) -> None:
    with pytest.raises(LockError) as caught:
        require_whole(lock(recipe, Unreachable()))
    assert "restricted: ask ecosystem@cambricon.com" in caught.value.message
    assert "components.flaggems: FlagOpen/FlagGems at b5042afd: unresolved:" in caught.value.message
    assert "flagrelease request --chip cambricon_mlu --model minicpm-o-2.6" in caught.value.hint


def test_build_says_what_is_missing_when_nothing_is_open(recipe: Recipe) -> None:
    made = lock(recipe, CountingResolver())
    closed = [
        one if one.pin else one.model_copy(update={"status": "locked", "pin": "a" * 64, "contact": None})
        for one in made.inputs
    ]
    with pytest.raises(ToolError, match="is built by a container engine"):
        require_whole(made.model_copy(update={"inputs": tuple(closed)}))
