"""Whatever contradicts itself in hardware/ is told with its id, its place and what was found; all else is imported."""

import json
from typing import Any

import pytest

from flagrelease.patching.flagscale.findings import KINDS
from tests.patching.conftest import ROOT, Place
from tests.patching.contradictions import CASES, Case
from tests.patching.flagscale_checkout import flagscale_checkout

ELSEWHERE = {
    "other-generation", "no-history", "bad-history", "history-unknown-commit", "history-unknown-folder",
    "history-bases-differ", "history-wrong-task", "history-stale", "cannot-be-opened", "would-be-plain", "no-proof",
    "left-out", "lacks-facts", "set-there",
}  # fmt: skip
"""What `test_import.py`, `test_import_history.py` and `test_import_encrypted.py` show."""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One checkout with all of them, imported once."""
    top = tmp_path_factory.mktemp("contradictions")
    (top / "home").mkdir()
    checkout = flagscale_checkout(top / "fs")
    for case in CASES:
        if not case.late:
            case.make(checkout, case.device)
    checkout.commit()
    for case in CASES:
        if case.late:
            case.make(checkout, case.device)
    place = Place(top=top, clone=checkout.top, base=checkout.base, patches=top / "patches", home=top / "home")
    told = place.run(
        "import", "--from", "flagscale", str(checkout.top), "--upstream", "none", "--remove-when", "never",
        "--owner", "us", "--json", status=5,
    )  # fmt: skip
    assert told.startswith("{"), told
    data: dict[str, Any] = json.loads(told)
    data["written"] = {path.parent.name for path in place.patches.glob("*/*/*/series.yaml")}
    data["all files"] = [path for path in place.patches.rglob("*") if path.is_file()]
    return data


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}-{case.device}")
def test_each_contradiction_is_told_at_its_place(imported: dict[str, Any], case: Case) -> None:
    at = f"hardware/{case.device}{case.at}"
    told = [one for one in imported["findings"] if one["id"] == case.id and one["at"] == at]
    of_device = [one for one in imported["findings"] if f"/{case.device}/" in f"{one['at']}/"]
    assert told, of_device
    assert case.found in told[0]["found"], told
    assert told[0]["is_error"] is case.is_error
    assert told[0]["wanted"]
    assert told[0]["done"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}-{case.device}")
def test_an_error_keeps_its_folder_out_and_a_warning_does_not(imported: dict[str, Any], case: Case) -> None:
    folder = "/".join(f"{case.device}{case.at}".split("/")[:2])
    states = [one["state"] for one in imported["sets"] if one["folder"] == folder]
    assert states == ([] if case.id in _NO_FOLDER else ["not imported" if case.is_error else "imported"])


_NO_FOLDER = {"outside-backend", "bad-name", "unknown-backend", "unclear-generation"}


def test_every_finding_has_a_test() -> None:
    assert {case.id for case in CASES} | ELSEWHERE == set(KINDS)


def test_nothing_but_whole_sets_is_written(imported: dict[str, Any]) -> None:
    chips = {one["chip"] for one in imported["sets"] if one["state"] == "imported"}
    assert imported["written"] == chips
    assert {path.name for path in imported["all files"] if path.suffix != ".patch"} == {"series.yaml"}


def test_the_white_space_that_was_mended_is_recorded(imported: dict[str, Any]) -> None:
    (one,) = [one for one in imported["sets"] if one["folder"] == "ascend_310p/vllm"]
    assert one["whitespace"] == "fix"


def test_the_document_has_every_kind_of_finding() -> None:
    text = (ROOT / "docs" / "patches.md").read_text()
    assert [kind for kind in KINDS if f"`{kind}`" not in text] == []
