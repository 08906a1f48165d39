"""Devices of a chip: drivers, how many, how much memory, and how a container reaches them."""

from collections.abc import Iterator

from flagrelease.domain.chip import Driver, Hardware, Precision, Quantisation
from flagrelease.domain.vendor_version import at_least
from flagrelease.lint.found import Found
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.views import VariantView

_BITS: dict[Precision, int] = {
    "float64": 64, "float32": 32, "float16": 16, "bfloat16": 16, "float8": 8, "int8": 8, "int4": 4,
}  # fmt: skip
_QUANTISED_BITS: dict[Quantisation, int] = {
    "w8a8": 8, "w8a16": 8, "w4a16": 4, "w4a8": 4, "w8a8-sparse": 4, "fp8": 8, "q4_1": 4,
}  # fmt: skip
_TIGHT = 0.95
"""Share of the memory above which weights leave no room for a KV cache that is of use."""


@rule(
    "FR321",
    "error",
    "a driver that the SDK does not work with",
    why=(
        "The MiniCPM-o 4.5 card states driver 570.158.01 with CUDA 13.0, for which NVIDIA's tables ask for 580 or "
        "newer. Users of vllm-ascend find out which drivers an image works with by starting it."
    ),
    hint="state a driver in the SDK's range; a forward compatibility package is a reason for a waiver",
    bad={"sdk.driver.tested": ["5.0.3"]},
    good={"sdk.driver.tested": ["5.2.RC1"]},
)
def driver(project: Project) -> Iterator[Found]:
    """Tested drivers against the range, part by part, case ignored; said of each variant that is built on it."""
    for sdk in project.sdks:
        for index, version in enumerate(sdk.sdk.driver.tested if sdk.sdk.driver else ()):
            bound = _outside(version, sdk.sdk.driver) if sdk.sdk.driver else ""
            if bound:
                text = f"`{sdk.name}` of `{sdk.chip.name}` was released with driver {version}, and needs {bound}"
                yield from (one.found("sdk", text=text) for one in sdk.users)
                if not sdk.users:
                    yield sdk.found("driver", "tested", index, text=text)


def _outside(version: str, range_: Driver) -> str:
    if range_.min and not at_least(version, range_.min):
        return f"{range_.min} or newer"
    if range_.max and not at_least(range_.max, version) and not version.startswith(f"{range_.max}."):
        return f"{range_.max} or older"
    return ""


@rule(
    "FR322",
    "warning",
    "half of a card",
    why=(
        "An Atlas 300I DUO has two dies, and each is a device. A split that ends in the middle of a card leaves a die "
        "of it to nobody: whole cards are what machines are shared out by."
    ),
    hint="use whole cards, or one die",
    bad={"variant.parallel": {"tensor": 3}, "engine.models.tiny.world_sizes": {}, "chip.world_sizes": []},
    good={"variant.parallel": {"tensor": 2}},
)
def half_a_card(project: Project) -> Iterator[Found]:
    """A world size above one die that is no multiple of the dies of any hardware model it may run on."""
    for one in project.variants:
        size = one.variant.parallel.world_size
        dies = {part.dies_per_card for _, part in _hardware(one)}
        if size > 1 and dies and all(size % number for number in dies):
            numbers = " or ".join(str(number) for number in sorted(dies))
            yield one.found("parallel", text=f"{size} devices are no whole number of cards of {numbers} dies")


@rule(
    "FR323",
    "error",
    "devices that cannot be shared out evenly",
    why="A rank table lists as many devices on each machine; a world size that the machines do not divide has none.",
    hint="make the world size (tensor × data × pipeline) a multiple of `nodes`",
    bad={"variant.parallel": {"tensor": 1, "nodes": 2}},
    good={"variant.parallel": {"tensor": 2, "nodes": 2}},
)
def uneven_nodes(project: Project) -> Iterator[Found]:
    """World size against the number of machines."""
    for one in project.variants:
        parallel = one.variant.parallel
        if parallel.world_size % parallel.nodes:
            text = f"{parallel.world_size} devices on {parallel.nodes} machines"
            yield one.found("parallel", "nodes", text=text)


