"""A small but complete set of recipes that no rule objects to, and what a rule's example changes in it."""

import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

from flagrelease.adapters.recipes.catalogue import KINDS
from flagrelease.domain.baseline import (
    Answered,
    BaselineStatement,
    BaselineTask,
    RecordFile,
    Rerun,
    RerunTask,
    Written,
)
from flagrelease.domain.evalrun import DatasetFacts, Harness, RunFacts
from flagrelease.domain.everything import Everything, Unreadable
from flagrelease.domain.evidence import Software
from flagrelease.domain.patch_series import Series
from flagrelease.domain.value import Value
from flagrelease.errors import RecipeError
from flagrelease.formats.lookup import path_of
from flagrelease.formats.strict import decode_yaml
from flagrelease.lint.judge import Judged, judge
from flagrelease.lint.project import Project
from flagrelease.lint.rule import EXAMPLE_DAY
from flagrelease.lint.views import BaselineView, PatchFolder

Data = dict[str, Any]
Changes = Mapping[str, Any]
"""As `flagrelease.lint.rule` has them; a test writes them without a type for each."""

TEMPLATES = frozenset({"serve.json.j2", "_macros.j2", "alpha.Dockerfile.j2"})


def _set(chip: str, base: str, task: str, models: list[str]) -> PatchFolder:
    facts = {
        "schema": "flagrelease.patches/v1", "component": "lib", "base": base, "chip": chip, "task": (task,),
        "models": tuple(models), "owner": "makers@example", "why": "an example", "upstream": "none",
        "remove_when": "never", "result_tree": "f" * 40,
        "patches": ({"file": "0001-one.patch", "sha256": "0" * 64, "size": 1},),
    }  # fmt: skip
    return PatchFolder(component="lib", base=base[:12], chip=chip, series=Series.model_validate(facts))


PATCH_SETS = (
    _set("alpha", "b" * 40, "inference", ["Tiny"]),
    _set("alpha", "c" * 40, "inference", ["large"]),
    _set("beta", "b" * 40, "train", []),
)


def _baseline(
    name: str, *, model: str = "tiny", days: int = 300, signers: tuple[str, ...] = ("maker",)
) -> BaselineView:
    written = Written(by="maker", at=datetime(2030, 1, 1, tzinfo=UTC), tool="flagrelease")
    facts = RunFacts(task="quiz", harness=Harness(name="flageval"), dataset=DatasetFacts(items=1000), metric="accuracy")
    record = RecordFile(path=f"{name}/quiz.jsonl", sha256="0" * 64, answers=1000)
    statement = BaselineStatement(
        name=f"tiny/{name}.json",
        title="A baseline",
        answered=Answered(
            chip="beta", software=(Software(name="own", version="1"),), model=model, weights_sha256="0" * 64
        ),
        policy="quick",
        policy_sha256="0" * 64,
        tasks=(BaselineTask(name="quiz", facts=facts, record=record, score=0.6),),
        reruns=(Rerun(written=written, tasks=(RerunTask(task="quiz", record=record, items=1000, flipped=50),)),),
        written=written,
        expires=EXAMPLE_DAY + timedelta(days=days),
    )
    return BaselineView(name=f"tiny/{name}.json", record=statement, signers=signers)


HELD = {
    view.name: view
    for view in (
        _baseline("beta"),
        _baseline("old", days=-1),
        _baseline("soon", days=30),
        _baseline("unsigned", signers=()),
        _baseline("other", model="probe"),
    )
}

WORDS: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "chip": ("chips/alpha", ()),
    "sdk": ("chips/alpha", ("sdks", "one")),
    "beta": ("chips/beta", ()),
    "engine": ("engines/serve", ()),
    "model": ("models/tiny", ()),
    "weights": ("models/tiny", ("weights", "plain")),
    "benchmark": ("benchmarks/quiz", ()),
    "judged": ("benchmarks/essay", ()),
    "policy": ("gates/quick", ()),
    "bundle": ("bundles/alpha/tiny", ()),
    "variant": ("bundles/alpha/tiny", ("variants", "serve")),
    "component": ("bundles/alpha/tiny", ("variants", "serve", "components", "lib")),
    "table": ("published/alpha/tiny.card", ()),
    "copy": ("published/alpha/probe.card", ()),
}
"""What examples call the recipes, and parts of them."""


