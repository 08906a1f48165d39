"""The card says what was measured, and no value in it can change its structure."""

import json
import re
import shlex
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import pytest
from markdown_it import MarkdownIt

from flagrelease import __version__
from flagrelease.cards.card import card_text, write_card
from flagrelease.cards.seal import card_seal
from flagrelease.domain.bundle import Deviation
from flagrelease.domain.component import GitSource
from flagrelease.domain.evidence import Check, Skipped, SmokeReport, Software
from flagrelease.domain.image import Image, Layer
from flagrelease.domain.lock import Lock, LockedComponent, LockFile
from flagrelease.domain.patch_series import PatchSet
from flagrelease.domain.release import Published, Release
from flagrelease.domain.verdict import (
    Evaluation,
    EvidenceFile,
    Finding,
    Stop,
    SuiteVerdict,
    TaskVerdict,
    Verdict,
    Waiver,
)
from flagrelease.formats.strict import decode_json
from flagrelease.pipeline import Built
from flagrelease.report.gate.place import PAGE

ROOT = Path(__file__).parents[1]
A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
NASTY = "x | y\n# heading\n<script>alert(1)</script> `code` **bold** [link](http://evil) \\"


def a_lock(*, note: str | None = None) -> Lock:
    """The committed lock; with `note`, one that says it of every task of its policy."""
    path = ROOT / "recipes" / "bundles" / "cpu" / "smollm2-135m-instruct.lock.json"
    lock = decode_json(path.read_bytes(), LockFile, source=str(path)).variants["llamacpp"]
    assert isinstance(lock, Lock)
    tasks = {name: task.model_copy(update={"note": note}) for name, task in lock.policy.tasks.items()}
    return lock.model_copy(update={"policy": lock.policy.model_copy(update={"tasks": tasks})})


def a_record(side: Literal["reference", "target"], software: Software, finished: datetime) -> EvidenceFile:
    return EvidenceFile(
        task="quiz", side=side, path=f"{side}/quiz.json", sha256="d" * 64, software=(software,), finished=finished
    )


def a_release(*published: Published, waiver: Waiver | None = None) -> Release:
    return Release(
        image=A,
        decision="HOLD" if waiver else "GO",
        figures_sha256="0" * 64,
        waivers=(waiver,) if waiver else (),
        published=published or (in_a_registry(),),
        finished=datetime(2026, 1, 2, tzinfo=UTC),
    )


def in_a_registry() -> Published:
    return Published(target="r", reference=f"localhost:5000/x@{A}", tag="cpu-x-r1", digest=A, bytes_sent=1)


def in_a_folder(folder: str = "/srv/dist") -> Published:
    return Published(target=f"oci:{folder}", reference=f"oci:{folder}:cpu-x-r1", tag="cpu-x-r1", digest=A, bytes_sent=1)


