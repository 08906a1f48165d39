"""What is recorded, what is refused, and what a name that is taken keeps."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from flagrelease.adapters.result_files import ResultFiles
from flagrelease.errors import GateError, RecipeError
from flagrelease.ingest.recognise import records_of
from flagrelease.ingest.sources import Sources
from tests.baseline.conftest import DAY, NAME, Place, a_run, right

ROOT = Path(__file__).parents[2]


def test_a_statement_says_what_answered_and_what_was_asked(place: Place) -> None:
    told = place.first("--json").data
    assert told["name"] == f"{NAME}.json"
    assert told["answered"] == {
        "chip": "beta", "hardware": "Beta 100", "image": None, "model": "tiny", "precision": None,
        "software": [{"name": "vllm", "version": "0.9"}], "switches": {"USE_X": "0", "USE_Y": None},
        "weights_sha256": "a" * 64,
    }  # fmt: skip
    (task,) = told["tasks"]
    assert (task["name"], task["score"], task["unanswered"]) == ("quiz", 0.6, 0)
    harness = task["facts"]["harness"]
    assert (harness["name"], harness["version"], harness["config_sha256"]) == ("flageval", "1.0", "c" * 64)
    assert task["facts"]["settings"] == {"temperature": "0.0"}
    assert task["facts"]["chip"] == "beta"
    assert len(task["facts"]["sources"][0]["sha256"]) == 64
    assert (told["written"]["by"], told["expires"], told["policy"]) == ("the tests", "2031-01-31", "quick")
    assert json.loads(place.statement.read_text()) == told


def test_a_baseline_is_read_by_the_gate_alone_or_with_its_folder(place: Place) -> None:
    place.first()
    for path in (place.statement, place.statement.parent):
        (record,) = records_of(Sources(ResultFiles(path)))
        assert record.facts.task == "quiz"
        assert record.answers is not None
        assert sum(record.answers.scores) == 600


def test_no_text_of_a_document_a_prompt_or_an_answer_is_kept(place: Place) -> None:
    place.record(place.results("first.json", a_run(right(600), finished="2030-01-01")), "--chip", "beta")
    kept = b"".join(place.files().values())
    assert b"document 7" not in kept
    assert b"prompt 7" not in kept


def test_a_record_has_a_line_an_item_and_some_hundred_bytes_for_each(place: Place) -> None:
    place.first()
    (record,) = place.beside.glob("*.jsonl")
    lines = record.read_bytes().splitlines()
    assert len(lines) == 1001
    assert max(map(len, lines[1:])) < 120


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metric": "f1"}, "no record with metric `accuracy`"),
        ({"headline": None, "scale": None}, None),
        ({"shots": 3, "repeats": 1}, None),
        ({"higher_is_better": False}, "less is better"),
    ],
)
def test_results_that_the_policy_does_not_fit_are_refused(
    place: Place, changes: dict[str, object], said: str | None
) -> None:
    results = place.results("first.json", a_run(right(600), **changes))
    if said is None:
        place.record(results, "--chip", "beta")
        return
    with pytest.raises(GateError, match=said):
        place.record(results, "--chip", "beta")
    assert not place.folder.exists() or place.files() == {}


def test_a_score_that_its_items_do_not_give_is_refused(place: Place) -> None:
    path = place.results("first.json", a_run(right(600)))
    path.write_text(path.read_text().replace('"score": 60.0', '"score": 61.0'))
    with pytest.raises(GateError, match=r"headline-differs: the reference states 61\.00 out of 100"):
        place.record(path, "--chip", "beta")


def test_an_aggregate_is_no_baseline(place: Place) -> None:
    path = place.root / "table.md"
    path.write_text("| benchmark | score |\n|---|---|\n| Quiz | 60.0 % |\n")
    with pytest.raises(GateError, match="aggregate-only"):
        place.record(path, "--chip", "beta", "--weights", "a" * 64, "--software", "vllm=0.9")


def test_items_of_another_number_are_refused(place: Place) -> None:
    with pytest.raises(GateError, match="no answer to 400 of 1,000 items"):
        place.record(place.results("first.json", a_run([1.0] * 600)), "--chip", "beta")


def test_what_answered_has_to_be_known(place: Place) -> None:
    with pytest.raises(RecipeError, match="--chip, --weights"):
        place.record(place.results("first.json", a_run(right(600), weights_sha256=None)))
    with pytest.raises(typer.BadParameter, match="the image that answered, or the software"):
        place.record(place.results("first.json", a_run(right(600), software=())), "--chip", "beta")


def test_an_option_that_the_results_contradict_is_refused(place: Place) -> None:
    with pytest.raises(RecipeError, match=r"the record says weights aaa.*, the command bbb"):
        place.record(place.results("first.json", a_run(right(600))), "--chip", "beta", "--weights", "b" * 64)


@pytest.mark.parametrize("name", ["cuda", "tiny/../cuda", "/tiny/cuda", "tiny/a/b", "tiny/cu\nda"])
def test_a_name_that_is_no_place_is_refused(place: Place, name: str) -> None:
    results = place.results("first.json", a_run(right(600)))
    with pytest.raises(typer.BadParameter, match="wanted MODEL/STACK"):
        place.call("record", name, "--from", results, "--policy", "quick", "--by", "x", "--chip", "beta")


def test_an_unknown_model_or_chip_is_told_with_the_nearest_name(place: Place) -> None:
    results = place.results("first.json", a_run(right(600)))
    with pytest.raises(RecipeError, match="unknown model `tyni`"):
        place.call("record", "tyni/cuda", "--from", results, "--policy", "quick", "--by", "x", "--chip", "beta")
    with pytest.raises(RecipeError, match="betta"):
        place.record(results, "--chip", "betta")


def test_a_name_that_is_taken_is_refused_and_superseding_keeps_the_old(place: Place) -> None:
    place.first()
    before = place.files()
    with pytest.raises(RecipeError, match=f"there is a baseline `{NAME}.json` already"):
        place.first(scores=right(590))
    assert place.files() == before
    place.first("--supersedes", scores=right(590))
    after = place.files()
    (kept,) = [data for name, data in after.items() if name.startswith(f"{NAME}/") and name.endswith(".json")]
    assert kept == before[f"{NAME}.json"]
    assert json.loads(after[f"{NAME}.json"])["tasks"][0]["score"] == 0.59
    assert {name for name in before if name.endswith(".jsonl")} < set(after)


def test_a_rerun_shows_how_many_answers_differ_when_nothing_does(place: Place) -> None:
    place.first()
    again = place.results("again.json", a_run(right(600, flipped=range(20)), side="t", finished="2030-01-02"))
    told = place.record(again, "--again")
    assert "quiz: 20 of 1,000 answers differ, 2.00 %, at most 2.89 % (95 %)" in told.out
    third = place.results("third.json", a_run(right(600, flipped=range(10)), side="t", finished="2030-01-03"))
    place.record(third, "--again")
    shown = place.call("show", NAME, "--json").data
    assert shown["flip_rates"] == {"quiz": 0.015}
    assert len(shown["statement"]["reruns"]) == 2
    (record,) = records_of(Sources(ResultFiles(place.statement)))
    assert record.answers is not None
    assert sum(record.answers.scores) == 600, "a rerun is none of the reference's records"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"settings": {"temperature": "1.0"}}, "other-settings"),
        ({"weights_sha256": "b" * 64}, "the record says weights"),
        ({"finished": "2030-01-01"}, "it ended at the same moment"),
        ({"software": ()}, None),
    ],
)
def test_a_run_of_something_else_is_no_rerun(place: Place, changes: dict[str, object], said: str | None) -> None:
    place.first()
    before = place.statement.read_bytes()
    again = place.results("again.json", a_run(right(590), side="t", **{"finished": "2030-01-02", **changes}))
    if said is None:
        place.record(again, "--again")
        return
    with pytest.raises((GateError, RecipeError), match=said):
        place.record(again, "--again")
    assert place.statement.read_bytes() == before


def test_the_same_file_is_no_rerun(place: Place) -> None:
    place.first()
    with pytest.raises(GateError, match="byte for byte"):
        place.record(place.root / "first.json", "--again")


def test_there_is_no_rerun_of_what_is_not_there(place: Place) -> None:
    with pytest.raises(RecipeError, match=f"unknown baseline `{NAME}.json`"):
        place.record(place.results("first.json", a_run(right(600))), "--again")


KILLED = """
import os, signal, sys
from flagrelease.adapters.recipes import baseline_files
at = sys.argv.pop(1)
def until(act):
    def acted(path, data):
        if path.name.endswith(at):
            os.kill(os.getpid(), signal.SIGKILL)
        act(path, data)
    return acted
