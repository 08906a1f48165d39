"""patch_history.yaml held against commits and folders: the inconsistent entries of FlagScale's own, made again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.patching.conftest import Place
from tests.patching.contradictions import CHANGE, MLU_RUN
from tests.patching.flagscale_checkout import ENGINE, Checkout

pytestmark = pytest.mark.slow

FACTS = ("--owner", "us", "--upstream", "none", "--remove-when", "never", "--dry-run", "--json")
OF_FLAGSCALE = {"flagscale/run.py": MLU_RUN}
BOTH = {"FlagScale": "0.8.0", "vllm": "0.8.5"}
HISTORY = "hardware/patch_history.yaml"


def recorded(checkout: Checkout, entries: Mapping[tuple[str, str, str], list[str]]) -> None:
    """As FlagScale's merge.py writes it: under the key of all backends, and of each."""
    lines: list[str] = []
    for (device, task, key), commits in entries.items():
        lines += [] if f"{device}:" in lines else [f"{device}:"]
        lines.append(f"  {task}:")
        for one in (key, *(key.split("+") if "+" in key else ())):
            lines += [f"    {one}:", *(f"    - {commit}" for commit in commits)]
    checkout.write({"patch_history.yaml": ("\n".join(lines) + "\n").encode()})
    checkout.commit("history")


def told(place: Place, checkout: Checkout, *more: str, status: int = 0) -> list[dict[str, Any]]:
    data = json.loads(place.run("import", "--from", "flagscale", str(checkout.top), *FACTS, *more, status=status))
    found: list[dict[str, Any]] = data["findings"]
    return [one for one in found if one["at"].startswith(HISTORY)]


def set_of(checkout: Checkout, device: str, *, base: str = "", **of_flagscale: object) -> str:
    """FlagScale and vllm for inference, committed; `base`: that of vllm's part."""
    checkout.generation_2(device, "FlagScale", OF_FLAGSCALE, backends_version=BOTH, **of_flagscale)
    checkout.generation_2(device, "vllm", CHANGE, backends_version=BOTH, **({"commit": base} if base else {}))
    return checkout.commit(f"{device} for inference")


def test_a_right_history_is_not_complained_of(place: Place, checkout: Checkout) -> None:
    commit = set_of(checkout, "BI_V150")
    recorded(checkout, {("BI_V150", "inference", "FlagScale+vllm"): [commit]})
    assert told(place, checkout) == []


def test_train_that_overwrote_the_inference_patch_of_flagscale_is_told(place: Place, checkout: Checkout) -> None:
    old = checkout.base
    checkout.step()
    checkout.generation_2("BI_V150", "FlagScale", OF_FLAGSCALE, task=["train"])
    checkout.generation_2("BI_V150", "vllm", CHANGE, backends_version=BOTH, commit=old)
    commit = checkout.commit("BI")
    recorded(checkout, {("BI_V150", "inference", "FlagScale+vllm"): [commit]})
    found = told(place, checkout, status=5)
    assert {one["id"] for one in found} == {"history-bases-differ", "history-wrong-task"}
    (task,) = [one for one in found if one["id"] == "history-wrong-task"]
    assert (task["at"], task["wanted"]) == (f"{HISTORY}:4", "task inference at that commit")
    assert "train of FlagScale" in task["found"]
    assert f"BI_V150 inference FlagScale+vllm {commit[:10]}" in task["found"]


@pytest.mark.parametrize("device", ["Cambricon_MLU", "Metax_C550", "MUSA_S5000", "Huawei_Atlas800TA3"])
def test_two_bases_in_one_set_are_told(place: Place, checkout: Checkout, device: str) -> None:
    old = checkout.base
    new = checkout.step()
    commit = set_of(checkout, device, base=old)
    recorded(checkout, {(device, "inference", "FlagScale+vllm"): [commit]})
    (one,) = told(place, checkout, status=5)
    assert one["id"] == "history-bases-differ"
    assert f"FlagScale {new[:12]}, vllm {old[:12]}" in one["found"]
    assert not one["is_error"]


def test_two_bases_that_were_mended_later_are_told_of_the_entry_alone(place: Place, checkout: Checkout) -> None:
    old = checkout.base
    checkout.step()
    first = set_of(checkout, "Metax_C550", base=old)
    second = set_of(checkout, "Metax_C550")
    recorded(checkout, {("Metax_C550", "inference", "FlagScale+vllm"): [first, second]})
    (one,) = told(place, checkout)
    assert (one["id"], one["at"]) == ("history-bases-differ", f"{HISTORY}:4")


