"""Nothing of the corpus is applied: each is refused with its reason, soon, and without much memory."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from flagrelease.patching.diff_text import read_diff
from flagrelease.patching.diff_values import RefusedPatchError
from flagrelease.patching.hostile import REASONS, check_links
from tests.patching.conftest import ROOT
from tests.patching.hostile_patches import CORPUS, changed, new_file, symlink

_MOST_S = 10.0
_MOST_MEMORY = 600 << 20


def test_the_corpus_has_more_than_forty_patches() -> None:
    assert len(CORPUS) >= 40


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_a_hostile_patch_is_refused_with_its_reason(name: str) -> None:
    patch = CORPUS[name].make()
    begin = time.monotonic()
    with pytest.raises(RefusedPatchError) as refused:
        read_diff(patch)
    assert refused.value.reason == CORPUS[name].reason, refused.value.message
    assert time.monotonic() - begin < _MOST_S
    assert refused.value.exit_code == 5


def test_every_reason_that_reading_gives_is_in_the_corpus() -> None:
    elsewhere = {"through-symlink", "unread-path", "unlisted-file", "takes-too-long"}
    assert {one.reason for one in CORPUS.values()} == set(REASONS) - elsewhere


@pytest.mark.parametrize("name", ["gigabyte_of_zeroes", "gigabyte_hidden", "million_hunks", "large", "many_files"])
def test_a_large_patch_is_refused_in_little_memory(name: str) -> None:
    code = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({_MOST_MEMORY}, {_MOST_MEMORY}))\n"
        "from tests.patching.hostile_patches import CORPUS\n"
        "from flagrelease.patching.diff_text import read_diff\n"
        "from flagrelease.patching.diff_values import RefusedPatchError\n"
        "try:\n    read_diff(CORPUS[sys.argv[1]].make())\n"
        "except RefusedPatchError as error:\n    print(error.reason)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, name], cwd=ROOT, capture_output=True, check=False)
    assert done.stdout.decode().strip() == CORPUS[name].reason, done.stderr.decode()


def test_a_symlink_that_an_earlier_patch_made_is_not_written_through() -> None:
    series = [("0001.patch", read_diff(symlink("a/x", b"../b"))), ("0002.patch", read_diff(new_file("a/x/y")))]
    with pytest.raises(RefusedPatchError) as refused:
        check_links(series)
    assert refused.value.reason == "through-symlink"
    assert refused.value.message.startswith("0002.patch:1: ")


def test_the_message_names_the_line_and_the_reason() -> None:
    with pytest.raises(RefusedPatchError) as refused:
        read_diff(changed("fine", b"@@ -1 +1 @@\n-a\n+b\n") + new_file(".git/hooks/pre-commit"))
    assert refused.value.within("0007-x.patch").message == (
        "0007-x.patch:8: refused (git-folder): the path '.git/hooks/pre-commit'"
    )


@pytest.mark.parametrize(
    "content",
    [b"* text=auto\n", b"*.sh eol=lf\n", b"*.png binary\n", b"*.py diff=python\n", b"# filter=evil\n", b"*.md -text\n"],
)
def test_harmless_attributes_are_taken(content: bytes) -> None:
    assert read_diff(new_file(".gitattributes", content)).changes


@pytest.mark.parametrize("target", [b"y", b"b/y", b"../y", b"../../y", b"./y", b"...", b"a..b"])
def test_a_symlink_within_the_tree_is_taken(target: bytes) -> None:
    assert read_diff(symlink("a/b/x", target)).changes


@pytest.mark.parametrize("path", [".gitignore", ".github/x", "git/config", "a.git/x", ".gitkeep", "x/...", "é", "a b"])
def test_names_that_only_look_alike_are_taken(path: str) -> None:
    assert read_diff(new_file(path)).changes[0].new_path == path.encode()


def test_a_patch_that_git_would_take_is_refused_at_the_command_line(tmp_path: Path) -> None:
    """The six kinds of which `git apply` takes what no patch may do."""
    for name in ("symlink_absolute", "gitlink", "setuid", "gitmodules", "filter", "newline"):
        (tmp_path / f"{name}.patch").write_bytes(CORPUS[name].make())
        argv = ["git", "apply", "--check", str(tmp_path / f"{name}.patch")]
        assert subprocess.run(argv, cwd=tmp_path, capture_output=True, check=False).returncode == 0, name


def test_the_document_has_every_reason_as_it_is() -> None:
    text = (ROOT / "docs" / "patches.md").read_text()
    assert [reason for reason, why in REASONS.items() if f"| `{reason}` | {why} |" not in text] == []
