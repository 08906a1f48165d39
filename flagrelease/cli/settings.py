"""What the environment and the options say about this machine, resolved once into one frozen value."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Engine = Literal["auto", "docker", "embedded"]
"""What builds and runs images; see `HostTools.engine`."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where things are on this machine, and whether the network may be used; `secrets` are files by their names."""

    home: Path
    recipes: Path
    out: Path
    offline: bool
    environ: Mapping[str, str]
    engine: Engine = "auto"
    secrets: Mapping[str, Path] = field(default_factory=dict)


def settings(
    *,
    recipes: Path | None = None,
    out: Path | None = None,
    offline: bool = False,
    engine: Engine = "auto",
    secrets: Mapping[str, Path] | None = None,
) -> Settings:
    """Options first, then FLAGRELEASE_HOME, FLAGRELEASE_RECIPES, FLAGRELEASE_OUT, then the defaults.

    The default home is the `flagrelease` folder in the XDG cache folder (XDG Base Directory Specification).
    """
    environment = os.environ
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Settings(
        home=Path(environment.get("FLAGRELEASE_HOME") or cache / "flagrelease").absolute(),
        recipes=recipes or Path(environment.get("FLAGRELEASE_RECIPES") or "recipes"),
        out=out or Path(environment.get("FLAGRELEASE_OUT") or "out"),
        offline=offline,
        environ=environment,
        engine=engine,
        secrets=secrets or {},
    )
