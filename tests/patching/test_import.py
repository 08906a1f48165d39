"""FlagScale's hardware/ of all three generations becomes sets: the same trees, with their authors."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flagrelease.domain.patch_series import Series
from flagrelease.formats.strict import decode_yaml
from tests.patching.conftest import ROOT, Place
from tests.patching.contradictions import CHANGE, MLU_ENGINE, MLU_RUN
from tests.patching.flagscale_checkout import ENGINE, Checkout
from tests.patching.made_patches import new_file
from tests.patching.test_apply import everything

pytestmark = pytest.mark.slow

FACTS = ("--upstream", "none", "--remove-when", "FlagScale has a plugin")
ALL: Mapping[str, bytes | None] = {"vllm/engine.py": MLU_ENGINE, "vllm/config.py": None, "vllm/mlu.py": b"new\n"}


def series_at(place: Place, component: str, base: str, chip: str) -> Series:
    path = place.patches / component / base[:12] / chip / "series.yaml"
    return decode_yaml(path.read_bytes(), Series, source="series.yaml")


def imports(place: Place, checkout: Checkout, *more: str, status: int = 0) -> str:
    return place.run("import", "--from", "flagscale", str(checkout.top), *FACTS, *more, status=status)


def data_of(place: Place, checkout: Checkout, *more: str, status: int = 0) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(imports(place, checkout, *more, "--json", status=status))
    return data


def ids(data: dict[str, Any]) -> set[str]:
    return {one["id"] for one in data["findings"]}


def test_a_generation_1_mailbox_is_a_patch_a_mail(place: Place, checkout: Checkout) -> None:
    tree = checkout.generation_1("cambricon_MLU", [{"flagscale/run.py": MLU_RUN}, {"flagscale/mlu.py": b"x\n"}])
    assert "1 imported; 0 errors" in imports(place, checkout, "--owner", "someone", "--task", "inference")
    series = series_at(place, "flagscale", checkout.base, "cambricon_mlu")
    assert series.result_tree == tree
    assert [one.subject for one in series.patches] == ["Vendor step 1", "Vendor step 2"]
    assert {one.author for one in series.patches} == {"Li Vendor <li@vendor.example>"}
    assert str(series.patches[0].date) == "2025-03-01"
    assert (series.owner, series.task) == ("someone", ("inference",))


@pytest.mark.parametrize("generation", [2, 3])
def test_a_backend_is_imported_at_its_own_commit(place: Place, checkout: Checkout, generation: int) -> None:
    make = checkout.generation_2 if generation == 2 else checkout.generation_3
    tree = make("Metax_C550", "vllm", ALL)
    checkout.commit("Metax for vllm")
    before = everything(checkout.top)
    imports(place, checkout)
    series = series_at(place, "vllm", checkout.commits["vllm"], "metax_c550")
    assert (series.result_tree, series.base) == (tree, checkout.commits["vllm"])
    (patch,) = series.patches
    assert (patch.author, str(patch.date), patch.subject) == (
        "Li Vendor <li@vendor.example>", "2025-03-01", "Metax for vllm",
    )  # fmt: skip
    assert (series.owner, series.models, series.task) == ("li@vendor.example", ("qwen3",), ("inference",))
    assert series.why.startswith("vendor changes of Metax_C550 to vllm, imported from FlagScale at ")
    assert "applies: tree" in place.run("check", "--all", "--repo", f"vllm={checkout.where('vllm')}")
    assert everything(checkout.top) == before


def test_files_of_two_commits_are_two_patches_the_older_first(place: Place, checkout: Checkout) -> None:
    checkout.generation_3("Metax_C550", "vllm", {"vllm/engine.py": MLU_ENGINE})
    checkout.commit("First")
    tree = checkout.generation_3("Metax_C550", "vllm", ALL)
    who = {"GIT_AUTHOR_NAME": "Zoë 张", "GIT_AUTHOR_EMAIL": "z@v.example", "GIT_AUTHOR_DATE": "2025-04-02T01:00:00Z"}
    checkout.commit("Second", **who)
    imports(place, checkout)
    series = series_at(place, "vllm", checkout.commits["vllm"], "metax_c550")
    assert [(one.subject, one.author) for one in series.patches] == [
        ("First", "Li Vendor <li@vendor.example>"),
        ("Second", "Zoë 张 <z@v.example>"),
    ]
    assert series.result_tree == tree


def test_what_is_not_committed_is_the_contacts(place: Place, checkout: Checkout) -> None:
    checkout.generation_3("Metax_C550", "vllm", CHANGE)
    checkout.commit("First")
    checkout.generation_3("Metax_C550", "vllm", {"vllm/engine.py": ENGINE + b"later\n"}, contact="ask@vendor.example")
    assert data_of(place, checkout)["sets"][0]["authors"] == "contact"
    (patch,) = series_at(place, "vllm", checkout.commits["vllm"], "metax_c550").patches
    assert (patch.author, patch.date) == ("<ask@vendor.example>", None)


def test_a_revision_is_read_without_checking_it_out(place: Place, checkout: Checkout) -> None:
    tree = checkout.generation_1("cambricon_MLU", [{"flagscale/run.py": MLU_RUN}])
    old = checkout.commit("generation 1")
    checkout.git("rm", "-r", "-q", "hardware/cambricon_MLU")
    checkout.generation_2("Metax_C550", "vllm", CHANGE)
    checkout.commit("generation 2")
    before = everything(checkout.top)
    told = data_of(place, checkout, "--at", old, "--owner", "us", "--task", "train")
    assert [(one["folder"], one["generation"]) for one in told["sets"]] == [(f"cambricon_MLU/{checkout.base[:8]}", 1)]
    assert told["commit"] == old
    assert series_at(place, "flagscale", checkout.base, "cambricon_mlu").result_tree == tree
    assert everything(checkout.top) == before
    assert "has no revision" in imports(place, checkout, "--at", "nowhere", status=5)


def test_a_bare_clone_is_read_at_a_revision(place: Place, checkout: Checkout, tmp_path: Path) -> None:
    checkout.generation_2("Metax_C550", "FlagScale", {"flagscale/run.py": MLU_RUN})
    checkout.commit()
    checkout.git("clone", "-q", "--bare", str(checkout.top), str(tmp_path / "bare.git"))
    arguments = ("import", "--from", "flagscale", str(tmp_path / "bare.git"), *FACTS)
    assert "1 imported" in place.run(*arguments, "--at", "main")
    assert "wanted the folder" in place.run(*arguments, status=5)


def test_the_base_of_a_backend_is_what_flagscale_names_where_its_yaml_does_not(
    place: Place, checkout: Checkout
) -> None:
    checkout.generation_3("Metax_C550", "vllm", CHANGE, backends_commit={})
    assert data_of(place, checkout)["sets"][0]["base"] == checkout.commits["vllm"]


@pytest.mark.parametrize("where", ["modules", "named"])
def test_a_backend_that_is_not_checked_out_is_found(place: Place, checkout: Checkout, where: str) -> None:
    checkout.generation_3("Metax_C550", "vllm", CHANGE)
    checkout.commit()
    more = []
    if where == "named":
        (checkout.top / ".git/modules/third_party/vllm").rename(checkout.top / "elsewhere.git")
        more = ["--repo", f"vllm={checkout.upstream / 'vllm'}"]
        told = imports(place, checkout, status=5)
        assert "found vllm" in told
        assert "or pass `--repo vllm=PATH`" in told
    checkout.git("submodule", "deinit", "-f", "-q", "third_party/vllm") if where == "modules" else None
    assert "1 imported" in imports(place, checkout, *more)


def test_the_others_are_imported_where_one_base_is_not_there(place: Place, checkout: Checkout) -> None:
    checkout.generation_3("Metax_C550", "vllm", CHANGE)
    checkout.generation_3("MUSA_S5000", "vllm", CHANGE, backends_commit={"vllm": "e" * 40})
    told = imports(place, checkout, status=5)
    assert "1 not imported, 1 imported; 1 errors" in told
    assert [path.name for path in place.patches.glob("*/*/*")] == ["metax_c550"]


def test_a_patch_named_for_its_base_needs_no_commit_in_its_yaml(place: Place, checkout: Checkout) -> None:
    short = checkout.base[:7]
    diff = checkout.diff("FlagScale", {"flagscale/run.py": MLU_RUN})
    checkout.write({f"Metax_C550/FlagScale/{short}.patch": diff})
    checkout.write({f"Metax_C550/FlagScale/{short}.yaml": checkout.yaml("Metax_C550", "FlagScale", commit=None)})
    assert data_of(place, checkout)["sets"][0]["base"] == checkout.base


def test_flagscales_own_files_in_a_backends_folder_join_flagscales_set(place: Place, checkout: Checkout) -> None:
    own = {"flagscale/backends/vllm/vllm/extra.py": b"extra = 'metax'\n"}
    flagscale: dict[str, bytes | None] = {"flagscale/run.py": MLU_RUN}
    checkout.generation_2("Metax_C550", "FlagScale", flagscale)
    checkout.write({"Metax_C550/vllm/diff.patch": checkout.diff("FlagScale", own)})
    checkout.write({"Metax_C550/vllm/diff.yaml": checkout.yaml("Metax_C550", "vllm", models=["ds"])})
    checkout.commit()
    told = data_of(place, checkout)
    assert {one["place"] for one in told["sets"]} == {f"flagscale/{checkout.base[:12]}/metax_c550"}
    series = series_at(place, "flagscale", checkout.base, "metax_c550")
    assert series.result_tree == checkout.made("FlagScale", {**flagscale, **own})[0]
    assert (len(series.patches), series.models) == (2, ("qwen3", "ds"))


def test_it_is_limited_to_a_device_a_chip_a_component_or_a_generation(place: Place, checkout: Checkout) -> None:
    checkout.generation_3("Metax_C550", "vllm", CHANGE)
    checkout.generation_2("Metax_C550", "FlagScale", {"flagscale/run.py": MLU_RUN})
    checkout.generation_3("MUSA_S5000", "vllm", CHANGE, task=["llama3"])
    checkout.commit()

    def folders(*more: str) -> set[str]:
        return {one["folder"] for one in data_of(place, checkout, "--dry-run", *more)["sets"]}

    assert folders("--device-type", "Metax_C550") == {"Metax_C550/FlagScale", "Metax_C550/vllm"}
    assert folders("--chip", "metax", "--component", "vllm") == {"Metax_C550/vllm"}
    told = data_of(place, checkout, "--dry-run", "--generation", "2", "--chip", "metax_c550")
    assert {one["folder"] for one in told["sets"]} == {"Metax_C550/FlagScale"}
    assert ids(told) == {"other-generation"}
    assert not place.patches.exists()


def test_a_device_that_no_chip_is_called_is_the_chip_that_is_named(place: Place, checkout: Checkout) -> None:
    checkout.generation_3("NVIDIA_CambriconMLU", "vllm", CHANGE)
    assert "mlux" in imports(place, checkout, "--device-type", "NVIDIA_CambriconMLU", "--chip", "mlux", status=3)
    told = data_of(place, checkout, "--device-type", "NVIDIA_CambriconMLU", "--chip", "cambricon_mlu")
    assert told["sets"][0]["chip"] == "cambricon_mlu"


def test_what_nobody_says_has_to_be_given(place: Place, checkout: Checkout) -> None:
    checkout.generation_1("cambricon_MLU", [{"flagscale/run.py": MLU_RUN}])
    told = place.run("import", "--from", "flagscale", str(checkout.top), status=5)
    assert "error (lacks-facts): wanted --owner, --upstream, --remove-when, --task, found neither" in told
    assert not place.patches.exists()


def test_a_set_that_is_there_stays_unless_it_is_accepted(place: Place, checkout: Checkout) -> None:
    checkout.generation_3("Metax_C550", "vllm", CHANGE)
    assert "1 imported" in imports(place, checkout)
    before = everything(place.patches)
    assert "1 unchanged; 0 errors" in imports(place, checkout, "--why", "another")
    checkout.generation_3("Metax_C550", "vllm", ALL)
    assert "error (set-there)" in imports(place, checkout, status=5)
    assert everything(place.patches) == before
    assert "1 imported" in imports(place, checkout, "--accept", "set-there")
    assert everything(place.patches) != before
    (series,) = place.patches.rglob("series.yaml")
    series.write_text("damaged")
    assert "that makes tree unknown" in imports(place, checkout, status=5)


def test_an_accepted_contradiction_is_written_into_the_set(place: Place, checkout: Checkout) -> None:
    both = {"FlagScale": "0.8.0", "vllm": "0.8.5"}
    checkout.generation_3("Metax_C550", "FlagScale", {"flagscale/run.py": MLU_RUN})
    checkout.step()
    checkout.generation_3("Metax_C550", "vllm", CHANGE, backends_version=both)
    told = imports(place, checkout, status=5)
    assert "Metax_C550/FlagScale" in told
    assert "1 imported, 1 not imported" in told
    imports(place, checkout, "--accept", "bases-differ")
    assert series_at(place, "vllm", checkout.commits["vllm"], "metax_c550").why.endswith("; accepted: bases-differ")
    assert "wanted one of" in imports(place, checkout, "--accept", "refused-patch", status=2)


def test_a_file_that_no_patch_may_change_can_be_left_out(place: Place, checkout: Checkout) -> None:
    checkout.generation_3("Cambricon_MLU", "FlagScale", {"flagscale/run.py": MLU_RUN})
    checkout.write({"Cambricon_MLU/FlagScale/.gitmodules.patch": new_file(".gitmodules")})
    assert "refused-patch" in imports(place, checkout, status=5)
    told = data_of(place, checkout, "--leave-out", ".gitmodules")
    assert "left-out" in ids(told)
    assert told["sets"][0]["state"] == "imported"


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("../../x", "100644"),
        (".git/config", "100644"),
        ("a\nb", "100644"),
        ("link", "120000"),
        ("sub", "160000"),
        ("\udcff", "100644"),
    ],
)
def test_a_commit_with_hostile_names_writes_nothing_elsewhere(
    place: Place, checkout: Checkout, tmp_path: Path, name: str, mode: str
) -> None:
    checkout.generation_3("Metax_C550", "vllm", CHANGE)
    checkout.commit()
    (tmp_path / "blob").write_bytes(new_file("x"))
    blob = checkout.git("hash-object", "-w", str(tmp_path / "blob")) if mode != "160000" else checkout.base
    tree = raw_tree(checkout, [*f"hardware/Metax_C550/vllm/{name}.patch".split("/")], blob, mode)
    commit = checkout.git("commit-tree", tree, "-p", "HEAD", "-m", "hostile")
    data = data_of(place, checkout, "--at", commit, status=5)
    assert ids(data) & {"not-a-file", "refused-patch", "other-path", "no-diff-yaml"}
    assert not place.patches.exists()
    assert not (tmp_path / "x").exists()


def raw_tree(checkout: Checkout, parts: list[str], blob: str, mode: str) -> str:
    """A tree with one path, whatever git thinks of its names."""
    kind = b"40000"
    id_, entry_mode = bytes.fromhex(blob), mode.encode()
    for part in reversed(parts):
        data = entry_mode + b" " + part.encode("utf-8", "surrogateescape") + b"\0" + id_
        (checkout.upstream / "tree").write_bytes(data)
        text = checkout.git("hash-object", "-w", "-t", "tree", "--literally", str(checkout.upstream / "tree"))
        id_, entry_mode = bytes.fromhex(text), kind
    return id_.hex()


def test_a_killed_import_leaves_whole_sets_or_none(place: Place, checkout: Checkout) -> None:
    many = {f"vllm/new{number}.py": b"x\n" * number for number in range(1, 40)}
    for device in ("Metax_C550", "MUSA_S5000", "BI_V150", "Tsing_micro"):
        checkout.generation_2(device, "vllm", many)
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": str(place.home), "PYTHONPATH": str(ROOT),
        "FLAGRELEASE_RECIPES": str(ROOT / "recipes"), "FLAGRELEASE_PATCHES": str(place.patches),
    }  # fmt: skip
    argv = [sys.executable, "-m", "flagrelease", "patch", "import", "--from", "flagscale", str(checkout.top), *FACTS]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 60
        while not list(place.patches.glob("vllm/*")) and time.monotonic() < end and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    # Behind the ledger it may tell what the killed one left.
    json.JSONDecoder().raw_decode(place.run("status", "--json"))
    imports(place, checkout)
    sets = [path.name for path in place.patches.glob("vllm/*/*")]
    assert len(sets) == 4
    assert not [name for name in sets if name.startswith(".")]


def test_folders_in_folders_without_end_are_told(place: Place, checkout: Checkout) -> None:
    checkout.generation_3("Metax_C550", "vllm", CHANGE)
    at = checkout.top / "hardware/Metax_C550/vllm"
    for _ in range(150):
        at = at / "a"
        at.mkdir()
    assert ids(data_of(place, checkout, status=5)) == {"not-a-file"}


def test_words_that_mean_nothing_are_refused(place: Place, checkout: Checkout) -> None:
    assert "wanted one of" in imports(place, checkout, "--task", "llama3", status=2)
    assert "wanted one of" in imports(place, checkout, "--component", "vllms", status=2)
    assert "use both or none" in imports(place, checkout, "--seal-for", "x.pub", status=2)
    assert "COMPONENT=PATH" in imports(place, checkout, "--repo", str(checkout.top), status=2)
    told = place.run("import", "--from", "somewhere", str(checkout.top), status=2)
    assert "flagscale" in told
    assert "wanted the folder" in place.run("import", "--from", "flagscale", str(place.top), *FACTS, status=5)
    checkout.generation_3("Metax_C550", "vllm", CHANGE)
    assert "is one that was asked for" in imports(place, checkout, "--device-type", "Metax_C551", status=5)


def test_help_names_every_option(place: Place) -> None:
    told = place.run("import", "--help")
    for option in ("--from", "--generation", "--at", "--device-type", "--key", "--accept", "--dry-run", "--leave-out"):
        assert option in told
    assert "export" in place.run("--help")


def test_the_shape_of_json(place: Place, checkout: Checkout) -> None:
    checkout.generation_3("Metax_C550", "vllm", CHANGE, backends_version={"vllm": "main"})
    data = data_of(place, checkout)
    assert (data["schema"], data["from"]) == ("flagrelease.patch-import/v1", "flagscale")
    assert set(data["findings"][0]) == {"id", "is_error", "at", "folder", "wanted", "found", "done"}
    assert set(data["sets"][0]) == {
        "folder", "generation", "state", "component", "base", "chip", "patches", "tree", "authors", "whitespace",
        "sealed", "place",
    }  # fmt: skip
