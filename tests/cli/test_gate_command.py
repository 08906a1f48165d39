"""`flagrelease gate` on files of harnesses, as a person calls it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingest.sides import SAMPLES, folder

ROOT = Path(__file__).parents[2]
MAIN = "from flagrelease.cli.app import main; main()"
POLICY = """
schema: flagrelease.gate/v1
name: facts
title: Twelve facts
harness_tasks:
  facts_cloze: {harness: lm-eval, benchmark: facts_cloze, metric: "exact_match,first-word", items: 12, margin_pt: 5.0}
"""


def gate(*words: str | Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", MAIN, "gate", *map(str, words)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    path = tmp_path / "facts.yaml"
    path.write_text(POLICY)
    return path


def of(run: str) -> Path:
    return SAMPLES / "lm-eval" / run


def test_the_first_card_s_aggregates_are_held_with_their_reasons() -> None:
    card = SAMPLES / "table" / "card.md"
    sides = ("--reference", f"{card}#CUDA", "--target", f"{card}#FlagOS", "--policy", "minicpm-o-2.6")
    done = gate(*sides, "--chip", "cambricon_mlu", "--model", "minicpm-o-2.6", "--json")
    assert done.returncode == 11, done.stderr
    found = json.loads(done.stdout)
    assert found["decision"] == "HOLD"
    assert {task["decision"] for task in found["tasks"]} == {"INCONCLUSIVE"}
    differences = {task["task"]: round(100 * task["difference"], 2) for task in found["tasks"]}
    assert (differences["mmvet_v2"], differences["cii_bench_test"], differences["mmmu_val"]) == (-1.72, -1.31, 0)
    impossible = [
        task["task"] for task in found["tasks"] if any(f["id"] == "unattainable-aggregate" for f in task["findings"])
    ]
    assert impossible == ["mmmu_pro_vision_test"]
    assert found["findings"] == []
    assert any("how many items were scored" in text for text in found["settle"])


def test_the_same_table_under_another_chip_s_name_is_no_go() -> None:
    card = SAMPLES / "table" / "card.md"
    sides = ("--reference", f"{card}#CUDA", "--target", f"{card}#FlagOS", "--policy", "minicpm-o-2.6")
    done = gate(*sides, "--chip", "nvidia_cuda", "--model", "minicpm-o-2.6")
    assert done.returncode == 8
    assert "copied-scores: the target's scores are those of `minicpm-o-2.6.flagscale`" in done.stdout


def test_two_real_runs_are_compared_item_by_item(facts: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    done = gate("--reference", of("first"), "--target", of("again"), "--policy", facts, "--out", report)
    assert done.returncode == 11, done.stderr
    assert "| facts_cloze | 12 | 50.00     | 50.00  | +0.00 [-18.40, +18.40] | 0/0       | 5.00" in done.stdout
    assert "facts_cloze: about 52 items, or 5 runs of its 12 on each side" in done.stdout
    assert report.read_text().startswith("# HOLD: ")
    assert "| facts_cloze | `unstated` | note |" in report.read_text()


def test_the_page_is_written_beside_the_verdict_and_says_the_same(facts: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = gate("--reference", of("first"), "--target", of("again"), "--policy", facts, "--html", page)
    assert done.returncode == 11, done.stderr
    text = page.read_text()
    assert text.startswith("<!DOCTYPE html>")
    for shown in (">HOLD</span>", "12 / 12", "+0.00 [−18.40, +18.40]", "about 52 items", "facts_cloze", "Operating"):
        assert shown in text


def test_a_page_that_cannot_be_written_is_said_and_ends_with_its_own_code(facts: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = gate(
        "--reference", of("first"), "--target", of("again"), "--policy", facts, "--html", tmp_path / "file" / "p.html"
    )
    assert done.returncode not in (0, 1, 8, 11)
    assert "Traceback" not in done.stderr


def test_a_limited_run_is_no_go_with_what_differs(facts: Path) -> None:
    done = gate("--reference", of("first"), "--target", of("limit-8"), "--policy", facts)
    assert done.returncode == 8
    assert "limit is not set on the reference and 8.0 on the target" in done.stdout
    assert "no answer to 4 of 12 items" in done.stdout


def test_records_of_evaluate_are_judged_by_the_policy_s_own_tasks(tmp_path: Path) -> None:
    baseline = ROOT / "recipes" / "baselines" / "smollm2-135m-instruct"
    again = json.loads((baseline / "transformers-fp32.json").read_text())
    again["title"] = "the same, written again"
    target = folder(tmp_path, {"again.json": again})
    done = gate("--reference", baseline, "--target", target, "--policy", "smollm2-135m")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASS") == 4
    assert gate("--reference", baseline, "--target", baseline, "--policy", "smollm2-135m").returncode == 11


def test_failed_requests_that_a_harness_leaves_out_are_found(tmp_path: Path) -> None:
    policy = POLICY.replace("facts_cloze", "general_mcq").replace("exact_match,first-word", "accuracy")
    (tmp_path / "p.yaml").write_text(policy.replace("lm-eval", "evalscope"))
    runs = SAMPLES / "evalscope"
    done = gate("--reference", runs / "first", "--target", runs / "two-failed", "--policy", tmp_path / "p.yaml")
    assert done.returncode == 8
    assert "too-many-rejects: the target has no answer to 2 of 12 items" in done.stdout
    assert "put-right: target: 2 of 12 requests failed" in done.stdout


def test_a_shorter_limit_of_tokens_is_found(tmp_path: Path) -> None:
    policy = POLICY.replace("facts_cloze", "general_mcq").replace("exact_match,first-word", "accuracy")
    (tmp_path / "p.yaml").write_text(policy.replace("lm-eval", "evalscope"))
    runs = SAMPLES / "evalscope"
    done = gate("--reference", runs / "first", "--target", runs / "shorter", "--policy", tmp_path / "p.yaml", "--json")
    (task,) = json.loads(done.stdout)["tasks"]
    assert {"other-settings", "length-drift", "unstated"} == {finding["id"] for finding in task["findings"]}


def test_every_record_can_be_written_and_judged_again(facts: Path, tmp_path: Path) -> None:
    words = ("--policy", facts, "--json")
    first = gate("--reference", of("first"), "--target", of("again"), *words, "--records", tmp_path / "records")
    again = gate("--reference", tmp_path / "records" / "reference", "--target", tmp_path / "records" / "target", *words)
    ours, theirs = json.loads(first.stdout)["tasks"], json.loads(again.stdout)["tasks"]
    assert ours == theirs


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("table/card.md", "wanted one column of scores"),
        ("nowhere", "found none"),
        ("vlmevalkit", "found MMStar (accuracy), OCRBench (accuracy)"),
        ("evalscope/first", "on both sides; found general_mcq"),
    ],
)
def test_what_makes_no_record_ends_with_three_and_no_verdict(facts: Path, reference: str, told: str) -> None:
    done = gate("--reference", SAMPLES / reference, "--target", of("first"), "--policy", facts)
    assert done.returncode == 3
    assert done.stdout == ""
    assert told in done.stderr


def test_two_harnesses_end_with_three_and_no_verdict(tmp_path: Path) -> None:
    policy = """
