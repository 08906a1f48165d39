"""Which recipes a card's words mean: its engine, its SDK generation, its form of the weights."""

from collections.abc import Mapping
from typing import Final

from flagrelease.domain.chip import Precision, Quantisation, Sdk
from flagrelease.importing.card import of_way
from flagrelease.importing.image_name import image_facts
from flagrelease.importing.stated import Stated, same_version
from flagrelease.importing.subject import Subject

_PRECISIONS: Final[Mapping[str, Precision]] = {
    "bf16": "bfloat16", "bfloat16": "bfloat16", "fp16": "float16", "float16": "float16", "half": "float16",
    "float32": "float32", "fp8": "float8", "fp8dynamic": "float8", "int8": "int8", "int4": "int4",
}  # fmt: skip
_QUANTISATIONS: Final[Mapping[str, Quantisation]] = {
    "w8a8": "w8a8", "w8a16": "w8a16", "w4a16": "w4a16", "w4a8": "w4a8", "fp8": "fp8", "fp8dynamic": "fp8",
}  # fmt: skip


def engine_of(subject: Subject, way: str) -> str:
    """The engine's recipe, or an empty string."""
    served = of_way(subject.card.serves, way)
    words = [one.engine for one in served] or [way]
    if not served and any(one.starts("flagscale", "serve") for one in of_way(subject.card.commands, way)):
        words = ["flagscale"]
    if not words[0] and of_way(subject.card.scripts, way):
        words = ["transformers"]
    if words[0] == "vllm" and subject.vendor == "ascend" and _says_vllm_ascend(subject, way):
        words = ["vllm-ascend"]
    return words[0] if words[0] in subject.recipes.engines else ""


def _says_vllm_ascend(subject: Subject, way: str) -> bool:
    return any("vllm-ascend" in seen.name for seen, _ in subject.card.images if seen.way in ("", way))


def sdk_of(subject: Subject, way: str) -> str:
    """The chip's SDK generation that the card has: by its image, its build string, its version; or empty."""
    if subject.chip is None:
        return ""
    sdks = subject.chip.sdks
    images = {seen.name.partition("@")[0] for seen, _ in subject.card.images if seen.way in ("", way)}
    stated = [one for one in of_way(subject.card.stated, way) if one.component == "sdk" and one.value]
    for name, sdk in sdks.items():
        if sdk.base.kind == "image" and _is_base(sdk, images):
            return name
        if sdk.build and any(sdk.build in one.text for one in stated):
            return name
    torch = [one for one in of_way(subject.card.stated, way) if one.component == "torch" and one.value]
    for one in stated:
        same = [name for name, sdk in sdks.items() if sdk.version and same_version(one, _as_stated(sdk.version))]
        if len(same) > 1 and torch:
            same = [name for name in same if _has_torch(sdks[name], torch[0])]
        if len(same) == 1:
            return same[0]
    return ""


def _has_torch(sdk: Sdk, stated: Stated) -> bool:
    return sdk.torch is not None and same_version(stated, _as_stated(sdk.torch.torch.partition("+")[0]))


def _is_base(sdk: Sdk, images: set[str]) -> bool:
    assert sdk.base.kind == "image"
    facts = [image_facts(image) for image in images]
    return any(
        one.repository.removeprefix("localhost/") == sdk.base.image.removeprefix("localhost/")
        and one.tag == sdk.base.tag
        for one in facts
    )


def _as_stated(version: str) -> Stated:
    return Stated(component="sdk", value=version, line=0, where="recipe")


def weights_of(subject: Subject, way: str) -> str:
    """The model's form of the weights: by its repository, or because there is one only; or empty."""
    if subject.model is None:
        return ""
    repos = {one.repo for one in of_way(subject.card.downloads, way)}
    forms = subject.model.weights
    named = [name for name, form in forms.items() if getattr(form.source, "repo", None) in repos]
    if len(named) == 1:
        return named[0]
    return next(iter(forms)) if len(forms) == 1 else ""


def precision_of(subject: Subject, way: str) -> tuple[Precision | None, Quantisation]:
    """Precision and quantisation, by the bundle's name and by the server's own option."""
    asked = [str(one.options.get("dtype", "")).lower() for one in of_way(subject.card.serves, way)]
    words = [word for word in (subject.precision, *asked) if word]
    precision = next((_PRECISIONS[word] for word in words if word in _PRECISIONS), None)
    return precision, next((_QUANTISATIONS[word] for word in words if word in _QUANTISATIONS), "none")
