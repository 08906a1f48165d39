"""The label by which an image says how it is run: the same for the same bundle, and hostile until it was read."""

import json
from typing import Any

import pytest

from flagrelease.domain.lock import Lock
from flagrelease.domain.recipe import Recipe
from flagrelease.domain.run_spec import RunSpec
from flagrelease.errors import BuildError
from flagrelease.formats.run_label import MAX_LABEL_BYTES, read_run_label, run_label
from flagrelease.launch.spec import run_spec
from tests.launch.a_start import CATALOGUE, CHIPS, spec_of

CELLS = [
    (chip, model, variant) for chip, model in CATALOGUE.bundles() for variant in CATALOGUE.bundle(chip, model).variants
]
CPU = ("cpu", "smollm2-135m-instruct", "llamacpp")


def recipe_of(cell: tuple[str, str, str]) -> Recipe:
    return CATALOGUE.recipe(*cell)


def spec_of_cpu() -> RunSpec:
    recipe = recipe_of(CPU)
    return run_spec(recipe, CATALOGUE.lock(recipe))


@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_a_label_says_what_the_bundle_is_run_with_and_reads_back(cell: tuple[str, str, str]) -> None:
    recipe = recipe_of(cell)
    spec = run_spec(recipe, CATALOGUE.lock(recipe))
    text = run_label(spec)
    assert read_run_label(text, source="an image") == spec
    assert run_label(read_run_label(text, source="an image")) == text
    assert len(text) < 8192


@pytest.mark.parametrize("name", CHIPS)
def test_a_label_of_each_chip_may_name_its_listing_program(name: str) -> None:
    spec = spec_of(CATALOGUE.chip(name))
    assert read_run_label(run_label(spec), source="an image") == spec
    assert (spec.host.listing is None) == (CATALOGUE.chip(name).smi is None)


def test_a_label_has_the_weights_of_the_lock_and_where_they_come_from() -> None:
    recipe = recipe_of(CPU)
    lock = CATALOGUE.lock(recipe)
    assert isinstance(lock, Lock)
    spec = read_run_label(run_label(run_spec(recipe, lock)), source="an image")
    assert spec.weights.locked() == lock.weights.files
    assert (spec.weights.size, spec.weights.place) == (sum(file.size for file in lock.weights.files), "image")


def changed(**keys: Any) -> str:
    document = json.loads(run_label(spec_of_cpu()))
    for path, value in keys.items():
        *steps, last = path.split("__")
        at = document
        for step in steps:
            at = at.setdefault(step, {})
        at[last] = value
    return json.dumps(document)


LISTING = {"program": "npu-smi", "arguments": ["info"]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "JSON"),
        ("[]", "found"),
        ("{}", "schema"),
        ("[" * 50_000, "deep"),
        ('{"schema": "flagrelease.run/v1", "schema": "flagrelease.run/v1"}', "schema"),
        (changed(schema="flagrelease.run/v2"), "schema"),
        (changed(unknown=1), "unknown"),
        (changed(serving__port="8000"), "port"),
        (changed(serving__port=0), "port"),
        (changed(host__listing=LISTING | {"program": "rm"}), "program"),
        (changed(host__listing=LISTING | {"program": "../evil-smi"}), "program"),
        (changed(host__listing=LISTING | {"arguments": ["--gpu-reset"]}), "arguments"),
        (changed(host__listing=LISTING | {"paths": ["/tmp/npu-smi"]}), "paths"),
        (changed(host__listing=LISTING | {"paths": ["/usr/bin/rm"]}), "paths"),
        (changed(host__listing=LISTING | {"driver": "(a"}), "driver"),
        (changed(weights__folder="/a/../../etc"), "folder"),
        (changed(weights__files=[{"path": "../../x", "size": 1, "sha256": "0" * 64}]), "path"),
        (changed(weights__files=[{"path": "x", "size": 1, "sha256": "0" * 64}] * 2), "each file once"),
        (changed(weights__files=[{"path": "x", "size": 1, "sha256": "0" * 64, "origin": 9}]), "origins"),
        (changed(weights__origins=[{"kind": "folder", "folder": "/etc"}]), "origins"),
        (changed(devices__world_size=3, devices__nodes=2), "nodes"),
        (changed(env={"A": "b\nc"}), "env"),
        (changed(command=["a\x1b[2J"]), "command"),
        (changed(bundle="a b"), "bundle"),
        (changed(master_ports=[20050, 20000]), "lower port first"),
        ("{" + " " * MAX_LABEL_BYTES + "}", "bytes"),
    ],
)
def test_a_label_that_cannot_be_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(BuildError) as raised:
        read_run_label(text, source="registry.example/a@sha256:0")
    assert told in raised.value.message
    assert "registry.example/a@sha256:0" in raised.value.message or "JSON" in raised.value.message


def test_the_label_of_five_hundred_files_fits_and_one_that_is_too_long_is_not_made() -> None:
    spec = spec_of_cpu()
    files = tuple(
        {"path": f"model-{number:05}-of-00500.safetensors", "size": 5_368_709_120, "sha256": f"{number:064x}"}
        for number in range(1, 1001)
    )
    few = RunSpec.model_validate(spec.model_dump(by_alias=True) | {"weights": _with(spec, files[:500])})
    assert read_run_label(run_label(few), source="an image") == few
    many = RunSpec.model_validate(spec.model_dump(by_alias=True) | {"weights": _with(spec, files)})
    with pytest.raises(BuildError, match="bytes") as raised:
        run_label(many)
    assert "1000 files" in raised.value.hint


def _with(spec: RunSpec, files: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return spec.weights.model_dump() | {"files": files}