@rule(
    "FR324",
    "error",
    "weights that do not fit",
    why=(
        "The 800I A2 is sold with 32 and with 64 GB. Weights that leave no room for the KV cache fail minutes after "
        "the start, when the model has been loaded; what is moved to the CPU instead cannot be served."
    ),
    hint="use more devices, another quantisation, or name the hardware that is large enough under `hardware`",
    bad={"weights.size_gb": 40.0},
    good={"weights.size_gb": 10.0},
)
def memory(project: Project) -> Iterator[Found]:
    """Size of the weights, stated or from parameters, against the memory of the devices that hold one copy of them."""
    for one in project.variants:
        size, how = _size(one)
        devices = one.variant.parallel.tensor * one.variant.parallel.pipeline
        rooms = [(name, gb / part.dies_per_card * devices) for name, part in _hardware(one) for gb in part.memory_gb]
        tight = [f"{room:g} GB of {name}" for name, room in rooms if size > room * _TIGHT]
        if size and tight:
            where = "no room for a KV cache in " + ", ".join(tight)
            text = f"the weights take {size:.1f} GB{how} and leave {where} ({devices} devices)"
            yield one.found("weights", text=text, severity=None if len(tight) == len(rooms) else "warning")


def _size(one: VariantView) -> tuple[float, str]:
    """Weights in GB, and how that is known; 0 where it is not."""
    weights, model = one.weights, one.model
    if weights is None or model is None:
        return 0.0, ""
    if weights.size_gb:
        return weights.size_gb, ""
    bits = _QUANTISED_BITS.get(weights.quantisation) or (_BITS[weights.dtype] if weights.dtype else 0)
    if not model.parameters or not bits:
        return 0.0, ""
    return model.parameters * bits / 8e9, f" (at least: {model.parameters:,} parameters of {bits} bits)"


@rule(
    "FR325",
    "error",
    "other devices than the split needs",
    why=(
        "DeepSeek-VL's page lists eight devices in ASCEND_RT_VISIBLE_DEVICES; on a 300I DUO a card needs two. Ranks "
        "that have no device fail, and which devices are free is the host's business anyway."
    ),
    hint="leave the variable out: `run` sets it from the devices it was given",
    bad={"variant.env": {"ALPHA_VISIBLE_DEVICES": "0"}, "variant.parallel": {"tensor": 2}},
    good={"variant.env": {"ALPHA_VISIBLE_DEVICES": "0,1"}, "variant.parallel": {"tensor": 2}},
)
def visible_devices(project: Project) -> Iterator[Found]:
    """Numbers in the chip's variable against the devices on one machine."""
    for one in project.variants:
        name = one.chip.visible_devices if one.chip else None
        value = one.env.get(name, "") if name else ""
        listed = [part for part in value.split(",") if part.strip().isdigit()]
        wanted = one.variant.parallel.world_size // one.variant.parallel.nodes
        if name and listed and len(listed) < wanted:
            key = ("container", "env", name) if name in one.variant.container.env else ("env", name)
            yield one.found(
                *key, text=f"{name}={value} are {len(listed)} devices, and {wanted} are needed on a machine"
            )


@rule(
    "FR326",
    "error",
    "a way to the devices that the chip does not have",
    why=(
        "`--gpus all` stands on a card for Moore Threads, where no such way exists. A chip's recipe lists the ways "
        "there are: its raw nodes, or the vendor's container toolkit."
    ),
    hint="set `container.access` to a way that the chip has, or add it to the chip",
    bad={"chip.container.raw": None},
    good={"chip.container.raw": None, "variant.container.access": "toolkit"},
)
def no_such_access(project: Project) -> Iterator[Found]:
    """`container.access` against the chip's ways; a chip without devices needs none."""
    for one in project.variants:
        if one.chip is None or one.chip.memory_probe != "smi":
            continue
        ways = one.chip.container
        there = [way for way in ("raw", "toolkit") if ways and getattr(ways, way)]
        wanted = one.variant.container.access
        if wanted not in there:
            text = f"`{one.chip.name}` has {' and '.join(there) or 'no way stated'}, not `{wanted}`"
            yield one.found("container", "access", text=text)


def _hardware(one: VariantView) -> Iterator[tuple[str, Hardware]]:
    """The hardware models a variant may run on: those it names, or all of its chip."""
    for name, part in one.chip.hardware.items() if one.chip else ():
        if not one.variant.hardware or name in one.variant.hardware:
            yield name, part
