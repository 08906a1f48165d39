"""Each step from one schema version to the next, on the files that were there at the older version."""

import contextlib
import difflib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.domain.bundle import Bundle
from flagrelease.domain.chip import Chip
from flagrelease.domain.lock import Lock, LockFile
from flagrelease.domain.model import Model
from flagrelease.errors import RecipeError
from flagrelease.formats.canonical import pretty_json
from flagrelease.formats.strict import decode_json, decode_yaml
from flagrelease.locking.lock import make_lock
from flagrelease.locking.resolver import Refusing
from flagrelease.migrations.lift import MIGRATIONS, Lifted, lifted
from flagrelease.migrations.versions import KINDS

V1 = Path(__file__).parent / "v1"
ROOT = Path(__file__).parents[2]
CHIP, MODEL = "chips/cpu.yaml", "models/smollm2-135m-instruct.yaml"
BUNDLE, LOCK = "bundles/cpu/smollm2-135m-instruct.yaml", "bundles/cpu/smollm2-135m-instruct.lock.json"
ENGINES = {"llama.cpp by xllamacpp": "llamacpp", "vLLM": "vllm"}


def lift(text: str | bytes, *, is_json: bool = False) -> Lifted:
    data = text.encode() if isinstance(text, str) else text
    return lifted(data, source="r.yaml", engines=ENGINES, is_json=is_json)


def v1(path: str) -> str:
    return (V1 / path).read_text(encoding="utf-8")


