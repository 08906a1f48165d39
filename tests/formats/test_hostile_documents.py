"""Documents made to end, stall or mislead a reader are refused by a message."""

import pytest

from flagrelease.errors import RecipeError
from flagrelease.formats.characters import YAML_LIMIT
from flagrelease.formats.strict import decode_json, decode_yaml
from tests.formats.documents import HEAD, Document

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a0: &a0 {k: v}\n" + "".join(f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 4)}]\n" for n in range(1, 24))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        pytest.param(LAUGHS, "r.yaml:1:4: a: the anchor '&a' is not allowed", id="billion laughs"),
        pytest.param(MERGES, "r.yaml:1:5: a0: the anchor '&a0' is not allowed", id="merge bomb"),
        pytest.param("<<: {a: 1}", "r.yaml:1:1: merge keys are not allowed; write the keys out", id="merge key"),
        pytest.param("a: *b", "r.yaml:1:4: a: the alias '*b' is not allowed; write the value out", id="alias"),
        pytest.param(
            "a: [b, !!python/name:os.system x]",
            "r.yaml:1:8: a[1]: the tag 'tag:yaml.org,2002:python/name:os.system' is not allowed",
            id="tag",
        ),
        pytest.param("a: ! x", "r.yaml:1:4: a: the tag '!' is not allowed", id="bare tag"),
        pytest.param("[" * 100_000, "r.yaml:1:66: nested more than 64 deep", id="nested lists"),
        pytest.param(
            "a:\n" + "".join(" " * n + "a:\n" for n in range(1, 900)),
            "r.yaml:66:66: nested more than 64 deep",
            id="nested mappings",
        ),
        pytest.param("- " * 100_000, "r.yaml:1:131: nested more than 64 deep", id="nested entries"),
        pytest.param(
            "{" * 100_000, "r.yaml:1:2: wanted a string as key, found a mapping, a list or an alias", id="nested keys"
        ),
        pytest.param(
            "? " * 100_000,
            "r.yaml:1:3: wanted a string as key, found a mapping, a list or an alias",
            id="nested key marks",
        ),
        pytest.param("x" * (5 << 20), f"r.yaml:1:1: wanted at most {YAML_LIMIT:,} bytes, found 5,242,880", id="5 MiB"),
        pytest.param(
            "- x\n" * 200_000, "r.yaml:20000:3: more than 20,000 values; a recipe has some hundred", id="many values"
        ),
        pytest.param("a: x\0", "r.yaml:1:5: the character U+0000 is not allowed", id="NUL"),
        pytest.param("a:\n  \x1b[2J", "r.yaml:2:3: the character U+001B is not allowed", id="escape"),
        pytest.param("a: \ud800", "r.yaml:1:4: the character U+D800 is not allowed", id="half a character"),
        pytest.param(b"a: \xff", "r.yaml:1:4: not UTF-8: byte 0xff", id="not UTF-8"),
        pytest.param("a: 1".encode("utf-16"), "r.yaml:1:1: this is UTF-16; save it as UTF-8", id="UTF-16"),
        pytest.param("a: \x9b2J", "r.yaml:1:4: the invisible character U+009B is not allowed", id="C1 control"),
        pytest.param("# \u202e", "r.yaml:1:3: the invisible character U+202E is not allowed", id="right to left"),
        pytest.param("a: x\ufeff", "r.yaml:1:5: the invisible character U+FEFF is not allowed", id="late BOM"),
        pytest.param(
            "%YAML 1.2\n---\na: 1", "r.yaml:1:1: directives are not allowed: remove what begins with %", id="%"
        ),
        pytest.param("a:\n\tb: 1", "r.yaml:2:1: not valid YAML: a tab cannot indent; use spaces", id="tab"),
        pytest.param("a: @b", "r.yaml:1:4: not valid YAML: a value cannot begin with '@'; quote it", id="at sign"),
        pytest.param(b"a: x\nb: \xc3", "r.yaml:2:4: not UTF-8: byte 0xc3", id="cut UTF-8"),
        pytest.param(
            "a: 1\n--- \nb: 2\n", "r.yaml:2:1: a second document begins; wanted one document a file", id="two documents"
        ),
        pytest.param(
            '"\\ud800": 1',
            "r.yaml:1:4: not valid YAML: while parsing a quoted scalar found invalid Unicode character escape code",
            id="escaped half",
        ),
        pytest.param(
            "a: [b",
            "r.yaml:2:1: not valid YAML: while parsing a flow sequence did not find expected ',' or ']'",
            id="open list",
        ),
        pytest.param(
            "a: b: c", "r.yaml:1:5: not valid YAML: mapping values are not allowed in this context", id="two colons"
        ),
    ],
)
def test_hostile_yaml_is_refused(written: str | bytes, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        decode_yaml(written, Document, source="r.yaml")
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("written", "message"),
    [
        pytest.param(b"", "l.json:1:1: not valid JSON: expecting value", id="empty"),
        pytest.param(b'{"a": 1', "l.json:1:8: not valid JSON: expecting ',' delimiter", id="cut"),
        pytest.param(b"[" * 200_000, "l.json:1:1: nested more than 64 deep", id="nested beyond the parser"),
        pytest.param(b'{"a":' * 100 + b"1" + b"}" * 100, "l.json:1:326: nested more than 64 deep", id="nested"),
        pytest.param(b'{"chance": NaN}', "l.json:1:1: not valid JSON: NaN is no number there", id="NaN"),
        pytest.param(b'{"chance": 1e999}', "l.json:1:1: the number 1e999 is too large", id="infinite"),
        pytest.param(b'{"a": %s}' % (b"9" * 5000), "l.json:1:1: a whole number has too many digits", id="digits"),
        pytest.param(b'"\xff"', "l.json:1:2: not UTF-8: byte 0xff", id="not UTF-8"),
        pytest.param(b'{"a": "\x00"}', "l.json:1:8: the character U+0000 is not allowed", id="NUL"),
        pytest.param(
            b'{"a": "\\ud800"}',
            "l.json:1:1: not valid JSON: unexpected end of hex escape at line 1 column 14",
            id="half",
        ),
    ],
)
def test_hostile_json_is_refused(written: bytes, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        decode_json(written, Document, source="l.json")
    assert caught.value.message == message


def test_what_an_escape_hides_is_refused_at_its_place() -> None:
    with pytest.raises(RecipeError) as caught:
        decode_yaml(f'{HEAD}note: "a\\u202eb"\nenv: {{"c\\N": "\\x7f"}}\n', Document, source="r.yaml")
    assert caught.value.message == (
        "r.yaml:4:7: note: the invisible character U+202E is not allowed\n"
        "r.yaml:5:7: env.'c\\u0085': the invisible character U+0085 is not allowed\n"
        "r.yaml:5:14: env.'c\\u0085': the character U+007F is not allowed"
    )


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_byte_order_mark_and_the_line_ends_of_windows_change_nothing(mark: str, line_end: str) -> None:
    text = mark + HEAD.replace("\n", line_end)
    for written in (text, text.encode()):
        assert decode_yaml(written, Document, source="r.yaml") == decode_yaml(HEAD, Document, source="r.yaml")
    with pytest.raises(RecipeError, match=r"^r\.yaml:1:1: scheme: unknown key"):
        decode_yaml(text.replace("schema", "scheme"), Document, source="r.yaml")


@pytest.mark.parametrize("joined", ["\u0646\u200c\u0647", "\U0001f468\u200d\U0001f4bb", "寒武纪", "é", "\xa0"])
def test_joiners_and_the_letters_of_all_languages_are_read(joined: str) -> None:
    assert decode_yaml(f"{HEAD}note: {joined}x\n", Document, source="r.yaml").note == f"{joined}x"


def test_a_document_just_below_the_limits_is_read() -> None:
    entries = "".join(f"  k{n}: {'x' * 90}\n" for n in range(9_000))
    assert len(decode_yaml(f"{HEAD}env:\n{entries}", Document, source="r.yaml").env) == 9_000
