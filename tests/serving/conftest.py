"""The suite on a fake server, as tests run it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flagrelease.adapters.serving_client import ServingClient
from flagrelease.domain.evidence import SmokeReport
from flagrelease.domain.image import Image
from flagrelease.domain.lock import Lock
from flagrelease.smoke.serving import Bench, check_serving
from tests.serving.fake_engine import FakeEngine
from tests.serving.locks import SHA, TODAY, a_lock

IMAGE = Image(digest="sha256:" + "1" * 64, manifest_size=1, config=f"sha256:{SHA}", layers=(), architecture="amd64")


class Quiet:
    def said(self, text: str) -> None:
        assert "\n" not in text

    def progress(self, done: int, total: int, unit: str) -> None:
        assert 0 < done <= total, unit


Suite = Callable[..., SmokeReport]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """Run the whole suite on a fake engine."""

    def run(engine: FakeEngine | None = None, lock: Lock | None = None) -> SmokeReport:
        used = engine or FakeEngine()
        weights = tmp_path / "probe.gguf"
        weights.write_bytes(b"GGUF")
        bench = Bench(
            engine=used,
            endpoint=lambda url: ServingClient(url, timeout_s=5),
            events=Quiet(),
            image=IMAGE,
            lock=lock or a_lock(ready_within_s=1, stop_within_s=1),
            second_weights=((weights, "probe-llama-tiny.gguf"),),
            here=tmp_path,
            port=used.free_port(),
        )
        return check_serving(bench, today=TODAY)

    return run
