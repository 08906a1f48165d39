"""MindIE modeltest: grids of its configuration and scores in one file, single answers below `debug/`, the variables."""

import json
import shutil
from pathlib import Path

import pytest

from flagrelease.errors import RecipeError
from tests.ingest.sides import SAMPLES, folder, one, read

GRID = "Tasks,N-Shot,Total,Pass,Metric,Value\nboolq,0,{total},{right},acc,{share}\n"


def answered(root: Path, name: str, text: str, *, total: int = 2, right: int = 1) -> Path:
    grid = GRID.format(total=total, right=right, share=right / total)
    return folder(root, {"p/results/boolq_result.csv": grid, f"p/debug/{name}": text})


def test_the_scores_are_found_below_the_configuration_s_grids() -> None:
    facts = one("modeltest/unmarked").facts
    assert (facts.task, facts.metric, facts.shots, facts.precision) == ("textvqa", "vqa", 0, "fp16")
    assert facts.headline is not None
    assert (facts.headline.score, facts.headline.items, facts.headline.right) == (61.25, 4, None)
    # Nothing in the file says what a score without Pass is out of.
    assert (facts.scale, facts.kind) == (None, "unknown")


def test_the_lengths_that_were_asked_for_are_settings() -> None:
    settings = one("modeltest/unmarked").facts.settings
    assert settings["requested_max_input_length"] == "20000"
    assert settings["requested_max_output_length"] == "256"


def test_answers_that_say_whether_they_are_right_are_items_of_the_whole_task() -> None:
    whole, subject = read("modeltest/marked")
    assert (whole.facts.task, subject.facts.task, subject.answers) == ("boolq", "passages", None)
    assert whole.answers is not None
    assert (len(whole.answers), sum(whole.answers.scores), whole.facts.kind) == (8, 6, "proportion")
    assert whole.answers.ids == [str(n) for n in range(8)]
    assert len(set(whole.answers.prompts)) == 8
    assert len(whole.facts.sources) == 2


def test_answers_without_a_mark_are_no_items_and_equal_ones_have_one_hash_wherever_and_in_whatever_order() -> None:
    here, there = one("modeltest/unmarked"), one("modeltest/elsewhere")
    assert here.answers is None
    assert "4 answers are there and none says whether it is right" in here.facts.notes[1]
    assert here.facts.notes[1] == there.facts.notes[1]


def test_another_answer_has_another_hash(tmp_path: Path) -> None:
    run = Path(shutil.copytree(SAMPLES / "modeltest" / "unmarked", tmp_path / "run"))
    output = next(run.rglob("output_0.txt"))
    output.write_text(output.read_text().replace("dakota", "nokia"))
    assert one(run).facts.notes[1] != one("modeltest/unmarked").facts.notes[1]


@pytest.mark.parametrize("spelled", ["lines", "json", "one list", "objects"])
def test_an_entry_s_fourth_value_is_its_mark(tmp_path: Path, spelled: str) -> None:
    rows = [["yes", "Is it?\n", 0.5, True], ["no", "Was it?", 0.4, False]]
    keyed = [dict(zip(("output", "input", "e2e_time", "pass"), row, strict=True)) for row in rows]
    text = {
        "lines": "\n".join(map(repr, rows)),
        "json": "\n".join(map(json.dumps, rows)),
        "one list": repr([tuple(row) for row in rows]),
        "objects": "\n".join(map(repr, keyed)),
    }[spelled]
    answers = one(answered(tmp_path, "output_0.txt", text)).answers
    assert answers is not None
    assert list(answers.scores) == [1, 0]


def test_items_are_called_by_what_was_asked_so_their_order_is_of_no_matter(tmp_path: Path) -> None:
    rows = ["['yes', '/a/b/1.jpg Is it?', 1, 1]", "['no', '/a/b/2.jpg Is it?', 1, 0]"]
    moved = [row.replace("/a/b/", "/c/") for row in reversed(rows)]
    first, other = (
        one(answered(tmp_path / name, "output_0.txt", "\n".join(text))).answers
        for name, text in (("first", rows), ("other", moved))
    )
    assert first is not None
    assert other is not None
    assert dict(zip(first.ids, first.scores, strict=True)) == dict(zip(other.ids, other.scores, strict=True))
    assert sorted(first.prompts) == sorted(other.prompts)


