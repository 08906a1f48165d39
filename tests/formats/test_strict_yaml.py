"""Each refusal names the file, the place, the key, what was wanted and what was found."""

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flagrelease.domain.model import Model
from flagrelease.errors import RecipeError
from flagrelease.formats.strict import decode_yaml
from tests.formats.documents import GOOD, HEAD, Document, Folder, Wheel


def refusal(text: str | bytes) -> str:
    with pytest.raises(RecipeError) as caught:
        decode_yaml(text, Document, source="r.yaml")
    return caught.value.message


def outcome(text: str | bytes) -> str:
    """The refusal, or nothing."""
    try:
        decode_yaml(text, Document, source="r.yaml")
    except RecipeError as refused:
        return refused.message
    return ""


def test_a_good_document_is_read_into_its_value() -> None:
    document = decode_yaml(GOOD, Document, source="r.yaml")

    assert document.chance == 0.1
    assert document.works is False
    assert document.mode == "off"
    assert document.expires == date(2030, 12, 31)
    assert document.made == datetime(2030, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert document.env == {"path": "/bin", "yes-or-no": "yes", "version": "1.10"}
    assert document.note is None
    one, two = document.parts["one"], document.parts["two"]
    assert isinstance(one.source, Wheel)
    assert one.source.version == "2.7.0"
    assert one.source.wheel == "w"
    assert one.sizes == (1, 2)
    assert isinstance(two.source, Folder)
    assert two.source.files == ("a/b.txt",)


def test_bytes_and_text_are_read_alike() -> None:
    assert decode_yaml(GOOD.encode(), Document, source="r.yaml") == decode_yaml(GOOD, Document, source="r.yaml")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        # Keys.
        ("titel: x", "r.yaml:4:1: titel: unknown key; did you mean 'title'?"),
        ("env: {}\nenv: {}", "r.yaml:5:1: env: the key is there twice; the first is on line 4"),
        (
            "env: {no: x}",
            (
                "r.yaml:4:7: env.no: wanted a string as key, found the unquoted no, which YAML reads as a "
                "boolean: quote it"
            ),
        ),
        (
            "env: {12: x}",
            (
                "r.yaml:4:7: env.12: wanted a string as key, found the unquoted 12, which YAML reads as a "
                "number: quote it"
            ),
        ),
        (
            "env: {A b: x}",
            (
                "r.yaml:4:7: env.'A b': wanted a name: lower-case letters and digits, single '.', '_' or "
                "'-' inside, found the key 'A b'"
            ),
        ),
        (
            "zzzz: 1",
            (
                "r.yaml:4:1: zzzz: unknown key; wanted one of schema, name, title, scale, chance, works, mode, "
                "expires, made, image, env, parts, note"
            ),
        ),
        (
            "parts:\n  A b:\n    source: {kind: wheel, project: p, version: v}",
            (
                "r.yaml:5:3: parts.'A b': wanted a name: lower-case letters and digits, single '.', '_' or '-' "
                "inside, found the key 'A b'"
            ),
        ),
        (
            "parts:\n  one:\n    source: {kind: folder, folder: f, filder: [a]}",
            "r.yaml:6:39: parts.one.source.filder: unknown key; did you mean 'files'?",
        ),
        # Unquoted scalars that readers do not agree about.
        (
            "note: no",
            ("r.yaml:4:7: note: wanted a string, found the unquoted no, which YAML reads as a boolean: quote it"),
        ),
        (
            "note: 0123456",
            ("r.yaml:4:7: note: wanted a string, found the unquoted 0123456, which YAML reads as a number: quote it"),
        ),
        (
            "note: 22:22",
            ("r.yaml:4:7: note: wanted a string, found the unquoted 22:22, which YAML reads as a number: quote it"),
        ),
        ("note: ~", "r.yaml:4:7: note: wanted a string, found the unquoted ~, which YAML reads as null: quote it"),
        (
            "note: 2030-12-31",
            (
                "r.yaml:4:7: note: wanted a string, found the unquoted 2030-12-31, which YAML reads as "
                "a date or time: quote it"
            ),
        ),
        (
            "note: 0o17",
            "r.yaml:4:7: note: wanted a string, found the unquoted 0o17, which YAML reads as a number: quote it",
        ),
        ("note: 1e5", "r.yaml:4:7: note: wanted a string, found the number 1e5: quote it"),
        ("note: 1.10", "r.yaml:4:7: note: wanted a string, found the number 1.10: quote it"),
        ("note: true", "r.yaml:4:7: note: wanted a string, found the boolean true: quote it"),
        ("note:", "r.yaml:4:6: note: wanted a value or null, found nothing"),
        (
            "mode: off",
            ("r.yaml:4:7: mode: wanted a string, found the unquoted off, which YAML reads as a boolean: quote it"),
        ),
        ("works: yes", "r.yaml:4:8: works: wanted true or false, found yes"),
        ("works: True", "r.yaml:4:8: works: wanted true or false, found True"),
        ("chance: .5", "r.yaml:4:9: chance: wanted a number as JSON spells it, such as 12 or -0.5, found .5"),
        ("chance: .nan", "r.yaml:4:9: chance: wanted a number as JSON spells it, such as 12 or -0.5, found .nan"),
        ("chance: 1e999", "r.yaml:4:9: chance: wanted a number as JSON spells it, such as 12 or -0.5, found 1e999"),
        ("scale: 1_0", "r.yaml:4:8: scale: wanted a number as JSON spells it, such as 12 or -0.5, found 1_0"),
        # Values.
        ("note: [x]", "r.yaml:4:7: note: wanted a string, found a list"),
        ("env: x", "r.yaml:4:6: env: wanted a mapping, found the string 'x'"),
        ("parts: [x]", "r.yaml:4:8: parts: wanted a mapping, found a list"),
        ("works: 1", "r.yaml:4:8: works: wanted true or false, found the number 1"),
        ("chance: 1", "r.yaml:4:9: chance: wanted less than 1, found the number 1"),
        ("chance: -0.5", "r.yaml:4:9: chance: wanted at least 0, found the number -0.5"),
        ("scale: true", "r.yaml:4:8: scale: wanted 1 or 100, found the boolean true"),
        ("scale: 1.0", "r.yaml:4:8: scale: wanted 1 or 100, found the number 1.0"),
        ("scale: 7", "r.yaml:4:8: scale: wanted 1 or 100, found the number 7"),
        ("mode: onn", "r.yaml:4:7: mode: wanted 'on' or 'off', found the string 'onn'; did you mean 'on'?"),
        (
            "expires: 2030-13-01",
            ("r.yaml:4:10: expires: wanted a date such as 2030-12-31, found the string '2030-13-01'"),
        ),
        ("expires: soon", "r.yaml:4:10: expires: wanted a date such as 2030-12-31, found the string 'soon'"),
        ("made: soon", "r.yaml:4:7: made: wanted a time such as 2030-12-31T23:59:59Z, found the string 'soon'"),
        ("note: ''", "r.yaml:4:7: note: wanted text, found an empty string"),
        (f"note: {'x' * 2001}", "r.yaml:4:7: note: wanted at most 2,000 characters, found 2,001"),
        (
            "image: sha256:abc",
            ("r.yaml:4:8: image: wanted a digest: sha256: and 64 digits of 0-9 and a-f, found the string 'sha256:abc'"),
        ),
        # In lists, mappings of values and unions.
        (
            "parts:\n  one:\n    sizes: [1, 0, x]\n    source: {kind: wheel, project: p, version: v}",
            (
                "r.yaml:6:16: parts.one.sizes[1]: wanted at least 1, found the number 0\n"
                "r.yaml:6:19: parts.one.sizes[2]: wanted a whole number, found the string 'x'"
            ),
        ),
        ("parts:\n  one: {}", "r.yaml:5:3: parts.one.source: the key is missing"),
        (
            "parts:\n  one:\n    source: {kind: weel}",
            (
                "r.yaml:6:20: parts.one.source.kind: wanted 'wheel' or 'folder', found the string 'weel'; did you mean "
                "'wheel'?"
            ),
        ),
        (
            "parts:\n  one:\n    source: {knd: wheel}",
            (
                "r.yaml:6:13: parts.one.source: the key 'kind' is missing; wanted 'wheel' or 'folder'; did you mean "
                "it by 'knd'?"
            ),
        ),
        ("parts:\n  one:\n    source: x", "r.yaml:6:13: parts.one.source: wanted a mapping, found the string 'x'"),
        (
            "parts:\n  one:\n    source:\n      kind: wheel\n      projct: p\n      version: 1.10\n      wheel: [x]",
            (
                "r.yaml:8:7: parts.one.source.projct: unknown key; did you mean 'project'?\n"
                "r.yaml:9:16: parts.one.source.version: wanted a string, found the number 1.10: quote it\n"
                "r.yaml:10:14: parts.one.source.wheel: wanted a string, found a list"
            ),
        ),
        (
            "parts:\n  one:\n    source: {kind: folder, folder: f, files: []}",
            "r.yaml:6:46: parts.one.source.files: wanted at least 1 entry, found 0",
        ),
        (
            "parts:\n  one:\n    source: {kind: folder, folder: f, files: [../x]}",
            (
                "r.yaml:6:47: parts.one.source.files[0]: wanted a relative path without '.', '..' or '//', found the "
                "string '../x'"
            ),
        ),
        (
            f"parts:\n  one:\n    source: {{kind: wheel, project: p, version: v}}\n    revision: {'1' * 40}",
            f"r.yaml:7:15: parts.one.revision: wanted a string, found the number {'1' * 40}: quote it",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(written: str, message: str) -> None:
    assert refusal(HEAD + written) == message


def test_all_faults_of_a_document_are_told_at_once_in_their_order() -> None:
    assert refusal("schema: flagrelease.document/v2\nnmae: 12\ntitle: no\nworks: 3\n") == (
        "r.yaml:1:9: schema: wanted 'flagrelease.document/v1', found the string 'flagrelease.document/v2'; "
        "did you mean 'flagrelease.document/v1'?\n"
        "r.yaml:2:1: nmae: unknown key; did you mean 'name'?\n"
        "r.yaml:3:8: title: wanted a string, found the unquoted no, which YAML reads as a boolean: quote it\n"
        "r.yaml:4:8: works: wanted true or false, found the number 3"
    )


def test_a_missing_key_is_told_where_its_mapping_begins() -> None:
    assert refusal("# a remark\nname: x\ntitle: y\n") == "r.yaml:2:1: schema: the key is missing"


def test_a_document_of_another_shape_is_refused_in_one_line() -> None:
    assert refusal("[]") == "r.yaml:1:1: wanted a mapping, found a list"
    assert refusal("text") == "r.yaml:1:1: wanted a mapping, found the string 'text'"
    assert refusal("") == "r.yaml:1:1: the file is empty; wanted a mapping"


def test_the_hint_names_the_schema_of_a_recipe() -> None:
    with pytest.raises(RecipeError) as caught:
        decode_yaml("{}", Model, source="m.yaml")
    assert caught.value.hint == "compare with recipes/schema/model.json"


def test_a_message_cannot_disturb_the_terminal() -> None:
    message = refusal(HEAD + 'env: {"\\e[31mred": x}\nmode: "\\e[2J\\n"\n')
    assert message.isprintable() is False  # the line ends between faults
    assert all(line.isprintable() for line in message.splitlines())
    assert "\\u001b[31mred" in message


def test_a_long_value_is_cut_in_a_message() -> None:
    assert len(refusal(HEAD + f"mode: {'x' * 5000}")) < 200


def test_after_a_hundred_faults_the_rest_is_counted() -> None:
    lines = refusal(HEAD + "".join(f"z{n}: 1\n" for n in range(150))).splitlines()
    assert len(lines) == 101
    assert lines[-1] == "r.yaml: and at least 50 more"


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True), st.text(max_size=30)))
def test_every_string_that_json_can_spell_is_read_back(env: dict[str, str]) -> None:
    safe = {key: "".join(c for c in text if c.isprintable()) for key, text in env.items()}
    document = decode_yaml(HEAD + f"env: {json.dumps(safe, ensure_ascii=False)}", Document, source="r.yaml")
    assert document.env == safe


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_but_never_something_else(text: str) -> None:
    assert all(line.startswith("r.yaml:") for line in outcome(text).splitlines())


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_but_never_something_else(data: bytes) -> None:
    assert all(line.startswith("r.yaml:") for line in outcome(data).splitlines())


def _broken(text: str, at: int, character: str) -> str:
    return text[:at] + character + text[at + 1 :]


@given(st.integers(0, len(GOOD) - 1), st.sampled_from(list("xX0:{}[]\"'&*!|>#%@`- \n\t~<?,")))
def test_a_good_document_with_one_wrong_character_is_read_or_refused_with_a_place(at: int, character: str) -> None:
    for line in outcome(_broken(GOOD, at, character)).splitlines():
        name, row, column, _ = line.split(":", 3)
        assert name == "r.yaml"
        assert 1 <= int(row) <= GOOD.count("\n") + 2
        assert int(column) >= 1
