"""Every rule, by its id."""

from typing import Final

from flagrelease.lint.rule import Rule
from flagrelease.lint.rules import (
    abilities,
    baselines,
    benchmarks,
    container,
    devices,
    environment,
    evidence,
    gates,
    images,
    installed,
    licence,
    mounts,
    names,
    patches,
    reading,
    references,
    secrets,
    serving,
    sources,
    texts,
    tls,
    waivers,
)

_MODULES: Final = (
    reading, references, names, images, sources, patches, serving, container, mounts, abilities, devices, installed,
    licence, benchmarks, gates, evidence, baselines, environment, secrets, tls, texts, waivers,
)  # fmt: skip

RULES: Final[tuple[Rule, ...]] = tuple(
    sorted((one for module in _MODULES for one in vars(module).values() if isinstance(one, Rule)), key=lambda r: r.id)
)
"""In the order of their ids; `tests/lint` holds them against `docs/lint.md`."""

BY_ID: Final = {one.id: one for one in RULES}
