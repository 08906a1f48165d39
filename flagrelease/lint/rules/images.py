"""Images and installers: what they are made from and called has to stay the same bytes."""

import re
from collections.abc import Iterator
from typing import Final

from flagrelease.domain.bundle import ImageReference
from flagrelease.domain.chip import ImageBase
from flagrelease.lint.file_names import agrees
from flagrelease.lint.found import Found
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.views import VariantView

_FLOATING: Final = frozenset({
    "latest", "main", "master", "nightly", "dev", "devel", "edge", "stable", "rolling", "snapshot", "current", "test",
})  # fmt: skip
_LOCAL: Final = re.compile(r"(localhost|127\.0\.0\.1)(:\d+)?/")


def _floats(tag: str | None) -> str:
    """Why a tag is no fixed name; empty when it is one."""
    if tag is None:
        return "it has no tag, which means `latest`"
    return f"the tag `{tag}` moves" if tag.lower() in _FLOATING else ""


@rule(
    "FR101",
    "error",
    "a base image that moves",
    why=(
        "A base without a tag or digest is another one after the vendor's next push. build-infra overwrites its flat "
        "tag at every rebuild; gpustack's post-operations changed published images 17 times."
    ),
    hint="write a tag that the vendor does not move, or the digest",
    bad={"sdk.base.tag": "latest"},
    good={"sdk.base.tag": "2.1.0-ubuntu22.04-py310"},
)
def floating_base(project: Project) -> Iterator[Found]:
    """Bases that are images, without a digest."""
    for one in project.sdks:
        base = one.sdk.base
        if isinstance(base, ImageBase) and base.digest is None and (why := _floats(base.tag)):
            key = ("base", "tag") if base.tag else ("base", "image")
            yield one.found(*key, text=f"base image `{base.image}`: {why}")


@rule(
    "FR102",
    "error",
    "a published image that moves",
    why=(
        "The MiniCPM-o 4.5 card pulls an image without a tag, and the Ascend one `:latest`: what a user gets is not "
        "what was evaluated as soon as something else is pushed."
    ),
    hint="publish under a fixed tag and write it here; ours are revisions that are never overwritten",
    bad={"variant.image.pulled.tag": None, "variant.image.run.tag": None},
    good={"variant.image.pulled.tag": "r1", "variant.image.run.tag": "r1"},
)
def floating_published_image(project: Project) -> Iterator[Found]:
    """What the card says to pull and to run."""
    for one in project.variants:
        image = one.variant.image
        sides = {"pulled": image.pulled, "run": image.run} if image else {}
        for side, reference in sides.items():
            why = _floats(reference.tag)
            if why and (side == "pulled" or reference != sides["pulled"]):
                yield one.found("image", side, text=f"published image `{reference.image}`: {why}")


@rule(
    "FR103",
    "error",
    "an image is pulled, and another one is run",
    why=(
        "The Hy4-preview card for Hygon pulls from flagrelease-public and runs an image of "
        "flagos-inner-models-release, which only its makers have."
    ),
    hint="write the same image on both sides",
    bad={"variant.image.run.image": "registry.example/alpha/other"},
    good={"variant.image.run.image": "registry.example/alpha/tiny"},
)
def pulled_is_not_run(project: Project) -> Iterator[Found]:
    """The two images of a card."""
    for one in project.variants:
        image = one.variant.image
        if image and image.pulled != image.run:
            yield one.found("image", "run", text=f"`{image.pulled}` is pulled, and `{image.run}` is run")


@rule(
    "FR104",
    "warning",
    "an image that exists on one machine only",
    why=(
        "The first Cambricon card runs zhiyuan_vllm:v0.2. The name has no registry, so the image is there for whoever "
        "built it or was sent it; everybody else gets an error, or somebody else's image from Docker Hub."
    ),
    hint="write the registry (`docker.io/` for Docker Hub), or `restricted` with who hands it out",
    bad={"sdk.base.image": "zhiyuan_vllm"},
    good={"sdk.base.image": "registry.example/zhiyuan_vllm"},
)
def image_without_registry(project: Project) -> Iterator[Found]:
    """Bases and published images without a registry, or of the machine itself, that nobody hands out."""
    for sdk in project.sdks:
        base = sdk.sdk.base
        if isinstance(base, ImageBase) and base.restricted is None and (why := _nowhere(base.image)):
            yield sdk.found("base", "image", text=f"base image `{base.image}` {why}")
    for one in project.variants:
        image = one.variant.image
        if image and image.restricted is None and (why := _nowhere(image.pulled.image)):
            yield one.found("image", "pulled", text=f"published image `{_text(image.pulled)}` {why}")


def _nowhere(image: str) -> str:
    if _LOCAL.match(image):
        return "is of this machine's own registry"
    host, slash, _ = image.partition("/")
    return "" if slash and re.search(r"[.:]", host) else "names no registry"


def _text(reference: ImageReference) -> str:
    return str(reference)


@rule(
    "FR105",
    "error",
    "an installer that nothing pins",
    why=(
        "Vendors replace installers under one name, and downloads are cut short. Without a SHA-256 the SDK inside the "
        "image is whatever came down that day; few of the peers that install vendor files check them."
    ),
    hint="write the file's `sha256` and `size`, or `restricted` with who hands it out",
    bad={"sdk.installers[0].sha256": None},
    good={"sdk.installers[0].sha256": "a" * 64},
)
def installer_without_hash(project: Project) -> Iterator[Found]:
    """Installers that become part of the image; what the host must have is not ours to pin."""
    for one in project.sdks:
        for index, installer in enumerate(one.sdk.installers):
            if installer.where == "image" and installer.sha256 is None and installer.restricted is None:
                text = f"`{installer.file}` has no SHA-256, and nobody is named who hands it out"
                yield one.found("installers", index, text=text)


