"""What a card is about: which chip, which model, as recipes call them, or as near as the card comes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from flagrelease.domain.chip import Chip
from flagrelease.domain.everything import Everything
from flagrelease.domain.model import Model
from flagrelease.formats.yaml_text import sentence
from flagrelease.importing.bundle_name import as_name, bundle_name, same_name
from flagrelease.importing.card import Card
from flagrelease.importing.scores import ScoreTable, score_tables
from flagrelease.importing.vendors import chips_of, vendor_of_chip, vendor_of_word

_ADAPTED = re.compile(r"\bFlagOS-([A-Za-z]{2,20})\b|\badapted for the ([A-Za-z]{2,20})\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A card with what it is about. `given_chip` and `given_model` are what a person says it is about."""

    card: Card
    recipes: Everything
    given_chip: str = ""
    given_model: str = ""

    @cached_property
    def vendor(self) -> str:
        """The chip's maker as hubs call it; empty where nothing says it."""
        if self.given_chip in self.recipes.chips:
            return vendor_of_chip(self.recipes.chips[self.given_chip])
        return next((vendor for vendor in self._vendors() if vendor), "")

    def _vendors(self) -> Iterator[str]:
        """What says which maker it is, the surest first."""
        named = [name for line, name in self.card.names if line == 0]
        titles = [bundle_name(table.target_title) for table in self.scores if not table.differences]
        yield from (name.vendor for name in (*named, *titles))
        yield from (name.vendor for _, name in self.card.names if name.is_flagos)
        yield from (image.vendor for _, image in self.card.images)
        for line in self.card.lines:
            for found in _ADAPTED.findall(line.text):
                yield vendor_of_word(found[0] or found[1])

    @cached_property
    def chips(self) -> list[str]:
        """The chips of the maker, the likeliest first; what a person says is certain."""
        if self.given_chip:
            return [self.given_chip]
        candidates = chips_of(self.vendor, self.recipes.chips)
        said = [name for name in candidates if self._is_spoken_of(self.recipes.chips[name])]
        return said if len(said) == 1 else candidates

    def _is_spoken_of(self, chip: Chip) -> bool:
        """Whether the card names one of the chip's parts, or the code that images have for it."""
        codes = {image.gpu for _, image in self.card.images if image.gpu}
        parts = [part.title for part in chip.hardware.values()]
        if codes & {part.code for part in chip.hardware.values()}:
            return True
        text = self.prose
        return any(len(part) > 4 and part.lower() in text for part in (*parts, *chip.aliases) if " " in part)  # noqa: PLR2004 - a whole name

    @cached_property
    def prose(self) -> str:
        """All that people read, in lower case."""
        return "\n".join(line.text.lower() for line in self.card.lines if line.is_prose)

    @property
    def chip(self) -> Chip | None:
        """The chip's recipe, where there is one."""
        return self.recipes.chips.get(self.chips[0]) if self.chips else None

    @cached_property
    def scores(self) -> list[ScoreTable]:
        """The tables of scores."""
        return score_tables(self.card.tables, self.recipes.benchmarks)

    @cached_property
    def model_name(self) -> str:
        """The model as its recipe is called, or would be; empty where nothing names one."""
        if self.given_model:
            return self.given_model
        for title in self._model_titles():
            for name, model in self.recipes.models.items():
                if any(same_name(title, other) for other in _names_of(name, model)):
                    return name
        return next((name for title in self._model_titles() if (name := as_name(title))), "")

    def _model_titles(self) -> Iterator[str]:
        yield from (name.model for line, name in self.card.names if line == 0)
        repos = [one.repo.rpartition("/")[::2] for one in self.card.downloads]
        yield from (bundle_name(name).model for owner, name in repos if owner == "FlagRelease")
        yield from (bundle_name(table.target_title).model for table in self.scores if not table.differences)
        yield from (name.model for _, name in self.card.names)
        yield from (name for owner, name in repos if owner != "FlagRelease")
        yield from (image.model for _, image in self.card.images if image.model)

    @property
    def model(self) -> Model | None:
        """The model's recipe, where there is one."""
        return self.recipes.models.get(self.model_name)

    @cached_property
    def model_title(self) -> str:
        """What people call the model."""
        if self.model:
            return self.model.title
        return next((title for title in self._model_titles() if sentence(title)), "the model")

    @cached_property
    def precision(self) -> str:
        """The precision that the bundle's name has, as it is spelled there."""
        return next((name.precision for _, name in self.card.names if name.precision), "")


def _names_of(name: str, model: Model) -> Iterator[str]:
    yield name
    yield model.title
    repos = [model.upstream.huggingface, model.upstream.modelscope]
    repos += [getattr(form.source, "repo", None) for form in model.weights.values()]
    for repo in repos:
        if repo:
            last = repo.rpartition("/")[2]
            yield from (last, bundle_name(last).model)
