"""What lmms-eval 0.7.3 wrote is read whole: the video each question is of, judges by their metric's name."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from flagrelease.errors import RecipeError
from tests.ingest.sides import SAMPLES, folder, one, read

FIRST = SAMPLES / "lmms-eval" / "first"


def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIRST, tmp_path / "run"))


def edit(run: Path, *path: str, value: Any) -> None:
    results = next(run.glob("*_results.json"))
    document = json.loads(results.read_text())
    at = document
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    results.write_text(json.dumps(document))


def rewrite(run: Path, **changes: Any) -> None:
    samples = next(run.glob("*.jsonl"))
    rows = [{**json.loads(line), **changes} for line in samples.read_text().splitlines()]
    samples.write_text("\n".join(map(json.dumps, rows)))


def test_the_record_says_what_was_asked_and_how() -> None:
    facts = one("lmms-eval/first", metric="facts_score,none").facts
    assert (facts.harness.name, facts.task, facts.shots, facts.repeats) == ("lmms-eval", "facts_video", 0, 1)
    assert facts.harness.version is None
    assert (facts.dataset.items, facts.dataset.split) == (12, "test")
    assert (facts.settings["temperature"], facts.settings["numpy_seed"]) == ("0.0", "1234")
    assert facts.headline is not None
    assert (facts.headline.score, facts.headline.items, facts.headline.stderr) == (25.0, 12, None)
    assert len(facts.sources) == 2


def test_each_item_knows_its_video_its_prompt_and_its_length() -> None:
    answers = one("lmms-eval/first", metric="facts_score,none").answers
    assert answers is not None
    assert sorted(set(answers.clusters)) == [f"video-{n}" for n in range(4)]
    assert answers.ids == [str(n) for n in range(12)]
    assert len(set(answers.prompts)) == 12
    assert answers.mean_tokens == pytest.approx(184 / 12)
    assert sum(answers.scores) == 3


def test_a_hash_that_every_item_has_says_nothing_of_any(tmp_path: Path) -> None:
    record = one("lmms-eval/first", metric="facts_score,none")
    assert record.answers is not None
    assert not any(record.answers.documents)
    assert "hashes of items are all one" in record.facts.notes[0]
    run = copy(tmp_path)
    samples = next(run.glob("*.jsonl"))
    rows = [{**json.loads(line), "doc_hash": str(n)} for n, line in enumerate(samples.read_text().splitlines())]
    samples.write_text("\n".join(map(json.dumps, rows)))
    good = one(run, metric="facts_score,none")
    assert good.answers is not None
    assert len(set(good.answers.documents)) == 12
    assert good.facts.notes == ()


def test_what_a_score_is_out_of_follows_from_the_items() -> None:
    assert one("lmms-eval/first", metric="facts_score,none").facts.scale == 100


@pytest.mark.parametrize(("score", "scale"), [(0.25, 1), (250.0, 1000), (24.9, None)])
def test_a_score_on_another_scale_is_known_by_its_items(tmp_path: Path, score: float, scale: int | None) -> None:
    run = copy(tmp_path)
    edit(run, "results", "facts_video", "facts_score,none", value=score)
    assert one(run, metric="facts_score,none").facts.scale == scale


def test_a_metric_of_a_judge_is_one_by_its_name() -> None:
    found = {record.facts.metric: record.facts.kind for record in read("lmms-eval/first")}
    assert found == {"facts_score,none": "proportion", "gpt_eval_score,none": "judge"}


def test_two_runs_have_one_configuration_though_functions_lie_elsewhere() -> None:
    first, again = (one(f"lmms-eval/{run}", metric="facts_score,none").facts for run in ("first", "again"))
    assert first.harness.config_sha256 == again.harness.config_sha256
    text = next(FIRST.glob("*_results.json")).read_text()
    assert text != next((SAMPLES / "lmms-eval" / "again").glob("*_results.json")).read_text()


def test_another_prompt_template_is_another_configuration(tmp_path: Path) -> None:
    run = copy(tmp_path)
    edit(run, "configs", "facts_video", "description", value="Answer at once.")
    before = one("lmms-eval/first", metric="facts_score,none").facts.harness.config_sha256
    assert one(run, metric="facts_score,none").facts.harness.config_sha256 != before


def test_a_task_s_own_keys_of_score_and_cluster_are_used(tmp_path: Path) -> None:
    run = copy(tmp_path)
    edit(run, "configs", "facts_video", "score_key", value="mark")
    edit(run, "configs", "facts_video", "cluster_key", value="clip")
    rewrite(run, facts_score={"mark": 1, "clip": "c"}, gpt_eval_score={"score": 1})
    record = one(run, metric="facts_score,none")
    assert record.answers is not None
    assert (set(record.answers.clusters), set(record.answers.scores)) == ({"c"}, {1.0})
    assert one(run, metric="gpt_eval_score,none").answers is None


def test_what_the_harness_computes_of_a_metric_is_no_metric(tmp_path: Path) -> None:
    run = copy(tmp_path)
    for made in ("expected_accuracy", "consensus_accuracy", "internal_variance", "consistency_rate"):
        edit(run, "results", "facts_video", f"facts_score_{made},none", value=0.5)
    assert len(read(run)) == 2


def test_an_aggregation_of_its_own_has_no_items(tmp_path: Path) -> None:
    run = copy(tmp_path)
    rewrite(run, gpt_eval_score={"review": "good", "scores": [7, 8]})
    assert one(run, metric="gpt_eval_score,none").answers is None


def test_an_answer_that_never_came_is_an_error(tmp_path: Path) -> None:
    run = copy(tmp_path)
    rewrite(run, filtered_resps=None)
    answers = one(run, metric="facts_score,none").answers
    assert answers is not None
    assert answers.count("error") == 12


def test_two_filters_in_one_file_are_refused_since_no_line_names_its_own(tmp_path: Path) -> None:
    run = copy(tmp_path)
    edit(run, "results", "facts_video", "facts_score,strict", value=25.0)
    with pytest.raises(RecipeError, match="wanted one filter, found facts_score,none, facts_score,strict"):
        read(run)


def test_a_mark_of_ten_is_refused_and_never_rescaled(tmp_path: Path) -> None:
    run = copy(tmp_path)
    rewrite(run, facts_score={"score": 7})
    with pytest.raises(RecipeError, match="wanted a score from 0 to 1, found 7"):
        read(run)


def test_samples_alone_are_items_without_a_stated_score(tmp_path: Path) -> None:
    samples = next(FIRST.glob("*.jsonl"))
    found = read(folder(tmp_path, {samples.name: samples.read_bytes()}))
    assert [record.facts.metric for record in found] == ["facts_score", "gpt_eval_score"]
    assert "no stated score" in found[0].facts.notes[0]


def test_it_is_not_lm_eval_though_its_files_have_the_same_shape() -> None:
    results = next(FIRST.glob("*_results.json"))
    assert {record.facts.harness.name for record in read(results)} == {"lmms-eval"}