def recipes() -> dict[str, Data]:
    """Every recipe by its path without `.yaml`."""
    return {
        "chips/alpha": _alpha(),
        "chips/beta": _beta(),
        "engines/serve": _engine(),
        "engines/scripts": {
            "schema": "flagrelease.engine/v1", "name": "scripts", "title": "Scripts", "serves": False,
        },
        "models/tiny": _model("tiny", modalities=["text", "image"]),
        "models/probe": _model("probe", modalities=["text"]),
        "harnesses/flageval": _harness("flageval", {"kind": "outside", "where": "in the chip's image"}),
        "harnesses/local": _harness("local", {"kind": "environment", "requirements": "local.lock"}),
        "benchmarks/quiz": _benchmark("quiz", items=1000, aliases=["Quiz"], modalities=["text", "image"]),
        "benchmarks/essay": _benchmark("essay", items=500, step=None, judge="a judge", metric="judge score"),
        "benchmarks/riddle": _benchmark("riddle", items=1000),
        "gates/quick": _policy(),
        "bundles/alpha/tiny": _bundle(),
        "published/alpha/tiny.card": _table("tiny.card", model="tiny", reference=60.1, target=59.8),
        "published/alpha/probe.card": _table("probe.card", model="probe", reference=40.1, target=40.2),
    }  # fmt: skip


def _alpha() -> Data:
    return {
        "schema": "flagrelease.chip/v2", "name": "alpha", "title": "Alpha", "vendor": "Alpha Makers",
        "architectures": ["amd64"], "aliases": ["Alpha-1"],
        "hardware": {"a1": {"title": "Alpha 1", "code": "alpha001", "memory_gb": [32], "dies_per_card": 2}},
        "memory_probe": "smi", "smi": {"command": ["alpha-smi"]}, "visible_devices": "ALPHA_VISIBLE_DEVICES",
        "torch_device": "alpha", "libraries": {"collective": "ACL", "source": "an example"},
        "precisions": ["float16", "bfloat16"], "quantisations": ["none", "w8a8"], "world_sizes": [1, 2, 4],
        "container": {
            "raw": {"devices": ["/dev/alpha{die}", "/dev/alphactl"]}, "toolkit": {"runtime": "alpha"},
            "source": "an example",
        },
        "profiles": {
            "log": {"title": "Log", "engines": ["serve"], "on": {"LOG": "1"}, "source": "an example"},
            "quiet": {"title": "No log", "on": {"LOG": "0"}, "source": "an example"},
        },
        "rules": [{
            "features": ["speed_run"], "forbids": {"LOG": "1"}, "text": "logs slow it down", "source": "an example",
        }],
        "sdks": {"one": {
            "title": "SDK one", "version": "2.1",
            "base": {
                "kind": "image", "image": "registry.example/alpha/base", "tag": "2.1.0-ubuntu22.04-py310",
                "os": "Ubuntu 22.04",
            },
            "python": "3.10", "driver": {"min": "5.1", "tested": ["5.2"], "source": "an example"},
            "installers": [{
                "file": "alpha-toolkit_{version}_linux-x86_64.run", "purpose": "toolkit", "architecture": "amd64",
                "sha256": "a" * 64, "source": "an example",
            }],
            "torch": {"torch": "2.1.0", "cxx11_abi": True}, "kernels": {"flagtree": "0.4.0+3.5"},
        }},
    }  # fmt: skip


def _beta() -> Data:
    return {
        "schema": "flagrelease.chip/v2", "name": "beta", "title": "Beta", "vendor": "Beta Makers",
        "architectures": ["amd64"], "memory_probe": "process_tree", "torch_device": "cpu",
        "libraries": {"collective": "Gloo", "source": "an example"},
        "sdks": {"debian12": {
            "title": "Debian 12", "python": "3.11",
            "base": {"kind": "debian", "suites": ["bookworm"], "packages": ["base-files"]},
        }},
    }  # fmt: skip


def _engine() -> Data:
    return {
        "schema": "flagrelease.engine/v1", "name": "serve", "title": "Serve", "serves": True, "health": "/health",
        "start": ["serve", "{weights}", "{options}"], "chips": ["alpha", "beta"],
        "precisions": ["float16", "bfloat16"],
        "quantisations": {
            "none": {"granularities": [], "source": "row 1"},
            "w8a8": {"granularities": ["per_channel"], "chips": ["alpha"], "source": "row 2"},
        },
        "strategies": ["tensor", "expert"], "multi_node_families": ["small"],
        "models": {"tiny": {
            "world_sizes": {"alpha": [1, 2]}, "modalities_plain": ["text", "image"],
            "modalities_served": ["text", "image"], "images_per_request_served": 4, "source": "row 3",
        }},
    }  # fmt: skip


def _model(name: str, *, modalities: list[str]) -> Data:
    return {
        "schema": "flagrelease.model/v2", "name": name, "title": name.title(), "family": "small",
        "licence": {"name": "Apache-2.0", "commercial_use": "allowed", "republish": "allowed"},
        "modalities": modalities, "parameters": 1_000_000_000, "max_context": 8192, "max_effective_length": 8192,
        "weights": {"plain": {
            "format": "safetensors", "precision": "BF16", "dtype": "bfloat16", "size_gb": 2.0,
            "source": {"kind": "huggingface", "repo": f"makers/{name}", "revision": "c" * 40},
        }},
        "benchmarks": ["quiz"] if name == "tiny" else [],
    }  # fmt: skip


