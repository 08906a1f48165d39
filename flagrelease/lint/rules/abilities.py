"""What chip, engine and model can do together: precision, quantisation, split, modality."""

from collections.abc import Iterator

from flagrelease.lint.found import Found
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.views import VariantView


def _list(values: tuple[object, ...]) -> str:
    return ", ".join(str(value) for value in values) or "none"


@rule(
    "FR301",
    "error",
    "a precision that chip, engine and model do not have together",
    why=(
        "The Atlas 800I A2 has bfloat16, MindIE has it there, and DeepSeek-VL's row has float16 alone: only what all "
        "three have works. The 300I DUO has no bfloat16 at all."
    ),
    hint="take a precision that all three have",
    bad={"variant.precision": "float32"},
    good={"variant.precision": "float16"},
)
def precision(project: Project) -> Iterator[Found]:
    """Against the chip, the engine, the engine on this chip, and the engine's row of this model."""
    for one in project.variants:
        wanted = one.variant.precision
        for who, there, source in _precisions(one) if wanted else ():
            if there and wanted not in there:
                yield one.found("precision", text=f"{who} has {_list(there)}, not {wanted}{source}")


def _precisions(one: VariantView) -> Iterator[tuple[str, tuple[str, ...], str]]:
    chip, engine = one.chip, one.engine
    if chip:
        yield f"`{chip.name}`", chip.precisions, ""
    if engine:
        yield f"`{engine.name}`", engine.precisions, ""
        yield f"`{engine.name}` on `{one.cell.chip}`", engine.chip_precisions.get(one.cell.chip, ()), ""
        if one.support:
            row = f"`{engine.name}` with `{one.cell.model}`"
            yield row, one.support.precisions, f" ({one.support.source})"


@rule(
    "FR302",
    "error",
    "a quantisation that chip and engine do not have together",
    why=(
        "Sparse w8a8 is for the 300I DUO alone, w8a16 and an int8 KV cache for the 800I A2 alone. A cell that nobody "
        "made is found in the build, or by its scores."
    ),
    hint="take a quantisation that both have",
    bad={"variant.quantisation": "w4a16", "weights.quantisation": "w4a16"},
    good={"variant.quantisation": "w8a8", "variant.granularity": "per_channel", "weights.quantisation": "w8a8"},
)
def quantisation(project: Project) -> Iterator[Found]:
    """Against the chip, and against the engine's own table: what it does not list is refused."""
    for one in project.variants:
        wanted, chip, engine = one.variant.quantisation, one.chip, one.engine
        if chip and chip.quantisations and wanted not in chip.quantisations:
            yield one.found("quantisation", text=f"`{chip.name}` has {_list(chip.quantisations)}, not {wanted}")
        if engine is None or not engine.quantisations:
            continue
        support = engine.quantisations.get(wanted)
        if support is None:
            there = _list(tuple(engine.quantisations))
            yield one.found("quantisation", text=f"`{engine.name}` has {there}, not {wanted}")
        elif support.chips and one.cell.chip not in support.chips:
            where = f"on {_list(support.chips)} only ({support.source})"
            yield one.found("quantisation", text=f"`{engine.name}` has {wanted} {where}, not on `{one.cell.chip}`")


@rule(
    "FR303",
    "error",
    "a granularity that the engine does not have",
    why="MindIE quantises per channel only; per token and per group are crossed out in its table for every form.",
    hint="take a granularity that the engine's table has",
    bad={"variant.quantisation": "w8a8", "weights.quantisation": "w8a8", "variant.granularity": "per_group"},
    good={"variant.quantisation": "w8a8", "weights.quantisation": "w8a8", "variant.granularity": "per_channel"},
)
def granularity(project: Project) -> Iterator[Found]:
    """Against the row of the variant's quantisation."""
    for one in project.variants:
        wanted = one.variant.granularity
        support = one.engine.quantisations.get(one.variant.quantisation) if one.engine else None
        if one.engine and wanted and support and wanted not in support.granularities:
            text = f"`{one.engine.name}` has {one.variant.quantisation} {_list(support.granularities)}, not {wanted}"
            yield one.found("granularity", text=f"{text} ({support.source})")