schema: flagrelease.gate/v1
name: ocr
title: OCR
harness_tasks:
  ocrbench_test: {harness: vlmevalkit, benchmark: ocrbench_test, metric: accuracy, items: 1000, margin_pt: 3.0}
"""
    (tmp_path / "p.yaml").write_text(policy)
    sides = ("--reference", SAMPLES / "vlmevalkit", "--target", SAMPLES / "flagevalmm" / "marks")
    done = gate(*sides, "--policy", tmp_path / "p.yaml")
    assert (done.returncode, done.stdout) == (3, "")
    assert "wanted the scores of one harness, found vlmevalkit on the reference and flagevalmm" in done.stderr


def test_a_policy_that_is_not_there_is_named() -> None:
    done = gate("--reference", of("first"), "--target", of("again"), "--policy", "no-such.yaml")
    assert done.returncode == 3
    assert "wanted a policy file" in done.stderr
    assert gate("--reference", of("first"), "--target", of("again"), "--policy", "smollm2-135").returncode == 3


IMAGE = f"sha256:{'1' * 64}"


def waiver_for(folder: Path, *, image: str = IMAGE, expires: str = "2099-01-02") -> Path:
    path = folder / "waiver.yaml"
    path.write_text(f"image: {image}\nowner: Ada\nreason: few items by design\nexpires: {expires}\n")
    return path


def test_a_waiver_in_force_for_the_image_lets_a_hold_through_and_the_report_says_whose(
    facts: Path, tmp_path: Path
) -> None:
    report, words = tmp_path / "report.md", ("--policy", facts, "--image", IMAGE)
    sides = ("--reference", of("first"), "--target", of("again"))
    assert gate(*sides, *words).returncode == 11
    done = gate(*sides, *words, "--waiver", waiver_for(tmp_path), "--out", report)
    assert done.returncode == 0, done.stderr
    told = f"Let through by waiver of Ada until 2099-01-02, for {IMAGE} only: few items by design"
    assert told in done.stdout
    assert report.read_text().startswith("# HOLD: ")
    assert f"> {told}" in report.read_text()
    found = json.loads(gate(*sides, *words, "--waiver", tmp_path / "waiver.yaml", "--json").stdout)
    assert (found["decision"], found["waiver"]["owner"]) == ("HOLD", "Ada")


@pytest.mark.parametrize("changes", [{"image": f"sha256:{'2' * 64}"}, {"expires": "2020-01-02"}])
def test_a_waiver_for_another_image_or_of_yesterday_lets_nothing_through(
    changes: dict[str, str], facts: Path, tmp_path: Path
) -> None:
    waiver = waiver_for(tmp_path, **changes)
    sides = ("--reference", of("first"), "--target", of("again"), "--policy", facts, "--image", IMAGE)
    done = gate(*sides, "--waiver", waiver)
    assert done.returncode == 11
    assert "the waiver does not cover this image" in done.stderr
    assert "Ada" not in done.stdout


def test_no_waiver_lets_a_no_go_through(facts: Path, tmp_path: Path) -> None:
    sides = ("--reference", of("first"), "--target", of("limit-8"), "--policy", facts, "--image", IMAGE)
    done = gate(*sides, "--waiver", waiver_for(tmp_path))
    assert done.returncode == 8
    assert "no waiver lets a NO-GO through" in done.stderr
    assert "Ada" not in done.stdout


def test_a_waiver_is_for_an_image_and_says_who_why_and_until_when(facts: Path, tmp_path: Path) -> None:
    sides = ("--reference", of("first"), "--target", of("again"), "--policy", facts)
    assert gate(*sides, "--waiver", waiver_for(tmp_path)).returncode == 2
    lacking = tmp_path / "lacking.yaml"
    lacking.write_text(f"image: {IMAGE}\nexpires: 2099-01-02\n")
    done = gate(*sides, "--image", IMAGE, "--waiver", lacking)
    assert (done.returncode, done.stdout) == (3, "")
    assert "owner" in done.stderr


def test_an_image_that_is_no_digest_is_a_wrong_command_line(facts: Path) -> None:
    done = gate("--reference", of("first"), "--target", of("again"), "--policy", facts, "--image", "latest")
    assert done.returncode == 2


DIFFERENCES = """
| Metrics | Difference with Nvidia-CUDA |
|---|---|
| Video-MME 0-shot avg@1 ↑ | 0.33% |

