"""`docs/hold.md` explains whatever may keep a bundle from GO, and the commands that end in HOLD name it."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from markdown_it import MarkdownIt

from flagrelease.cli.app import COMMANDS
from flagrelease.cli.gate_command import GATE_COMMANDS
from flagrelease.domain.verdict import TaskDecision, Waiver
from flagrelease.formats.strict import decode_yaml
from flagrelease.gate.phrases import HOLD_PAGE
from flagrelease.gate.records.checks import TITLES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / HOLD_PAGE).read_text()
HEADINGS = re.findall(r"^#{2,3} (.+)$", PAGE, re.MULTILINE)
HOLDS = [name for name, weight, _ in TITLES if weight == "hold"]
INVALIDS = [name for name, weight, _ in TITLES if weight == "invalid"]


@pytest.mark.parametrize("name", HOLDS)
def test_each_reason_to_hold_has_a_part_that_says_what_to_do(name: str) -> None:
    assert name in HEADINGS
    part = PAGE.split(f"### {name}\n")[1].split("\n#")[0]
    assert len(part.split()) > 20
    assert f"`{name}`" in PAGE.split("## What each reason means")[0]


@pytest.mark.parametrize("name", INVALIDS)
def test_each_reason_for_invalid_has_its_row(name: str) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
    assert len(rows) == 1


def test_no_part_is_about_a_check_that_is_not_there() -> None:
    ids = {name for name, _, _ in TITLES}
    named = {text for text in HEADINGS if re.fullmatch(r"[a-z]+(-[a-z]+)+", text)}
    assert named - ids == set()


@pytest.mark.parametrize("decision", [one for one in get_args(TaskDecision) if not one.startswith("PASS")])
def test_each_decision_that_does_not_pass_is_explained(decision: str) -> None:
    assert re.search(rf"(\*\*|### ){decision}\b", PAGE)


def test_each_link_within_the_page_leads_to_a_part() -> None:
    anchors = {re.sub(r"[^a-z0-9 -]", "", text.lower()).replace(" ", "-") for text in HEADINGS}
    assert [link for link in re.findall(r"\]\(#([^)]+)\)", PAGE) if link not in anchors] == []


def test_each_command_of_the_page_is_one() -> None:
    blocks = [one.content for one in MarkdownIt("commonmark").parse(PAGE) if one.type == "fence" and not one.info]
    lines = [line for block in blocks for line in block.splitlines()]
    words = [shlex.split(line) for line in lines]
    assert len(words) > 3
    for first, command, *rest in words:
        assert first == "flagrelease"
        assert command in COMMANDS
        assert command != "gate" or rest[0].startswith("-") or rest[0] in GATE_COMMANDS


def test_the_waiver_that_is_shown_is_one() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    waiver = decode_yaml(text.replace("sha256:…", f"sha256:{'a' * 64}"), Waiver, source="docs/hold.md")
    assert waiver.expires.year > 2026


def test_the_gate_names_the_page_when_it_ends_in_hold() -> None:
    card = ROOT / "tests" / "ingest" / "samples" / "table" / "card.md"
    words = ("--reference", f"{card}#CUDA", "--target", f"{card}#FlagOS", "--policy", "minicpm-o-2.6")
    done = subprocess.run(
        [sys.executable, "-m", "flagrelease", "gate", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 11
    assert HOLD_PAGE in done.stderr
