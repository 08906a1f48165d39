"""A set is written as FlagScale's third generation: plain git applies it file by file, and it reads back the same."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.patching.conftest import Place
from tests.patching.flagscale_checkout import Checkout
from tests.patching.test_apply import everything
from tests.patching.test_import import ALL
from tests.patching.vendor import commit, run_git, tree_of, tree_on_disk, write

pytestmark = pytest.mark.slow


def exports(place: Place, *more: str, status: int = 0) -> str:
    arguments = ("--component", "flagscale", "--chip", "cambricon_mlu", "--repo", str(place.clone))
    return place.run("export", *arguments, "--to", str(place.top / "hardware"), *more, status=status)


def folder(place: Place) -> Path:
    return place.top / "hardware" / "Cambricon_MLU" / "FlagScale"


def test_plain_git_applies_each_file_and_makes_the_tree(edited: Place, tmp_path: Path) -> None:
    told = exports(edited)
    assert "patches and diff.yaml" in told
    build = tmp_path / "build"
    run_git("clone", "-q", str(edited.clone), str(build), at=tmp_path)
    run_git("checkout", "-q", edited.base, at=build)
    patches = sorted(folder(edited).rglob("*.patch"))
    for patch in patches:
        run_git("apply", "--whitespace=nowarn", str(patch), at=build)
    wanted = tree_on_disk(edited.clone, tmp_path / "scratch 1")
    shutil.rmtree(build / ".git")
    assert tree_on_disk(build, tmp_path / "scratch 2") == wanted
    assert len(patches) > 10


def test_it_reads_back_as_the_same_tree(edited: Place, tmp_path: Path) -> None:
    commit(edited.clone)
    exports(edited, "--version", "0.8.0")
    checkout = tmp_path / "FlagScale 2"
    run_git("clone", "-q", str(edited.clone), str(checkout), at=tmp_path)
    shutil.copytree(edited.top / "hardware", checkout / "hardware")
    patches = tmp_path / "again"
    told = json.loads(
        edited.run(
            "import", "--from", "flagscale", str(checkout), "--upstream", "none", "--remove-when", "never",
            "--patches", str(patches), "--json",
        )
    )  # fmt: skip
    assert told["sets"][0]["tree"] == tree_of(edited.clone)
    assert (told["sets"][0]["generation"], told["sets"][0]["base"]) == (3, edited.base)
    assert {one["id"] for one in told["findings"]} == {"rename-lost"}


def test_a_backend_says_which_flagscale_it_is_for(place: Place, checkout: Checkout) -> None:
    made = checkout
    tree = made.generation_3("Metax_C550", "vllm", ALL)
    facts = ("--upstream", "none", "--remove-when", "never")
    place.run("import", "--from", "flagscale", str(made.top), *facts)
    shutil.rmtree(made.top / "hardware")
    where = ("--component", "vllm", "--chip", "metax", "--repo", str(made.where("vllm")))
    to = ("--to", str(made.top / "hardware"))
    assert "--flagscale-commit" in place.run("export", *where, *to, status=5)
    place.run("export", *where, *to, "--flagscale-commit", made.base, "--version", "0.8.5")
    shutil.rmtree(place.patches)
    told = json.loads(place.run("import", "--from", "flagscale", str(made.top), *facts, "--json"))
    assert told["sets"][0]["tree"] == tree
    assert told["findings"] == []


def test_what_the_layout_cannot_carry_is_told(edited: Place) -> None:
    told = json.loads(exports(edited, "--json").split("not carried")[0])
    lost = "\n".join(told["lost"])
    assert "1 moved or copied files" in lost
    assert "why the set is needed" in lost


def test_a_folder_of_somebodys_stays_as_it_is(edited: Place) -> None:
    write(edited.top, {"hardware/Cambricon_MLU/FlagScale/diff.yaml": b"commit: abc\n"})
    before = everything(edited.top / "hardware")
    assert "stays as it is" in exports(edited, status=5)
    assert everything(edited.top / "hardware") == before


def test_a_folder_of_ours_is_replaced_until_somebody_changes_it(edited: Place) -> None:
    exports(edited)
    exports(edited, "--version", "0.8.0")
    assert "0.8.0" in (folder(edited) / "diff.yaml").read_text()
    (folder(edited) / "mine.patch").write_bytes(b"x")
    before = everything(folder(edited))
    assert "stays as it is" in exports(edited, status=5)
    assert everything(folder(edited)) == before
    (folder(edited) / "mine.patch").unlink()
    exports(edited)
    yaml = folder(edited) / "diff.yaml"
    yaml.write_text(yaml.read_text().replace("inference", "train"))
    assert "stays as it is" in exports(edited, status=5)


def test_a_file_that_becomes_a_folder_cannot_be_said_file_by_file(place: Place) -> None:
    write(place.clone, {"setup.py": None})
    write(place.clone, {"setup.py/main.py": b"x\n"})
    place.add("--base", place.base)
    assert "a file once and a folder" in exports(place, status=5)
    assert not (place.top / "hardware").exists()


def test_a_set_that_does_not_make_its_tree_is_not_written(edited: Place) -> None:
    text = (edited.set / "series.yaml").read_text()
    (edited.set / "series.yaml").write_text(text.replace("result_tree: ", "result_tree: 0000")[:].replace("00000", "0"))
    assert exports(edited, status=5)
    assert not (edited.top / "hardware").exists()


def test_a_sealed_set_is_refused_and_opened_only_when_it_is_said(edited: Place) -> None:
    keys = edited.patches / "keys"
    edited.run("keygen", "vendor", "--folder", str(keys))
    edited.run("seal", str(edited.set), "--for", str(keys / "vendor.pub"), "--sign-with", str(keys / "vendor.key"))
    told = exports(edited, "--key", str(keys / "vendor.key"), status=5)
    assert "is sealed" in told
    assert not (edited.top / "hardware").exists()
    exports(edited, "--key", str(keys / "vendor.key"), "--plain")
    assert folder(edited).is_dir()


@pytest.mark.parametrize("word", ["cambricon_MLU", "Cambricon", "../x_y", "A_b_c"])
def test_a_device_type_that_flagscale_would_not_take_is_refused(edited: Place, word: str) -> None:
    assert "wanted a device type" in exports(edited, "--device-type", word, status=5)
    assert not (edited.top / "hardware").exists()


def test_a_commit_of_digits_is_a_text_to_other_readers_too(edited: Place) -> None:
    exports(edited)
    text = (folder(edited) / "diff.yaml").read_text()
    assert f"commit: '{edited.base}'\n" in text
    done = subprocess.run(["grep", "-c", "^task:$", str(folder(edited) / "diff.yaml")], capture_output=True, check=True)
    assert done.stdout == b"1\n"


def test_nothing_to_export_is_told(place: Place) -> None:
    assert "found none" in exports(place, status=5)