@rule(
    "FR304",
    "error",
    "weights of another quantisation than the variant's",
    why=(
        "Weights are quantised before they are released; a variant that says w8a8 and takes weights as they were "
        "trained runs something else than its name, its card and its scores say."
    ),
    hint="take the weights of that quantisation, or write the variant's as the weights are",
    bad={"variant.quantisation": "w8a8", "variant.granularity": "per_channel"},
    good={"variant.quantisation": "w8a8", "variant.granularity": "per_channel", "weights.quantisation": "w8a8"},
)
def other_weights(project: Project) -> Iterator[Found]:
    """An int8 KV cache and fp8 are made while serving, so they need no weights of their own."""
    for one in project.variants:
        wanted = one.variant.quantisation
        if one.weights and wanted != one.weights.quantisation and wanted not in ("kv-int8", "fp8"):
            text = f"the weights `{one.variant.weights}` are {one.weights.quantisation}, the variant {wanted}"
            yield one.found("quantisation", text=text)


@rule(
    "FR305",
    "error",
    "a way of splitting that the engine does not have",
    why="MindIE splits by tensor and by expert; data and pipeline are crossed out in its table.",
    hint="split in a way that the engine has",
    bad={"variant.parallel": {"pipeline": 2}},
    good={"variant.parallel": {"tensor": 2}},
)
def strategy(project: Project) -> Iterator[Found]:
    """Every degree above 1, against the engine's strategies."""
    for one in project.variants:
        if one.engine is None or not one.engine.strategies:
            continue
        parallel = one.variant.parallel
        degrees = {
            "tensor": parallel.tensor, "data": parallel.data, "pipeline": parallel.pipeline, "expert": parallel.expert,
        }  # fmt: skip
        for name, degree in degrees.items():
            if degree > 1 and name not in one.engine.strategies:
                text = f"`{one.engine.name}` splits by {_list(one.engine.strategies)}, not by {name}"
                yield one.found("parallel", name, text=text)


@rule(
    "FR306",
    "error",
    "a number of devices that chip, engine and model do not have together",
    why="DeepSeek-VL runs on 1, 2, 4 or 8 devices of an Ascend server, and on no other number.",
    hint="take a world size (tensor × data × pipeline) that all of them have",
    bad={"variant.parallel": {"tensor": 4}},
    good={"variant.parallel": {"tensor": 2}},
)
def world_size(project: Project) -> Iterator[Found]:
    """Against the chip's world sizes, and those of the engine's row of this model on this chip."""
    for one in project.variants:
        wanted = one.variant.parallel.world_size
        if one.chip and one.chip.world_sizes and wanted not in one.chip.world_sizes:
            text = f"`{one.chip.name}` runs on {_list(one.chip.world_sizes)} devices, not on {wanted}"
            yield one.found("parallel", text=text)
        there = one.support.world_sizes.get(one.cell.chip, ()) if one.support else ()
        if one.engine and one.support and there and wanted not in there:
            text = f"`{one.engine.name}` runs `{one.cell.model}` on {_list(there)} devices of `{one.cell.chip}`"
            yield one.found("parallel", text=f"{text}, not on {wanted} ({one.support.source})")


@rule(
    "FR307",
    "error",
    "an engine that is not for this chip",
    why=(
        "gpustack offered a chip and version that no image had ever been packed for, and users found out by running "
        "it. An engine states which chips it was built for."
    ),
    hint="take an engine for this chip, or show that it works there and add the chip to the engine",
    bad={"engine.chips": ["beta"]},
    good={"engine.chips": ["alpha", "beta"]},
)
def engine_of_other_chips(project: Project) -> Iterator[Found]:
    """Against the engine's chips; none means any."""
    for one in project.variants:
        if one.engine and one.engine.chips and one.cell.chip not in one.engine.chips:
            text = f"`{one.engine.name}` is for {_list(one.engine.chips)}, not for `{one.cell.chip}`"
            yield one.found("engine", text=text)


