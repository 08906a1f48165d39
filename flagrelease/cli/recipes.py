"""The recipe folder of a command that only looks at recipes: what was read before comes from the cache."""

from flagrelease.adapters.recipes.cache import ParseCache
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.cli.settings import Settings


def cached_catalogue(chosen: Settings) -> Catalogue:
    """The recipes, with the parse cache of the home folder."""
    return Catalogue(chosen.recipes, ParseCache(chosen.home))
