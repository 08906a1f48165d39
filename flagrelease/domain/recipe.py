"""Everything that a release of one bundle variant is resolved from, read and checked, as one value."""

from flagrelease.domain.bundle import Variant
from flagrelease.domain.chip import Architecture, Chip, Sdk
from flagrelease.domain.gate import Policy
from flagrelease.domain.model import Model, Weights
from flagrelease.domain.value import Name, RelativePath, Sha256, Value


class Template(Value):
    """A template that the image's files are rendered from, by hash of its text."""

    path: RelativePath
    sha256: Sha256


class Recipe(Value):
    """One bundle variant with all it refers to. Its canonical hash is what a lock is checked against."""

    chip: Chip
    architecture: Architecture
    model: Model
    variant_name: Name
    variant: Variant
    sdk: Sdk
    weights: Weights
    second_model: Model
    second_weights: Weights
    policy: Policy
    templates: tuple[Template, ...]
    baseline_sha256: Sha256
