"""The published part of a draft: the card's image and its repositories on hubs."""

import re
from collections.abc import Iterator
from typing import Final

from flagrelease.domain.source import RepoId
from flagrelease.formats.fits import fits
from flagrelease.formats.placeholders import todo
from flagrelease.formats.yaml_text import sentence
from flagrelease.importing.card import of_way
from flagrelease.importing.image_name import ImageFacts, image_facts
from flagrelease.importing.subject import Subject
from flagrelease.importing.yaml_draft import Note, Pair

_MAIL: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,60}(?:\.[A-Za-z0-9-]{1,60}){1,4}")
_ASKED: Final = re.compile(r"\bindicate (?:the )?([\w /-]{3,300})")


def image(subject: Subject, way: str) -> Iterator[Pair | Note]:
    """`image`, as the card pulls it and as it runs it."""
    pulled = [image_facts(one.name) for one in of_way(subject.card.pulls, way)]
    run = [image_facts(one.image) for one in of_way(subject.card.runs, way) if one.image]
    valid = [one for one in (*pulled[-1:], *run[-1:]) if one.is_valid]
    if not valid:
        names = [one.reference for one in (*pulled, *run)]
        yield Note(f"image: {names[0]} is no name of an image" if names else "image: the card names none")
        return
    yield Pair("image", [
        Pair("pulled", _reference_of(valid[0])),
        Pair("run", _reference_of(valid[-1])),
        *_restricted(subject),
    ])  # fmt: skip


def _restricted(subject: Subject) -> Iterator[Pair]:
    """Who hands the image out, where a table says that it is asked for by mail."""
    for table in subject.card.tables:
        for row in table.rows:
            mail = next((found for cell in row.cells if (found := _MAIL.search(cell))), None)
            if mail and "image" in row.cells[0].lower():
                asked = _ASKED.search(" ".join(row.cells))
                fields = [sentence(word) for word in asked[1].split("/")[:20] if word.strip()] if asked else []
                block = [Pair("what", sentence(" ".join(row.cells[:2])) or todo("what")), Pair("contact", mail[0])]
                block += [Pair("fields", fields)] if fields else []
                yield Pair("restricted", [*block, Pair("source", f"card {sentence(subject.card.source)}:{row.line}")])
                return


def _reference_of(image: ImageFacts) -> list[Pair]:
    return [Pair("image", image.repository), *([Pair("tag", image.tag)] if image.tag else [])]


def hub(subject: Subject, way: str) -> Iterator[Pair]:
    """`hub`: where the bundle itself is published."""
    pairs: dict[str, Pair] = {}
    for one in of_way(subject.card.downloads, way):
        if one.repo.startswith("FlagRelease/") and fits(RepoId, one.repo):
            pairs.setdefault(one.hub, Pair(one.hub, one.repo, f"line {one.line}"))
    if pairs:
        yield Pair("hub", list(pairs.values()))
