"""What a bundle serves: its name, its port, its length, and whether its parts say the same of them."""

import re
from collections.abc import Iterator
from typing import Final

from flagrelease.domain.bundle import Argument
from flagrelease.lint.found import Found
from flagrelease.lint.near import did_you_mean
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.views import VariantView

_PLACEHOLDER: Final = re.compile(r"\{([a-z][\w-]*)\}\Z")
_FILLED: Final = frozenset({"weights", "options"})


@rule(
    "FR201",
    "error",
    "a request names another model than the one that is served",
    why=(
        "The Hy4-preview card serves under one name and its curl asks for another, so the documented request is "
        "answered with an error. vLLM without a name answers to the path of the weights only."
    ),
    hint="make `served_name` and `requested_model` the same",
    bad={"variant.serving.requested_model": "tiny-flagos"},
    good={"variant.serving.requested_model": "tiny"},
)
def other_served_name(project: Project) -> Iterator[Found]:
    """The documented request's model against the name clients have to send."""
    for one in project.variants:
        serving = one.variant.serving
        if serving and serving.requested_model:
            served = serving.served_name or one.cell.model
            if serving.requested_model != served:
                text = f"the request asks for `{serving.requested_model}`, the server answers to `{served}`"
                yield one.found("serving", "requested_model", text=text)


@rule(
    "FR202",
    "error",
    "a server of an engine that has none",
    why="An engine that runs scripts only cannot be asked anything: the serving smoke would wait for it in vain.",
    hint="use `script`, or an engine that serves",
    bad={"variant.engine": "scripts"},
    good={"variant.engine": "scripts", "variant.serving": None, "variant.script": {
        "command": ["python3", "ask.py"], "source": "an example",
    }},
)  # fmt: skip
def engine_without_server(project: Project) -> Iterator[Found]:
    """`serving` with an engine of `serves: false`."""
    for one in project.variants:
        if one.engine and not one.engine.serves and one.variant.serving:
            yield one.found("serving", text=f"`{one.engine.name}` has no server")


@rule(
    "FR203",
    "warning",
    "a variant that says neither how it serves nor what it runs",
    why="A user who has the image has to be told what to start, and the smoke has to start it.",
    hint="add `serving`, or `script`",
    bad={"variant.serving": None},
    good={"variant.serving": None, "variant.script": {"command": ["python3", "ask.py"], "source": "an example"}},
)
def nothing_to_run(project: Project) -> Iterator[Found]:
    """Neither `serving` nor `script`."""
    for one in project.variants:
        if one.variant.serving is None and one.variant.script is None:
            yield one.found(text="there is neither `serving` nor `script`")


@rule(
    "FR204",
    "error",
    "a request longer than the model reads",
    why="Engines refuse to start above a model's length, or answer with nonsense beyond it.",
    hint="serve at most the model's `max_context`",
    bad={"variant.serving.context_length": 16384},
    good={"variant.serving.context_length": 8192},
)
def too_long_for_the_model(project: Project) -> Iterator[Found]:
    """`context_length` of the variant, or of the model's own defaults, above `max_context`."""
    for one in project.variants:
        written = one.variant.serving.context_length if one.variant.serving else None
        most = one.model.max_context if one.model else None
        if written and most and written > most:
            text = f"wanted at most {most:,} tokens, which is the model's `max_context`, found {written:,}"
            yield one.found("serving", "context_length", text=text)
    for name, model in project.recipes.models.items():
        default, most = model.defaults.context_length, model.max_context
        if default and most and default > most:
            file, key = f"models/{name}.yaml", ("defaults", "context_length")
            text = f"wanted at most {most:,} tokens, which is `max_context`, found {default:,}"
            yield Found(file=file, key=key, text=text, cells=project.users(file))


