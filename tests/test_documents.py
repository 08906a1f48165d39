"""What the documents point to is there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from flagrelease import errors

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
PROMISES = re.findall(r"`pytest ([^`]+)`", (ROOT / "docs" / "promises.md").read_text())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_no_document_still_waits_for_a_figure(document: Path) -> None:
    assert re.findall(r"@@(?! -[0-9])(?!:)|TODO|TBD|FIXME", document.read_text()) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_every_make_target_that_a_document_names_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", document.read_text())) - targets == set()


def test_the_readme_lists_the_exit_codes_that_the_errors_have() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, errors.FlagReleaseError)}
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)}
    assert listed == codes | {0, 2, 130}


@pytest.mark.slow
@pytest.mark.parametrize("words", PROMISES)
def test_the_command_of_a_promise_selects_tests(words: str) -> None:
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", *shlex.split(words)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:]
