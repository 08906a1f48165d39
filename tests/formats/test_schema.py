"""The schemas that editors use agree with the types that decide."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

import flagrelease
from flagrelease.domain.chip import Chip
from flagrelease.domain.gate import Policy
from flagrelease.domain.model import Model
from flagrelease.domain.value import Value
from flagrelease.formats.schema import recipe_schemas, schema_file
from flagrelease.formats.strict import decode_yaml

RECIPES = Path(flagrelease.__file__).parent.parent / "recipes"

CHIP = """\
schema: flagrelease.chip/v1
name: a-chip
title: A chip
vendor: Somebody
architectures: [amd64]
memory: process_tree
sdks:
  one:
    title: The first
    base: {kind: debian, suites: [a-suite], packages: [a-package]}
    python: "3.11"
    glibc: "2.36"
"""
MODEL = """\
schema: flagrelease.model/v1
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
EXAMPLES: list[tuple[type[Value], str]] = [(Chip, CHIP), (Model, MODEL), (Policy, GATE)]


def _refused_by_schema(kind: type[Value], text: str) -> bool:
    validator = jsonschema.Draft202012Validator(json.loads(recipe_schemas()[schema_file(kind)]))
    return not validator.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize("file", sorted(recipe_schemas()))
def test_each_schema_is_a_good_schema(file: str) -> None:
    schema = json.loads(recipe_schemas()[file])
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == file
    assert schema["title"] == f"flagrelease {file.removesuffix('.json')}"
    assert schema["additionalProperties"] is False
    assert "schema" in schema["required"]


def test_there_is_a_schema_for_each_file_that_people_write_or_commit() -> None:
    assert sorted(recipe_schemas()) == [
        "baseline.json", "bundle.json", "chip.json", "gate.json", "lock.json", "model.json",
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


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (kind, path)
        for kind, folder in ((Chip, "chips"), (Model, "models"), (Policy, "gates"))
        for path in sorted((RECIPES / folder).glob("*.yaml"))
    ],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_each_recipe_of_the_repository_is_good_to_both(kind: type[Value], path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    decode_yaml(text, kind, source=path.name)
    assert not _refused_by_schema(kind, text)


def test_a_kind_that_nobody_writes_has_no_schema_file() -> None:
    assert schema_file(Value) == ""
