"""Whatever a card holds, there is a draft that decodes as YAML, or a message; nothing takes long."""

import time

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from flagrelease.domain.bundle import Bundle
from flagrelease.domain.everything import Everything
from flagrelease.domain.published import Published
from flagrelease.domain.value import Value
from flagrelease.errors import RecipeError
from flagrelease.formats.strict import decode_yaml, read_yaml
from flagrelease.importing.importing import Draft, Imported, import_card
from flagrelease.importing.text import LIMIT

WORDS = [
    "docker run ", "docker pull ", "docker exec -it ", "--name ", "-v ", "-e ", "--mount type=bind,src=", "--gpus all ",
    "--privileged ", "vllm serve ", "--served-model-name ", "--port ", "--tensor-parallel-size ",
    "curl http://ip:1/ -d '", '{"model": "', "'", '"', "\\\n", "\n", "```\n", "```bash\n", "# ", "## VLLM version\n",
    "|", "| a | b |\n|---|---|\n",
    "| Metrics | X-Origin | X-FlagOS |\n|---|---|---|\n", "| MMMU | 1", "0.5%", "modelscope download --model ",
    "FlagRelease/A-nvidia-FlagOS ", "--local_dir ", "git clone ", "https://github.com/a/b ", "pip install -i ",
    "==1.0 ", "cd ", "../", "/", "model_args:\n  x:\n    model-tag: ", "{{ 7 * 7 }}", "${jndi:x}", "!!python/object ",
    "&a ", "*a ",
    "---\n", "license: ", ": ", " #", "- ", "? ", "%", "@", "`", "\t", "\x00", "\x1b[2J", "\ufeff", "\u2028", "\x85",
    "\ud800", "汉", "🚀", "TODO: ", "todo", "null", "~", "yes", "1.10", "22:22", "A=B ", "export ", "python3 x.py ",
    "driver_570.1-gems_1-", "gems1.0-tree2-cp310-x64-", ":latest", "@sha256:" + "a" * 64, "x" * 300,
]  # fmt: skip
CARDS = st.lists(st.sampled_from(WORDS) | st.text(max_size=12), max_size=60).map("".join)


def decoded(found: Imported) -> None:
    """Every draft is one YAML document of the strict kind, without a fault but missing keys and gaps."""
    for draft in found.drafts:
        kind: type[Value] = Bundle if draft.path.startswith("bundles/") else Published
        _, faults = read_yaml(draft.text, kind, source=draft.path)
        assert faults == []
        for line in refusals(draft, kind):
            assert line.endswith("the key is missing"), f"{line}\n{draft.text}"


def refusals(draft: Draft, kind: type[Value]) -> list[str]:
    try:
        decode_yaml(draft.text, kind, source=draft.path)
    except RecipeError as error:
        return error.message.splitlines()
    return []


@pytest.mark.slow
@given(CARDS)
@hypothesis_settings(max_examples=400)
def test_any_text_becomes_drafts_that_decode(recipes: Everything, card: str) -> None:
    found = import_card(card, source="card.md", recipes=recipes)
    decoded(found)
    for one in found.defects:
        assert one.instead
        assert one.line >= 1


def test_a_model_called_by_nothing_that_can_be_printed_has_no_empty_title(recipes: Everything) -> None:
    found = import_card("modelscope download --model \U00018cd6", source="card.md", recipes=recipes)
    decoded(found)


@given(st.text(), st.text(max_size=30))
def test_any_characters_and_any_name_of_a_card_become_drafts_that_decode(
    recipes: Everything, card: str, source: str
) -> None:
    decoded(import_card(card, source=source, recipes=recipes))


@given(st.binary(max_size=300))
def test_any_bytes_end_with_a_message_or_drafts(recipes: Everything, card: bytes) -> None:
    try:
        found = import_card(card, source="card.md", recipes=recipes)
    except RecipeError as error:
        refused = error
    else:
        decoded(found)
        return
    assert "not UTF-8" in refused.message


def test_a_card_that_is_too_large_is_refused(recipes: Everything) -> None:
    with pytest.raises(RecipeError) as caught:
        import_card(b"x" * (LIMIT + 1), source="card.md", recipes=recipes)
    assert caught.value.message.startswith("card.md:1:1: wanted a model card of at most 262,144 bytes")


def test_what_is_not_utf_8_is_refused_with_its_place(recipes: Everything) -> None:
    with pytest.raises(RecipeError) as caught:
        import_card(b"a\nb\xff", source="card.md", recipes=recipes)
    assert caught.value.message == "card.md:2:2: not UTF-8: byte 0xff"


REPEATED = [
    "docker run -d --name a -v /a:/b -e A=B x:1\n", "docker exec a b\ndocker run x\n", "curl '\n", "curl \"'\n",
    "vllm serve /a --b c\n", "```\n", "# a\n", "| a | b |\n|---|---|\n", "| a |" * 20 + "\n", "|-" * 1000 + "\n",
    "A-FlagOS ", "a-" * 40 + "FlagOS\n", "FlagRelease/a ", "model_args:\n", "- serve_id: a\n", "<a", "A=x ", "A=x",
    'A="b" ', "`" * 50, "#" * 50, "~" * 50, "1.", "10.1.1.1 ", "a@a.a.", "(2024", "[", "{", "'", "\\", "\\\n", " ",
    "\t",
    "x", "-", "=", "--a=b ", "docker run -" + "v" * 100 + "\n", "modelscope download --model a/b --local_dir /c\n",
    "git clone http://a/b\n", "cd a/b/c\n", "pip install .\ncd a\n", "MASTER_ADDR=a\n", "USE_FLAGGEMS ", "better than ",
    "adapted for the Hygon ", "| Metrics | A-Origin | A-FlagOS |\n|---|---|---|\n" + "| MMMU | 1 | 2 |\n" * 50,
    "docker pull r.example/a-gems_1-tree_2-gpu_x-driver_1:1\n", "gems1-", "docker run --" + "a" * 30 + " ",
]  # fmt: skip


LARGE = 1 << 16


@pytest.mark.slow
@pytest.mark.parametrize("part", REPEATED, ids=range(len(REPEATED)))
def test_no_pattern_repeated_takes_long(part: str, recipes: Everything) -> None:
    for begin, end in (("", ""), ("```bash\n", "\n```"), ("|", " x\n"), ("docker run ", "!")):
        card = (begin + part * (LARGE // len(part.encode())))[:LARGE] + end
        started = time.process_time()
        import_card(card, source="card.md", recipes=recipes)
        assert time.process_time() - started < 5, "more than in proportion"
