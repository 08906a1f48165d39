"""A patch set by its content: what it says of itself, which patches, in which order."""

import hashlib

from flagrelease.domain.patch_series import Series
from flagrelease.domain.value import Sha256
from flagrelease.formats.canonical import canonical_json


def series_digest(series: Series) -> Sha256:
    """SHA-256 over the canonical series, which holds the hash of each stored patch in the order of application."""
    return hashlib.sha256(b"flagrelease.patches/v1\n" + canonical_json(series)).hexdigest()
