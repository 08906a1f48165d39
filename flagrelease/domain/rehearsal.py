"""A rehearsal as a recipe: a stack that is the same for every chip, for chips that no bundle is written for yet."""

from typing import Annotated, Literal

from pydantic import Field

from flagrelease.domain.bundle import Requirement, ServingRecipe, Variant
from flagrelease.domain.chip import Architecture, Chip
from flagrelease.domain.chip_words import with_chip_words
from flagrelease.domain.component import Component
from flagrelease.domain.container import EnvName, EnvValue
from flagrelease.domain.engine import Engine
from flagrelease.domain.model import Model
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.value import Name, Text, Value

VARIANT = "rehearsal"
"""The variant's name in a recipe that is made for a rehearsal: no file has it."""


class Rehearsal(Value):
    """`recipes/rehearsals/<name>.yaml`: the body of a variant; what the chips call things stands in braces.

    A component whose every step is left out on a chip is left out there itself.
    """

    schema_: Literal["flagrelease.rehearsal/v1"] = Field(alias="schema")
    name: Name
    title: Text
    model: Name
    weights: Name
    engine: Name
    components: Annotated[dict[Name, Component], Field(min_length=1)]
    wheels: tuple[Requirement, ...] = ()
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    serving: ServingRecipe | None = None
    sources: tuple[Text, ...] = ()
    note: Text | None = None


def rehearsal_recipe(
    rehearsal: Rehearsal,
    chip: Chip,
    sdk: str,
    *,
    engine: Engine,
    model: Model,
    architecture: Architecture | None = None,
) -> Recipe:
    """The recipe of this stack on one SDK of a chip: what a bundle's own would be, without gate and reference.

    `engine` and `model` are those that the rehearsal names; its weights are one of the model's forms. Raises KeyError
    when there is no such SDK or form.
    """
    stack = chip.sdks[sdk]
    named = {name: with_chip_words(one, chip, stack) for name, one in rehearsal.components.items()}
    components = {name: one for name, one in named.items() if one.install or not rehearsal.components[name].install}
    return Recipe(
        chip=chip,
        architecture=architecture or chip.architectures[0],
        engine=engine,
        model=model,
        variant_name=VARIANT,
        variant=Variant(
            revision="r1",
            title=f"{rehearsal.title} on {chip.title}",
            sdk=sdk,
            weights=rehearsal.weights,
            weights_in="mount",
            engine=rehearsal.engine,
            components=components,
            wheels=rehearsal.wheels,
            env=rehearsal.env,
            serving=rehearsal.serving,
        ),
        sdk=stack,
        weights=model.weights[rehearsal.weights],
    )