def changed(before: str, after: str) -> list[str]:
    """The lines that went and came."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line.startswith(("+ ", "- "))]


def test_a_chip_keeps_everything_but_the_name_of_one_key() -> None:
    after = lift(v1(CHIP))
    assert changed(v1(CHIP), after.text) == [
        "- schema: flagrelease.chip/v1",
        "+ schema: flagrelease.chip/v2",
        "- memory: process_tree",
        "+ memory_probe: process_tree",
    ]
    assert decode_yaml(after.text, Chip, source="r.yaml").memory_probe == "process_tree"


def test_a_model_changes_its_version_only() -> None:
    after = lift(v1(MODEL))
    assert changed(v1(MODEL), after.text) == ["- schema: flagrelease.model/v1", "+ schema: flagrelease.model/v2"]
    assert decode_yaml(after.text, Model, source="r.yaml").max_context == 8192


def test_a_bundle_names_its_engine_and_the_kind_of_its_reference() -> None:
    after = lift(v1(BUNDLE))
    assert changed(v1(BUNDLE), after.text) == [
        "- schema: flagrelease.bundle/v1",
        "+ schema: flagrelease.bundle/v2",
        "-     engine: llama.cpp by xllamacpp",
        "+     engine: llamacpp",
        "+       kind: recorded",
    ]
    variant = decode_yaml(after.text, Bundle, source="r.yaml").variants["llamacpp"]
    assert variant.engine == "llamacpp"
    assert variant.reference is not None
    assert variant.reference.kind == "recorded"


def test_a_lock_is_what_the_current_program_would_have_written() -> None:
    after = lift(v1(LOCK), is_json=True).text
    value = decode_json(after, LockFile, source="l.json")
    assert after == pretty_json(value).decode()
    before, lock = old_lock(), value.variants["llamacpp"]
    assert isinstance(lock, Lock)
    assert (lock.kind, lock.engine, lock.engine_title) == ("whole", "llamacpp", "llama.cpp by xllamacpp")
    assert lock.memory_probe == before["memory"]
    assert lock.policy.harness_tasks == {}
    assert lock.serving.model_dump() == before["serving"]
    assert [one.sha256 for one in lock.base.packages] == [one["sha256"] for one in before["base"]["packages"]]


def test_lock_after_migrate_looks_nothing_up() -> None:
    value = decode_json(lift(v1(LOCK), is_json=True).text, LockFile, source="l.json")
    recipe = Catalogue(ROOT / "recipes").recipe("cpu", "smollm2-135m-instruct", "llamacpp")
    before = value.variants["llamacpp"]
    after = make_lock(recipe, Refusing("nobody is asked"), previous=before, upgrade=frozenset(), say=lambda _: None)
    assert isinstance(before, Lock)
    assert isinstance(after, Lock)
    assert (after.base, after.wheels, after.weights.files) == (before.base, before.wheels, before.weights.files)


def test_what_is_current_stays_as_it_is() -> None:
    for path in (CHIP, MODEL, BUNDLE, LOCK):
        is_json = path.endswith(".json")
        once = lift(v1(path), is_json=is_json)
        twice = lift(once.text, is_json=is_json)
        assert (twice.text, twice.steps) == (once.text, ())
        assert len(once.steps) == once.after - once.before


def test_every_version_below_the_current_one_has_its_step() -> None:
    known = {(step.kind, step.since) for step in MIGRATIONS}
    assert known == {(kind.name, version) for kind in KINDS.values() for version in range(1, kind.current)}
    assert all(step.explanation for step in MIGRATIONS)


HEAD = "schema: flagrelease.bundle/v1\nchip: c\nmodel: m\ndefault_variant: v\nvariants:\n"
VARIANT = "    revision: r1\n    sdk: s\n    weights: w\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param('    engine: "vLLM"  # why', '    engine: "vllm"  # why', id="quotes and a comment"),
        pytest.param("    engine: 'vLLM'", "    engine: 'vllm'", id="single quotes"),
        pytest.param("    engine: vllm", "    engine: vllm", id="a name already"),
        pytest.param(
            "    engine: vLLM\n    reference: {baseline: a/b.json}",
            "    engine: vllm\n    reference: {kind: recorded, baseline: a/b.json}",
            id="on one line",
        ),
        pytest.param(
            "    engine: vLLM\n    reference:   # why\n      # and so\n      baseline: a/b.json",
            "    engine: vllm\n    reference:   # why\n      # and so\n      kind: recorded\n      baseline: a/b.json",
            id="under a comment",
        ),
        pytest.param(
            "    reference:\n      baseline: a/b.json\n    engine: >-\n      vLLM",
            "    reference:\n      kind: recorded\n      baseline: a/b.json\n    engine: vllm",
            id="folded, at the end",
        ),
        pytest.param(
            "    engine: >-\n      vLLM\n\n    # why\n    title: t",
            "    engine: vllm\n\n    # why\n    title: t",
            id="folded, before a comment",
        ),
    ],
)
def test_a_bundle_is_changed_where_it_must_be_and_nowhere_else(before: str, after: str) -> None:
    found = lift(f"{HEAD}  v:\n{VARIANT}{before}\n").text
    assert found.rstrip("\n") == f"{HEAD.replace('v1', 'v2')}  v:\n{VARIANT}{after}"


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    text = "\ufeff" + v1(BUNDLE).replace("\n", "\r\n").replace("revision: r1", "title: 发布 🚀 包\r\n    revision: r1")
    after = lift(text).text
    assert after.startswith("\ufeff#")
    assert after.count("\n") == after.count("\r\n") == text.count("\n") + 1
    assert "title: 发布 🚀 包\r\n" in after
    assert "    engine: llamacpp\r\n" in after
    assert "    reference:\r\n      kind: recorded\r\n      baseline:" in after


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        pytest.param(
            v1(CHIP).replace("chip/v1", "chip/v9"),
            "r.yaml:2:9: schema: wanted flagrelease.chip/v2 or older, found 'flagrelease.chip/v9', which this "
            "flagrelease does not know",
            "newer one",
            id="newer",
        ),
        pytest.param(
            v1(CHIP).replace("chip/v1", "chpi/v1"),
            "r.yaml:2:9: schema: wanted a schema of flagrelease, found the string 'flagrelease.chpi/v1'",
            "did you mean 'flagrelease.chip/v2'?",
            id="unknown kind",
        ),
        pytest.param("schema: 7\n", "r.yaml:1:9: schema: wanted a schema of flagrelease, found the number 7", "one of"),
        pytest.param("name: x\n", "r.yaml:1:1: schema: the key is missing", "flagrelease.chip/v2", id="no schema"),
        pytest.param("[]\n", "r.yaml:1:1: schema: wanted a mapping, found a list", "flagrelease.chip", id="a list"),
        pytest.param(b"schema: \xff", "r.yaml:1:9: not UTF-8: byte 0xff", "", id="not UTF-8"),
        pytest.param("schema: &a x", "r.yaml:1:9: schema: the anchor '&a' is not allowed", "", id="anchor"),
        pytest.param(
            f"{HEAD}  v:\n{VARIANT}    engine: something else\n",
            "r.yaml:10:13: variants.v.engine: wanted the title of an engine recipe, found the string 'something else'",
            "there are: 'llama.cpp by xllamacpp' (llamacpp), 'vLLM' (vllm)",
            id="engine without a recipe",
        ),
    ],
)
def test_what_cannot_be_lifted_is_refused_by_name(text: str | bytes, message: str, hint: str) -> None:
    with pytest.raises(RecipeError) as caught:
        lift(text)
    assert caught.value.message == message
    assert hint in caught.value.hint


def test_a_recipe_with_another_fault_is_not_lifted() -> None:
    text = v1(CHIP) + "colour: red\nmemory_probe: smi\n"
    with pytest.raises(RecipeError) as caught:
        lift(text)
    assert "colour: unknown key" in caught.value.message
    assert "memory_probe: the key is there twice" in caught.value.message
    assert "nothing was changed" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": "flagrelease.lockfile/v1"', "l.json:1:37: not valid JSON: expecting ',' delimiter"),
        ('{"schema": "flagrelease.lockfile/v7"}', "l.json:1:12: schema: wanted flagrelease.lockfile/v2 or older"),
        ('{"schema": "flagrelease.lockfile/v1", "variants": 1}', "variants: wanted a mapping, found the number 1"),
        ('{"schema": "flagrelease.lockfile/v1", "variants": {"a": []}}', "variants.a"),
        ("[" * 100_000, "l.json:1:1: nested more than 64 deep"),
    ],
)
def test_a_lock_that_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        lifted(text.encode(), source="l.json", engines=ENGINES, is_json=True)
    assert message in caught.value.message


def test_the_reader_of_recipes_says_what_to_do_with_an_old_one() -> None:
    with pytest.raises(RecipeError) as caught:
        decode_yaml(v1(CHIP), Chip, source="r.yaml")
    assert "flagrelease migrate" in caught.value.hint
    with pytest.raises(RecipeError) as other:
        decode_yaml("schema: nonsense\n", Chip, source="r.yaml")
    assert "recipes/schema/chip.json" in other.value.hint


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_bytes_end_with_a_message_or_a_result(written: str | bytes) -> None:
    for is_json in (False, True):
        for begin in ("", "schema: flagrelease.bundle/v1\n", '{"schema": "flagrelease.lockfile/v1", '):
            data = begin.encode() + (written.encode() if isinstance(written, str) else written)
            with contextlib.suppress(RecipeError):
                lifted(data, source="r", engines=ENGINES, is_json=is_json)


def old_lock() -> dict[str, Any]:
    lock: dict[str, Any] = json.loads(v1(LOCK))["variants"]["llamacpp"]
    return lock
