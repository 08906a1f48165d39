"""Counts of what policies let through, kept beside the recipes that were read: scipy alone takes longer than lint."""

import contextlib

from pydantic import ValidationError

from flagrelease.adapters.recipes.cache import Kept, ParseCache, code_of
from flagrelease.domain.gate import Policy
from flagrelease.formats.canonical import canonical_json
from flagrelease.lint.power import Count, Passing, passing

_COUNTERS = ("gate", "gate/statistics", "lint")


def kept(cache: ParseCache) -> Count:
    """`passing`, which counts a policy once as long as neither the policy nor the code that counts is another."""

    def count(policy: Policy) -> Passing:
        key = cache.key(Passing, code_of(_COUNTERS), canonical_json(policy))
        if known := cache.get(key):
            # Whole by its hash and yet no such value: somebody wrote it, and it is counted anew.
            with contextlib.suppress(ValidationError):
                return Passing.model_validate_json(known.spelled)
        found = passing(policy)
        cache.put(key, Kept(canonical_json(found)))
        return found

    return count
