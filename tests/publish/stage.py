"""What the publish stage works with, in memory: tools that need a store only, targets, approvals."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.evidence import Check, SmokeReport
from flagrelease.domain.image import Image
from flagrelease.domain.release import Published, Release
from flagrelease.domain.value import Digest
from flagrelease.domain.verdict import Approved, Decision, Verdict, Waiver
from flagrelease.errors import PublishError
from flagrelease.ports import Progress

OTHER = "sha256:" + "0" * 64


@dataclass
class Said:
    lines: list[str] = field(default_factory=list)
    seen: list[tuple[int, int, str]] = field(default_factory=list)

    def said(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, done: int, total: int, unit: str) -> None:
        self.seen.append((done, total, unit))


@dataclass
class StageTools:
    """Tools for a stage that needs nothing but the store."""

    store: FileStore
    events: Said

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"publishing needs no {name}")


@dataclass
class FakeTarget:
    name: str
    log: list[str]
    refuses: str = ""
    sent: int = 1

    def check(self) -> None:
        self.log.append(f"check {self.name}")
        if self.refuses == "check":
            raise PublishError(f"{self.name} is closed", hint="come back tomorrow")

    def publish(self, image: Image, tag: str, progress: Progress) -> Published:
        assert tag == "r1"
        self.log.append(f"publish {self.name}")
        if self.refuses == "publish":
            raise PublishError(f"{self.name} is full", hint="make room")
        progress(1, 2)
        return Published(
            target=self.name,
            reference=f"{self.name}@{image.digest}",
            tag=tag,
            digest=image.digest,
            bytes_sent=self.sent,
        )


def tools_of(store: FileStore) -> tuple[StageTools, Said]:
    said = Said()
    return StageTools(store, said), said


def kept(here: Path) -> Release:
    return Release.model_validate_json((here / "release.json").read_bytes())


def a_smoke(image: Digest, status: str = "pass") -> SmokeReport:
    check = Check.model_validate({"id": "ready", "title": "starts", "status": status, "seconds": 1.0})
    return SmokeReport(image=image, checks=(check,))


def a_verdict(image: Digest, decision: Decision = "GO") -> Verdict:
    return Verdict(image=image, decision=decision, reasons=("so it is",), policy_sha256="0" * 64, tasks=())


def approved_go(image: Image) -> Approved:
    return Approved(image=image, serving=a_smoke(image.digest), verdict=a_verdict(image.digest))


def a_waiver(image: Digest) -> Waiver:
    return Waiver(image=image, owner="me", reason="because", expires=date(2030, 1, 1))