| Metrics(avg@1) | Difference with Nvidia-CUDA |
|---|---|
| CMMMU ↑ | 0.72% |
| MMMU ↑ | 1.44% |
| MMMU_Pro_standard ↑ | 0.83% |
| MMMU_Pro_vision ↑ | 0.38% |
| MM-Vet v2 ↑ | 0.46% |
| OCRBench ↑ | 0.10% |
| MathVision ↑ | 0.41% |
| CII-Bench ↑ | 0.40% |
| Blink ↑ | 1.90% |
| MathVista ↑ | 0.70% |
"""


def test_the_second_card_s_differences_decide_nothing_and_say_what_has_to_be_measured(tmp_path: Path) -> None:
    card = folder(tmp_path, {"card.md": DIFFERENCES}) / "card.md"
    done = gate("--reference", card, "--target", card, "--policy", "minicpm-o-4.5", "--json")
    assert done.returncode == 11, done.stderr
    tasks = {task["task"]: task for task in json.loads(done.stdout)["tasks"]}
    assert {task["decision"] for task in tasks.values()} == {"INCONCLUSIVE"}
    # Ten display names, each found by the alias of its benchmark.
    assert len(tasks) == 10
    assert tasks["blink_val"]["difference"] == pytest.approx(-0.019)
    assert "without a sign and so shown as a loss" in tasks["blink_val"]["reason"]
    assert "both sides have to be measured, item by item" in tasks["blink_val"]["reason"]
    assert (
        "blink_val: both sides' scores with the record of each item, 1,901 items each"
        in json.loads(done.stdout)["settle"]
    )


def test_a_difference_of_another_number_of_shots_is_invalid(tmp_path: Path) -> None:
    card = folder(tmp_path, {"card.md": DIFFERENCES.replace("0-shot avg@1", "5-shot avg@4")}) / "card.md"
    done = gate("--reference", card, "--target", card, "--policy", "minicpm-o-4.5-transformers")
    assert done.returncode == 8, done.stderr
    assert "the policy wants 0 shots, the reference has 5" in done.stdout


def test_sides_of_unequal_runs_are_invalid(tmp_path: Path) -> None:
    rows = "| Task | CUDA | FlagOS avg@4 |\n|---|---|---|\n| Video-MME | 60.0 | 60.1 |\n"
    card = folder(tmp_path, {"card.md": rows}) / "card.md"
    sides = ("--reference", f"{card}#CUDA", "--target", f"{card}#FlagOS avg@4")
    done = gate(*sides, "--policy", "minicpm-o-4.5-transformers")
    assert done.returncode == 8, done.stderr
    assert "other-shots: the reference has 1 runs, the target 4" in done.stdout


def test_a_chip_that_was_set_to_compute_otherwise_is_invalid(tmp_path: Path, facts: Path) -> None:
    sides = []
    for name, value in (("reference", "true"), ("target", "false")):
        run = Path(shutil.copytree(of("first"), tmp_path / name))
        (run / "environment.env").write_text(f"HCCL_DETERMINISTIC={value}\n")
        sides.append(run)
    done = gate("--reference", sides[0], "--target", sides[1], "--policy", facts)
    assert done.returncode == 8, done.stderr
    assert "env.HCCL_DETERMINISTIC is true on the reference and false on the target" in done.stdout


CAPTIONS = """
schema: flagrelease.gate/v1
name: captions
title: Captions of ten pictures
harness_tasks:
  coco_caption_clip:
    harness: open_clip
    benchmark: coco_caption_clip
    metric: mean cosine of image and caption
    items: 10
    scale: 1
    margin_pt: 1.0
    tier: advisory
    judge: tiny, weights by digest
