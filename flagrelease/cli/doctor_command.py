"""Look at this machine: what it has, and with `--chip` and `--model` whether it fits a bundle, before any download.

Nothing is changed. Exit code 10 when something is missing.
"""

import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from flagrelease.adapters.host import look
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.debian_archive import mirrors
from flagrelease.cli.options import Json, OneChip, OneModel, Recipes, Variant
from flagrelease.cli.recipes import cached_catalogue
from flagrelease.cli.settings import Settings, settings
from flagrelease.domain.chip import MACHINES
from flagrelease.domain.host import FoundEngine, Host
from flagrelease.engine_ports import EngineFacts
from flagrelease.engines.embedded.engine import EmbeddedEngine
from flagrelease.engines.embedded.port import is_free
from flagrelease.errors import LockError, RecipeError, ToolError
from flagrelease.formats.canonical import pretty_json
from flagrelease.locking.inputs import inputs_of
from flagrelease.planning.fit import Fit, fit
from flagrelease.report.words import size

_WANTED_BYTES = 2_000_000_000
_USAGE = "name both --chip and --model to compare this machine with a bundle"


def doctor(
    chip: OneChip = None,
    model: OneModel = None,
    variant: Variant = None,
    recipes: Recipes = None,
    json: Json = False,
) -> None:
    """Print one line a finding."""
    chosen = settings(recipes=recipes)
    if (chip is None) != (model is None):
        raise RecipeError("wanted a chip and a model, found only one of them", hint=_USAGE)
    catalogue = cached_catalogue(chosen) if (chosen.recipes / "chips").is_dir() else None
    if catalogue is None and chip:
        Catalogue(chosen.recipes)  # says which folder it wants
    known = [catalogue.chip(name) for name in catalogue.names("chips")] if catalogue else []
    host = look(chosen.home, known)
    host = host.model_copy(update={"engines": (_docker(chosen), *host.engines)})
    if catalogue and chip and model:
        findings = _for_bundle(catalogue, host, chosen, chip, model, variant)
    else:
        findings = _general(chosen, host)
    if json:
        sys.stdout.write(pretty_json({"host": host.model_dump(), "findings": [asdict(f) for f in findings]}).decode())
    else:
        _print(findings)
    missing = [one for one in findings if one.standing == "missing"]
    if missing:
        raise ToolError(f"{len(missing)} of {len(findings)} things that are needed are missing here")


def _docker(chosen: Settings) -> FoundEngine:
    """The engine that DOCKER_HOST names, or this machine's own: which it is and how it is driven, or why not."""
    engine = import_module("flagrelease.engines.docker.engine").DockerEngine(FileStore(chosen.home), chosen.environ)
    try:
        facts: EngineFacts = engine.facts()
    except ToolError as error:
        return FoundEngine(name="docker", answers=False, said=error.message)
    finally:
        engine.close()
    builder = "nothing here can drive its builds" if facts.builder == "none" else f"builds by {facts.builder}"
    where = ", on another machine" if facts.remote else ""
    said = f"docker {facts.version} for {facts.architecture}, {builder}{where}"
    return FoundEngine(name="docker", answers=facts.builder != "none", said=said)


def _general(chosen: Settings, host: Host) -> tuple[Fit, ...]:
    looks: dict[str, Callable[[Settings, Host], str]] = {
        "user namespaces": _namespaces,
        "Debian mirrors": _mirrors,
        "room for the store": _room,
    }
    needed = (_looked(name, asked, chosen, host) for name, asked in looks.items())
    engines = (
        Fit(standing="ok" if e.answers else "unknown", name=f"engine {e.name}", text=e.said or "answers")
        for e in host.engines
    )
    chips = (
        Fit(
            standing="ok" if c.answers else "unknown",
            name=f"chip {c.chip}",
            text=f"`{c.program}` {'answers' if c.answers else 'failed'}"
            + (f", driver {c.driver}" if c.driver else "")
            + (f", {c.devices} device nodes" if c.devices else ""),
        )
        for c in host.chips
    )
    return (*needed, *engines, *chips)


def _looked(name: str, asked: Callable[[Settings, Host], str], chosen: Settings, host: Host) -> Fit:
    try:
        return Fit(standing="ok", name=name, text=asked(chosen, host))
    except ToolError as error:
        return Fit(standing="missing", name=name, text=error.message, hint=error.hint)


def _for_bundle(
    catalogue: Catalogue, host: Host, chosen: Settings, chip: str, model: str, variant: str | None
) -> tuple[Fit, ...]:
    recipe = catalogue.recipe(chip, model, variant)
    store = FileStore(chosen.home)
    try:
        inputs = inputs_of(catalogue.lock(recipe))
    except LockError as error:
        inputs = ()
        unlocked: tuple[Fit, ...] = (Fit(standing="missing", name="lock", text=error.message, hint=error.hint),)
    else:
        opened = [one for one in inputs if one.status != "locked"]
        unlocked = tuple(
            Fit(standing="missing", name="input", text=f"{one.key}: {one.name}: {one.status}: {one.reason}")
            for one in opened
        )
    missing = sum(one.size for one in inputs if one.pin and one.size and not store.has(f"sha256:{one.pin}"))
    namespaces = (_looked("user namespaces", _namespaces, chosen, host),) if recipe.is_assembled else ()
    return (*namespaces, *fit(recipe, host, bytes_to_fetch=missing, is_free=is_free), *unlocked)


def _print(findings: tuple[Fit, ...]) -> None:
    for one in findings:
        sys.stdout.write(f"{one.standing:8} {one.name}: {one.text}\n")
        if one.hint:
            sys.stdout.write(f"         hint: {one.hint}\n")


def _namespaces(chosen: Settings, host: Host) -> str:
    if host.architecture is None:
        raise ToolError(f"this machine is {host.machine}", hint=f"images are run on {', '.join(MACHINES)}")
    EmbeddedEngine(FileStore(chosen.home), chosen.home).check(host.architecture)
    return "allowed, images can be run"


def _mirrors(chosen: Settings, _host: Host) -> str:
    found = mirrors("debian", etc=Path("/etc/apt"), environ=chosen.environ)
    return f"{len(found)} known to this machine"


def _room(_chosen: Settings, host: Host) -> str:
    if host.disk_free_bytes < _WANTED_BYTES:
        raise ToolError(
            f"`{host.disk_folder}` has {size(host.disk_free_bytes)} free, a bundle takes up to {size(_WANTED_BYTES)}",
            hint="make room there, or set FLAGRELEASE_HOME to a folder on another disk",
        )
    return f"{size(host.disk_free_bytes)} free in `{host.disk_folder}`"
