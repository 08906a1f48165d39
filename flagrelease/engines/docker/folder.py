"""A `BuildContext` as a Dockerfile and its build folder: quoted by construction, the weights left out."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from flagrelease.domain.image import BuildContext, Layer
from flagrelease.errors import BuildError
from flagrelease.ports import Store

STAGE = "bundle"


def dockerfile(context: BuildContext, layers: Sequence[Layer]) -> str:
    """The Dockerfile of these layers, each a tar of the build folder by its name.

    All is unpacked from tars whose entries have their own modes and times: what COPY makes on its way is dated now.
    """
    lines = [f"FROM scratch AS {STAGE}", *(f"ADD {_words([f'{layer.name}.tar', '/'])}" for layer in layers)]
    lines += _pairs("ENV", context.env)
    lines += _pairs("LABEL", context.labels)
    lines += ["WORKDIR /", f"EXPOSE {context.exposed_port}/tcp", f"ENTRYPOINT {_words(context.entrypoint)}"]
    return "\n".join(lines) + "\n"


def fill(folder: Path, context: BuildContext, layers: Sequence[Layer], store: Store) -> Path:
    """Put the Dockerfile and the tars into a folder; the Dockerfile's path."""
    for layer in layers:
        store.link(layer.digest, folder / f"{layer.name}.tar")
    file = folder / "Dockerfile"
    file.write_text(dockerfile(context, layers), encoding="utf-8")
    return file


def quoted(text: str) -> str:
    """A word of ENV or LABEL that means itself: in double quotes, with nothing left to be expanded.

    Raises:
        BuildError: it has a control character, which no such word can hold.
    """
    if any(not character.isprintable() and character != "\t" and ord(character) < 0xA0 for character in text):  # noqa: PLR2004
        raise BuildError(f"{text[:200]!r} has a control character", hint="a value of a Dockerfile is one line")
    for special in ("\\", '"', "$"):
        text = text.replace(special, f"\\{special}")
    return f'"{text}"'


def _pairs(word: str, values: Mapping[str, str]) -> list[str]:
    return [f"{word} {quoted(name) if word == 'LABEL' else name}={quoted(values[name])}" for name in sorted(values)]


def _words(words: Sequence[str]) -> str:
    return json.dumps(list(words), ensure_ascii=False)
