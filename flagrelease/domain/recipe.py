"""Everything that a release of one bundle variant is resolved from, read and checked, as one value."""

from typing import Any

from flagrelease.domain.bundle import Serving, Variant
from flagrelease.domain.chip import Architecture, Chip, Sdk
from flagrelease.domain.component import Component, GitSource
from flagrelease.domain.engine import Engine
from flagrelease.domain.gate import Policy
from flagrelease.domain.harness import PinnedHarness
from flagrelease.domain.model import Model, Weights
from flagrelease.domain.patch_series import PatchSet
from flagrelease.domain.value import Name, RelativePath, Sha256, Value

FOR_READERS: dict[str, Any] = {
    "chip": {"aliases", "rules", "log_folders", "host", "runner_labels", "sdks", "sources"}
    | {"note", "world_sizes", "quantisations", "precisions"},
    "engine": {"models", "requirements", "preset_models", "commands", "sources", "note", "quantisations", "chips"}
    | {"precisions", "chip_precisions", "strategies", "multi_node_families"},
    "model": {"not_released", "sources", "note", "benchmarks", "weights", "upstream", "family"},
    "second_model": {"not_released", "sources", "note", "benchmarks", "weights", "upstream", "family"},
    "sdk": {"note"},
    "harnesses": {"harness": {"note", "sources"}},
    "variant": {"waivers", "defects", "sources", "note", "published", "hub"},
}
"""What is there for readers and for lint: a change of it changes no bundle, so no lock becomes stale by it."""


DOCKERFILE = ".Dockerfile.j2"
"""What a chip's template is called after its name, below `dockerfiles/`."""

MACROS = "_macros.j2"
"""What all of them share."""


class Template(Value):
    """A template that the image's files, or its Dockerfile, are rendered from, by hash of its text."""

    path: RelativePath
    sha256: Sha256


class Recipe(Value):
    """One bundle variant with all it refers to. The hash of `binding()` is what a lock is checked against."""

    chip: Chip
    architecture: Architecture
    engine: Engine
    model: Model
    variant_name: Name
    variant: Variant
    sdk: Sdk
    weights: Weights
    second_model: Model | None = None
    second_weights: Weights | None = None
    policy: Policy | None = None
    templates: tuple[Template, ...] = ()
    patch_sets: tuple[PatchSet, ...] = ()
    baseline_sha256: Sha256 | None = None
    harnesses: tuple[PinnedHarness, ...] = ()

    @property
    def name(self) -> str:
        """The bundle's name: chip, model, variant."""
        return f"{self.chip.name}-{self.model.name}-{self.variant_name}"

    @property
    def env(self) -> dict[str, str]:
        """The variables a bundle runs with: of the SDK, of the profiles it names, its own; the later wins."""
        profiles = [self.chip.profiles[name].on for name in self.variant.profiles if name in self.chip.profiles]
        merged = dict(self.sdk.env)
        for layer in (*profiles, self.variant.env):
            merged |= layer
        return merged

    @property
    def served_name(self) -> str:
        """The name that clients send: the variant's own, or the model's."""
        written = self.variant.serving.served_name if self.variant.serving else None
        return written or self.model.name

    @property
    def context_length(self) -> int | None:
        """Tokens of one request: of the variant, of the model's defaults, at most what the model can; or not known."""
        written = self.variant.serving.context_length if self.variant.serving else None
        return written or self.model.defaults.context_length or self.model.max_context

    @property
    def serving(self) -> Serving | None:
        """How it serves, with nothing left open; None without a server, or where no source says how long it reads."""
        written, length = self.variant.serving, self.context_length
        if written is None or length is None:
            return None
        return Serving(
            served_name=self.served_name,
            port=written.port,
            context_length=length,
            slots=written.slots,
            threads=written.threads,
            ready_within_s=written.ready_within_s,
        )

    @property
    def is_assembled(self) -> bool:
        """Whether everything it is made of can be put together without an image engine, and evaluated item by item."""
        placed = all(_is_placed(one) for one in self.variant.components.values())
        placed = placed and not any(one.is_sealed for one in self.patch_sets)
        made_of = self.sdk.base.kind == "debian" and placed and not self.sdk.installers
        serves = self.serving is not None and bool(self.variant.entrypoint) and self.variant.image is None
        weights, second = self.weights, self.second_weights
        filed = None not in (weights.source, weights.format, self.model.parameters) and second is not None
        proven = None not in (self.policy, self.variant.reference, self.variant.smoke, self.sdk.python)
        proven = proven and (self.recorded is None or self.baseline_sha256 is not None)
        return made_of and serves and filed and proven

    @property
    def recorded(self) -> RelativePath | None:
        """The record below `recipes/baselines/` that it is held against, where that is what it names."""
        reference = self.variant.reference
        return reference.baseline if reference and reference.kind != "switched_off" else None

    def patch_set(self, component: str) -> PatchSet | None:
        """The patch set of a component, where the project has it."""
        return next((one for one in self.patch_sets if one.component == component), None)

    def binding(self) -> dict[str, Any]:
        """Everything that decides what the bundle is, as plain data.

        Part by part: each part's own serializer is there already, one for the whole would have to be made first.
        """
        parts = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: _plain(part, FOR_READERS.get(name)) for name, part in parts.items()} | {"env": self.env}


def _is_placed(component: Component) -> bool:
    """Whether a component is its files in a folder of the image, and nothing has to be run for it."""
    is_chosen = not component.alternatives and not component.optional and not component.install
    placed = component.placed_at or ""
    return isinstance(component.source, GitSource) and is_chosen and placed.startswith("/")


def _plain(part: object, exclude: Any) -> object:
    if isinstance(part, Value):
        return part.model_dump(mode="json", by_alias=True, exclude=exclude)
    return [_plain(one, exclude) for one in part] if isinstance(part, tuple) else part