@rule(
    "FR308",
    "error",
    "several machines for a model that runs on one",
    why=(
        "MindIE runs llama, deepseek-moe and mixtral-moe on several machines and no other family; the rank table of a "
        "second machine is read by nothing then."
    ),
    hint="use one machine, or an engine that runs this family on several",
    bad={"variant.parallel": {"tensor": 2, "nodes": 2}, "engine.multi_node_families": ["llama"]},
    good={"variant.parallel": {"tensor": 2, "nodes": 2}},
)
def several_nodes(project: Project) -> Iterator[Found]:
    """`nodes` above 1, against the engine's families; an engine that names none says nothing of it."""
    for one in project.variants:
        families = one.engine.multi_node_families if one.engine else ()
        if one.model is None or one.variant.parallel.nodes == 1 or not families or one.model.family in families:
            continue
        family = f"family `{one.model.family}`" if one.model.family else "a model that names no family"
        text = f"`{one.variant.engine}` runs {_list(families)} on several machines, not {family}"
        yield one.found("parallel", "nodes", text=text)


@rule(
    "FR309",
    "error",
    "a benchmark of what the bundle does not take",
    why=(
        "Served and plain differ: an engine may take video from a script and only images from its server. A gate that "
        "asks with video is answered with errors, which some harnesses leave out of the score."
    ),
    hint="ask what the bundle takes, or serve it with an engine that takes more",
    bad={"benchmark.modalities": ["text", "video"]},
    good={"benchmark.modalities": ["text", "image"]},
)
def benchmark_modality(project: Project) -> Iterator[Found]:
    """Modalities of the gate's benchmarks, against the model and the engine's row of it."""
    for one in project.variants:
        taken, who = _taken(one)
        for task, asked in one.policy.harness_tasks.items() if one.policy and taken else ():
            benchmark = project.recipes.benchmarks.get(asked.benchmark)
            lacking = tuple(m for m in benchmark.modalities if m not in taken) if benchmark else ()
            if lacking:
                text = f"task `{task}` of `{one.variant.gate}` asks with {_list(lacking)}; {who}"
                yield one.found("gate", text=text)


def _taken(one: VariantView) -> tuple[tuple[str, ...], str]:
    """Modalities of model and engine together, and who says so; empty where nobody does."""
    if one.model is None:
        return (), ""
    does = one.support
    row = (does.modalities_served if one.variant.serving else does.modalities_plain) if does else ()
    if not row or does is None:
        return one.model.modalities, f"`{one.model.name}` takes {_list(one.model.modalities)}"
    way = "served" if one.variant.serving else "plain"
    both = tuple(m for m in one.model.modalities if m in row)
    return both, f"`{one.variant.engine}` takes {_list(row)} of `{one.model.name}` {way} ({does.source})"


@rule(
    "FR310",
    "error",
    "an engine takes what the model does not",
    why="A row of an engine that promises more than the model has was copied from another model's row.",
    hint="write what the model takes",
    bad={"engine.models.tiny.modalities_plain": ["text", "audio"]},
    good={"engine.models.tiny.modalities_plain": ["text"]},
)
def engine_modality(project: Project) -> Iterator[Found]:
    """Modalities of an engine's rows, against the models."""
    for name, engine in project.recipes.engines.items():
        for model, does in engine.models.items():
            known = project.recipes.models.get(model)
            for field in ("modalities_plain", "modalities_served") if known else ():
                more = tuple(m for m in getattr(does, field) if known and m not in known.modalities)
                if more:
                    file, key = f"engines/{name}.yaml", ("models", model, field)
                    text = f"`{model}` takes no {_list(more)}"
                    yield Found(file=file, key=key, text=text, cells=project.users(file))


@rule(
    "FR311",
    "error",
    "more images in a request than the server takes",
    why=(
        "MindIE's server takes one image a request of DeepSeek-VL. A bundle that promises more breaks its promise at "
        "the second one."
    ),
    hint="serve at most what the engine takes",
    bad={"variant.serving.images_per_request": 5},
    good={"variant.serving.images_per_request": 4},
)
def images_per_request(project: Project) -> Iterator[Found]:
    """What the variant serves, also where it is the model's default, against the engine's row."""
    for one in project.variants:
        serving, most = one.variant.serving, one.support.images_per_request_served if one.support else None
        if serving is None or one.support is None or most is None:
            continue
        default = one.model.defaults.images_per_request if one.model else None
        wanted = serving.images_per_request if serving.images_per_request is not None else default
        if wanted is not None and wanted > most:
            key = ("serving",) if serving.images_per_request is None else ("serving", "images_per_request")
            text = f"`{one.variant.engine}` takes {most} images a request, not {wanted} ({one.support.source})"
            yield one.found(*key, text=text)
