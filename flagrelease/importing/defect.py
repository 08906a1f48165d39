"""What can be wrong with a published card, and what a recipe does instead."""

from dataclasses import dataclass
from typing import Final

INSTEAD: Final[dict[str, str]] = {
    # Text
    "control-character": "it is left out; look at the line in an editor that shows it",
    "lost-fences": "commands were found by their first words; compare them with the card's source",
    "broken-continuation": "the lines are read as one command; a shell would stop at the space",
    "placeholder": "it is a gap to be filled, not a value",
    "doubled-suffix": "one suffix; names are made from chip, model and variant",
    "misspelt-vendor": "the vendor's own spelling",
    "other-vendor": "the chip is the one that the bundle's name, image and devices say",
    "unmeasured-claim": "the claim is left out until it has been measured",
    "licence-unchecked": "the model recipe states the licence as its owner does, with terms and source",
    "licence-differs": "the licence of the model recipe; the card is wrong or the recipe is",
    "base-model-unnamed": "the model recipe names where the model lives",
    "mail-and-download": "one source, each file pinned by its hash; the other is an alternative",
    # Image and container
    "floating-image": "our image has a digest and a revision; theirs can be looked up by digest only",
    "image-without-registry": "it exists on one machine: a restricted input, held against a digest when supplied",
    "pulled-is-not-run": "one image is pulled and run, by digest",
    "image-decoded-empty": "a version that says nothing is a gap; a commit names the source",
    "container-name": "one name, in the recipe",
    "broken-run": "the command is made from the recipe, so it is one that the engine takes",
    "privileged": "the chip's device nodes, from the chip recipe",
    "host-network": "one published port; host networking only with its reason",
    "host-pid": "processes of the host are not the container's business",
    "host-ipc": "a shared memory of its own, of the size that is needed",
    "no-seccomp": "the engine's filter, unless a system call that it refuses is named",
    "added-capability": "only with its reason",
    "x11": "a server draws nothing; X11 opens the host's screen and keyboard",
    "wide-mount": "only the folders that are needed, read-only where that will do",
    "option-without-effect": "it is left out",
    "nvidia-option": "the chip's own devices or toolkit, from the chip recipe",
    "library-from-host": "libraries come with the image; the driver's own are mounted as the chip recipe says",
    # Serving
    "served-name": "one name: what is served is what is requested",
    "request-port": "one port, in the recipe",
    "weights-not-mounted": "the folder of the weights is mounted, read-only",
    "weights-elsewhere": "one folder, in the recipe",
    "other-weights": "the weights that the bundle's own repository names, pinned by hash",
    "fixed-address": "addresses are settings of a site",
    "addresses-differ": "one address, set by the site",
    # Installing
    "index-address": "the index is the host's setting; what is installed is pinned by the lock",
    "weakened-tls": "TLS is not weakened; a private certificate authority is trusted instead",
    "unpinned-clone": "the source at a commit, in the lock",
    "short-commit": "all 40 digits are in the lock",
    "folder-order": "each step has its own folder; none depends on where the one before it ended",
    "installed-twice": "once",
    "unset-switch": "the recipe sets the variable, and the evidence shows that it took effect",
    # Versions
    "versions-differ": "one version, in the recipe; the other places are wrong or the recipe is",
    "empty-version": "a commit names the source",
    "sdk-is-driver": "the SDK's version is a gap until it is read from the image",
    "driver-of-other-vendor": "the driver's version is a gap until it is read from a machine",
    "driver-too-old": "nothing is waived; a forward compatibility package has to be named",
    # Scores
    "reference-differs": "the reference is what the table names; a record has to state its own chip",
    "unsigned-difference": "kept as difference only, which never decides; both sides are measured",
    "no-item-counts": "items, harness, data revision and repeats are in the gate policy and the evidence",
    "mixed-scales": "each benchmark recipe has its scale",
    "not-a-score": "the row is left out until there is a score",
    "large-drop": "the gate decides; a drop of this size is not within any published margin",
    "other-editions": "two editions of a benchmark are two benchmarks",
    "unknown-benchmark": "a benchmark recipe with items, metric and scale",
}
"""Each kind of defect, and what is done instead."""


@dataclass(frozen=True, kw_only=True, order=True)
class CardDefect:
    """One thing that is wrong with a card: where, what, and what a recipe does instead."""

    line: int
    kind: str
    what: str

    @property
    def instead(self) -> str:
        """What is done instead."""
        return INSTEAD[self.kind]
