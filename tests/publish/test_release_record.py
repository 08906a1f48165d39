"""The record of a release: by which verdict, by whose waiver, under which tag; and when it no longer counts."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.targets import target_for
from flagrelease.domain.release import Published, Release
from flagrelease.domain.verdict import Approved, Verdict, Waiver
from flagrelease.stages.publish import publish, recorded
from tests.publish.conftest import an_image, ignore
from tests.publish.stage import OTHER, FakeTarget, Said, a_smoke, a_verdict, a_waiver, approved_go, kept, tools_of

A = f"sha256:{'a' * 64}"


def a_hold(store: FileStore, waiver: Waiver | None = None) -> Approved:
    image = an_image(store)
    waiver = waiver or a_waiver(image.digest)
    verdict = a_verdict(image.digest, "HOLD")
    return Approved(image=image, serving=a_smoke(image.digest), verdict=verdict, waiver=waiver)


def a_record(**changed: Any) -> dict[str, Any]:
    """A release as JSON, with other keys where a test says so."""
    published = Published(target="a", reference=f"a@{A}", tag="r1", digest=A, bytes_sent=1)
    release = Release(
        image=A,
        decision="GO",
        figures_sha256="0" * 64,
        published=(published,),
        finished=datetime(2026, 1, 2, tzinfo=UTC),
    )
    return {**release.model_dump(mode="json"), **changed}


def test_a_hold_is_recorded_with_the_waiver_that_let_it_through(store: FileStore, tmp_path: Path) -> None:
    approved = a_hold(store)
    tools, said = tools_of(store)
    release = publish(tools, tmp_path, approved, (FakeTarget("a", []),), "r1")
    assert (release.decision, release.waivers) == ("HOLD", (approved.waiver,))
    assert kept(tmp_path) == release
    assert "HOLD, let through by the waiver of me until 2030-01-01: because" in said.lines


def test_every_waiver_that_the_image_was_published_by_stays_in_the_record(store: FileStore, tmp_path: Path) -> None:
    first = a_hold(store)
    other = Waiver(image=first.image.digest, owner="you", reason="so", expires=date(2031, 1, 1))
    tools, _ = tools_of(store)
    publish(tools, tmp_path, first, (FakeTarget("a", []),), "r1")
    publish(tools, tmp_path, a_hold(store, other), (FakeTarget("b", []),), "r1")
    release = publish(tools, tmp_path, first, (FakeTarget("c", []),), "r1")
    assert release.waivers == (first.waiver, other)
    assert [each.target for each in release.published] == ["a", "b", "c"]


def test_a_go_is_recorded_without_a_waiver(store: FileStore, tmp_path: Path) -> None:
    approved = approved_go(an_image(store))
    given = approved.model_copy(update={"waiver": a_waiver(approved.image.digest)})
    assert publish(tools_of(store)[0], tmp_path, given, (FakeTarget("a", []),), "r1").waivers == ()


def test_a_folder_is_recorded_as_stock_tools_name_it_with_its_tag_and_digest(store: FileStore, tmp_path: Path) -> None:
    image = an_image(store)
    published = target_for(f"oci:{tmp_path}/dist", store).publish(image, "r1", ignore)
    assert published.reference == f"oci:{tmp_path}/dist:r1"
    assert (published.tag, published.digest) == ("r1", image.digest)


def test_a_record_about_the_verdict_counts(store: FileStore, tmp_path: Path) -> None:
    approved = approved_go(an_image(store))
    release = publish(tools_of(store)[0], tmp_path, approved, (FakeTarget("a", []),), "r1")
    said = Said()
    assert recorded(said, tmp_path / "release.json", approved.verdict) == release
    in_other_words = approved.verdict.model_copy(update={"reasons": ("otherwise told",)})
    assert recorded(said, tmp_path / "release.json", in_other_words) == release
    assert said.lines == []


def test_no_record_is_no_release_and_nothing_to_speak_of(tmp_path: Path) -> None:
    said = Said()
    assert recorded(said, tmp_path / "release.json", a_verdict(A)) is None
    assert said.lines == []


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (a_verdict(OTHER), f"is about another image, {A}"),
        (a_verdict(A, "HOLD"), "is about an earlier verdict on this image, GO"),
        (a_verdict(A).model_copy(update={"policy_sha256": "1" * 64}), "is about an earlier verdict on this image, GO"),
    ],
)
def test_a_record_about_something_else_does_not_count_and_that_is_said(now: Verdict, why: str, tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    path.write_text(json.dumps(a_record()))
    said = Said()
    assert recorded(said, path, now) is None
    (line,) = said.lines
    assert line.startswith(f"{path} {why}")
    assert line.endswith(": it does not count")


def test_a_record_of_an_earlier_version_does_not_count_and_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    record = a_record()
    for key in ("decision", "figures_sha256", "waivers"):
        del record[key]
    del record["published"][0]["tag"]
    path.write_text(json.dumps(record))
    said = Said()
    assert recorded(said, path, a_verdict(A)) is None
    (line,) = said.lines
    assert line == f"{path} is damaged or of an earlier version (decision: Field required): it does not count"


def test_a_record_that_contradicts_itself_is_none() -> None:
    Release.model_validate_json(json.dumps(a_record()))
    waiver = a_waiver(A).model_dump(mode="json")
    Release.model_validate_json(json.dumps(a_record(decision="HOLD", waivers=[waiver])))
    for changed in (
        {"image": OTHER},
        {"decision": "HOLD"},
        {"decision": "NO-GO"},
        {"waivers": [waiver]},
        {"decision": "HOLD", "waivers": [{**waiver, "image": OTHER}]},
    ):
        with pytest.raises(ValidationError):
            Release.model_validate_json(json.dumps(a_record(**changed)))


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "a; rm -rf /",
        f"a b@{A}",
        f"$(x)@{A}",
        f"a@{A[:-1]}",
        f"a@{A}\n",
        "oci:dist:r1",
        "oci:/a\nb:r1",
        "oci:/a:b:c",
    ],
)
def test_a_reference_that_no_tool_reads_is_not_recorded(reference: str) -> None:
    with pytest.raises(ValidationError):
        Published(target="a", reference=reference, tag="r1", digest=A, bytes_sent=1)
