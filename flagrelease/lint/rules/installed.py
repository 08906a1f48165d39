"""What is installed together: Python, torch, C++ ABI and processor of every file, as their names say."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from packaging.utils import canonicalize_name

from flagrelease.domain.chip import ImageBase, Sdk
from flagrelease.domain.component import ArchiveSource, IndexSource
from flagrelease.domain.vendor_version import at_least
from flagrelease.formats.positions import Path
from flagrelease.lint.file_names import agrees, architectures_in, cxx11_abi_in, pythons_in, torches_in
from flagrelease.lint.found import Found, Severity
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.views import SdkView, VariantView

_TORCH: Final = "torch"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Named:
    """A file, an image or an archive whose name says what it is for, beside the SDK it is installed with."""

    holder: SdkView | VariantView
    key: Path
    name: str
    sdk: Sdk

    def found(self, text: str, severity: Severity | None = None) -> Found:
        """A finding at it."""
        return self.holder.found(*self.key, text=f"`{self.name}` {text}", severity=severity)


def _named(project: Project) -> Iterator[_Named]:
    """Bases and installers of SDKs; archives of components and published images of variants."""
    for one in project.sdks:
        if isinstance(one.sdk.base, ImageBase):
            base = one.sdk.base
            name = f"{base.image}:{base.tag}" if base.tag else base.image
            yield _Named(holder=one, key=("base", "tag" if base.tag else "image"), name=name, sdk=one.sdk)
        for index, installer in enumerate(one.sdk.installers):
            if installer.where == "image":
                yield _Named(holder=one, key=("installers", index, "file"), name=installer.file, sdk=one.sdk)
    for variant in project.variants:
        if variant.sdk:
            yield from _of_variant(variant, variant.sdk)


def _of_variant(one: VariantView, sdk: Sdk) -> Iterator[_Named]:
    for name, component in one.variant.components.items():
        sources = (
            (("source",), component.source),
            *((("alternatives", index), other) for index, other in enumerate(component.alternatives)),
        )
        for key, source in sources:
            if isinstance(source, ArchiveSource):
                yield _Named(holder=one, key=("components", name, *key, "file"), name=source.file, sdk=sdk)
    if one.variant.image:
        yield _Named(holder=one, key=("image", "run"), name=str(one.variant.image.run), sdk=sdk)


@rule(
    "FR331",
    "error",
    "a file for another Python",
    why=(
        "The MindIE page writes the torch wheel cp10 in a table and cp310 in its command; the Qwen3-8B card has Python "
        "3.12 in a table and 3.10 in its tag. A wheel of another Python is refused, an image's packages are not found."
    ),
    hint="take the file for the SDK's Python, or state the SDK's Python as it is",
    bad={"sdk.installers[0].file": "torch-2.1.0-cp39-cp39-linux_x86_64.whl"},
    good={"sdk.installers[0].file": "torch-2.1.0-cp310-cp310-linux_x86_64.whl"},
)
def other_python(project: Project) -> Iterator[Found]:
    """Tags such as cp310, py310 and py3.10 against the SDK's Python."""
    for one in _named(project):
        for version in pythons_in(one.name):
            if one.sdk.python and version != one.sdk.python:
                yield one.found(f"is for Python {version}, the SDK has {one.sdk.python}")


@rule(
    "FR332",
    "error",
    "a file for another torch",
    why=(
        "MindIE's archives are there for torch 1.11.0 and 2.1.0 under names that differ in one word. Operators that "
        "were compiled for another torch fail when they are imported, or crash later."
    ),
    hint="take the file for the SDK's torch",
    bad={"component.source": {"kind": "archive", "file": "models_torch1.11.0-abi1.tar.gz", "sha256": "a" * 64}},
    good={"component.source": {"kind": "archive", "file": "models_torch2.1.0-abi1.tar.gz", "sha256": "a" * 64}},
)
def other_torch(project: Project) -> Iterator[Found]:
    """Versions of torch in names, in pins and in components, against the SDK's."""
    for one in _named(project):
        stack = one.sdk.torch
        for version in torches_in(one.name) if stack else ():
            if stack and not agrees(version, stack.torch):
                yield one.found(f"is for torch {version}, the SDK has {stack.torch}")
    for variant in project.variants:
        stack = variant.sdk.torch if variant.sdk else None
        for key, version in _torch_pins(variant) if stack else ():
            if stack and not agrees(version, stack.torch):
                yield variant.found(*key, text=f"torch {version} is installed over the SDK's {stack.torch}")


