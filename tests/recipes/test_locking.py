"""A lock is made from a recipe; what is pinned stays pinned until its question changes."""

from pathlib import Path

import pytest

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.domain.chip import Architecture, DebianBase, ImageBase, Sdk
from flagrelease.domain.component import GitSource
from flagrelease.domain.lock import Lock
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.source import FileSource, FromFolder, LockedDeb, LockedFile, LockedWheel
from flagrelease.formats.canonical import sha256_of
from flagrelease.locking.lock import make_lock, require_fresh

ROOT = Path(__file__).parents[2]


class CountingResolver:
    """Answers every question with something new, and counts them."""

    def __init__(self, mark: str = "a") -> None:
        self.mark = mark
        self.asked: list[str] = []

    def debian(self, base: DebianBase, architecture: Architecture) -> tuple[LockedDeb, ...]:
        self.asked.append("debian")
        return (
            LockedDeb(
                name="libc6", version="1", architecture=architecture, archive="debian", path="pool/libc6.deb", size=1,
                sha256=self.mark * 64,
            ),
        )  # fmt: skip

    def wheel(self, requirement: str, sdk: Sdk, architecture: Architecture) -> LockedWheel:
        self.asked.append(requirement)
        project, version = requirement.split("==")
        return LockedWheel(project=project, version=version, filename="w.whl", size=1, sha256=self.mark * 64)

    def files(self, source: FileSource) -> tuple[LockedFile, ...]:
        self.asked.append(source.kind)
        origin = FromFolder(kind="folder", folder="f", path="p")
        return (LockedFile(path="p", size=1, sha256=self.mark * 64, origin=origin),)

    def image(self, base: ImageBase, architecture: Architecture) -> str:
        self.asked.append(base.image)
        return f"sha256:{self.mark * 64}"

    def commit(self, source: GitSource) -> str:
        self.asked.append(source.repository)
        return self.mark * 40


@pytest.fixture
def recipe() -> Recipe:
    return Catalogue(ROOT / "recipes").recipe("cpu", "smollm2-135m-instruct")


@pytest.fixture
def first(recipe: Recipe) -> Lock:
    return lock(recipe, CountingResolver())


def lock(recipe: Recipe, resolver: CountingResolver, previous: Lock | None = None, *parts: str) -> Lock:
    made = make_lock(recipe, resolver, previous=previous, upgrade=frozenset(parts), say=lambda _: None)
    assert isinstance(made, Lock)
    return made


def test_a_new_lock_asks_every_question_and_the_same_question_once(recipe: Recipe) -> None:
    resolver = CountingResolver()
    lock(recipe, resolver)
    assert resolver.asked.count("debian") == 1
    assert len(resolver.asked) == len({"debian", *recipe.variant.wheels}) + 4


def test_a_lock_made_again_asks_nothing_and_is_the_same(recipe: Recipe, first: Lock) -> None:
    resolver = CountingResolver("b")
    assert lock(recipe, resolver, first) == first
    assert resolver.asked == []


@pytest.mark.parametrize(("part", "changes"), [("debian", "base"), ("wheels", "wheels"), ("files", "weights")])
def test_an_upgrade_looks_up_its_part_and_no_other(recipe: Recipe, first: Lock, part: str, changes: str) -> None:
    again = lock(recipe, CountingResolver("b"), first, part)
    fields = {"base", "wheels", "weights"}
    assert {name for name in fields if getattr(again, name) != getattr(first, name)} == {changes}


def test_a_changed_question_is_asked_anew(recipe: Recipe, first: Lock) -> None:
    asked = recipe.sdk.base
    assert asked.kind == "debian"
    base = asked.model_copy(update={"packages": (*asked.packages, "less")})
    changed = recipe.model_copy(update={"sdk": recipe.sdk.model_copy(update={"base": base})})
    resolver = CountingResolver("b")
    assert lock(changed, resolver, first).base != first.base
    assert resolver.asked == ["debian"]


def test_a_lock_names_the_recipe_it_was_made_from(recipe: Recipe, first: Lock) -> None:
    assert first.recipe_sha256 == sha256_of(recipe.binding())


def test_a_wheel_is_upgraded_by_its_name_and_nothing_else_is(recipe: Recipe, first: Lock) -> None:
    resolver = CountingResolver("b")
    again = lock(recipe, resolver, first, "xllamacpp")
    assert resolver.asked == list(recipe.variant.wheels)
    assert (again.base, again.weights) == (first.base, first.weights)


def test_what_is_only_for_readers_makes_no_lock_stale(recipe: Recipe, first: Lock) -> None:
    chip = recipe.chip.model_copy(update={"note": "other words", "aliases": ("another",)})
    model = recipe.model.model_copy(update={"note": "other words"})
    require_fresh(recipe.model_copy(update={"chip": chip, "model": model}), first)


def test_a_lock_holds_no_address() -> None:
    text = (ROOT / "recipes" / "bundles" / "cpu" / "smollm2-135m-instruct.lock.json").read_text()
    assert "://" not in text
