"""Bundles to start that no recipe has: of each chip, and with values that try to become structure."""

from pathlib import Path

from hypothesis import strategies as st

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.domain.chip import Chip
from flagrelease.domain.container import Container, Mount
from flagrelease.domain.run_spec import Devices, HostNeeds, RunServing, RunSpec, RunWeights
from flagrelease.launch.spec import listing
from flagrelease.launch.start import Start, Way

CATALOGUE = Catalogue(Path(__file__).parents[2] / "recipes")
CHIPS = CATALOGUE.names("chips")

NASTY = (
    "$(touch x)", "`id`", "${HOME}", "$HOME", "$$", "a b", "a\tb", "'", '"', "\\", "a: b", "- a", "# a", "%h", "%%",
    "{{ x }}", "&a", "*a", "!!python/object", "| a", "> a", "yes", "null", "1e3", "0x10", "22:22", "~", "--privileged",
    "\u2028", "\x85", "[Service]", "a=b", ";", "é", "=", "\\n",
)  # fmt: skip


def spec_of(chip: Chip, *, way: Way = "raw", devices: int = 1) -> RunSpec:
    """A server on this chip, with nothing of its own beyond what the chip needs."""
    return RunSpec(
        schema="flagrelease.run/v1",
        bundle=f"{chip.name}-a-model-served",
        revision="r1",
        chip=chip.name,
        chip_title=chip.title,
        model="a-model",
        variant="served",
        engine="vllm",
        architecture=chip.architectures[0],
        command=("vllm", "serve", "/weights"),
        container=Container(access=way),
        raw=chip.container.raw if chip.container else None,
        toolkit=chip.container.toolkit if chip.container else None,
        devices=Devices(world_size=devices),
        host=HostNeeds(listing=listing(chip)),
        weights=RunWeights(model="a-model", title="A model", folder="/weights", place="mount"),
        serving=RunServing(served_name="a-model", port=8000, ready_within_s=60),
    )


def values() -> st.SearchStrategy[str]:
    """Values that a variable or a word may have: anything without control characters."""
    free = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)
    return st.one_of(st.sampled_from([word for word in NASTY if word.isprintable() or word == "\u2028"]), free)


@st.composite
def starts(draw: st.DrawFn) -> Start:
    """A container whose variables, words and mounts are whatever a recipe may say."""
    words = st.lists(values(), min_size=1, max_size=4).map(tuple)
    place = st.from_regex(r"\A(/[A-Za-z0-9._ '\"$%#é-]{1,12}[a-z]){1,3}\Z")
    return Start(
        image="registry.example/a/b@sha256:" + "0" * 64,
        title="cpu-a-model-served r1",
        ports=(8001, 8000),
        devices=("/dev/a0", "/dev/actl"),
        env=draw(st.dictionaries(st.from_regex(r"\A[A-Z_][A-Z0-9_]{0,8}\Z"), values(), max_size=4)),
        entrypoint=draw(st.one_of(st.just(()), words)),
        command=draw(words),
        mounts=(Mount(source=draw(place), target=draw(place), read_only=draw(st.booleans())),),
    )
