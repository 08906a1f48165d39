"""The stage: who may be published, in which order, and what is said when a target fails."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.targets import target_for
from flagrelease.domain.release import Release
from flagrelease.domain.verdict import Approved
from flagrelease.errors import PublishError
from flagrelease.stages.publish import publish
from tests.publish.conftest import an_image
from tests.publish.docker_registry import Registry
from tests.publish.stage import (
    OTHER,
    FakeTarget,
    a_smoke,
    a_verdict,
    a_waiver,
    approved_go,
    kept,
    tools_of,
)


def test_a_no_go_cannot_be_approved(store: FileStore) -> None:
    image = an_image(store)
    with pytest.raises(ValidationError, match="the verdict is NO-GO"):
        Approved(image=image, serving=a_smoke(image.digest), verdict=a_verdict(image.digest, "NO-GO"))
    with pytest.raises(ValidationError, match="the verdict is NO-GO"):
        Approved(
            image=image,
            serving=a_smoke(image.digest),
            verdict=a_verdict(image.digest, "NO-GO"),
            waiver=a_waiver(image.digest),
        )


def test_a_bundle_whose_smoke_failed_cannot_be_approved(store: FileStore) -> None:
    image = an_image(store)
    with pytest.raises(ValidationError, match="the serving smoke failed"):
        Approved(image=image, serving=a_smoke(image.digest, "fail"), verdict=a_verdict(image.digest))


def test_evidence_about_another_image_approves_nothing(store: FileStore) -> None:
    image = an_image(store)
    with pytest.raises(ValidationError, match="about another image"):
        Approved(image=image, serving=a_smoke(OTHER), verdict=a_verdict(image.digest))
    with pytest.raises(ValidationError, match="about another image"):
        Approved(image=image, serving=a_smoke(image.digest), verdict=a_verdict(OTHER))


def test_a_hold_is_approved_only_by_a_waiver_for_this_image(store: FileStore) -> None:
    image = an_image(store)
    hold = a_verdict(image.digest, "HOLD")
    for waiver in (None, a_waiver(OTHER)):
        with pytest.raises(ValidationError, match="no waiver names this image"):
            Approved(image=image, serving=a_smoke(image.digest), verdict=hold, waiver=waiver)
    Approved(image=image, serving=a_smoke(image.digest), verdict=hold, waiver=a_waiver(image.digest))


def test_all_targets_are_asked_before_the_first_gets_anything(store: FileStore, tmp_path: Path) -> None:
    log: list[str] = []
    targets = (FakeTarget("a", log), FakeTarget("b", log, refuses="check"))
    with pytest.raises(PublishError, match="b is closed"):
        publish(tools_of(store)[0], tmp_path / "9", approved_go(an_image(store)), targets, "r1")
    assert log == ["check a", "check b"]
    assert not (tmp_path / "9").exists()


def test_a_failure_says_what_is_done_what_failed_and_what_was_not_tried(store: FileStore, tmp_path: Path) -> None:
    log: list[str] = []
    image = an_image(store)
    targets = (FakeTarget("a", log), FakeTarget("b", log, refuses="publish"), FakeTarget("c", log))
    with pytest.raises(PublishError) as failed:
        publish(tools_of(store)[0], tmp_path, approved_go(image), targets, "r1")
    assert failed.value.message.splitlines() == [
        "b failed: b is full",
        f"done: a@{image.digest}",
        "not tried: c",
    ]
    assert failed.value.hint == "make room"
    assert log == ["check a", "check b", "check c", "publish a", "publish b"]
    assert [each.target for each in kept(tmp_path).published] == ["a"]


def test_what_was_published_before_stays_in_the_record(store: FileStore, tmp_path: Path) -> None:
    log: list[str] = []
    approved = approved_go(an_image(store))
    tools = tools_of(store)[0]
    publish(tools, tmp_path, approved, (FakeTarget("a", log, sent=7), FakeTarget("b", log, sent=8)), "r1")
    with pytest.raises(PublishError, match="d failed"):
        publish(tools, tmp_path, approved, (FakeTarget("c", log), FakeTarget("d", log, refuses="publish")), "r1")
    assert [(each.target, each.bytes_sent) for each in kept(tmp_path).published] == [("a", 7), ("b", 8), ("c", 1)]
    release = publish(tools, tmp_path, approved, (FakeTarget("a", log, sent=0),), "r1")
    assert [(each.target, each.bytes_sent) for each in release.published] == [("b", 8), ("c", 1), ("a", 0)]
    assert kept(tmp_path) == release


def test_a_target_that_cannot_take_anything_leaves_the_record_alone(store: FileStore, tmp_path: Path) -> None:
    approved = approved_go(an_image(store))
    tools = tools_of(store)[0]
    before = publish(tools, tmp_path, approved, (FakeTarget("a", []),), "r1")
    with pytest.raises(PublishError, match="b is closed"):
        publish(tools, tmp_path, approved, (FakeTarget("b", [], refuses="check"),), "r1")
    assert kept(tmp_path) == before


def test_a_record_about_another_image_is_begun_anew_and_said_so(store: FileStore, tmp_path: Path) -> None:
    first, second = an_image(store, b"first"), an_image(store, b"second")
    tools, said = tools_of(store)
    publish(tools, tmp_path, approved_go(first), (FakeTarget("a", []),), "r1")
    release = publish(tools, tmp_path, approved_go(second), (FakeTarget("b", []),), "r1")
    assert (release.image, [each.target for each in release.published]) == (second.digest, ["b"])
    assert f"{tmp_path / 'release.json'} is about another image, {first.digest}: it does not count" in said.lines


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"{}", b"[" * 100_000])
def test_a_damaged_record_is_begun_anew_and_said_so(content: bytes, store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "release.json").write_bytes(content)
    tools, said = tools_of(store)
    release = publish(tools, tmp_path, approved_go(an_image(store)), (FakeTarget("a", []),), "r1")
    assert kept(tmp_path) == release
    assert any(line.startswith(f"{tmp_path / 'release.json'} is damaged or of") for line in said.lines)
    assert all("\n" not in line for line in said.lines)


def test_nowhere_and_twice_the_same_place_are_refused(store: FileStore, tmp_path: Path) -> None:
    log: list[str] = []
    approved = approved_go(an_image(store))
    with pytest.raises(PublishError, match="nowhere to publish"):
        publish(tools_of(store)[0], tmp_path, approved, (), "r1")
    with pytest.raises(PublishError, match="named twice"):
        publish(tools_of(store)[0], tmp_path, approved, (FakeTarget("a", log), FakeTarget("a", log)), "r1")
    assert log == []


def test_a_release_to_a_registry_and_a_folder_is_recorded_and_repeated_for_nothing(
    registry: Registry, repository: str, store: FileStore, tmp_path: Path
) -> None:
    image = an_image(store)
    names = (f"{registry.address}/{repository}", f"oci:{tmp_path / 'layout'}")
    references = (f"{names[0]}@{image.digest}", f"{names[1]}:r1")
    tools, said = tools_of(store)
    for expected in (True, False):
        targets = tuple(target_for(name, store) for name in names)
        release = publish(tools, tmp_path / "9-publish", approved_go(image), targets, "r1")
        written = (tmp_path / "9-publish" / "release.json").read_bytes()
        assert Release.model_validate_json(written) == release
        assert [each.reference for each in release.published] == list(references)
        assert [(each.tag, each.digest) for each in release.published] == [("r1", image.digest)] * 2
        assert [each.bytes_sent > 0 for each in release.published] == [expected, expected]
    assert said.lines[-3:] == [
        f"there already: {references[0]}",
        f"publishing {image.digest} to {names[1]} as r1",
        f"there already: {references[1]}",
    ]
    assert {unit for _, _, unit in said.seen} == {"bytes"}
