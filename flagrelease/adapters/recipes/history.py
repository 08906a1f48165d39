"""A bundle's own revisions (`r1`, `r2`) in the history of its recipe."""

from pathlib import Path
from typing import TYPE_CHECKING

from flagrelease.adapters.recipes.revision import repository
from flagrelease.domain.bundle import Bundle
from flagrelease.errors import RecipeError
from flagrelease.formats.inherit import extend_within
from flagrelease.formats.lookup import entry_at
from flagrelease.formats.positions import Scalar, UnreadableError
from flagrelease.formats.strict import read_yaml

if TYPE_CHECKING:
    from git import Repo


def last_commit_of(recipes: Path, chip: str, model: str, variant: str, revision: str) -> str:
    """The newest commit, along the first parents of HEAD, in which a variant was at this revision of its own.

    Raises:
        RecipeError: it never was; the hint names those that it was at.
        ToolError: git is not on this machine, or refuses.
    """
    name = f"{recipes.resolve().name}/bundles/{chip}/{model}.yaml"
    seen: dict[str, None] = {}
    with repository(recipes) as (repo, prefix):
        path = f"{prefix}{name}"
        changed = str(repo.git.log("--first-parent", "--format=%H", "HEAD", "--", path)).split()
        last = "HEAD"
        for commit in changed:
            found = _revision_at(repo, commit, path, variant)
            if found == revision:
                return str(repo.git.rev_parse("--verify", last))
            if found:
                seen[found] = None
            last = f"{commit}^"
    raise RecipeError(
        f"wanted `{chip}-{model}-{variant}` at its revision {revision}, found none in the history of `{name}`",
        hint=f"it was at {', '.join(seen)}" if seen else "name a git revision instead",
    )


def _revision_at(repo: "Repo", commit: str, path: str, variant: str) -> str:
    """Which revision the recipe says; empty where it says none, or cannot be read."""
    # `path` comes from names that a recipe may have, so it is no option; a deleted file has no content.
    if not repo.git.ls_tree(commit, "--", path):
        return ""
    text = str(repo.git.show(f"{commit}:{path}"))
    try:
        root = extend_within(read_yaml(text, Bundle, source=path)[0], "variants")
    except (RecipeError, UnreadableError):
        return ""
    entry = entry_at(root, ("variants", variant, "revision"))
    return str(entry.node.value) if entry and isinstance(entry.node, Scalar) else ""
