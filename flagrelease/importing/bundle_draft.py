"""The draft of a bundle recipe: what the card says, in our words, with a gap for everything that it does not say."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from flagrelease.domain.container import EnvValue
from flagrelease.domain.value import Name
from flagrelease.formats.fits import fits
from flagrelease.formats.placeholders import TODO_NAME, todo
from flagrelease.formats.yaml_text import sentence
from flagrelease.importing.card import of_way
from flagrelease.importing.choose import engine_of, precision_of, sdk_of, weights_of
from flagrelease.importing.components import components
from flagrelease.importing.container_draft import container
from flagrelease.importing.defect import CardDefect
from flagrelease.importing.image_draft import hub, image
from flagrelease.importing.serving_draft import env, parallel, script, serving, weights_folder
from flagrelease.importing.subject import Subject
from flagrelease.importing.yaml_draft import Block, Gap, Note, Pair, draft_text

_MOST: Final = 100
_SWITCHES: Final = ("USE_FLAGGEMS", "USE_FLAGOS", "FLAGCX_PATH", "VLLM_PLUGINS")


def bundle_text(subject: Subject, found: Sequence[CardDefect], tables: Mapping[str, str], *, sha256: str) -> str:
    """The draft; `tables` are the published tables by way of running the bundle."""
    ways = {way: variant_name(subject, way) for way in subject.card.ways}
    names = list(dict.fromkeys(ways.values()))
    head = [
        "yaml-language-server: $schema=../../schema/bundle.json",
        f"Draft from the card {subject.card.source} (sha256 {sha256[:16]}…) by `flagrelease import-card`.",
        "Each TODO is a gap, and `flagrelease lint` names it. Nothing here was measured or run.",
    ]
    variants = [
        Pair(name, variant(subject, way, _of_ways(found, subject, way), tables))
        for way, name in _first_of(ways).items()
    ]
    block: list[Pair | Gap | Note] = [
        Pair("schema", "flagrelease.bundle/v2"),
        Pair("chip", subject.chips[0] if subject.chips else TODO_NAME, _others(subject.chips)),
        Pair("model", subject.model_name or TODO_NAME, "" if subject.model else "no recipe of this name yet"),
        Pair("default_variant", names[-1]),
        Pair("variants", variants),
    ]
    return draft_text(head, block)


def _first_of(ways: Mapping[str, str]) -> dict[str, str]:
    """Each name once: two ways of one name cannot both stand in a mapping."""
    taken: dict[str, str] = {}
    for way, name in ways.items():
        if name not in taken.values():
            taken[way] = name
    return taken


def _others(chips: Sequence[str]) -> str:
    return f"or {', '.join(chips[1:])}" if len(chips) > 1 else ""


def variant_name(subject: Subject, way: str) -> str:
    """What the variant is called: as the card calls the way, else as the engine is called."""
    name = way or engine_of(subject, way)
    return name if fits(Name, name) else TODO_NAME


def _of_ways(found: Sequence[CardDefect], subject: Subject, way: str) -> list[CardDefect]:
    """Defects of lines that belong to this way, or to all."""
    ways = {line.number: line.way for line in subject.card.lines}
    return [one for one in found if ways.get(one.line, "") in ("", way)]


def variant(subject: Subject, way: str, found: Sequence[CardDefect], tables: Mapping[str, str]) -> Block:
    """One variant."""
    engine = engine_of(subject, way)
    by = f" by {subject.recipes.engines[engine].title}" if engine else ""
    return [
        Pair("revision", "r1"),
        Pair("title", sentence(f"{subject.model_title}{by}")),
        *_said(subject, way, "flagos"),
        *_chosen(subject, way, engine),
        *_precision(subject, way),
        *parallel(subject, way),
        *components(subject, way),
        *env(subject, way),
        *weights_folder(subject, way),
        *serving(subject, way),
        *script(subject, way),
        *container(subject, way),
        _gate(subject, way),
        *_reference(subject, way),
        *_published(tables, way),
        *image(subject, way),
        *hub(subject, way),
        *_defects(subject, found),
        Pair("sources", [f"card {sentence(subject.card.source)}"]),
    ]


def _gate(subject: Subject, way: str) -> Pair:
    names = [f"{subject.model_name}-{variant_name(subject, way)}", subject.model_name]
    known = next((name for name in names if name in subject.recipes.policies), "")
    return Pair("gate", known) if known else Pair("gate", TODO_NAME, "tasks and margins, from recipes/gates")


def _said(subject: Subject, way: str, component: str) -> Iterator[Pair]:
    for one in of_way(subject.card.stated, way):
        if one.component == component and one.value:
            yield Pair(component, sentence(one.value), f"line {one.line}")
            return


def _chosen(subject: Subject, way: str, engine: str) -> Iterator[Pair | Gap]:
    sdk, weights = sdk_of(subject, way), weights_of(subject, way)
    sdks = ", ".join(subject.chip.sdks) if subject.chip else ""
    yield Pair("sdk", sdk) if sdk else Gap("sdk", f"the chip's SDK generation: {sdks or 'none is known'}")
    architectures = {
        one.architecture for seen, one in subject.card.images if seen.way in ("", way) and one.architecture
    }
    if len(architectures) == 1:
        yield Pair("architecture", str(next(iter(architectures))))
    forms = ", ".join(subject.model.weights) if subject.model else ""
    yield (
        Pair("weights", weights)
        if weights
        else Gap("weights", f"the model's form of its weights: {forms or 'none is known'}")
    )
    engines = ", ".join(subject.recipes.engines)
    yield Pair("engine", engine) if engine else Gap("engine", f"one of {engines or 'recipes/engines'}")


def _precision(subject: Subject, way: str) -> Iterator[Pair]:
    precision, quantisation = precision_of(subject, way)
    if precision:
        yield Pair("precision", precision)
    if quantisation != "none":
        yield Pair("quantisation", quantisation)


def _reference(subject: Subject, way: str) -> Iterator[Pair]:
    switched = {name: value for serve in of_way(subject.card.serves, way) for name, value in serve.env.items()}
    for one in of_way(subject.card.scripts, way):
        switched |= one.env
    on = {name: value for name, value in switched.items() if name in _SWITCHES and fits(EnvValue, value)}
    tables = [table for table in subject.scores if table.way in ("", way)]
    if on and any(table.differences for table in tables):
        yield Pair("reference", [
            Pair("kind", "switched_off"),
            Pair("title", todo("the same image with these off; check what off means")),
            Pair("on", [Pair(name, value) for name, value in on.items()]),
            Pair("off", [Pair(name, "0" if value == "1" else None) for name, value in on.items()]),
        ])  # fmt: skip
    elif tables and subject.vendor != "nvidia" and "nvidia_cuda" in subject.recipes.chips:
        title = tables[0].reference_title
        yield Pair("reference", [
            Pair("kind", "other_chip"),
            Pair("chip", "nvidia_cuda", f"line {tables[0].line}"),
            Pair("stack", todo(f"the table calls it {sentence(title) or 'nothing'}")),
        ])  # fmt: skip
    else:
        yield Pair("reference", [Pair("kind", "recorded"), Pair("baseline", TODO_NAME)])


def _published(tables: Mapping[str, str], way: str) -> Iterator[Pair]:
    names = [name for of, name in tables.items() if of in ("", way)]
    if names:
        yield Pair("published", names)


def _defects(subject: Subject, found: Sequence[CardDefect]) -> Iterator[Pair]:
    blocks = [
        [
            Pair("what", sentence(one.what)),
            Pair("instead", sentence(one.instead)),
            Pair("source", f"card {sentence(subject.card.source)}:{one.line}"),
        ]
        for one in found[:_MOST]
    ]
    if blocks:
        yield Pair("defects", blocks)
