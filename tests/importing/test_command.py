"""`flagrelease import-card`, as a person calls it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CARDS = Path(__file__).parent / "cards"
OLD = CARDS / "old_layout.md"
NEW = CARDS / "FlagRelease_Model-B-FP8-hygon-FlagOS.md"


def import_card(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "flagrelease", "import-card", *words]
    done = subprocess.run(argv, cwd=ROOT, input=stdin, capture_output=True, timeout=60, check=False)
    return subprocess.CompletedProcess(argv, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_drafts_are_printed_and_defects_told_with_their_lines() -> None:
    done = import_card(str(OLD))
    assert done.returncode == 0, done.stderr
    documents = list(yaml.safe_load_all(done.stdout))
    assert [one["schema"] for one in documents] == ["flagrelease.bundle/v2", "flagrelease.published/v1"]
    assert done.stdout.startswith("# bundles/cambricon_mlu/model-a-1.5.yaml\n")
    assert f"{OLD}:27: privileged: " in done.stderr
    assert "23 defects of the card" in done.stderr
    assert "next: flagrelease new model model-a-1.5 --modelscope Somebody/Model-A-1_5" in done.stderr


def test_drafts_are_written_below_a_folder_and_never_over_a_file(tmp_path: Path) -> None:
    done = import_card(str(NEW), "--to", str(tmp_path))
    bundle, scores = (
        tmp_path / "bundles/hygon_bw1000/model-b.yaml",
        tmp_path / "published/hygon_bw1000/model-b.vllm.yaml",
    )
    assert (done.returncode, done.stdout) == (0, f"{bundle}\n{scores}\n"), done.stderr
    before = bundle.read_bytes()
    scores.unlink()
    again = import_card(str(NEW), "--to", str(tmp_path))
    assert (again.returncode, again.stdout) == (3, "")
    assert f"there is a file already: `{bundle}`" in again.stderr
    assert bundle.read_bytes() == before
    assert not scores.exists()


def test_the_result_as_data_holds_drafts_defects_and_decoded_images() -> None:
    done = import_card(str(NEW), "--json")
    told = json.loads(done.stdout)
    assert (told["card"], told["chip"], told["model"]) == (NEW.name, "hygon_bw1000", "model-b")
    assert [one["path"] for one in told["drafts"]] == [
        "bundles/hygon_bw1000/model-b.yaml", "published/hygon_bw1000/model-b.vllm.yaml",
    ]  # fmt: skip
    assert told["defects"][0] == {
        "line": 1, "kind": "base-model-unnamed", "what": "the front matter does not name the model's own repository",
        "instead": "the model recipe names where the model lives",
    }  # fmt: skip
    image = told["images"][0]
    assert (image["grammar"], image["gpu"], image["versions"]["flaggems"]) == ("second", "hygon001", "5.4.0")


def test_a_card_is_read_from_standard_input_for_a_chip_by_alias() -> None:
    done = import_card("-", "--chip", "mlu", "--model", "my-model", stdin=b"# Introduction\n")
    assert done.returncode == 0
    assert "# bundles/cambricon_mlu/my-model.yaml" in done.stdout
    assert "card standard-input" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("no-such-card.md",), 3, "wanted a model card that can be read: No such file"),
        ((str(CARDS),), 3, "wanted a model card that can be read: Is a directory"),
        ((str(OLD), "--chip", "mlux"), 3, "did you mean `mlu`"),
        ((str(OLD), "--model", "../x"), 3, "wanted the name of a model"),
        ((), 2, "FILE"),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...], code: int, message: str) -> None:
    done = import_card(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr


def test_a_binary_file_is_refused_by_one_line(tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    path.write_bytes(b"\x7fELF\xff\xfe")
    done = import_card(str(path))
    assert done.returncode == 3
    assert "card.md:1:5: not UTF-8: byte 0xff" in done.stderr
