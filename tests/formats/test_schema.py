"""The schemas that editors use agree with the types that decide."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

import flagrelease
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.domain.bundle import Bundle
from flagrelease.domain.chip import Chip
from flagrelease.domain.gate import Policy
from flagrelease.domain.model import Model
from flagrelease.domain.value import Value
from flagrelease.formats.positions import plain
from flagrelease.formats.schema import recipe_schemas, schema_file
from flagrelease.formats.strict import decode_yaml, read_yaml
from tests.recipes import folders

RECIPES = Path(flagrelease.__file__).parent.parent / "recipes"

CHIP = folders.CHIP.replace("NAME", "a-chip")
MODEL = """\
schema: flagrelease.model/v2
name: a-model
title: A model
licence: {name: Apache-2.0, commercial_use: allowed}
modalities: [text]
parameters: 12
max_context: 64
weights:
  q4:
    format: gguf
    precision: Q4
    source: {kind: folder, folder: somewhere, files: [a/b.gguf]}
"""
GATE = """\
schema: flagrelease.gate/v1
name: a-gate
title: A gate
tasks:
  a-task:
    kind: next_word
    format: boolq_passage
    dataset:
      source: {kind: wheel, project: a, version: 1.0.0, members: [a.jsonl]}
      split: dev
      items_available: 10
      licence: none stated
    selection: {count: 5, seed: 1}
    metric: exact_match
    chance: 0
    margin_pt: 3.0
"""
SCHEMAS = {file: json.loads(text) for file, text in recipe_schemas().items()}
EXAMPLES: list[tuple[type[Value], str]] = [(Chip, CHIP), (Model, MODEL), (Policy, GATE)]


def _refused_by_schema(kind: type[Value], text: str) -> bool:
    validator = jsonschema.Draft202012Validator(SCHEMAS[schema_file(kind)])
    return not validator.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize("file", sorted(SCHEMAS))
def test_each_schema_is_a_good_schema(file: str) -> None:
    schema = SCHEMAS[file]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == file
    assert schema["title"] == f"flagrelease {file.removesuffix('.json')}"
    validator = jsonschema.Draft202012Validator(schema)
    assert not validator.is_valid({})
    assert not validator.is_valid({"extends": "another", "nobody-knows-this": 1})


def test_there_is_a_schema_for_each_file_that_people_write_or_commit() -> None:
    assert sorted(SCHEMAS) == [
        "baseline.json", "baseline_statement.json", "benchmark.json", "bundle.json", "chip.json", "engine.json",
        "evalrun.json", "gate.json", "harness.json",
        "lock.json", "model.json", "published.json", "rehearsal.json",
        "stand_in_base.json", "stand_in_base_lock.json", "stand_ins.json",
    ]  # fmt: skip


def test_schemas_come_out_the_same_each_time() -> None:
    assert recipe_schemas() == recipe_schemas()


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_a_good_recipe_is_good_to_its_schema(kind: type[Value], text: str) -> None:
    decode_yaml(text, kind, source="r.yaml")
    assert not _refused_by_schema(kind, text)


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
@pytest.mark.parametrize(("old", "new"), [("name:", "nmae:"), ("title: A", "title: 12 #"), ("name: a-", "name: A ")])
def test_a_bad_recipe_is_bad_to_its_schema(kind: type[Value], text: str, old: str, new: str) -> None:
    assert _refused_by_schema(kind, text.replace(old, new, 1))


@pytest.mark.parametrize(("kind", "text"), EXAMPLES)
def test_a_recipe_that_extends_another_may_leave_keys_out_but_not_make_them_up(kind: type[Value], text: str) -> None:
    assert not _refused_by_schema(kind, "extends: another\ntitle: Only the title\n")
    assert not _refused_by_schema(kind, f"extends: another\n{text}")
    assert _refused_by_schema(kind, "extends: another\ntitel: Only the title\n")
    assert _refused_by_schema(kind, "extends: 12\n")
    assert _refused_by_schema(kind, "title: Only the title\n")


def test_a_variant_may_extend_another() -> None:
    head = "schema: flagrelease.bundle/v2\nchip: a\nmodel: b\ndefault_variant: one\n"
    variant = "{revision: r1, sdk: s, weights: w, engine: e, parallel: {tensor: 2}}"
    assert not _refused_by_schema(Bundle, f"{head}variants: {{one: {variant}}}")
    assert not _refused_by_schema(Bundle, f"{head}variants: {{one: {variant}, two: {{extends: one, revision: r2}}}}")
    assert _refused_by_schema(Bundle, f"{head}variants: {{one: {variant}, two: {{revision: r2}}}}")
    assert _refused_by_schema(Bundle, f"{head}variants: {{one: {variant}, two: {{extends: one, revisio: r2}}}}")


FILES = list(Catalogue(RECIPES).files())


@pytest.mark.parametrize(("path", "kind"), FILES, ids=lambda value: value.name if isinstance(value, Path) else "")
def test_each_recipe_of_the_repository_is_good_to_its_schema(path: Path, kind: type[Value]) -> None:
    root, faults = read_yaml(path.read_bytes(), kind, source=path.name)
    validator = jsonschema.Draft202012Validator(SCHEMAS[schema_file(kind)])
    assert [error.message for error in validator.iter_errors(plain(root))] == []
    assert faults == []


def test_a_kind_that_nobody_writes_has_no_schema_file() -> None:
    assert schema_file(Value) == ""
