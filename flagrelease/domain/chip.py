"""A chip as a recipe: an accelerator family, its SDK generations and how a container reaches its devices."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from flagrelease.domain.container import ChipContainer, EnvName, EnvValue
from flagrelease.domain.restricted import Restricted
from flagrelease.domain.value import AbsolutePath, Digest, Name, RelativePath, Sha256, Text, Value

Architecture = Literal["amd64", "arm64"]

MACHINES: dict[str, Architecture] = {"x86_64": "amd64", "aarch64": "arm64"}
"""What uname(2) calls an architecture, and what OCI does."""

Precision = Literal["float64", "float32", "float16", "bfloat16", "float8", "int8", "int4"]
Quantisation = Literal["none", "w8a8", "w8a16", "w4a16", "w4a8", "w8a8-sparse", "kv-int8", "fp8", "q4_1"]

DebianPackage = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$", max_length=100)]

SdkVersion = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]*$", max_length=60)]
"""A vendor's version: compared part by part, case ignored (`8.2.RC1` and `8.2.rc1` are the same)."""

ImageName = Annotated[
    str,
    Field(
        pattern=r"^([a-z0-9]+([.-][a-z0-9]+)*(:[0-9]+)?/)?[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*"
        r"(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*$",
        max_length=255,
    ),
]
"""An image repository (OCI distribution spec, without tag or digest)."""

ImageTag = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")]


class DebianBase(Value):
    """A base made of Debian packages: these and what they depend on, from these suites."""

    kind: Literal["debian"]
    suites: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], ...] = Field(min_length=1)
    components: tuple[Literal["main", "contrib", "non-free", "non-free-firmware"], ...] = ("main",)
    packages: tuple[DebianPackage, ...] = Field(min_length=1)


class ImageBase(Value):
    """A base that is an image of a registry; the lock holds its digest."""

    kind: Literal["image"]
    image: ImageName
    tag: ImageTag | None = None
    digest: Digest | None = None
    os: Text
    restricted: Restricted | None = None
    note: Text | None = None


class Driver(Value):
    """The host's drivers an SDK generation works with; `tested` are those somebody released with."""

    min: SdkVersion | None = None
    max: SdkVersion | None = None
    tested: tuple[SdkVersion, ...] = ()
    firmware: SdkVersion | None = None
    source: Text


class Installer(Value):
    """A file the vendor's SDK is installed from. `{version}` in `file` is the SDK's version.

    `host` installers are never part of an image: they are what the machine must have.
    """

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+*{}-]*$", max_length=200)]
    purpose: Literal["driver", "firmware", "toolkit", "kernels", "acceleration", "torch", "torch-adapter", "models"]
    where: Literal["host", "image"] = "image"
    architecture: Architecture | None = None
    arguments: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9=/._${}-]+$")], ...] = ()
    sets: AbsolutePath | None = Field(default=None, description="the file of variables that it installs")
    sha256: Sha256 | None = None
    size: Annotated[int, Field(ge=1)] | None = None
    restricted: Restricted | None = None
    source: Text


class TorchStack(Value):
    """PyTorch and the vendor's adapter to it; `cxx11_abi` is the C++ ABI both are compiled with."""

    torch: SdkVersion
    adapter: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")] | None = None
    adapter_version: SdkVersion | None = None
    cxx11_abi: bool | None = None


class Kernels(Value):
    """What the FlagOS libraries call this SDK generation."""

    flaggems: Text | None = Field(default=None, description="key of FlagGems' own back-end table")
    flagtree: Text | None = Field(default=None, description="version with its local part, matched exactly")
    flagtree_folder: RelativePath | None = Field(
        default=None, description="where its source is installed from: `python` for Triton before 3.4, else its root"
    )
    triton: SdkVersion | None = None


class Sdk(Value):
    """One generation of a chip's toolchain: the base, and the Python that wheels are chosen for."""

    title: Text
    version: SdkVersion | None = None
    build: Text | None = Field(default=None, description="build string that the toolkit prints of itself")
    base: Annotated[DebianBase | ImageBase, Field(discriminator="kind")]
    python: Annotated[str, Field(pattern=r"^3\.[0-9]+$")] | None = None
    glibc: Annotated[str, Field(pattern=r"^2\.[0-9]+$")] | None = None
    driver: Driver | None = None
    installers: tuple[Installer, ...] = ()
    torch: TorchStack | None = None
    kernels: Kernels | None = None
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    note: Text | None = None