def _torch_pins(one: VariantView) -> Iterator[tuple[Path, str]]:
    for index, requirement in enumerate(one.variant.wheels):
        name, _, version = requirement.partition("==")
        if canonicalize_name(name) == _TORCH:
            yield ("wheels", index), version
    for name, component in one.variant.components.items():
        if isinstance(component.source, IndexSource) and canonicalize_name(component.source.project) == _TORCH:
            yield ("components", name, "source", "version"), component.source.version


@rule(
    "FR333",
    "error",
    "a file for another C++ ABI",
    why=(
        "Each of MindIE's archives is there as abi0 and as abi1, and which one fits is what torch itself says. With "
        "the other one every operator library fails with an undefined symbol."
    ),
    hint="take the file for the ABI of the SDK's torch, or state that ABI as `cxx11_abi`",
    bad={"component.source": {"kind": "archive", "file": "models_torch2.1.0-abi0.tar.gz", "sha256": "a" * 64}},
    good={"component.source": {"kind": "archive", "file": "models_torch2.1.0-abi1.tar.gz", "sha256": "a" * 64}},
)
def other_abi(project: Project) -> Iterator[Found]:
    """abi0 and abi1 in names, against the SDK's torch; where the SDK does not say, that is noted."""
    for one in _named(project):
        abi = cxx11_abi_in(one.name)
        if abi is None or one.sdk.torch is None:
            continue
        if one.sdk.torch.cxx11_abi is None:
            yield one.found(f"is for ABI {abi:d}, and the SDK does not say which its torch has", severity="note")
        elif one.sdk.torch.cxx11_abi != abi:
            yield one.found(f"is for ABI {abi:d}, the SDK's torch has {one.sdk.torch.cxx11_abi:d}")


@rule(
    "FR334",
    "error",
    "a file for another processor",
    why=(
        "Ascend's servers are Arm machines, and every installer is there for both processors; the driver spells "
        "x86-64, the toolkit x86_64. A file of the other one is found when it is run, hours into a build."
    ),
    hint="take the file for this processor, or state the processor as the file has it",
    bad={"sdk.installers[0].file": "alpha-toolkit_{version}_linux-aarch64.run"},
    good={"sdk.installers[0].file": "alpha-toolkit_{version}_linux-x86_64.run"},
)
def other_processor(project: Project) -> Iterator[Found]:
    """Installers against what they state, archives and images against what the variant is built for."""
    for sdk in project.sdks:
        for index, installer in enumerate(sdk.sdk.installers):
            wanted = (installer.architecture,) if installer.architecture else sdk.chip.architectures
            for_ = architectures_in(installer.file)
            if for_ and (not set(for_) & set(wanted) or (len(wanted) > 1 and len(for_) == 1)):
                text = f"`{installer.file}` is for {for_[0]}, and stated for {' and '.join(wanted)}"
                yield sdk.found("installers", index, "file", text=text)
    for one in project.variants:
        for named in _of_variant(one, one.sdk) if one.sdk else ():
            for_ = architectures_in(named.name)
            if for_ and not set(for_) & set(one.architectures):
                yield named.found(f"is for {for_[0]}, the variant is built for {' and '.join(one.architectures)}")