"""


def test_captions_are_paired_by_image_and_an_advisory_task_decides_nothing(tmp_path: Path) -> None:
    policy = tmp_path / "captions.yaml"
    policy.write_text(CAPTIONS)
    rated = SAMPLES / "open_clip" / "rated" / "scores.json"
    done = gate("--reference", f"{rated}#GPU", "--target", f"{rated}#NPU", "--policy", policy, "--json")
    assert done.returncode == 8, done.stderr
    found = json.loads(done.stdout)
    task = found["tasks"][0]
    assert (task["items"], task["evidence"], task["tier"]) == (10, "graded", "advisory")
    assert not any(finding["weight"] == "invalid" for finding in task["findings"])
    assert "reference-is-target" not in {finding["id"] for finding in task["findings"]}
    assert "no critical task" in found["reasons"][1]


BASELINE = ROOT / "recipes" / "baselines" / "smollm2-135m-instruct"


def order_of(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return gate("order", "--policy", "smollm2-135m", "--items", BASELINE, *words)


def test_the_order_of_a_task_s_items_is_printed_and_is_no_order_of_the_file() -> None:
    done, again = (order_of("--task", "boolq_next_word", "--up-to", "20") for _ in range(2))
    assert done.returncode == 0, done.stderr
    assert done.stdout == again.stdout
    shown = done.stdout.splitlines()
    assert len(set(shown)) == 20
    assert done.stderr.startswith("looks after ")
    whole = json.loads(order_of("--task", "boolq_next_word", "--json").stdout)
    assert whole["items"][:20] == shown
    assert (len(whole["items"]), whole["looks"][-1], whole["schema"]) == (200, 200, "flagrelease.order/v1")
    (runs,) = [run for run in json.loads(next(BASELINE.glob("*.json")).read_text())["runs"] if run["task"][0] == "b"]
    assert sorted(item["id"] for item in runs["items"]) == sorted(whole["items"])
    assert [item["id"] for item in runs["items"]] != whole["items"]


def test_an_order_of_no_task_or_of_part_of_the_items_is_refused(facts: Path) -> None:
    done = order_of("--task", "boolq")
    assert (done.returncode, done.stdout) == (3, "")
    assert "did you mean 'boolq_next_word'?" in done.stderr
    done = gate("order", "--policy", facts, "--task", "facts_cloze", "--items", of("limit-8"))
    assert done.returncode == 3
    assert "wanted results with all of its 12 items, found 8" in done.stderr


def target_of(folder_: Path, *, items: int) -> Path:
    """A target that answered like the reference, the first items of each task's order alone."""
    baseline = json.loads(next(BASELINE.glob("*.json")).read_text())
    for run in baseline["runs"]:
        order = json.loads(order_of("--task", run["task"], "--json").stdout)["items"][:items]
        run["items"] = [item for item in run["items"] if item["id"] in set(order)]
        run["score"] = sum(item["score"] for item in run["items"]) / items
    return folder(folder_, {"part.json": baseline})