class Hardware(Value):
    """One part of the family. `memory_gb` are the sizes it is sold with, a card; a card has `dies_per_card` devices."""

    title: Text
    code: Annotated[str, Field(pattern=r"^[a-z]+[0-9]{3}$")] | None = None
    memory_gb: tuple[Annotated[int, Field(ge=1)], ...] = ()
    dies_per_card: Annotated[int, Field(ge=1, le=16)] = 1
    soc: Text | None = None
    note: Text | None = None


class Smi(Value):
    """The program that lists a machine's devices. `paths` are where hosts have it.

    `driver` finds the driver's version in what it prints: a regular expression whose first group is the version.
    """

    command: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]+$")], ...] = Field(min_length=1)
    paths: tuple[AbsolutePath, ...] = ()
    driver: Annotated[str, Field(max_length=200)] | None = None

    @field_validator("driver")
    @classmethod
    def _is_a_pattern(cls, text: str | None) -> str | None:
        try:
            groups = re.compile(text).groups if text is not None else 1
        except re.error as error:
            raise ValueError(f"wanted a regular expression: {error}") from error
        if groups != 1:
            raise ValueError(f"wanted one group, which is the version, found {groups}")
        return text


class Libraries(Value):
    """The chip's names in the FlagOS libraries and of its collective library."""

    collective: Text
    flaggems_vendor: Name | None = None
    flaggems_cmake: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=20)] | None = Field(
        default=None, description="FLAGGEMS_BACKEND of its C++ extension, where the chip has one"
    )
    flagtree_backend: Name | None = None
    flagcx_make: Annotated[str, Field(pattern=r"^USE_[A-Z_]+$")] | None = None
    flagcx_adaptor: Name | None = None
    source: Text


class Profile(Value):
    """A group of environment variables with one purpose; `off` undoes it. `engines` empty means any engine."""

    title: Text
    engines: tuple[Name, ...] = ()
    on: dict[EnvName, EnvValue] = Field(min_length=1)
    off: dict[EnvName, EnvValue] = Field(default_factory=dict)
    cost: Text | None = None
    source: Text


class EnvRule(Value):
    """A rule between variables: where `when` holds, `requires` must hold and `forbids` must not.

    `when` compares the variables a variant runs with; `features` and `profiles` are what the variant declares.
    """

    when: dict[EnvName, EnvValue] = Field(default_factory=dict)
    features: tuple[Name, ...] = ()
    profiles: tuple[Name, ...] = ()
    requires: dict[EnvName, EnvValue] = Field(default_factory=dict)
    forbids: dict[EnvName, EnvValue] = Field(default_factory=dict)
    forbids_features: tuple[Name, ...] = ()
    text: Text
    source: Text


class HostSetup(Value):
    """What is done on the machine itself, in order; nothing of it is done by this program."""

    first_install: tuple[Text, ...] = ()
    upgrade: tuple[Text, ...] = ()
    advice: tuple[Text, ...] = ()
    source: Text


class Chip(Value):
    """`recipes/chips/<chip>.yaml`. `hub_name` is what hubs and image names call it."""

    schema_: Literal["flagrelease.chip/v2"] = Field(alias="schema")
    name: Name
    title: Text
    vendor: Text
    hub_name: Name | None = None
    architectures: tuple[Architecture, ...] = Field(min_length=1)
    aliases: tuple[Text, ...] = ()
    hardware: dict[Name, Hardware] = Field(default_factory=dict)
    memory_probe: Literal["process_tree", "smi"] = Field(
        description="how the chip's memory in use is read: of the server's processes, or as the smi program says"
    )
    smi: Smi | None = None
    visible_devices: EnvName | None = None
    torch_device: Name | None = None
    libraries: Libraries | None = None
    precisions: tuple[Precision, ...] = ()
    quantisations: tuple[Quantisation, ...] = ()
    world_sizes: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = ()
    container: ChipContainer | None = None
    profiles: dict[Name, Profile] = Field(default_factory=dict)
    rules: tuple[EnvRule, ...] = ()
    log_folders: tuple[Text, ...] = ()
    host: HostSetup | None = None
    runner_labels: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")], ...] = ()
    sdks: dict[Name, Sdk] = Field(min_length=1)
    sources: tuple[Text, ...] = ()
    note: Text | None = None
