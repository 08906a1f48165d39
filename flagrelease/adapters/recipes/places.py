"""Where in which recipe file something is written: for messages, `explain`, lint and lock."""

from pathlib import Path

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.domain.recipe import Recipe
from flagrelease.formats.lookup import nearest, path_of
from flagrelease.formats.positions import Node


class Trees:
    """Recipe files as trees with positions; each is read once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._trees: dict[Path, Node] = {}

    def tree(self, path: Path) -> Node:
        """The file on top of those it extends. Raises RecipeError when it cannot be read."""
        if path not in self._trees:
            self._trees[path] = self._catalogue.tree(path)
        return self._trees[path]

    def place(self, path: Path, key: str) -> str:
        """`file:line:col` of the key, or of the nearest key around it."""
        entry, _ = nearest(self.tree(path), path_of(key) if key else ())
        at = entry.key_at
        return f"{at.source or path}:{at.line}:{at.column}"


def place_of_key(catalogue: Catalogue, recipe: Recipe, key: str) -> str:
    """Where the recipe line behind a lock's input is."""
    path, at = recipe_place(catalogue, recipe, key)
    return Trees(catalogue).place(path, at)


def recipe_place(catalogue: Catalogue, recipe: Recipe, key: str) -> tuple[Path, str]:
    """The recipe file and the key in it that a lock's input key is about."""
    chip = catalogue.recipes / "chips" / f"{recipe.chip.name}.yaml"
    model = catalogue.recipes / "models" / f"{recipe.model.name}.yaml"
    bundle = catalogue.bundle_path(recipe.chip.name, recipe.model.name)
    variant = f"variants.{recipe.variant_name}"
    head, _, rest = key.partition(".")
    folder, gate = catalogue.recipes, recipe.variant.gate
    places = {
        "sdks": (chip, key),
        "base": (chip, f"sdks.{recipe.variant.sdk}.base"),
        "weights": (model, f"weights.{recipe.variant.weights}"),
        "harnesses": (folder / "harnesses" / f"{rest}.yaml", "version"),
        "wheels": (bundle, f"{variant}.wheels"),
        "files": (bundle, f"{variant}.files"),
    }
    if gate:
        asked_here = recipe.policy is None or rest not in recipe.policy.harness_tasks
        places["gate"] = folder / "gates" / f"{gate}.yaml", f"{'tasks' if asked_here else 'harness_tasks'}.{rest}"
    return places.get(head, (bundle, f"{variant}.{key}"))
