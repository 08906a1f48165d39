"""Variables that decide how a chip computes, from a file beside the results: `environment.json`, or `environment.env`.

No harness writes down what it was started with; whoever runs it keeps `environment.env` (as `env` prints it) in the
folder of results. Only the variables below are taken out of it, so that no secret can reach a record.
"""

from collections.abc import Mapping
from typing import Any, Final

from flagrelease.ingest.format import base_of
from flagrelease.ingest.say import text_of
from flagrelease.ingest.sources import Sources

DETERMINISM: Final = (
    "LCCL_DETERMINISTIC",
    "HCCL_DETERMINISTIC",
    "ATB_MATMUL_SHUFFLE_K_ENABLE",
    "INF_NAN_MODE_ENABLE",
    "ATB_LLM_LCOC_ENABLE",
)
"""Ascend's: the order in which chips add up, how matrix products are cut, what becomes of an overflow (facts 12)."""

_LIMIT: Final = 1 << 20
_FILES: Final = ("environment.json", "environment.env")


def environment_of(sources: Sources) -> dict[str, str]:
    """The variables as settings, `env.NAME`. Raises RecipeError for two files that differ and one that is damaged."""
    found: dict[str, str] = {}
    for name in sources.names:
        if base_of(name).lower() in _FILES:
            for key, value in _variables(sources, name).items():
                if found.setdefault(f"env.{key}", value) != value:
                    raise sources.refuse(
                        name,
                        f"wanted {key} once, found it as {found[f'env.{key}'][:60]!r} and {value[:60]!r}",
                        hint="the results of one side come from one environment: give each run a folder of its own",
                    )
    return found


def _variables(sources: Sources, name: str) -> Mapping[str, str]:
    if name.lower().endswith(".json"):
        document: Any = sources.document(name)
        if not isinstance(document, dict):
            raise sources.refuse(name, f"wanted an object of variables, found {type(document).__name__}")
        return {key: text for key in DETERMINISM if (text := text_of(document.get(key))) is not None}
    lines = (line.strip().removeprefix("export ").partition("=") for line in sources.text(name, _LIMIT).splitlines())
    return {key: text for key, _, value in lines if key in DETERMINISM and (text := text_of(value.strip("\"' ")))}