def commands(card: str) -> list[list[str]]:
    """Every line of every block of commands, as a shell splits it; the plot is a block of text."""
    tokens = [token for token in MarkdownIt("commonmark").parse(card) if token.type == "fence"]
    blocks = [token.content for token in tokens if token.info != "text"]
    return [shlex.split(line) for block in blocks for line in block.replace("\\\n", " ").splitlines()]


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
        evidence="paired", reason=text, reference_score=0.32, target_score=0.31, difference=-0.01,
        interval=(-0.0213, 0.0009), confidence=0.9, lost=5, gained=1, margin=0.03, p_margin=0.001, p_damage=0.1,
        p_damage_adjusted=0.2, p_gain_adjusted=1.0, chance=0.2, p_above_chance=1e-9,
        findings=(Finding(id="note", weight="note", text=text),),
    )  # fmt: skip
    verdict = Verdict(image=A, decision="GO", reasons=(text,), policy_sha256="c" * 64, tasks=(task,))
    evidence = (
        a_record("reference", Software(name="torch", version=text), datetime(2026, 11, 20, 23, tzinfo=UTC)),
        a_record("reference", Software(name="torch", version=text), datetime(2026, 11, 21, 1, tzinfo=UTC)),
        a_record("target", Software(name="engine", version=text), datetime(2026, 11, 24, tzinfo=UTC)),
    )
    return Built(
        lock=a_lock(note=text),
        image=Image(
            digest=A,
            manifest_size=7,
            config=B,
            layers=(Layer(name="base", digest=B, size=12345),),
            architecture="amd64",
        ),
        kernels=Skipped(skipped=text),
        serving=SmokeReport(image=A, checks=checks),
        evaluation=Evaluation(verdict=verdict, reference=text, evidence=evidence),
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
    card = card_text(a_bundle(), release=a_release(in_a_registry(), in_a_folder()))
    assert f"`localhost:5000/x@{A}`, tagged `cpu-x-r1`" in card
    assert ["docker", "run", "--rm", "-p", "127.0.0.1:8000:8000", f"localhost:5000/x@{A}"] in commands(card)
    assert "**Not signed**" in card
    assert "Draft" not in card
    assert "waiver" not in card


@pytest.mark.parametrize("folder", ["/srv/dist", "/srv/my dist", "/srv/a'b`c```$(id)", "/srv/<b>|*x*"])
def test_a_published_folder_is_named_as_stock_tools_read_it(folder: str) -> None:
    card = card_text(a_bundle(), release=a_release(in_a_folder(folder)))
    assert ["skopeo", "inspect", "--format", "{{.Digest}}", f"oci:{folder}:cpu-x-r1"] in commands(card)
    copies = [words for words in commands(card) if words[:2] == ["skopeo", "copy"]]
    assert [words[-2] for words in copies] == [f"oci:{folder}:cpu-x-r1"] * 2
    assert f"image `{A}`, tagged `cpu-x-r1`" in card
    assert f"@{A}" not in card
    assert structure(card) == structure(card_text(a_bundle(), release=a_release(in_a_folder())))


def test_a_hold_that_was_published_by_waiver_says_who_let_it_through_why_and_until_when() -> None:
    waiver = Waiver(image=A, owner="Ada", reason="few items", expires=date(2030, 3, 4))
    card = card_text(a_bundle(), release=a_release(waiver=waiver))
    assert "**Published by waiver**: the verdict is HOLD, and Ada let this image through until 2030-03-04" in card
    assert "few items" in card
    assert "published by waiver |" in card
    nasty = Waiver(image=A, owner=NASTY, reason=NASTY, expires=date(2030, 3, 4))
    assert structure(card_text(a_bundle(), release=a_release(waiver=nasty))) == structure(card)


def test_both_sides_are_named_with_their_versions_and_the_days_they_were_measured() -> None:
    card = card_text(a_bundle(text="1.2"), release=None)
    assert "with torch 1.2; recorded 2026-11-20 to 2026-11-21. This bundle: engine 1.2; measured 2026-11-24." in card


def test_what_the_policy_notes_of_a_task_is_on_the_card() -> None:
    assert "- boolq_next_word: cut from 240" in card_text(a_bundle(text="cut from 240"), release=None)
    built = a_bundle()
    assert "None" not in card_text(built.model_copy(update={"lock": a_lock()}), release=None)


def test_the_committed_policy_says_what_was_changed_after_results_were_seen() -> None:
    path = ROOT / "recipes" / "bundles" / "cpu" / "smollm2-135m-instruct.lock.json"
    lock = decode_json(path.read_bytes(), LockFile, source=str(path)).variants["llamacpp"]
    card = card_text(a_bundle().model_copy(update={"lock": lock}), release=None)
    assert "lowered from 240 to 200" in card


def test_a_card_names_the_version_that_wrote_it_and_the_one_that_made_the_lock() -> None:
    built = a_bundle()
    older = built.model_copy(update={"lock": built.lock.model_copy(update={"tool": "flagrelease 0.0.1"})})
    card = card_text(older, release=None)
    assert f"Written by flagrelease {__version__} from" in card
    assert "` by flagrelease 0.0.1, policy" in card


def with_task(built: Built, **changes: object) -> Built:
    verdict = built.evaluation.verdict
    tasks = tuple(task.model_copy(update=changes) for task in verdict.tasks)
    again = verdict.model_copy(update={"tasks": tasks})
    return built.model_copy(update={"evaluation": built.evaluation.model_copy(update={"verdict": again})})


def test_a_task_that_was_decided_at_a_look_says_after_how_many_items() -> None:
    stop = Stop(looks=(40, 80, 400), look=2, step="PASS", score=2.5, needed=2.25, chance_to_pass=1.0)
    card = card_text(with_task(a_bundle(), sequential=stop, items=80), release=None)
    assert "- quiz: decided at look 2 of 3, 80 of 400 items: it lies 2.50 standard errors above the margin" in card


def test_a_judged_task_says_how_much_of_the_noise_is_the_judge_s() -> None:
    card = card_text(with_task(a_bundle(), repeats=3, repeats_share=0.43), release=None)
    assert "- quiz: with 3 repeats of each item, 43 % of the variance is that of answering or judging again" in card


def test_the_suite_is_on_the_card_and_figures_that_are_not_there_are_dashes() -> None:
    built = with_task(a_bundle(), evidence="aggregate", interval=None, lost=None, gained=None, p_above_chance=None)
    suite = SuiteVerdict(tasks=2, evidence="items", difference=0, low=-0.01, is_damaged=False, reason="suite: fine")
    again = built.evaluation.verdict.model_copy(update={"suite": suite})
    evaluation = built.evaluation.model_copy(update={"verdict": again})
    card = card_text(built.model_copy(update={"evaluation": evaluation}), release=None)
    assert "- suite: fine\n" in card
    assert "| -1.00 | – | 3.00 | PASS |" in card


def test_every_digest_and_hash_of_the_lock_is_on_the_card() -> None:
    built = a_bundle()
    card = card_text(built, release=None)
    wanted = [A, B, *(p.sha256 for p in built.lock.base.packages), *(w.sha256 for w in built.lock.wheels)]
    assert [one for one in wanted if one not in card] == []


def test_a_source_is_shown_by_its_commit_with_the_patch_set_and_the_tree_that_it_makes() -> None:
    patches = PatchSet(component="flagscale", base="c" * 40, chip="cpu", series="e" * 64, result_tree="f" * 40)
    source = GitSource(kind="git", repository="own/FlagScale", commit="c" * 40)
    component = LockedComponent(
        name="flagscale", source=source, commit="c" * 40, patches=patches, placed_at="/opt/FlagScale"
    )
    built = a_bundle()
    lock = built.lock.model_copy(update={"components": (component,)})
    card = card_text(built.model_copy(update={"lock": lock}), release=None)
    assert f"| flagscale (source, in `/opt/FlagScale`) | own/FlagScale at `{'c' * 40}` | |" in card
    assert f"| patches of cpu on flagscale | they make the tree `{'f' * 40}` | `{'e' * 64}` |" in card


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


def test_a_seal_breaks_when_the_card_or_what_it_was_written_from_changes(tmp_path: Path) -> None:
    path, built, release = tmp_path / "README.md", a_bundle(), a_release()
    assert card_seal(path, built, None) is None
    write_card(path, built, release=None)
    seal = card_seal(path, built, None)
    assert seal is not None
    assert seal == card_seal(path, a_bundle(), None)
    assert seal != card_seal(path, built, release)
    assert seal != card_seal(path, a_bundle(text="other"), None)
    path.write_text(path.read_text().replace("31.00", "99.99"))
    assert seal != card_seal(path, built, None)


def test_the_gate_s_page_lies_beside_the_card_and_goes_with_it(tmp_path: Path) -> None:
    built, path = a_bundle(), tmp_path / "README.md"
    write_card(path, built, release=None)
    page = tmp_path / PAGE
    seal = card_seal(path, built, None)
    assert f"`{PAGE}`" in path.read_text()
    assert built.image.digest in page.read_text()
    assert "What this policy lets through" in page.read_text()
    page.write_text(page.read_text().replace("GO", "NO-GO"))
    assert seal != card_seal(path, built, None)
    page.unlink()
    assert card_seal(path, built, None) is None


def test_a_nasty_text_is_no_markup_on_the_page_either(tmp_path: Path) -> None:
    built = a_bundle(text=NASTY)
    write_card(tmp_path / "README.md", built, release=None)
    assert "<script>" not in (tmp_path / PAGE).read_text()


def test_the_card_draws_each_task_once() -> None:
    tokens = MarkdownIt("commonmark").parse(card_text(a_bundle(), release=None))
    (plot,) = [token.content for token in tokens if token.type == "fence" and token.info == "text"]
    axis, *lines = plot.splitlines()
    assert "0" in axis.split()
    assert [(line.split()[0], line.split()[-1]) for line in lines] == [
        (task.task, task.decision) for task in a_bundle().evaluation.verdict.tasks
    ]