@rule(
    "FR205",
    "warning",
    "a request longer than answers stay good",
    why=(
        "A model can read more than it can use: MindIE's documents ask to keep to the longest effective length, which "
        "is less than the longest possible one. Beyond it the bundle serves answers that nobody evaluated."
    ),
    hint="serve at most the model's `max_effective_length`, or show the answers to be good and raise that",
    bad={"model.max_effective_length": 2048},
    good={"model.max_effective_length": 8192},
)
def too_long_to_be_good(project: Project) -> Iterator[Found]:
    """The length that a variant serves, also by the model's default; beyond `max_context` is another rule's."""
    for one in project.variants:
        serving, model = one.variant.serving, one.model
        if serving is None or model is None or model.max_effective_length is None:
            continue
        length = serving.context_length or model.defaults.context_length or model.max_context
        if length and model.max_effective_length < length <= (model.max_context or length):
            text = f"{length:,} tokens are served, and answers are good up to {model.max_effective_length:,}"
            key = ("serving", "context_length") if serving.context_length else ("serving",)
            yield one.found(*key, text=text)


@rule(
    "FR206",
    "error",
    "an option that contradicts the recipe",
    why=(
        "Options go to the engine as they are. A port, a length or a split that stands there too and differs is what "
        "the server does, while card, smoke and `run` believe the recipe."
    ),
    hint="take the option out: the recipe's own key is passed on",
    bad={"variant.serving.arguments": {"port": 9010}},
    good={"variant.serving.arguments": {"port": 8000}},
)
def contradicting_option(project: Project) -> Iterator[Found]:
    """Options that have a key of their own."""
    for one in project.variants:
        serving = one.variant.serving
        for option, wanted in _said_elsewhere(one) if serving else ():
            found = serving.arguments.get(option) if serving else None
            if None not in (found, wanted) and str(found) not in (str(wanted), "auto"):
                text = f"`--{option} {found}`, and the recipe says {wanted}"
                yield one.found("serving", "arguments", option, text=text)


def _said_elsewhere(one: VariantView) -> Iterator[tuple[str, Argument]]:
    """Options of engines, and what the recipe's own keys say; None where they say nothing."""
    variant, serving = one.variant, one.variant.serving
    parallel = variant.parallel
    yield "port", serving.port if serving else None
    yield "served-model-name", serving.served_name or one.cell.model if serving else None
    yield "max-model-len", serving.context_length if serving else None
    yield "tensor-parallel-size", parallel.tensor
    yield "pipeline-parallel-size", parallel.pipeline
    yield "data-parallel-size", parallel.data
    yield "dtype", variant.precision
    yield "model", variant.weights_folder


@rule(
    "FR207",
    "error",
    "an engine's command asks for a setting that is not there",
    why="An engine's start command has gaps that a bundle's settings fill; a gap that stays open starts nothing.",
    hint="add it to the variant's `settings`",
    bad={"engine.start": ["serve", "{experiment}"]},
    good={"engine.start": ["serve", "{experiment}"], "variant.settings": {"experiment": "tiny"}},
)
def missing_setting(project: Project) -> Iterator[Found]:
    """Gaps of `start` of the engine, where the variant is started by it."""
    for one in project.variants:
        if one.engine is None or one.variant.entrypoint or one.variant.script or one.variant.serving is None:
            continue
        for word in one.engine.start:
            gap = _PLACEHOLDER.match(word)
            if gap and gap[1] not in _FILLED and gap[1] not in one.variant.settings:
                hint = did_you_mean(gap[1], one.variant.settings) if one.variant.settings else ""
                text = f"`{one.engine.name}` is started with {word}, and there is no such setting"
                yield one.found("settings", text=text, hint=hint)


@rule(
    "FR208",
    "warning",
    "a server of which nobody can tell when it is ready",
    why="Without a health path the smoke cannot tell a server that is loading from one that has hung.",
    hint="write the path that answers 200 as the engine's `health`",
    bad={"engine.health": None},
    good={"engine.health": "/health"},
)
def no_health(project: Project) -> Iterator[Found]:
    """Engines without `health` that a variant serves with."""
    served: dict[str, list[VariantView]] = {}
    for one in project.variants:
        if one.variant.serving:
            served.setdefault(one.variant.engine, []).append(one)
    for name, engine in project.recipes.engines.items():
        if engine.serves and engine.health is None and name in served:
            cells = tuple(one.cell for one in served[name])
            text = f"`{name}` serves, and has no path that says when it is ready"
            yield Found(file=f"engines/{name}.yaml", key=("serves",), text=text, cells=cells)
