"""What is known of a new recipe, as the values of its template."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Final, Literal

from flagrelease.domain.chip import Chip
from flagrelease.domain.engine import Engine
from flagrelease.domain.model import Model
from flagrelease.formats.placeholders import TODO_NAME
from flagrelease.formats.yaml_text import comment, spelled
from flagrelease.ports import Templates

Kind = Literal["chip", "model", "bundle"]

_MACROS: Final = "_gaps.j2"


def new_chip(
    templates: Templates,
    name: str,
    *,
    title: str | None,
    vendor: str | None,
    architectures: Iterable[str],
    sdk: str | None,
) -> str:
    """`recipes/chips/<name>.yaml`, with one SDK generation."""
    words = ", ".join(architectures)
    values: dict[str, object] = {
        "name": name,
        "title": _text(title),
        "vendor": _text(vendor),
        "architectures": f"[{words}]" if words else "",
        "sdk": sdk or "sdk1",
    }
    return _filled(templates, "chip", values)


def new_dockerfile() -> str:
    """`dockerfiles/<name>.Dockerfile.j2`: what all chips have in common, with a gap for what is said of this one."""
    return (files("flagrelease.scaffold") / "chip.Dockerfile.j2").read_text(encoding="utf-8")


def new_model(templates: Templates, name: str, known: Mapping[str, str]) -> str:
    """`recipes/models/<name>.yaml`; `known` may hold a `title`, a repository on a hub, a name for the `weights`."""
    values: dict[str, object] = {"name": name, "weights": known.get("weights", "published")}
    values |= {key: _text(known.get(key)) for key in ("title", "huggingface", "modelscope")}
    return _filled(templates, "model", values)


def new_bundle(
    templates: Templates,
    variant: str | None,
    *,
    chip: Chip,
    model: Model,
    engines: Mapping[str, Engine],
    chosen: Mapping[str, str],
    gates: Iterable[str],
) -> str:
    """`recipes/bundles/<chip>/<model>.yaml`; `chosen` may name an `engine`, an `sdk` and a form of the `weights`.

    Where one thing only is possible it is taken; where there are several, the gap lists them.
    """
    candidates = {name: engine for name, engine in engines.items() if can_run(engine, chip, model)}
    engine = chosen.get("engine") or _only(candidates)
    by = f" by {engines[engine].title}" if engine in engines else ""
    has_toolkit = chip.container is not None and chip.container.toolkit is not None
    values: dict[str, object] = {
        "chip": chip.name,
        "model": model.name,
        "variant": variant or engine or TODO_NAME,
        "title": spelled(f"{model.title}{by} on {chip.title}"),
        "sdk": chosen.get("sdk") or _only(chip.sdks),
        "sdks": _choices({name: sdk.title for name, sdk in chip.sdks.items()}),
        "weights": chosen.get("weights") or _only(model.weights),
        "forms": _choices({name: form.precision for name, form in model.weights.items()}),
        "engine": engine,
        "engines": _choices({name: one.title for name, one in candidates.items()}),
        "architectures": " or ".join(chip.architectures) if len(chip.architectures) > 1 else "",
        "precisions": " or ".join(chip.precisions),
        "serves": engine not in engines or engines[engine].serves,
        "context_length": model.defaults.context_length or model.max_context,
        "access": "toolkit" if has_toolkit else "",
        "gate": model.name if model.name in set(gates) else "",
    }
    return _filled(templates, "bundle", values)


def can_run(engine: Engine, chip: Chip, model: Model) -> bool:
    """Whether nothing that the engine says of itself rules the two out."""
    return (not engine.chips or chip.name in engine.chips) and (not engine.models or model.name in engine.models)


def _filled(templates: Templates, kind: Kind, values: dict[str, object]) -> str:
    name = f"{kind}.yaml.j2"
    here = files("flagrelease.scaffold")
    macros, text = ((here / file).read_text(encoding="utf-8") for file in (_MACROS, name))
    return templates.fill(macros + text, name=name, values=values)


def _text(value: str | None) -> str:
    return spelled(value) if value else ""


def _only(known: Mapping[str, object]) -> str:
    return next(iter(known)) if len(known) == 1 else ""


def _choices(known: Mapping[str, str]) -> list[str]:
    """`name: its title`, each fit for a comment."""
    return [comment(f"{name}: {title}")[2:] for name, title in known.items()]