def test_one_question_twice_is_two_items(tmp_path: Path) -> None:
    text = "['yes', 'Is it?', 1, 1]\n['no', 'Is it?', 1, 0]"
    answers = one(answered(tmp_path, "output_0.txt", text)).answers
    assert answers is not None
    assert answers.ids[1] == f"{answers.ids[0]}-2"


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="entry 2: wanted an answer"):
        read(answered(tmp_path, "output_0.txt", "['yes', 'Is it?', 1, 1]\n['no', 'Is i"))


def test_a_form_that_nobody_knows_is_told_and_the_scores_are_read(tmp_path: Path) -> None:
    record = one(answered(tmp_path, "output_0.txt", "yes\nIs it?\n0.5\n"))
    assert record.answers is None
    assert "in no form that is known" in record.facts.notes[1]


@pytest.mark.parametrize(
    "entry", ["(" * 9000, "[" * 9000 + "]" * 9000, "{1: 2, 'a': 3}", "[b'x', {1, 2}, 1]", "9" * 9000]
)
def test_hostile_literals_are_no_answers(tmp_path: Path, entry: str) -> None:
    assert one(answered(tmp_path, "output_0.txt", entry)).answers is None


def test_a_mark_that_is_none_is_named(tmp_path: Path) -> None:
    text = "key,queries,test_result,golden_result,pass\n0,q,a,a,maybe\n"
    with pytest.raises(RecipeError, match="item '0': wanted `pass` as True or False, found 'maybe'"):
        read(answered(tmp_path, "a_debug_info.csv", text))


def test_answers_belong_to_the_results_of_the_same_folder(tmp_path: Path) -> None:
    marks = "key,queries,test_result,golden_result,pass\n0,q,a,a,{}\n1,p,a,b,False\n"
    grid = GRID.format(total=2, right=1, share=0.5)
    path = folder(
        tmp_path,
        {
            "p/results/one/boolq_result.csv": grid,
            "p/results/two/gsm8k_result.csv": grid.replace("boolq", "gsm8k"),
            "p/debug/one/x_debug_info.csv": marks.format("True"),
            "p/debug/two/x_debug_info.csv": marks.format("True").replace("True", "False").replace("0,q", "7,q"),
        },
    )
    found = {record.facts.task: record.answers for record in read(path)}
    assert {task: answers and answers.ids for task, answers in found.items()} == {
        "boolq": ["0", "1"],
        "gsm8k": ["7", "1"],
    }


def test_the_harness_s_own_variables_are_told() -> None:
    assert "HCCL_DETERMINISTIC=true" in one("modeltest/unmarked").facts.notes[0]


def test_the_variables_that_decide_how_a_chip_computes_are_settings_and_no_others() -> None:
    settings = one("modeltest/elsewhere").facts.settings
    assert {key: value for key, value in settings.items() if key.startswith("env.")} == {
        "env.LCCL_DETERMINISTIC": "1",
        "env.HCCL_DETERMINISTIC": "true",
        "env.ATB_MATMUL_SHUFFLE_K_ENABLE": "0",
        "env.INF_NAN_MODE_ENABLE": "0",
    }


def test_the_variables_of_any_harness_s_run_are_settings(tmp_path: Path) -> None:
    run = Path(shutil.copytree(SAMPLES / "lm-eval" / "first", tmp_path / "run"))
    (run / "environment.json").write_text(json.dumps({"LCCL_DETERMINISTIC": 1, "API_TOKEN": "secret"}))
    settings = [record.facts.settings for record in read(run)]
    assert {one["env.LCCL_DETERMINISTIC"] for one in settings} == {"1"}
    assert "secret" not in str(settings)


def test_two_environments_on_one_side_are_refused(tmp_path: Path) -> None:
    run = Path(shutil.copytree(SAMPLES / "modeltest" / "elsewhere", tmp_path / "run"))
    (run / "deepseekvl" / "environment.env").write_text("export LCCL_DETERMINISTIC='0'\n")
    with pytest.raises(RecipeError, match="wanted LCCL_DETERMINISTIC once"):
        read(run)
