"""What may be told of a sealed set: which patch, and what is wrong with it, but no word that stands in a patch."""

from collections.abc import Iterator
from contextlib import contextmanager

from flagrelease.adapters.git.run import GitFailedError
from flagrelease.adapters.patches.sets import StoredSet
from flagrelease.errors import SourceError
from flagrelease.patching.diff_values import RefusedPatchError
from flagrelease.patching.hostile import REASONS
from flagrelease.patching.report import Conflicts, Finding


@contextmanager
def no_words_of(stored: StoredSet) -> Iterator[None]:
    """Errors while a set is open: those of a sealed one lose the words of its patches, names of files included."""
    try:
        yield
    except RefusedPatchError as error:
        if not stored.is_sealed:
            raise
        raise RefusedPatchError(error.reason, REASONS[error.reason], line=error.line, patch=error.patch) from None
    except GitFailedError as error:
        if not stored.is_sealed:
            raise
        raise SourceError(
            f"{error.wanted}: git ended with {error.status}",
            hint="what git said may name files of a sealed patch, so it is not shown; is there room on the disk?",
        ) from None


def told(stored: StoredSet, finding: Finding) -> Finding:
    """A finding as it may be shown and kept."""
    if not (stored.is_sealed and isinstance(finding, Conflicts)):
        return finding
    return finding.model_copy(update={"conflicts": tuple(one.without_words() for one in finding.conflicts)})
