"""Variables: the rules between them that a chip states, and profiles that do not go together."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from flagrelease.domain.chip import EnvRule
from flagrelease.formats.positions import Path
from flagrelease.lint.found import Found
from flagrelease.lint.project import Project
from flagrelease.lint.rule import rule
from flagrelease.lint.views import VariantView

_SHELL_VARIABLE: Final = re.compile(r"\$\{?[A-Za-z_]\w*\}?")


@rule(
    "FR601",
    "error",
    "variables that do not go together",
    why=(
        "MindIE's documents state such rules in passing: AIV expansion is not deterministic, waiting after each kernel "
        "cannot be used with several streams, INF_NAN_MODE_ENABLE=0 does nothing on an 800I A2 by itself. "
        "DeepSeek-VL's page breaks the last one."
    ),
    hint="set the variables as the rule says, or leave the profile or feature out",
    bad={"variant.profiles": ["log"], "variant.features": ["speed_run"]},
    good={"variant.profiles": ["log"]},
)
def broken_rule(project: Project) -> Iterator[Found]:
    """The chip's `rules`, on the variables of SDK, profiles, variant and container together."""
    for one in project.variants:
        for stated in one.chip.rules if one.chip else ():
            if _holds(stated, one):
                for what in _broken(stated, one):
                    yield one.found("env", text=f"{what}: {stated.text} ({stated.source})")


def _holds(stated: EnvRule, one: VariantView) -> bool:
    return (
        _agree(stated.when, one.env)
        and set(stated.features) <= set(one.variant.features)
        and set(stated.profiles) <= set(one.variant.profiles)
    )


def _agree(wanted: Mapping[str, str], env: Mapping[str, str]) -> bool:
    return all(env.get(name) == value for name, value in wanted.items())


def _broken(stated: EnvRule, one: VariantView) -> Iterator[str]:
    """What is missing, and what is there and must not be."""
    env = one.env
    missing = [f"{name}={value}" for name, value in stated.requires.items() if env.get(name) != value]
    wrong = [f"{name}={value}" for name, value in stated.forbids.items() if env.get(name) == value]
    features = [name for name in stated.forbids_features if name in one.variant.features]
    if missing:
        yield f"wanted {', '.join(missing)}"
    if wrong:
        yield f"found {', '.join(wrong)}"
    if features:
        yield f"found the feature {', '.join(features)}"


@rule(
    "FR602",
    "error",
    "a profile of another engine",
    why="A profile sets variables that one engine reads. With another engine they are set and do nothing.",
    hint="take a profile of this engine, or none",
    bad={"variant.profiles": ["log"], "chip.profiles.log.engines": ["scripts"]},
    good={"variant.profiles": ["log"], "chip.profiles.log.engines": ["serve"]},
)
def profile_of_another_engine(project: Project) -> Iterator[Found]:
    """A profile's engines against the variant's; none means any."""
    for one in project.variants:
        profiles = one.chip.profiles if one.chip else {}
        for index, name in enumerate(one.variant.profiles):
            engines = profiles[name].engines if name in profiles else ()
            if engines and one.variant.engine not in engines:
                text = f"profile `{name}` is for {', '.join(engines)}, not for `{one.variant.engine}`"
                yield one.found("profiles", index, text=text)


@rule(
    "FR603",
    "warning",
    "two profiles that set one variable differently",
    why=(
        "The later profile wins without a word: a deterministic run with a profile for speed after it is not "
        "deterministic."
    ),
    hint="leave one of them out, or set the variable in the variant itself",
    bad={"variant.profiles": ["log", "quiet"]},
    good={"variant.profiles": ["log", "quiet"], "variant.env": {"LOG": "0"}},
)
def profiles_disagree(project: Project) -> Iterator[Found]:
    """Variables of several profiles that the variant does not set itself."""
    for one in project.variants:
        setters: dict[str, tuple[str, str]] = {}
        profiles = one.chip.profiles if one.chip else {}
        own = one.variant.env.keys() | one.variant.container.env.keys()
        for index, name in enumerate(one.variant.profiles):
            for variable, value in profiles[name].on.items() if name in profiles else ():
                before, other = setters.setdefault(variable, (value, name))
                if before != value and variable not in own:
                    text = f"`{other}` sets {variable}={before}, `{name}` sets it to {value}"
                    yield one.found("profiles", index, text=text)


@rule(
    "FR604",
    "error",
    "a variable that names another one",
    why=(
        "Variables of an image or a container are set without a shell, so ${…} in a value stays as it is: the engine "
        "writes its table into a folder called ${script_path}."
    ),
    hint="write the path out",
    bad={"variant.env": {"TABLE": "${script_path}/table.csv"}},
    good={"variant.env": {"TABLE": "/opt/scripts/table.csv"}},
)
def unexpanded(project: Project) -> Iterator[Found]:
    """Values of the variables a variant runs with, where the last word on each is said."""
    for one in project.variants:
        for name, value in one.env.items():
            if _SHELL_VARIABLE.search(value):
                yield one.found(*_key(one, name), text=f"{name}={value} is set as it stands here, without a shell")


def _key(one: VariantView, name: str) -> Path:
    """Where the last word on a variable is said."""
    key = next(key for key, layer in reversed(one.env_layers) if name in layer)
    return (*key, name) if key[-1] in ("env", "on") else key
