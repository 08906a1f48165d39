"""Each check of the serving suite can fail, and fails for the fault it looks for."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from flagrelease.domain.bundle import Deviation
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
    "text-of-cut-characters": ["stop-string"],
    "text-of-white-space": ["stop-string"],
    "text-is-empty": ["stop-string"],
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
    "unknown-model-500": ["unknown-model"],
    "unknown-model-dropped": ["unknown-model"],
    "copy-not-even-alone": ["crosstalk"],
    "copy-500-when-busy": ["crosstalk"],
    "copy-wrong-when-busy": ["crosstalk"],
    "copy-swapped-when-busy": ["crosstalk"],
    "stop-ignored-signal": ["stop"],
    "stop-leaves-process": ["stop"],
    "stop-keeps-memory": ["stop"],
    "stop-keeps-port": ["stop"],
    "stop-with-1": ["stop"],
    "stop-with-a-crash": ["stop"],
}

LATER_FAULTS: list[tuple[str, tuple[int, ...], list[str]]] = [
    ("never-healthy", (3,), ["reload"]),
    ("ends-at-once", (2,), ["reload"]),
    ("stop-leaves-process", (3,), ["reload"]),
    ("stop-keeps-port", (4,), ["reload"]),
    ("stop-keeps-memory", (4,), ["reload"]),
    ("stop-ignored-signal", (4,), ["reload"]),
    ("memory-grows", (2, 3, 4), ["reload"]),
    ("never-healthy", (5,), ["second-model"]),
    ("models-other-name", (5,), ["second-model"]),
    ("models-first-still-there", (5,), ["second-model"]),
    ("chat-usage", (5,), ["second-model"]),
    ("stop-with-1", (3,), ["reload"]),
    ("stop-with-a-crash", (5,), ["second-model"]),
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


def test_memory_is_measured_before_the_first_start_at_each_and_after_each_stop(suite: Suite) -> None:
    reload = next(check for check in suite().checks if check.id == "reload")
    ready, after = ([reload.measured[f"memory_bytes{at}_{n}"] for n in (1, 2, 3)] for at in ("", "_after"))
    assert (reload.measured["memory_bytes_before"], ready, after) == (0, [100 << 20] * 3, [0, 0, 0])
    held = "0 bytes held before the first start, 0 after each stop"
    assert reload.detail == f"3 starts, memory when ready grew by 0.0 MiB; {held}"


def test_memory_that_is_kept_after_a_stop_is_named(suite: Suite) -> None:
    (check,) = suite(FakeEngine("stop-keeps-memory")).failed
    assert check.detail == f"SIGTERM: {100 << 20} bytes of memory are held after 1 s"


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "failing"), FAULTS.items(), ids=FAULTS)
def test_a_fault_fails_its_check_and_no_other(suite: Suite, fault: str, failing: list[str]) -> None:
    report = suite(FakeEngine(fault))
    assert [check.id for check in report.failed] == failing
    assert [check.id for check in report.checks] == ALL


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "starts", "failing"), LATER_FAULTS, ids=str)
def test_a_fault_of_a_later_start_fails_its_check(
    suite: Suite, fault: str, starts: tuple[int, ...], failing: list[str]
) -> None:
    assert [check.id for check in suite(FakeEngine(fault, starts)).failed] == failing


@pytest.mark.parametrize("way", ["stop-by-the-signal", "text-with-cut-characters"])
def test_what_a_good_server_may_do_fails_nothing(suite: Suite, way: str) -> None:
    assert suite(FakeEngine(way, (1, 2, 3, 4, 5))).failed == ()


def test_an_exit_status_that_is_no_answer_to_sigterm_is_named(suite: Suite) -> None:
    (check,) = suite(FakeEngine("stop-with-a-crash")).failed
    assert check.detail == "SIGTERM: wanted exit status 0 or 143, found 139"
    assert check.measured["exit_status"] == 139


@pytest.mark.parametrize("fault", ["text-of-cut-characters", "text-of-white-space", "text-is-empty"])
def test_an_answer_without_a_usable_stop_string_fails_with_that_reason(suite: Suite, fault: str) -> None:
    (check,) = suite(FakeEngine(fault)).failed
    assert check.detail.startswith("stop: no piece of the answer can be a stop string")


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


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("unknown-model-500", "not the declared deviation, status wanted 200, found 500: model flagrelease-no-such"),
        ("unknown-model-400", "not the declared deviation, status wanted 200, found 400: model flagrelease-no-such"),
        ("unknown-model-dropped", "not the declared deviation, status wanted 200, found none: POST /v1/chat"),
        ("chat-dies", "not the declared deviation, status wanted 200, found none: not made: the server had ended"),
        ("never-healthy", "not the declared deviation, status wanted 200, found none: not made: the server did not"),
    ],
)
def test_a_deviation_excuses_no_other_failure_of_its_check(suite: Suite, fault: str, found: str) -> None:
    lock = a_lock(ready_within_s=1, stop_within_s=1, deviations=(a_deviation(),))
    check = next(check for check in suite(FakeEngine(fault), lock).failed if check.id == "unknown-model")
    assert check.detail.startswith(found)
    assert check.deviation == lock.smoke.deviations[0]


def test_all_that_was_declared_has_to_be_measured(suite: Suite) -> None:
    declared = a_deviation("context-overflow", measured={"status": 200, "context_length": 65})
    lock = a_lock(ready_within_s=1, stop_within_s=1, deviations=(declared,))
    (check,) = suite(FakeEngine("overflow-200"), lock).failed
    assert check.detail.startswith("not the declared deviation, context_length wanted 65, found 64: a prompt of")


@pytest.mark.parametrize("measured", [{}, {"status": float("nan")}, {"status": float("inf")}, {"Status": 200.0}])
def test_a_deviation_declares_numbers(measured: dict[str, float]) -> None:
    declared = {**a_deviation().model_dump(), "measured": measured}
    with pytest.raises(ValidationError, match="measured"):
        Deviation.model_validate(declared)


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
