"""Each check of the serving suite can fail, and fails for the fault it looks for."""

from datetime import timedelta

import pytest

from flagrelease.errors import RecipeError
from flagrelease.smoke.serving import TITLES
from tests.serving.conftest import IMAGE, Suite
from tests.serving.fake_engine import FakeEngine
from tests.serving.locks import TODAY, a_deviation, a_lock

ALL = list(TITLES)
FIRST_RUN = ALL[: ALL.index("reload")]
AFTER_CHAT = FIRST_RUN[FIRST_RUN.index("chat") :]

FAULTS: dict[str, list[str]] = {
    "never-healthy": FIRST_RUN,
    "ends-at-once": FIRST_RUN,
    "models-other-name": ["models"],
    "models-500": ["models"],
    "models-not-a-list": ["models"],
    "chat-dies": AFTER_CHAT,
    "chat-usage": ["chat"],
    "chat-empty": ["chat", "stream"],
    "chat-no-tokens": ["chat", "stream", "max-tokens"],
    "chat-no-finish": ["chat", "stream", "max-tokens"],
    "chat-object": ["chat", "stream", "max-tokens"],
    "chat-no-usage": ["chat", "stream", "max-tokens"],
    "stream-other-text": ["stream"],
    "stream-one-piece": ["stream"],
    "stream-no-role": ["stream"],
    "stream-two-ends": ["stream"],
    "stream-no-end": ["stream"],
    "stream-no-usage": ["stream"],
    "stream-other-usage": ["stream"],
    "stream-two-ids": ["stream"],
    "stream-no-done": ["stream"],
    "stream-odd-line": ["stream"],
    "stream-json": ["stream"],
    "max-tokens-ignored": ["max-tokens"],
    "max-tokens-reason": ["max-tokens"],
    "stop-ignored": ["stop-string"],
    "stop-included": ["stop-string"],
    "stop-early": ["stop-string"],
    "bad-json-500": ["bad-json"],
    "bad-json-200": ["bad-json"],
    "bad-json-plain": ["bad-json"],
    "bad-json-dropped": ["bad-json"],
    "empty-200": ["empty-request"],
    "wrong-type-500": ["wrong-type"],
    "wrong-type-200": ["wrong-type"],
    "overflow-500": ["context-overflow"],
    "overflow-200": ["context-overflow"],
    "unknown-model-200": ["unknown-model"],
    "unknown-model-400": ["unknown-model"],
    "copy-not-even-alone": ["crosstalk"],
    "copy-500-when-busy": ["crosstalk"],
    "copy-wrong-when-busy": ["crosstalk"],
    "copy-swapped-when-busy": ["crosstalk"],
    "stop-ignored-signal": ["stop"],
    "stop-leaves-process": ["stop"],
    "stop-keeps-port": ["stop"],
    "stop-keeps-memory": ["stop"],
}

LATER_FAULTS: list[tuple[str, tuple[int, ...], list[str]]] = [
    ("never-healthy", (3,), ["reload"]),
    ("ends-at-once", (2,), ["reload"]),
    ("stop-leaves-process", (3,), ["reload"]),
    ("stop-keeps-port", (4,), ["reload"]),
    ("stop-ignored-signal", (4,), ["reload"]),
    ("memory-grows", (2, 3, 4), ["reload"]),
    ("never-healthy", (5,), ["second-model"]),
    ("models-other-name", (5,), ["second-model"]),
    ("models-first-still-there", (5,), ["second-model"]),
    ("chat-usage", (5,), ["second-model"]),
    ("stop-keeps-memory", (5,), ["second-model"]),
]


def test_a_good_server_passes_every_check(suite: Suite) -> None:
    report = suite()
    assert [(check.id, check.status) for check in report.checks] == [(name, "pass") for name in ALL]
    assert report.image == IMAGE.digest
    assert {check.id: check.measured for check in report.checks}["crosstalk"] == {
        "alone": 1,
        "requests": 8,
        "wrong": 0,
        "crossed": 0,
    }


