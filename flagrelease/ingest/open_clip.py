"""Captions rated by open_clip: one JSON file with the cosine of each image and its caption, of one side or of both.

`{"judge": {"model", "weights_sha256", …}, "selection": {"count", "of", "seed", "sha256"}, "images": {NAME: {"sha256",
"GPU": {"caption", "score"}, "NPU": …}}}`; with several sides, `FILE#SIDE` names one. This is what the harness script
writes. The form that a vendor's page names, captions of both chips by image and nothing besides, has no scores: it is
what the script reads. A cosine is from -1 to 1; one below 0 is no caption of its image and counts as 0.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from flagrelease.domain.answers import Record
from flagrelease.domain.evalrun import DatasetFacts, Harness, Headline, Judge, RunFacts
from flagrelease.ingest.format import Format, Unit
from flagrelease.ingest.items import Items
from flagrelease.ingest.say import count_of, mapping_of, number_of, settings_of, text_of
from flagrelease.ingest.sources import Sources

NAME: Final = "open_clip"
TASK: Final = "coco_caption_clip"
METRIC: Final = "mean cosine of image and caption"
_SCHEMA: Final = "flagrelease.captions/v1"
_DECIMALS: Final = 12
_DIGEST: Final = re.compile(r"[0-9a-f]{64}\Z")
_HOW: Final = ("context_length", "image_size", "precision", "pretrained_tag", "open_clip_version")


def find(sources: Sources) -> Iterator[Unit]:
    """Every JSON file of rated captions, and those of captions alone, to say what they lack."""
    for name in sources.named(".json"):
        document = sources.document(name)
        if isinstance(document, dict) and (document.get("schema") == _SCHEMA or _is_captions(document)):
            yield Unit(name)


def _is_captions(document: Mapping[str, Any]) -> bool:
    """Image to caption, or side to image to caption: the form that the page of the method names."""
    below: list[Any] = [one for one in document.values() if isinstance(one, dict)] or [document]
    return bool(document) and all(
        one and all(str(key).lower().endswith((".jpg", ".jpeg", ".png")) for key in one) for one in below
    )


def read(sources: Sources, unit: Unit) -> Iterator[Record]:
    """The record of one side."""
    document = sources.document(unit.main)
    if document.get("schema") != _SCHEMA:
        raise sources.refuse(
            unit.main,
            "wanted captions with their scores, found captions alone",
            hint="rate them first: `recipes/harnesses/open_clip/rate.py` does, in an environment of its own",
        )
    images = mapping_of(document, "images")
    side = _side(sources, unit, images)
    judge = _judge(sources, unit, document)
    items, raised = _items(sources, unit, images, side)
    selection = mapping_of(document, "selection")
    yield Record(
        RunFacts(
            task=TASK,
            harness=Harness(name=NAME, version=text_of(mapping_of(document, "judge").get("open_clip_version"))),
            dataset=DatasetFacts(
                id=text_of(selection.get("dataset")),
                revision=text_of(selection.get("sha256")),
                fingerprint=_selected(selection),
                items=count_of(selection.get("count")),
            ),
            settings=settings_of({key: mapping_of(document, "judge").get(key) for key in _HOW}),
            judge=judge,
            model=text_of(mapping_of(document, "models").get(side)),
            metric=METRIC,
            kind="bounded_mean",
            scale=1,
            headline=_headline(document, side, raised),
            notes=(f"{raised} cosines are below 0 and count as 0",) if raised else (),
            sources=(sources.source(unit.main, NAME).model_copy(update={"column": side}),),
        ),
        items.answers,
    )


def _side(sources: Sources, unit: Unit, images: Mapping[str, Any]) -> str:
    sides: set[str] = {
        key for one in images.values() if isinstance(one, dict) for key in one if isinstance(one[key], dict)
    }
    named = {side.lower(): side for side in sides}
    wanted = sources.column.lower()
    if wanted in named:
        return named[wanted]
    if wanted or len(sides) != 1:
        found = ", ".join(sorted(sides)[:5]) or "none"
        raise sources.refuse(
            unit.main,
            f"wanted the scores of {sources.column or 'one side'}, found {found}",
            hint=f"name the side, such as {sources.place(unit.main)}#{found.partition(',')[0]}",
        )
    return sides.pop()


def _judge(sources: Sources, unit: Unit, document: Mapping[str, Any]) -> Judge:
    stated = mapping_of(document, "judge")
    model, digest = text_of(stated.get("model")), text_of(stated.get("weights_sha256"))
    if model is None or digest is None or not _DIGEST.match(digest):
        raise sources.refuse(
            unit.main,
            "wanted the judge's `model` and `weights_sha256`, found none",
            hint="two judges of one name rate differently; the digest says which one it was",
        )
    return Judge(model=model, version=f"sha256:{digest}")


def _selected(selection: Mapping[str, Any]) -> str | None:
    count, whole, seed = (count_of(selection.get(key)) for key in ("count", "of", "seed"))
    return None if None in (count, whole, seed) else f"{count} of {whole}, seed {seed}"


def _items(sources: Sources, unit: Unit, images: Mapping[str, Any], side: str) -> tuple[Items, int]:
    items, raised = Items(sources), 0
    for image, one in images.items():
        rated = mapping_of(one, side)
        score = number_of(rated.get("score"))
        if score is not None and -1 <= score < 0:
            raised, score = raised + 1, 0.0
        said = text_of(rated.get("caption"))
        items.add(
            unit.main,
            image,
            # What is no number is refused as it stands.
            str(rated.get("score")) if score is None and said is not None else score,
            status="ok" if said is not None else "error",
            document=text_of(mapping_of(one).get("sha256")),
            prompt=text_of(mapping_of(one).get("prompt")),
            said=rated.get("caption") if isinstance(rated.get("caption"), str) else None,
        )
    return items, raised


def _headline(document: Mapping[str, Any], side: str, raised: int) -> Headline | None:
    """The stated mean; none where scores were raised to 0, since it has them in as they were."""
    mean = number_of(mapping_of(document, "mean").get(side))
    if mean is None or raised:
        return None
    return Headline(score=mean, decimals=_DECIMALS, items=len(mapping_of(document, "images")))


FORMAT: Final = Format(
    name=NAME,
    title="captions rated by open_clip",
    files="`*.json` of schema `flagrelease.captions/v1`, `FILE#SIDE` where it has several",
    find=find,
    read=read,
)