def test_the_first_items_of_the_order_may_decide_and_a_part_that_is_not_first_never_does(tmp_path: Path) -> None:
    part = target_of(tmp_path, items=200)
    words = ("--reference", BASELINE, "--target", part, "--policy", "smollm2-135m")
    done = gate(*words, "--sequential")
    assert done.returncode == 0, done.stdout
    assert "decided at look " in done.stdout
    assert gate(*words).returncode == 8
    found = json.loads((part / "part.json").read_text())
    for run in found["runs"]:
        run["items"] = run["items"][1:]
        run["score"] = sum(item["score"] for item in run["items"]) / len(run["items"])
    (part / "part.json").write_text(json.dumps(found))
    done = gate(*words, "--sequential")
    assert done.returncode == 8
    assert "not-the-order: the target has 199 of" in done.stdout


def test_an_order_names_the_items_where_neither_side_has_them_all(tmp_path: Path) -> None:
    part = target_of(tmp_path / "target", items=200)
    other = json.loads((part / "part.json").read_text())
    other["title"] = "the same, written again"
    reference = folder(tmp_path / "reference", {"part.json": other})
    words = ("--reference", reference, "--target", part, "--policy", "smollm2-135m", "--sequential")
    assert "order-unknown" in gate(*words).stdout
    orders: list[str | Path] = []
    for task in ("boolq_next_word", "commonsense_qa"):
        (tmp_path / f"{task}.json").write_text(order_of("--task", task, "--json").stdout)
        orders += ["--order", tmp_path / f"{task}.json"]
    assert gate(*words, *orders).returncode == 0
    other_policy = {**json.loads((tmp_path / "boolq_next_word.json").read_text()), "policy_sha256": "0" * 64}
    (tmp_path / "boolq_next_word.json").write_text(json.dumps(other_policy))
    done = gate(*words, *orders)
    assert done.returncode == 3
    assert "wanted an order by this policy, found one by 000" in done.stderr