@pytest.mark.parametrize(("fault", "failing"), FAULTS.items(), ids=FAULTS)
def test_a_fault_fails_its_check_and_no_other(suite: Suite, fault: str, failing: list[str]) -> None:
    report = suite(FakeEngine(fault))
    assert [check.id for check in report.failed] == failing
    assert [check.id for check in report.checks] == ALL


@pytest.mark.parametrize(("fault", "starts", "failing"), LATER_FAULTS, ids=str)
def test_a_fault_of_a_later_start_fails_its_check(
    suite: Suite, fault: str, starts: tuple[int, ...], failing: list[str]
) -> None:
    assert [check.id for check in suite(FakeEngine(fault, starts)).failed] == failing


def test_every_check_is_shown_to_fail() -> None:
    shown = {failing[0] for failing in FAULTS.values()} | {failing[0] for _, _, failing in LATER_FAULTS}
    assert shown == set(ALL)


def test_what_could_not_be_asked_of_a_dead_server_is_not_passed(suite: Suite) -> None:
    report = suite(FakeEngine("chat-dies"))
    details = {check.id: check.detail for check in report.checks}
    assert details["stream"] == "not made: the server had ended by itself"
    assert "no whole answer" in details["chat"]


def test_a_server_that_ends_at_once_is_reported_with_the_end_of_its_log(suite: Suite) -> None:
    detail = suite(FakeEngine("ends-at-once")).checks[0].detail
    assert "ended by itself" in detail
    assert detail.endswith("\n  model loaded\n   [31mlast words")


def test_a_model_that_cannot_copy_is_told_from_cross_talk(suite: Suite) -> None:
    alone = next(check for check in suite(FakeEngine("copy-not-even-alone")).checks if check.id == "crosstalk")
    swapped = next(check for check in suite(FakeEngine("copy-swapped-when-busy")).checks if check.id == "crosstalk")
    assert "cannot do it even alone" in alone.detail
    assert "cross-talk in 8 of 8" in swapped.detail


# Declared deviations ----------------------------------------------------------------------------------------


def test_a_declared_failure_deviates_until_its_last_day(suite: Suite) -> None:
    lock = a_lock(ready_within_s=1, stop_within_s=1, deviations=(a_deviation(expires=TODAY),))
    report = suite(FakeEngine("unknown-model-200"), lock)
    check = next(check for check in report.checks if check.id == "unknown-model")
    assert (check.status, check.deviation, report.failed) == ("deviates", lock.smoke.deviations[0], ())


def test_a_declared_failure_fails_from_the_day_after(suite: Suite) -> None:
    gone = TODAY - timedelta(days=1)
    lock = a_lock(ready_within_s=1, stop_within_s=1, deviations=(a_deviation(expires=gone),))
    (check,) = suite(FakeEngine("unknown-model-200"), lock).failed
    assert check.detail.startswith(f"the deviation expired on {gone}: model flagrelease-no-such-model: wanted")


def test_a_deviation_whose_check_passes_is_stale_and_fails(suite: Suite) -> None:
    lock = a_lock(ready_within_s=1, stop_within_s=1, deviations=(a_deviation(),))
    (check,) = suite(lock=lock).failed
    assert (check.id, check.detail[:28]) == ("unknown-model", "stale deviation: remove it (")


def test_a_deviation_excuses_no_other_check(suite: Suite) -> None:
    lock = a_lock(ready_within_s=1, stop_within_s=1, deviations=(a_deviation("chat"),))
    report = suite(FakeEngine("unknown-model-200"), lock)
    assert [check.id for check in report.failed] == ["chat", "unknown-model"]


def test_a_deviation_of_no_check_is_refused_before_anything_is_started(suite: Suite) -> None:
    engine = FakeEngine()
    lock = a_lock(deviations=(a_deviation("unknown-modle"),))
    with pytest.raises(RecipeError, match="there is no check `unknown-modle`"):
        suite(engine, lock)
    assert engine.started == 0
