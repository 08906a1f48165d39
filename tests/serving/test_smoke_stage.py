"""The stage: its report is always there, and only one without a failed check finishes it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.serving_client import ServingClient
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.evidence import SmokeReport
from flagrelease.domain.lock import Lock
from flagrelease.domain.source import Sources
from flagrelease.errors import SmokeError
from flagrelease.stages.smoke_serving import smoke_serving
from tests.serving.conftest import IMAGE, Quiet
from tests.serving.fake_engine import FakeEngine
from tests.serving.locks import TODAY, a_deviation, a_lock

LASTING = TODAY + timedelta(days=100_000)


@dataclass
class Tools:
    """What the stage needs, and nothing else."""

    store: FileStore
    engine: FakeEngine
    events: Quiet

    def endpoint(self, base_url: str) -> ServingClient:
        return ServingClient(base_url, timeout_s=5)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the serving smoke needs no {name}")


Stage = Callable[..., SmokeReport]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Run the stage on a fake engine in the folder of the test."""

    def run(fault: str = "", lock: Lock | None = None) -> SmokeReport:
        store = FileStore(tmp_path / "store")
        weights = store.add_bytes(b"GGUF")
        sources = Sources(debs=(), wheels=(), weights=(), second_model=(weights,), datasets=(), bytes_total=4)
        tools = Tools(store, FakeEngine(fault), Quiet())
        return smoke_serving(tools, tmp_path, IMAGE, lock or a_lock(ready_within_s=1, stop_within_s=1), sources)

    return run


def kept(here: Path) -> SmokeReport:
    return SmokeReport.model_validate_json((here / "report.json").read_bytes())


def test_a_report_without_a_failed_check_is_the_stages_value(stage: Stage, tmp_path: Path) -> None:
    report = stage()
    assert report.failed == ()
    assert kept(tmp_path) == report


def test_a_deviation_as_declared_finishes_the_stage(stage: Stage) -> None:
    lock = a_lock(ready_within_s=1, stop_within_s=1, deviations=(a_deviation(expires=LASTING),))
    report = stage("unknown-model-200", lock)
    assert [check.id for check in report.checks if check.status == "deviates"] == ["unknown-model"]


def test_failed_checks_are_an_error_with_one_line_each_and_leave_the_report(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(SmokeError) as failed:
        stage("ends-at-once")
    report = kept(tmp_path)
    first, *lines = failed.value.message.splitlines()
    assert first == f"{len(report.failed)} of {len(report.checks)} serving checks failed:"
    assert [line.split(":")[0].strip() for line in lines] == [check.id for check in report.failed]
    assert lines[-1] == "  stop: not made: the server did not become healthy"
    assert failed.value.log == tmp_path / "report.json"
    assert failed.value.hint == "the server's log is beside the report"


def test_a_transient_failure_is_gone_with_the_next_run(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(SmokeError, match="\n  models: "):
        stage("models-500")
    assert stage() == kept(tmp_path)
