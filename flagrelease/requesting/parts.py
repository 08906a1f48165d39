"""What of a bundle is restricted, and what is known of each such part."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from flagrelease.domain.component import ArchiveSource, Component, ComponentSource
from flagrelease.domain.model import Model, Weights
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.restricted import Restricted

_NO_REGISTRY = "localhost/"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing to ask for. `keys` are where recipes say that it is restricted, `uses` what it is for."""

    name: str
    version: str
    contact: str
    keys: tuple[str, ...]
    uses: tuple[str, ...]
    uses_zh: tuple[str, ...]
    fields: tuple[str, ...]
    fields_zh: tuple[str, ...]


def restricted_parts(recipe: Recipe) -> list[Part]:
    """Every restricted part of a bundle variant, in the order of its making; one that is named twice is there once."""
    return together(_parts(recipe))


def together(parts: Iterable[Part]) -> list[Part]:
    """Parts of one name and version of one contact as one."""
    found: dict[tuple[str, str, str], Part] = {}
    for part in parts:
        key = (part.contact, part.name, part.version)
        known = found.get(key)
        found[key] = part if known is None else _both(known, part)
    return list(found.values())


def _both(one: Part, other: Part) -> Part:
    return replace(
        one,
        keys=_distinct(one.keys + other.keys),
        uses=_distinct(one.uses + other.uses),
        uses_zh=_distinct(one.uses_zh + other.uses_zh),
        fields=one.fields or other.fields,
        fields_zh=one.fields_zh or other.fields_zh,
    )


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _parts(recipe: Recipe) -> Iterator[Part]:
    sdk, variant = recipe.sdk, recipe.variant
    at = f"chip {recipe.chip.name}: sdks.{variant.sdk}"
    if sdk.base.kind == "image" and sdk.base.restricted:
        yield _part(sdk.base.image, sdk.base.tag, sdk.base.restricted, f"{at}.base")
    for index, installer in enumerate(sdk.installers):
        if installer.restricted and installer.architecture in (None, recipe.architecture):
            file = installer.file.replace("{version}", sdk.version or "{version}")
            yield _part(file, sdk.version, installer.restricted, f"{at}.installers[{index}]")
    at = f"bundle {recipe.name}"
    if variant.image and variant.image.restricted:
        yield _part(variant.image.pulled.image, variant.image.pulled.tag, variant.image.restricted, f"{at}: image")
    for name, component in variant.components.items():
        yield from _of_component(name, component, f"{at}: components.{name}")
    yield from _of_weights(recipe.model, recipe.weights, variant.weights)
    if recipe.second_model and recipe.second_weights and variant.smoke:
        yield from _of_weights(recipe.second_model, recipe.second_weights, variant.smoke.second_model.weights)


def _of_component(name: str, component: Component, at: str) -> Iterator[Part]:
    sources: dict[str, ComponentSource] = {f"{at}.source": component.source}
    sources |= {f"{at}.alternatives[{index}]": one for index, one in enumerate(component.alternatives)}
    for key, source in sources.items():
        if isinstance(source, ArchiveSource) and source.restricted:
            yield _part(source.file, component.version, source.restricted, key)
    patches = component.patches
    if patches and patches.restricted:
        title = f"patches on {component.title or name}"
        yield _part(title, f"base commit {patches.base}", patches.restricted, f"{at}.patches")


def _of_weights(model: Model, weights: Weights, form: str) -> Iterator[Part]:
    if weights.restricted:
        yield _part(model.title, weights.precision, weights.restricted, f"model {model.name}: weights.{form}")


def _part(name: str, version: str | None, restricted: Restricted, key: str) -> Part:
    return Part(
        name=_line(name.removeprefix(_NO_REGISTRY)),
        version=_line(version or ""),
        contact=_line(restricted.contact),
        keys=(key,),
        uses=(_line(restricted.what),),
        uses_zh=(_line(restricted.what_zh or restricted.what),),
        fields=tuple(map(_line, restricted.fields)),
        fields_zh=tuple(map(_line, restricted.fields_zh)),
    )


def _line(text: str) -> str:
    """On one line: a text of a recipe must not begin a header of the mail."""
    return " ".join(text.split())