@rule(
    "FR335",
    "error",
    "a processor that the chip does not come with",
    why="An image for Arm that is said to be for a chip in x86 servers is built, evaluated by nobody, and published.",
    hint="write one of the chip's `architectures`",
    bad={"variant.architecture": "arm64"},
    good={"variant.architecture": "amd64"},
)
def unknown_processor(project: Project) -> Iterator[Found]:
    """The variant's architecture against the chip's."""
    for one in project.variants:
        wanted = one.variant.architecture
        if wanted and one.chip and wanted not in one.chip.architectures:
            text = f"`{one.chip.name}` has {' and '.join(one.chip.architectures)}, not {wanted}"
            yield one.found("architecture", text=text)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Floor:
    """What a version of a project cannot be used with. `python` and `glibc` are the first that fail and that works."""

    project: str
    version: str
    breaks_at_python: str | None = None
    python: str | None = None
    needs_glibc: str | None = None
    why: str


_KNOWN: Final = (
    _Floor(
        project="attrdict", version="2.0.1", breaks_at_python="3.10",
        why="it takes names from `collections` that Python 3.10 no longer has there",
    ),
    _Floor(
        project="flagtree", version="0.7.0", python="3.12", needs_glibc="2.39",
        why="its wheel for CPython 3.12 was built against GLIBC 2.39",
    ),
)  # fmt: skip


@rule(
    "FR336",
    "error",
    "a package that cannot be used with this Python or C library",
    why=(
        "DeepSeek-VL's page asks for Python 3.10 and attrdict 2.0.1, which cannot be imported together. FlagTree's "
        "wheels have floors of the C library that an older Ubuntu does not reach."
    ),
    hint="take another version or a replacement, or patch it and say so in a waiver",
    bad={"variant.wheels": ["attrdict==2.0.1"]},
    good={"variant.wheels": ["attrs==23.2.0"]},
)
def incompatible_package(project: Project) -> Iterator[Found]:
    """Pins and components that are known not to work with the SDK."""
    for one in project.variants:
        for key, name, version in _pins(one) if one.sdk else ():
            for known in _KNOWN:
                same = name == known.project and agrees(version, known.version)
                if same and one.sdk and _fails(known, one.sdk):
                    yield one.found(*key, text=f"{name} {version} does not work here: {known.why}")


def _fails(known: _Floor, sdk: Sdk) -> bool:
    if known.breaks_at_python:
        return sdk.python is not None and at_least(sdk.python, known.breaks_at_python)
    applies = known.python in (None, sdk.python)
    return applies and bool(known.needs_glibc and sdk.glibc) and not at_least(sdk.glibc or "", known.needs_glibc or "")


def _pins(one: VariantView) -> Iterator[tuple[Path, str, str]]:
    for index, requirement in enumerate(one.variant.wheels):
        name, _, version = requirement.partition("==")
        yield ("wheels", index), canonicalize_name(name), version
    for name, component in one.variant.components.items():
        source = component.source
        if isinstance(source, IndexSource):
            yield ("components", name, "source", "version"), canonicalize_name(source.project), source.version


@rule(
    "FR337",
    "error",
    "another FlagTree than the SDK's",
    why=(
        "A FlagTree wheel is for one back end, which only the local part of its version names: 0.4.0+3.5 is Triton 3.5 "
        "on CUDA. The card's image name says 0.4, which another chip's wheel satisfies as well."
    ),
    hint="write the SDK's version, local part included",
    bad={"variant.components": {"flagtree": {
        "version": "0.4.0", "provenance": "an example",
        "source": {"kind": "index", "project": "flagtree", "version": "0.4.0"},
    }}},
    good={"variant.components": {"flagtree": {
        "version": "0.4.0+3.5", "provenance": "an example",
        "source": {"kind": "index", "project": "flagtree", "version": "0.4.0+3.5"},
    }}},
)  # fmt: skip
def other_flagtree(project: Project) -> Iterator[Found]:
    """The component's version from the index against the SDK's `kernels.flagtree`."""
    for one in project.variants:
        wanted = one.sdk.kernels.flagtree if one.sdk and one.sdk.kernels else None
        for key, name, version in _pins(one) if wanted else ():
            if name == "flagtree" and version != wanted:
                yield one.found(*key, text=f"FlagTree {version}, and `{one.variant.sdk}` goes with {wanted}")