def _benchmark(name: str, *, items: int, **more: object) -> Data:
    basis = {
        "schema": "flagrelease.benchmark/v1", "name": name, "title": name.title(), "items": items,
        "metric": "accuracy", "scale": 100, "source": "an example",
    }  # fmt: skip
    return basis | more


def _harness(name: str, runs: Data) -> Data:
    return {
        "schema": "flagrelease.harness/v1", "name": name, "title": name.title(), "version": "1.0", "runs": runs,
        "reads": "table", "argv": ["ask", "{{ base_url }}"],
    }  # fmt: skip


def _policy() -> Data:
    return {
        "schema": "flagrelease.gate/v1", "name": "quick", "title": "One task",
        "harness_tasks": {"quiz": {
            "harness": "flageval", "benchmark": "quiz", "metric": "accuracy", "items": 1000, "margin_pt": 3.0,
        }},
    }  # fmt: skip


def _table(name: str, *, model: str, reference: float, target: float) -> Data:
    return {
        "schema": "flagrelease.published/v1", "name": name, "title": "A card", "chip": "alpha", "model": model,
        "reference": "Beta", "target": "Alpha", "source": "an example",
        "scores": {"kind": "aggregate_only", "rows": [
            {"benchmark": "quiz", "scale": 100, "reference": reference, "target": target},
        ]},
    }  # fmt: skip


def _bundle() -> Data:
    image = {"image": "registry.example/alpha/tiny", "tag": "r1"}
    return {
        "schema": "flagrelease.bundle/v2", "chip": "alpha", "model": "tiny", "default_variant": "serve",
        "variants": {"serve": {
            "revision": "r1", "title": "Tiny on Alpha", "sdk": "one", "weights": "plain", "engine": "serve",
            "precision": "bfloat16",
            "components": {"lib": {
                "version": "1.0", "provenance": "an example",
                "source": {"kind": "git", "repository": "makers/lib", "commit": "b" * 40},
            }},
            "wheels": ["attrs==23.2.0"],
            "files": [{"path": "/opt/bundle/serve.json", "template": "serve.json.j2"}],
            "serving": {"served_name": "tiny", "requested_model": "tiny", "ready_within_s": 60},
            "smoke": {"second_model": {"model": "probe", "weights": "plain"}},
            "gate": "quick", "reference": {"kind": "other_chip", "chip": "beta", "stack": "its own code"},
            "published": ["tiny.card"], "image": {"pulled": dict(image), "run": dict(image)},
        }},
    }  # fmt: skip


def changed(changes: Changes) -> dict[str, Data]:
    """The recipes with these changes. A key that is not there is made; a list is made longer by its next index."""
    documents = copy.deepcopy(recipes())
    for key, value in changes.items():
        word, _, rest = key.partition(".")
        name, above = WORDS[word]
        _put(documents[name], (*above, *path_of(rest)), copy.deepcopy(value))
    return documents


def _put(data: Any, path: tuple[str | int, ...], value: object) -> None:
    *above, last = path
    for step in above:
        if isinstance(data, dict) and data.get(step) is None:
            data[step] = {}
        data = data[step]
    if isinstance(data, list) and last == len(data):
        data.append(value)
    else:
        data[last] = value


def everything(documents: Mapping[str, Data]) -> Everything:
    """As the catalogue reads them from files."""
    kinds: dict[str, dict[Any, Value]] = {folder: {} for folder in KINDS}
    unreadable = []
    for name, data in documents.items():
        folder, *rest = name.split("/")
        read = _read(name, json.dumps(data, indent=1))
        if isinstance(read, Unreadable):
            unreadable.append(read)
        else:
            kinds[folder][tuple(rest) if len(rest) > 1 else rest[0]] = read
    kinds["policies"] = kinds.pop("gates")
    return Everything(**cast("dict[str, Any]", kinds), unreadable=tuple(unreadable))


@cache
def _read(name: str, text: str) -> Value | Unreadable:
    path = f"{name}.yaml"
    try:
        return decode_yaml(text, KINDS[name.partition("/")[0]], source=f"recipes/{path}")
    except RecipeError as error:
        return Unreadable(path=path, faults=tuple(error.message.splitlines()))


def project(changes: Changes) -> Project:
    """The small set with these changes, on the day of the examples."""
    return Project(
        recipes=everything(changed(changes)),
        today=EXAMPLE_DAY,
        templates=TEMPLATES,
        patch_sets=PATCH_SETS,
        harness_files=frozenset({"local.lock"}),
        baselines=frozenset(HELD),
        held=HELD,
    )


def judged(changes: Changes) -> tuple[Judged, ...]:
    """What all rules find in it."""
    return judge(project(changes))


def written(folder: Path, changes: Changes) -> Path:
    """The small set as files below `folder`; the recipe folder."""
    for name, data in changed(changes).items():
        path = folder / "recipes" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data, indent=1))
    for template in TEMPLATES:
        path = folder / "dockerfiles" / template
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    (folder / "recipes" / "harnesses" / "local.lock").write_text("")
    return folder / "recipes"
