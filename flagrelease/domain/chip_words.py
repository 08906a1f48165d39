"""The chip's own names in the steps of a component: `{flagcx_make}=1` becomes `USE_MUSA=1`."""

import re
from collections.abc import Mapping
from typing import Final

from flagrelease.domain.chip import Chip, Sdk
from flagrelease.domain.component import ChipWord, Component, Install

_WORD: Final = re.compile(r"\{([a-z_]+)\}")


def chip_words(chip: Chip, sdk: Sdk) -> dict[ChipWord, str | None]:
    """Each word, and what this chip calls it; None where it has no such name."""
    names, kernels = chip.libraries, sdk.kernels
    return {
        "flaggems_vendor": names.flaggems_vendor if names else None,
        "flaggems_cmake": names.flaggems_cmake if names else None,
        "flagtree_backend": names.flagtree_backend if names else None,
        "flagtree_folder": kernels.flagtree_folder if kernels else None,
        "flagcx_make": names.flagcx_make if names else None,
        "flagcx_adaptor": names.flagcx_adaptor if names else None,
    }


def with_chip_words(component: Component, chip: Chip, sdk: Sdk) -> Component:
    """The component with the chip's names in its steps.

    Where the chip has no such name, what the word stands in is left out: a variable, a path, or the whole step where it
    is an argument or what the step needs. What is in braces and no word of ours stays as it is.
    """
    words: Mapping[str, str | None] = {str(word): said for word, said in chip_words(chip, sdk).items()}
    steps = tuple(step for one in component.install if (step := _step(one, words)))
    return component.model_copy(update={"install": steps})


def _step(step: Install, words: Mapping[str, str | None]) -> Install | None:
    arguments = tuple(_said(one, words) for one in step.arguments)
    if None in arguments or any(words[one] is None for one in step.needs):
        return None
    env = {name: said for name, value in step.env.items() if (said := _said(value, words)) is not None}
    path = _said(step.path, words) if step.path else None
    return step.model_copy(update={"arguments": arguments, "env": env, "path": path, "needs": ()})


def _said(text: str, words: Mapping[str, str | None]) -> str | None:
    """The text with its words; None when one of them is a name that the chip has not got."""
    if any(words.get(name, "") is None for name in _WORD.findall(text)):
        return None
    return _WORD.sub(lambda match: words.get(match[1]) or match[0], text)
