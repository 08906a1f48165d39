"""A card to drafts and defects: the whole of it, for the command."""

import hashlib
from dataclasses import dataclass

from flagrelease.domain.everything import Everything
from flagrelease.domain.source import RepoId
from flagrelease.formats.fits import fits
from flagrelease.formats.placeholders import TODO_NAME
from flagrelease.importing.bundle_draft import bundle_text
from flagrelease.importing.card import Download, card_of
from flagrelease.importing.defect import CardDefect
from flagrelease.importing.find import defects
from flagrelease.importing.image_name import ImageFacts
from flagrelease.importing.published_draft import published_drafts
from flagrelease.importing.subject import Subject


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A recipe that is not finished: its place below the recipe folder, and its text."""

    path: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What became of a card."""

    source: str
    sha256: str
    chip: str
    model: str
    bundle: Draft
    published: tuple[Draft, ...]
    defects: tuple[CardDefect, ...]
    images: tuple[ImageFacts, ...]
    weights: Download | None

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """Everything that can be written."""
        return (self.bundle, *self.published)


def import_card(data: str | bytes, *, source: str, recipes: Everything, chip: str = "", model: str = "") -> Imported:
    """The drafts of a card; `chip` and `model` are what a person says that it is about.

    Raises RecipeError when the card is too large or not UTF-8, and for nothing else that it may hold.
    """
    subject = Subject(card=card_of(data, source=source), recipes=recipes, given_chip=chip, given_model=model)
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    sha256 = hashlib.sha256(raw).hexdigest()
    found = defects(subject)
    tables = list(published_drafts(subject))
    chip = subject.chips[0] if subject.chips else TODO_NAME
    model = subject.model_name or TODO_NAME
    text = bundle_text(subject, found, {table.way: table.name for table in tables}, sha256=sha256)
    images = {image.reference: image for _, image in subject.card.images}
    return Imported(
        source=source,
        sha256=sha256,
        chip=chip,
        model=model,
        bundle=Draft(path=f"bundles/{chip}/{model}.yaml", text=text),
        published=tuple(Draft(path=f"published/{chip}/{table.name}.yaml", text=table.text) for table in tables),
        defects=tuple(found),
        images=tuple(images.values()),
        weights=next((one for one in subject.card.downloads if fits(RepoId, one.repo)), None),
    )