baseline_files.create, baseline_files.write_durably = map(until, (baseline_files.create, baseline_files.write_durably))
from flagrelease.cli.app import main
main()
"""


@pytest.mark.parametrize("at", [".jsonl", ".sig", "cuda.json"])
def test_a_kill_at_any_write_leaves_the_old_baseline_whole_and_the_command_completes(place: Place, at: str) -> None:
    key = place.key("maker")
    place.trust(key)
    place.first("--sign-with", key)
    before = place.statement.read_bytes()
    results = place.results("second.json", a_run(right(590), finished="2030-01-02"))
    words = ["record", NAME, "--from", results, "--policy", "quick", "--chip", "beta", "--supersedes",
             "--sign-with", key, "--recipes", place.recipes]  # fmt: skip
    argv = [sys.executable, "-c", KILLED, at, "baseline", *map(str, words)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert place.statement.read_bytes() == before
    assert "ok     signature: maker" in place.call("verify", NAME, *DAY, "--signed").out
    place.record(results, "--chip", "beta", "--supersedes", "--sign-with", key)
    assert place.statement.read_bytes() != before
    assert "ok     signature: maker" in place.call("verify", NAME, "--today", "2027-01-01", "--signed").out


def test_two_at_once_end_with_one_of_both(place: Place) -> None:
    started = []
    for count in (580, 590):
        results = place.results(f"{count}.json", a_run(right(count), finished=f"2030-01-{count % 31 + 1:02}"))
        words = ["record", NAME, "--from", results, "--policy", "quick", "--chip", "beta", "--by", "x",
                 "--recipes", place.recipes]  # fmt: skip
        argv = [sys.executable, "-m", "flagrelease", "baseline", *map(str, words)]
        started.append(subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    told = [process.communicate()[1] for process in started]
    ended = sorted(zip((process.returncode for process in started), told, strict=True))
    assert [code for code, _ in ended] == [0, 3]
    assert "there is a baseline" in ended[1][1]
    assert "ok     quiz: score" in place.call("verify", NAME, "--today", "2027-01-01").out