def test_a_model_in_place_of_the_task_is_told(place: Place, checkout: Checkout) -> None:
    facts: dict[str, object] = {"task": ["llama3"]}
    checkout.generation_2("MUSA_S5000", "Megatron-LM", {"megatron/core.py": b"musa\n"}, **facts)
    first = checkout.commit("musa")
    checkout.generation_2("MUSA_S5000", "Megatron-LM", {"megatron/core.py": b"musa\n"})
    second = checkout.commit("musa, mended")
    recorded(checkout, {("MUSA_S5000", "train", "Megatron-LM"): [first, second]})
    (one,) = told(place, checkout)
    assert one["id"] == "history-wrong-task"
    assert first[:10] in one["found"]


@pytest.mark.parametrize("device", ["Cambricon_MLU", "MUSA_S5000", "Metax_C550"])
def test_a_history_older_than_the_folder_is_told_with_what_changed(
    place: Place, checkout: Checkout, device: str
) -> None:
    old = checkout.base
    commit = set_of(checkout, device)
    new = checkout.step()
    checkout.generation_2(device, "FlagScale", OF_FLAGSCALE, backends_version=BOTH)
    checkout.generation_2(device, "vllm", CHANGE, backends_version={**BOTH, "vllm": "0.9.2"})
    checkout.commit("newer")
    recorded(checkout, {(device, "inference", "FlagScale+vllm"): [commit]})
    found = told(place, checkout)
    assert [one["id"] for one in found] == ["history-stale"] * 2
    assert f"base {old[:12]} then, {new[:12]} now" in found[1]["found"]
    assert "vllm 0.8.5 then" in found[1]["found"]
    assert "(2025-02-23)" in found[0]["found"]


def test_only_the_newest_entry_can_be_stale(place: Place, checkout: Checkout) -> None:
    first = set_of(checkout, "MUSA_S5000")
    checkout.generation_2("MUSA_S5000", "vllm", {"vllm/engine.py": ENGINE + b"more\n"}, backends_version=BOTH)
    second = checkout.commit("newer")
    recorded(checkout, {("MUSA_S5000", "inference", "FlagScale+vllm"): [first, second]})
    assert told(place, checkout) == []


@pytest.mark.parametrize(
    ("key", "commit", "id_"),
    [
        (("BI_V150", "inference", "vllm"), "f" * 40, "history-unknown-commit"),
        (("BI_V150", "inference", "torch"), "", "history-unknown-folder"),
        (("BI_V151", "inference", "vllm"), "", "history-unknown-folder"),
        (("BI_V150", "inference", "vllm"), "HEAD", "bad-history"),
        (("BI_V150", "inference", "vllm"), "../../x", "bad-history"),
    ],
)
def test_an_entry_of_nothing_that_is_there_is_told(
    place: Place, checkout: Checkout, key: tuple[str, str, str], commit: str, id_: str
) -> None:
    head = set_of(checkout, "BI_V150")
    recorded(checkout, {key: [commit or head]})
    assert [one["id"] for one in told(place, checkout)] == [id_]


@pytest.mark.parametrize(
    "text",
    [
        b"- a\n",
        b"BI_V150: x\n",
        b"BI_V150:\n  train: [x]\n",
        b"BI_V150:\n  train:\n    vllm: x\n",
        b"a: &a [x]\nb: *a\n",
        b"[" * 10_000,
        b"x" * (2 << 20),
    ],
)
def test_a_history_that_is_none_keeps_nothing_from_being_imported(
    place: Place, checkout: Checkout, text: bytes
) -> None:
    set_of(checkout, "BI_V150")
    checkout.write({"patch_history.yaml": text})
    assert {one["id"] for one in told(place, checkout)} == {"bad-history"}


def test_all_digit_commits_are_commits(place: Place, checkout: Checkout) -> None:
    set_of(checkout, "BI_V150")
    checkout.write({"patch_history.yaml": b"BI_V150:\n  inference:\n    vllm:\n    - 57637057\n    - 0123456789\n"})
    found = told(place, checkout)
    assert [one["id"] for one in found] == ["history-unknown-commit"] * 2
    assert "57637057" in found[0]["found"]
    assert "0123456789" in found[1]["found"]


def test_without_git_the_history_is_not_looked_at_and_it_says_so(
    place: Place, checkout: Checkout, tmp_path: Path
) -> None:
    commit = set_of(checkout, "BI_V150")
    recorded(checkout, {("BI_V150", "inference", "FlagScale+vllm"): [commit]})
    (checkout.top / "hardware").rename(tmp_path / "hardware")
    arguments = ("import", "--from", "flagscale", str(tmp_path), *FACTS)
    data = json.loads(place.run(*arguments, "--repo", f"vllm={checkout.where('vllm')}", status=5))
    assert "no-history" in {one["id"] for one in data["findings"]}
    assert {one["folder"]: one["state"] for one in data["sets"]} == {
        "BI_V150/FlagScale": "not imported",
        "BI_V150/vllm": "would be imported",
    }
