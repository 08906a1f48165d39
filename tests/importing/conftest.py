"""Cards in both layouts, worded anew: each has the defects that published cards have (facts flagos 6.5)."""

from pathlib import Path

import pytest
from hypothesis import settings

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.domain.everything import Everything
from flagrelease.importing.importing import Imported, import_card

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

CARDS = Path(__file__).parent / "cards"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def recipes() -> Everything:
    return Catalogue(ROOT / "recipes").everything()


@pytest.fixture(scope="session")
def old(recipes: Everything) -> Imported:
    path = CARDS / "old_layout.md"
    return import_card(path.read_bytes(), source=path.name, recipes=recipes)


@pytest.fixture(scope="session")
def new(recipes: Everything) -> Imported:
    path = CARDS / "FlagRelease_Model-B-FP8-hygon-FlagOS.md"
    return import_card(path.read_bytes(), source=path.name, recipes=recipes)
