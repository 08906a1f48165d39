"""What changed since a git revision, held against the working tree."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from flagrelease.adapters.recipes.cache import ParseCache
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.recipes.revision import Revision, at_revision, working_files
from flagrelease.adapters.recipes.some import recipes_that_extend, some_recipes
from flagrelease.domain.everything import Everything
from flagrelease.domain.lock import LockFile
from flagrelease.errors import LockError
from flagrelease.planning.reasons import CODE, PATCHES, RECIPES, TEMPLATES, Reasons, State, changed_files


@contextmanager
def changed_since(
    catalogue: Catalogue, everything: Everything, asked: str, *, code: bool, cache: ParseCache
) -> Iterator[Reasons]:
    """Reasons by cell, for as long as the block lasts. Raises what `at_revision` does."""
    folders = [RECIPES, TEMPLATES, PATCHES, *([CODE] if code else [])]
    with at_revision(catalogue.recipes, asked, since=True, folders=folders, cache=cache) as revision:
        files = working_files(catalogue.recipes, folders)
        before = some_recipes(
            revision.catalogue, _to_compare(catalogue, revision, changed_files(revision.files, files))
        )
        yield Reasons(
            State(
                files=revision.files,
                everything=before,
                locks=_locks(revision.catalogue, revision.shown),
                unreadable=frozenset(one.path for one in before.unreadable),
            ),
            State(files=files, everything=everything, locks=_locks(catalogue, str)),
            code=code,
        )


def _to_compare(catalogue: Catalogue, revision: Revision, changed: Iterable[str]) -> set[str]:
    """The recipes whose values may differ: those whose files do, and those that extend another."""
    prefix = f"{RECIPES}/"
    paths = {path.removeprefix(prefix) for path in changed if path.startswith(prefix) and path.endswith(".yaml")}
    return paths | recipes_that_extend(catalogue.recipes) | recipes_that_extend(revision.catalogue.recipes)


def _locks(catalogue: Catalogue, shown: Callable[[str], str]) -> Callable[[str, str], LockFile | str | None]:
    def locks(chip: str, model: str) -> LockFile | str | None:
        try:
            return catalogue.lock_file(chip, model)
        except LockError as error:
            return shown(error.message.replace("\n", ": "))

    return locks
