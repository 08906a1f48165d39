"""The stage: who may be published, in which order, and what is said when a target fails."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.targets import target_for
from flagrelease.domain.evidence import Check, SmokeReport
from flagrelease.domain.image import Image
from flagrelease.domain.release import Published, Release
from flagrelease.domain.value import Digest
from flagrelease.domain.verdict import Approved, Decision, Verdict, Waiver
from flagrelease.errors import PublishError
from flagrelease.ports import Progress
from flagrelease.stages.publish import publish
from tests.publish.conftest import an_image
from tests.publish.docker_registry import Registry

OTHER = "sha256:" + "0" * 64


@dataclass
class _Said:
    lines: list[str] = field(default_factory=list)
    seen: list[tuple[int, int, str]] = field(default_factory=list)

    def said(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, done: int, total: int, unit: str) -> None:
        self.seen.append((done, total, unit))


@dataclass
class _Tools:
    """Tools for a stage that needs nothing but the store."""

    store: FileStore
    events: _Said

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"publishing needs no {name}")


@dataclass
class _Target:
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
            target=self.name, reference=f"{self.name}@{image.digest}", digest=image.digest, bytes_sent=self.sent
        )


def _tools(store: FileStore) -> tuple[_Tools, _Said]:
    said = _Said()
    return _Tools(store, said), said


def _kept(here: Path) -> Release:
    return Release.model_validate_json((here / "release.json").read_bytes())


def _smoke(image: Digest, status: str = "pass") -> SmokeReport:
    check = Check.model_validate({"id": "ready", "title": "starts", "status": status, "seconds": 1.0})
    return SmokeReport(image=image, checks=(check,))


def _verdict(image: Digest, decision: Decision = "GO") -> Verdict:
    return Verdict(image=image, decision=decision, reasons=("so it is",), policy_sha256="0" * 64, tasks=())


def _approved(image: Image) -> Approved:
    return Approved(image=image, serving=_smoke(image.digest), verdict=_verdict(image.digest))


def _waiver(image: Digest) -> Waiver:
    return Waiver(image=image, owner="me", reason="because", expires=date(2030, 1, 1))


def test_a_no_go_cannot_be_approved(store: FileStore) -> None:
    image = an_image(store)
    with pytest.raises(ValidationError, match="the verdict is NO-GO"):
        Approved(image=image, serving=_smoke(image.digest), verdict=_verdict(image.digest, "NO-GO"))
    with pytest.raises(ValidationError, match="the verdict is NO-GO"):
        Approved(
            image=image,
            serving=_smoke(image.digest),
            verdict=_verdict(image.digest, "NO-GO"),
            waiver=_waiver(image.digest),
        )


def test_a_bundle_whose_smoke_failed_cannot_be_approved(store: FileStore) -> None:
    image = an_image(store)
    with pytest.raises(ValidationError, match="the serving smoke failed"):
        Approved(image=image, serving=_smoke(image.digest, "fail"), verdict=_verdict(image.digest))


def test_evidence_about_another_image_approves_nothing(store: FileStore) -> None:
    image = an_image(store)
    with pytest.raises(ValidationError, match="about another image"):
        Approved(image=image, serving=_smoke(OTHER), verdict=_verdict(image.digest))
    with pytest.raises(ValidationError, match="about another image"):
        Approved(image=image, serving=_smoke(image.digest), verdict=_verdict(OTHER))


def test_a_hold_is_approved_only_by_a_waiver_for_this_image(store: FileStore) -> None:
    image = an_image(store)
    hold = _verdict(image.digest, "HOLD")
    for waiver in (None, _waiver(OTHER)):
        with pytest.raises(ValidationError, match="no waiver names this image"):
            Approved(image=image, serving=_smoke(image.digest), verdict=hold, waiver=waiver)
    Approved(image=image, serving=_smoke(image.digest), verdict=hold, waiver=_waiver(image.digest))


def test_all_targets_are_asked_before_the_first_gets_anything(store: FileStore, tmp_path: Path) -> None:
    log: list[str] = []
    targets = (_Target("a", log), _Target("b", log, refuses="check"))
    with pytest.raises(PublishError, match="b is closed"):
        publish(_tools(store)[0], tmp_path / "9", _approved(an_image(store)), targets, "r1")
    assert log == ["check a", "check b"]
    assert not (tmp_path / "9").exists()


def test_a_failure_says_what_is_done_what_failed_and_what_was_not_tried(store: FileStore, tmp_path: Path) -> None:
    log: list[str] = []
    image = an_image(store)
    targets = (_Target("a", log), _Target("b", log, refuses="publish"), _Target("c", log))
    with pytest.raises(PublishError) as failed:
        publish(_tools(store)[0], tmp_path, _approved(image), targets, "r1")
    assert failed.value.message.splitlines() == [
        "b failed: b is full",
        f"done: a@{image.digest}",
        "not tried: c",
    ]
    assert failed.value.hint == "make room"
    assert log == ["check a", "check b", "check c", "publish a", "publish b"]
    assert [each.target for each in _kept(tmp_path).published] == ["a"]


def test_what_was_published_before_stays_in_the_record(store: FileStore, tmp_path: Path) -> None:
    log: list[str] = []
    approved = _approved(an_image(store))
    tools = _tools(store)[0]
    publish(tools, tmp_path, approved, (_Target("a", log, sent=7), _Target("b", log, sent=8)), "r1")
    with pytest.raises(PublishError, match="d failed"):
        publish(tools, tmp_path, approved, (_Target("c", log), _Target("d", log, refuses="publish")), "r1")
    assert [(each.target, each.bytes_sent) for each in _kept(tmp_path).published] == [("a", 7), ("b", 8), ("c", 1)]
    release = publish(tools, tmp_path, approved, (_Target("a", log, sent=0),), "r1")
    assert [(each.target, each.bytes_sent) for each in release.published] == [("b", 8), ("c", 1), ("a", 0)]
    assert _kept(tmp_path) == release


def test_a_target_that_cannot_take_anything_leaves_the_record_alone(store: FileStore, tmp_path: Path) -> None:
    approved = _approved(an_image(store))
    tools = _tools(store)[0]
    before = publish(tools, tmp_path, approved, (_Target("a", []),), "r1")
    with pytest.raises(PublishError, match="b is closed"):
        publish(tools, tmp_path, approved, (_Target("b", [], refuses="check"),), "r1")
    assert _kept(tmp_path) == before


def test_a_record_about_another_image_is_begun_anew_and_said_so(store: FileStore, tmp_path: Path) -> None:
    first, second = an_image(store, b"first"), an_image(store, b"second")
    tools, said = _tools(store)
    publish(tools, tmp_path, _approved(first), (_Target("a", []),), "r1")
    release = publish(tools, tmp_path, _approved(second), (_Target("b", []),), "r1")
    assert (release.image, [each.target for each in release.published]) == (second.digest, ["b"])
    assert f"{tmp_path / 'release.json'} is about another image, {first.digest}: a new record is begun" in said.lines


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"{}", b"[" * 100_000])
def test_a_damaged_record_is_begun_anew_and_said_so(content: bytes, store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "release.json").write_bytes(content)
    tools, said = _tools(store)
    release = publish(tools, tmp_path, _approved(an_image(store)), (_Target("a", []),), "r1")
    assert _kept(tmp_path) == release
    assert any(line.startswith(f"{tmp_path / 'release.json'} is damaged (") for line in said.lines)
    assert all("\n" not in line for line in said.lines)


def test_nowhere_and_twice_the_same_place_are_refused(store: FileStore, tmp_path: Path) -> None:
    log: list[str] = []
    approved = _approved(an_image(store))
    with pytest.raises(PublishError, match="nowhere to publish"):
        publish(_tools(store)[0], tmp_path, approved, (), "r1")
    with pytest.raises(PublishError, match="named twice"):
        publish(_tools(store)[0], tmp_path, approved, (_Target("a", log), _Target("a", log)), "r1")
    assert log == []


def test_a_release_to_a_registry_and_a_folder_is_recorded_and_repeated_for_nothing(
    registry: Registry, repository: str, store: FileStore, tmp_path: Path
) -> None:
    image = an_image(store)
    names = (f"{registry.address}/{repository}", f"oci:{tmp_path / 'layout'}")
    tools, said = _tools(store)
    for expected in (True, False):
        targets = tuple(target_for(name, store) for name in names)
        release = publish(tools, tmp_path / "9-publish", _approved(image), targets, "r1")
        written = (tmp_path / "9-publish" / "release.json").read_bytes()
        assert Release.model_validate_json(written) == release
        assert [each.reference for each in release.published] == [f"{name}@{image.digest}" for name in names]
        assert [each.bytes_sent > 0 for each in release.published] == [expected, expected]
    assert said.lines[-3:] == [
        f"there already: {names[0]}@{image.digest}",
        f"publishing {image.digest} to {names[1]} as r1",
        f"there already: {names[1]}@{image.digest}",
    ]
    assert {unit for _, _, unit in said.seen} == {"bytes"}
