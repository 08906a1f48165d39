"""The card says what was measured, and no value in it can change its structure."""

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path

from markdown_it import MarkdownIt

from flagrelease.cards.card import card_text
from flagrelease.domain.bundle import Deviation
from flagrelease.domain.evidence import Check, Skipped, SmokeReport
from flagrelease.domain.image import Image, Layer
from flagrelease.domain.lock import Lock, LockFile
from flagrelease.domain.release import Published, Release
from flagrelease.domain.verdict import Evaluation, EvidenceFile, Finding, TaskVerdict, Verdict
from flagrelease.formats.strict import decode_json
from flagrelease.pipeline import Built

ROOT = Path(__file__).parents[1]
A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
NASTY = "x | y\n# heading\n<script>alert(1)</script> `code` **bold** [link](http://evil) \\"


def a_lock() -> Lock:
    path = ROOT / "recipes" / "bundles" / "cpu" / "smollm2-135m-instruct.lock.json"
    return decode_json(path.read_bytes(), LockFile, source=str(path)).variants["llamacpp"]


def a_bundle(*, text: str = "fine") -> Built:
    """A bundle with one passed check, one deviation and one task; `text` wherever a text of others may stand."""
    deviation = Deviation(
        check="b", measured={"status": 200}, observed=text, reason=text, owner=text, expires=date(2030, 1, 2)
    )
    checks = (
        Check(id="a", title="first", status="pass", detail=text, seconds=0.25),
        Check(id="b", title="second", status="deviates", detail=text, seconds=0.5, deviation=deviation),
    )
    task = TaskVerdict(
        task="quiz", tier="critical", decision="PASS", items=400, items_available=1221, metric="acc", scale=100,
        reference_score=0.32, target_score=0.31, difference=-0.01, interval=(-0.0213, 0.0009), confidence=0.9, lost=5,
        gained=1, margin=0.03, p_damage=0.1, p_damage_adjusted=0.2, chance=0.2, p_above_chance=1e-9,
        findings=(Finding(id="note", weight="note", text=text),),
    )  # fmt: skip
    verdict = Verdict(image=A, decision="GO", reasons=(text,), policy_sha256="c" * 64, tasks=(task,))
    evidence = EvidenceFile(task="quiz", side="target", path="target/quiz.json", sha256="d" * 64)
    return Built(
        lock=a_lock(),
        image=Image(
            digest=A,
            manifest_size=7,
            config=B,
            layers=(Layer(name="base", digest=B, size=12345),),
            architecture="amd64",
        ),
        kernels=Skipped(skipped=text),
        serving=SmokeReport(image=A, checks=checks),
        evaluation=Evaluation(verdict=verdict, reference=text, evidence=(evidence,)),
    )


def structure(card: str) -> list[str]:
    """The kinds of all blocks and inline marks, without their texts."""
    kinds = []
    for token in MarkdownIt("commonmark").enable("table").parse(card):
        kinds.append(token.type)
        kinds += [
            child.type for child in token.children or [] if child.type not in {"text", "softbreak", "text_special"}
        ]
    return kinds


def test_the_table_shows_n_both_scores_the_interval_the_flips_and_the_verdict() -> None:
    card = card_text(a_bundle(), release=None)
    row = next(line for line in card.splitlines() if line.startswith("| quiz"))
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "quiz (acc)", "400 of 1221", "20.00", "32.00", "31.00", "-1.00 [-2.13, +0.09]", "5 / 1", "3.00", "PASS",
    ]  # fmt: skip


def test_a_draft_calls_itself_one_and_names_no_place_to_pull_from() -> None:
    card = card_text(a_bundle(), release=None)
    assert "**Draft.**" in card
    assert "Published as" not in card


def test_a_published_card_names_every_reference_and_says_that_nothing_is_signed() -> None:
    published = Published(target="r", reference=f"localhost:5000/x@{A}", digest=A, bytes_sent=1)
    release = Release(image=A, published=(published,), finished=datetime(2026, 1, 2, tzinfo=UTC))
    card = card_text(a_bundle(), release=release)
    assert f"`localhost:5000/x@{A}`" in card
    assert "**Not signed**" in card
    assert "Draft" not in card


def test_every_digest_and_hash_of_the_lock_is_on_the_card() -> None:
    built = a_bundle()
    card = card_text(built, release=None)
    wanted = [A, B, *(p.sha256 for p in built.lock.base.packages), *(w.sha256 for w in built.lock.wheels)]
    assert [one for one in wanted if one not in card] == []


def test_a_deviation_is_shown_with_its_expiry() -> None:
    assert "until 2030-01-02" in card_text(a_bundle(), release=None)


def test_no_text_changes_the_structure_of_the_card() -> None:
    assert structure(card_text(a_bundle(text=NASTY), release=None)) == structure(card_text(a_bundle(), release=None))


def test_the_same_evidence_gives_the_same_card() -> None:
    assert card_text(a_bundle(), release=None) == card_text(a_bundle(), release=None)


def test_no_value_is_missing_on_the_card() -> None:
    assert not re.search(r"None|Undefined|\{\{|\}\}", card_text(a_bundle(), release=None))


def test_the_card_of_a_bundle_is_written_from_values_that_survive_json() -> None:
    built = a_bundle()
    again = Built.model_validate_json(json.dumps(built.model_dump(mode="json", by_alias=True)))
    assert card_text(again, release=None) == card_text(built, release=None)
