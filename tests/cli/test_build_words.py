"""What `build` says at its end: each reason once, the deviations it lives with, and what to do next."""

from datetime import date
from pathlib import Path

import pytest

from flagrelease.cli.build_command import Told, _stop_unless_go, _words
from flagrelease.domain.verdict import Decision
from flagrelease.errors import FlagReleaseError, GateError, HoldError
from flagrelease.report.summary import summary
from tests.test_card import a_bundle

CARD = Path("/out/bundle/README.md")


def told(decision: Decision) -> Told:
    built = a_bundle(text="a long reason")
    verdict = built.evaluation.verdict.model_copy(update={"decision": decision})
    evaluation = built.evaluation.model_copy(update={"verdict": verdict})
    return Told({}, _words(built.model_copy(update={"evaluation": evaluation}), CARD), verdict, CARD)


@pytest.mark.parametrize(("decision", "error"), [("NO-GO", GateError), ("HOLD", HoldError)])
def test_a_reason_that_is_told_is_not_told_again_by_the_error(
    decision: Decision, error: type[FlagReleaseError]
) -> None:
    end = told(decision)
    with pytest.raises(error) as stopped:
        _stop_unless_go(end)
    assert end.words.count("    a long reason\n") == 1
    assert stopped.value.message == f"{decision}: the reasons are on the card, {CARD}"
    assert stopped.value.log is None


def test_a_go_and_a_build_that_stopped_early_end_well() -> None:
    _stop_unless_go(told("GO"))
    _stop_unless_go(Told({}, "", None, None))


def test_the_last_lines_name_each_deviation_with_its_date() -> None:
    end = told("GO")
    assert "deviates b, as declared until 2030-01-02: a long reason\n" in end.words
    assert "deviates a" not in end.words


def test_the_report_names_each_deviation_with_its_date(tmp_path: Path) -> None:
    built = a_bundle(text="so")
    report = summary(
        tmp_path, lock=built.lock, image=built.image, serving=built.serving, verdict=built.evaluation.verdict
    )
    assert report["deviations"] == [{"check": "b", "observed": "so", "expires": date(2030, 1, 2).isoformat()}]
