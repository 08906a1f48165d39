"""Names that more than one thing answers to, and what a chip says of itself."""

from collections.abc import Iterable, Iterator

from flagrelease.domain.chip import Chip
from flagrelease.domain.recipe import DOCKERFILE, MACROS
from flagrelease.lint.found import Found
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule


@rule(
    "FR008",
    "error",
    "an alias that two chips answer to",
    why=(
        "`--chip` takes aliases, in the many spellings that vendors and hubs use. The published detector looks for h20 "
        "anywhere in a name, so an H200 passes for an H20; an alias of two chips would do the same."
    ),
    hint="leave the alias to one of them",
    bad={"beta.aliases": ["ALPHA"]},
    good={"beta.aliases": ["Beta"]},
)
def shared_alias(project: Project) -> Iterator[Found]:
    """Case is ignored between chips: within one chip, several spellings of one alias are what aliases are for."""
    yield from _shared("chips", ((name, chip.aliases) for name, chip in project.recipes.chips.items()), "chip")


@rule(
    "FR009",
    "error",
    "an alias that two benchmarks answer to",
    why=(
        "Published tables call benchmarks by display names. MMMU, MMMU-Pro standard and MMMU-Pro vision are three "
        "benchmarks with three sizes; a name that means two of them puts a score beside the wrong one."
    ),
    hint="leave the alias to one of them",
    bad={"judged.aliases": ["Quiz"]},
    good={"judged.aliases": ["Essay"]},
)
def shared_benchmark_alias(project: Project) -> Iterator[Found]:
    """Case counts as little here."""
    benchmarks = ((name, one.aliases) for name, one in project.recipes.benchmarks.items())
    yield from _shared("benchmarks", benchmarks, "benchmark")


def _shared(folder: str, named: Iterable[tuple[str, tuple[str, ...]]], kind: str) -> Iterator[Found]:
    every = list(named)
    owners = {name.casefold(): name for name, _ in every}
    for name, aliases in every:
        for index, alias in enumerate(aliases):
            owner = owners.setdefault(alias.casefold(), name)
            if owner != name:
                text = f"`{alias}` is the {kind} `{owner}` as well"
                yield Found(file=f"{folder}/{name}.yaml", key=("aliases", index), text=text)


@rule(
    "FR010",
    "warning",
    "an alias that is written twice",
    why="A list that says the same twice hides the third entry that was meant.",
    hint="take one of them out",
    bad={"benchmark.aliases": ["Quiz", "Quiz"]},
    good={"benchmark.aliases": ["Quiz", "the quiz"]},
)
def repeated_alias(project: Project) -> Iterator[Found]:
    """Within one chip or benchmark; an alias that is the name itself says nothing either."""
    chips = (("chips", name, one.aliases) for name, one in project.recipes.chips.items())
    benchmarks = (("benchmarks", name, one.aliases) for name, one in project.recipes.benchmarks.items())
    for folder, name, aliases in (*chips, *benchmarks):
        told = {name}
        for index, alias in enumerate(aliases):
            if alias in told:
                file, key = f"{folder}/{name}.yaml", ("aliases", index)
                yield Found(file=file, key=key, text=f"`{alias}` is known already", cells=project.users(file, key))
            told.add(alias)


@rule(
    "FR011",
    "note",
    "a chip that does not say everything",
    why=(
        "Without these, a machine cannot be asked for the chip, a container cannot be shown only some devices, and the "
        "kernel smoke does not know which device to use. A Moore Threads card was published with `--gpus all`, which "
        "is another vendor's."
    ),
    hint="add the keys, from the vendor's documents",
    bad={"chip.visible_devices": None},
    good={"chip.visible_devices": "ALPHA_VISIBLE_DEVICES"},
)
def incomplete_chip(project: Project) -> Iterator[Found]:
    """One finding a chip, at its name. A chip without devices of its own needs less."""
    for name, chip in project.recipes.chips.items():
        lacking = [key for key, value in _expected(chip) if not value]
        if lacking:
            file = f"chips/{name}.yaml"
            text = f"`{name}` does not say: {', '.join(lacking)}"
            yield Found(file=file, key=("name",), text=text, cells=project.users(file))


def _expected(chip: Chip) -> Iterator[tuple[str, object]]:
    yield "torch_device", chip.torch_device
    yield "libraries", chip.libraries
    if chip.memory_probe == "smi":
        yield "smi", chip.smi
        yield "visible_devices", chip.visible_devices
        yield "container", chip.container and (chip.container.raw or chip.container.toolkit)
        yield "hardware", chip.hardware


@rule(
    "FR012",
    "warning",
    "a GPU code that two chips have",
    why=(
        "Image names carry a code such as nvidia003 in place of the card. A code that stands for two parts makes two "
        "different images carry one name."
    ),
    hint="give each part its own code, or leave the code out",
    bad={"beta.hardware": {"b1": {"title": "Beta 1", "code": "alpha001"}}},
    good={"beta.hardware": {"b1": {"title": "Beta 1", "code": "beta001"}}},
)
def shared_code(project: Project) -> Iterator[Found]:
    """Codes of all hardware models."""
    owners: dict[str, str] = {}
    for name, chip in project.recipes.chips.items():
        for part, hardware in chip.hardware.items():
            code, here = hardware.code, f"{name}'s {part}"
            if code and owners.setdefault(code, here) != here:
                file, key = f"chips/{name}.yaml", ("hardware", part, "code")
                text = f"`{code}` is {owners[code]} as well"
                yield Found(file=file, key=key, text=text, cells=project.users(file, key))


@rule(
    "FR013",
    "error",
    "a chip without a Dockerfile",
    why=(
        "A bundle of a chip whose SDK is an image is built by an image engine, from the chip's own template. Without "
        "it, nothing on this chip can be built or rehearsed."
    ),
    hint="write it after the template of another chip; docs/dockerfiles.md says what goes into it",
    bad={
        "beta.sdks.debian12.base": {
            "kind": "image", "image": "hub.example/beta", "digest": f"sha256:{'0' * 64}", "os": "Debian 12",
        }
    },
    good={"chip.aliases": ["Alpha-1"]},
)  # fmt: skip
def no_dockerfile(project: Project) -> Iterator[Found]:
    """Chips by the names of templates; macros without which none of these can be filled."""
    for name, chip in project.recipes.chips.items():
        wanted = (f"{name}{DOCKERFILE}", MACROS)
        missing = [one for one in wanted if one not in project.templates]
        if missing and any(sdk.base.kind == "image" for sdk in chip.sdks.values()):
            file, text = f"chips/{name}.yaml", f"there is no dockerfiles/{missing[0]}"
            yield Found(file=file, key=("sdks",), text=text, cells=project.users(file))