@rule(
    "FR106",
    "error",
    "an installer's version is not stated",
    why="An installer's file is called after the SDK's version; without one there is no file to fetch or to ask for.",
    hint="write the SDK's `version`",
    bad={"sdk.version": None},
    good={"sdk.version": "2.1"},
)
def installer_without_version(project: Project) -> Iterator[Found]:
    """`{version}` in the file of an SDK that has none."""
    for one in project.sdks:
        for index, installer in enumerate(one.sdk.installers):
            if "{version}" in installer.file and one.sdk.version is None:
                yield one.found("installers", index, "file", text=f"`{installer.file}` asks for a version")


@rule(
    "FR107",
    "warning",
    "the system in the tag is another than the one that is stated",
    why=(
        "The system decides which packages and which C library there are. A tag that says ubuntu24.04 beside an `os` "
        "of 22.04 means that one of them was copied from another generation."
    ),
    hint="make `os` and the tag agree",
    bad={"sdk.base.os": "Ubuntu 24.04"},
    good={"sdk.base.os": "Ubuntu 22.04"},
)
def other_system(project: Project) -> Iterator[Found]:
    """Ubuntu, Debian and openEuler with a version, in `os` and in the tag."""
    for one in project.sdks:
        base = one.sdk.base
        if isinstance(base, ImageBase):
            stated, tagged = _system(base.os), _system(f"{base.image}:{base.tag or ''}")
            if stated and tagged and stated != tagged:
                yield one.found("base", "os", text=f"`os` says {' '.join(stated)}, the image {' '.join(tagged)}")


def _system(text: str) -> tuple[str, str] | None:
    found = re.search(r"(ubuntu|debian|openeuler)[-_: ]?(\d+(?:\.\d+)?)", text.lower())
    return (found[1], found[2]) if found else None


_VERSIONS: Final = re.compile(
    r"(?<![a-z0-9])(gems|tree|flagcx|cx|flagscale|scale|vllmpluginfl|plugin|vllm|sglang)[_-]?(\d+\.[\w.]*\w)"
)
_COMPONENTS: Final = {
    "gems": "flaggems", "tree": "flagtree", "cx": "flagcx", "scale": "flagscale", "vllmpluginfl": "vllm-plugin-fl",
    "plugin": "vllm-plugin-fl",
}  # fmt: skip


@rule(
    "FR108",
    "error",
    "a published image that is named after another version",
    why=(
        "The name of an image is what people look at. vllm-ascend's documents named one CANN and its image held "
        "another."
    ),
    hint="make the component's version and the image's name agree, after looking into the image",
    bad={"variant.image.run.tag": "gems4.2.1", "variant.image.pulled.tag": "gems4.2.1",
         "variant.components.flaggems": {
             "version": "4.3.0", "provenance": "an example",
             "source": {"kind": "git", "repository": "makers/gems", "commit": "b" * 40},
         }},
    good={"variant.image.run.tag": "gems4.3", "variant.image.pulled.tag": "gems4.3",
          "variant.components.flaggems": {
              "version": "4.3.0", "provenance": "an example",
              "source": {"kind": "git", "repository": "makers/gems", "commit": "b" * 40},
          }},
)  # fmt: skip
def other_version_in_the_name(project: Project) -> Iterator[Found]:
    """Versions in the name of the image that is run, against the components, as far as both say."""
    for one in project.variants:
        for word, version in _VERSIONS.findall(str(one.variant.image.run)) if one.variant.image else ():
            name = _COMPONENTS.get(word, word)
            stated = one.variant.components[name].version if name in one.variant.components else None
            if stated and not agrees(version, stated):
                text = f"the image is named after {name} {version}, the component is {stated}"
                yield one.found("image", "run", text=text)


@rule(
    "FR109",
    "error",
    "an image or repository that is named after another vendor's chip",
    why=(
        "The MiniCPM-o 4.5 card for Ascend speaks of the Hygon chip and has its driver; the one for Kunlunxin sends "
        "mail to Cambricon. Such cards were copied, and their commands bring another chip's image."
    ),
    hint="write the image or repository of this chip",
    bad={"variant.hub": {"modelscope": "makers/Tiny-beta-FlagOS"}, "variant.uses": ["research", "republish"]},
    good={"variant.hub": {"modelscope": "makers/Tiny-alpha-FlagOS"}, "variant.uses": ["research", "republish"]},
)
def other_vendors_name(project: Project) -> Iterator[Found]:
    """Words of image and hub names that are those of another vendor's chip, where none is of the bundle's own."""
    owners = {(chip.hub_name or chip.name).casefold(): chip.vendor for chip in project.recipes.chips.values()}
    for one in project.variants:
        if one.chip is None:
            continue
        own = {word.casefold() for word in (one.chip.name, one.chip.hub_name or "", *one.chip.aliases)}
        for key, name in _names(one):
            words = set(re.split(r"[^a-z0-9]+", name.casefold()))
            other = sorted(word for word in words - own if owners.get(word, one.chip.vendor) != one.chip.vendor)
            if other and not words & own:
                yield one.found(*key, text=f"`{name}` is named after {', '.join(other)}")


def _names(one: VariantView) -> Iterator[tuple[tuple[str, ...], str]]:
    image, hub = one.variant.image, one.variant.hub
    if image:
        yield ("image", "run"), image.run.image
    if hub and hub.modelscope:
        yield ("hub", "modelscope"), hub.modelscope
    if hub and hub.huggingface:
        yield ("hub", "huggingface"), hub.huggingface
