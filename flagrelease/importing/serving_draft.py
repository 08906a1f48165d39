"""The serving part of a draft: how the server or the script of a card is started, and with what."""

from collections.abc import Iterator
from typing import Final

from flagrelease.domain.bundle import ArgumentName, ServedName
from flagrelease.domain.container import EnvName, EnvValue
from flagrelease.domain.value import AbsolutePath
from flagrelease.formats.fits import fits
from flagrelease.formats.yaml_text import sentence
from flagrelease.importing.card import of_way
from flagrelease.importing.serving_words import Option, Serve
from flagrelease.importing.subject import Subject
from flagrelease.importing.yaml_draft import Gap, Note, Pair

_OWN: Final = frozenset({
    "served-model-name", "port", "host", "tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size",
    "max-model-len", "nnodes", "node-rank", "master-addr", "master-port", "dtype",
})  # fmt: skip
_PARALLEL: Final = {
    "tensor": "tensor-parallel-size", "data": "data-parallel-size", "pipeline": "pipeline-parallel-size",
    "nodes": "nnodes",
}  # fmt: skip
_MOST: Final = 100
_DEFAULT_PORT: Final = 8000


def parallel(subject: Subject, way: str) -> Iterator[Pair]:
    """`parallel`, where the server is told to split the model."""
    for one in of_way(subject.card.serves, way)[-1:]:
        sizes = {key: _whole(one.options.get(option)) for key, option in _PARALLEL.items()}
        pairs = [Pair(key, size) for key, size in sizes.items() if size and size > 1]
        if pairs:
            yield Pair("parallel", pairs, f"line {one.line}")


def env(subject: Subject, way: str) -> Iterator[Pair]:
    """`env`: what is set before the server or the script."""
    merged: dict[str, str] = {}
    for one in of_way(subject.card.serves, way):
        merged |= one.env
    for script in of_way(subject.card.scripts, way):
        merged |= script.env
    pairs = [
        Pair(name, value)
        for name, value in list(merged.items())[:_MOST]
        if fits(EnvName, name) and fits(EnvValue, value)
    ]
    if pairs:
        yield Pair("env", pairs)


def weights_folder(subject: Subject, way: str) -> Iterator[Pair]:
    """Where the weights lie, and that they are mounted."""
    served = [one.model for one in of_way(subject.card.serves, way)]
    folders = [one.folder for one in of_way(subject.card.downloads, way)]
    for folder in (*served, *folders):
        if fits(AbsolutePath, folder.rstrip("/")):
            yield Pair("weights_folder", folder.rstrip("/"))
            break
    yield Pair("weights_in", "mount")


def serving(subject: Subject, way: str) -> Iterator[Pair]:
    """`serving`, where the card starts a server."""
    served = of_way(subject.card.serves, way)
    if not served:
        return
    one = served[-1]
    asked = [request.model for request in of_way(subject.card.requests, way)]
    block: list[Pair | Gap | Note] = []
    if fits(ServedName, one.names[0]):
        block.append(Pair("served_name", one.names[0]))
    block += [Pair("requested_model", name) for name in asked[:1] if fits(ServedName, name)]
    port = _whole(one.options.get("port", _DEFAULT_PORT))
    block.append(Pair("port", port if port and 0 < port < 65536 else _DEFAULT_PORT))  # noqa: PLR2004 - TCP's ports
    length = str(one.options.get("max-model-len", ""))
    if length.isascii() and length.isdigit() and int(length[:9]) >= 16:  # noqa: PLR2004 - as `Serving` has it
        block.append(Pair("context_length", int(length[:9])))
    block.append(Gap("ready_within_s", "seconds from start to healthy; the card does not say"))
    arguments = _arguments(one)
    if arguments:
        block.append(Pair("arguments", arguments))
    yield Pair("serving", block, f"line {one.line}")


def _arguments(one: Serve) -> list[Pair]:
    return [
        Pair(name, _typed(value))
        for name, value in list(one.options.items())[:_MOST]
        if name not in _OWN and fits(ArgumentName, name)
    ]


def _typed(value: Option) -> Option:
    """Numbers as numbers, so that they compare with what other recipes say."""
    if not isinstance(value, str) or not value.isascii() or len(value) > 15:  # noqa: PLR2004 - no option is longer
        return sentence(value) if isinstance(value, str) else value
    if value.isdigit() and (value == "0" or not value.startswith("0")):
        return int(value)
    whole, point, rest = value.partition(".")
    is_decimal = bool(point) and whole.isdigit() and rest.isdigit() and (whole == "0" or not whole.startswith("0"))
    return float(value) if is_decimal else sentence(value)


def script(subject: Subject, way: str) -> Iterator[Pair]:
    """`script`, where the card runs a program and no server."""
    scripts = of_way(subject.card.scripts, way)
    if of_way(subject.card.serves, way) or not scripts:
        return
    one = scripts[-1]
    command = [sentence(word) or "-" for word in one.words[:_MOST]]
    yield Pair("script", [Pair("command", command), Pair("source", f"card {sentence(subject.card.source)}:{one.line}")])


def _whole(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None  # noqa: PLR2004 - no such machine
