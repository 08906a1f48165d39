"""Nothing of the corpus is applied: each is refused with its reason, soon, and without much memory."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from flagrelease.adapters.git.apply import Patch, apply_series
from flagrelease.adapters.git.conflicts import why_not
from flagrelease.adapters.git.index import temporary_index
from flagrelease.adapters.git.repository import repository_at
from flagrelease.patching.diff_text import read_diff
from flagrelease.patching.diff_values import RefusedPatchError
from flagrelease.patching.hostile import REASONS, check_links, check_made
from flagrelease.patching.report import Conflicts
from tests.patching.conftest import ROOT, Place
from tests.patching.hostile_patches import CORPUS
from tests.patching.made_patches import binary, changed, moved, new_file, symlink, zeroes
from tests.patching.vendor import commit, tree_of, write

pytestmark = pytest.mark.slow

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


_LARGE = (
    "gigabyte_of_zeroes", "gigabyte_hidden", "million_hunks", "large", "many_files", "million_signatures",
    "long_target", "many_attributes",
)  # fmt: skip


@pytest.mark.parametrize("name", _LARGE)
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


def test_a_hunk_of_thirty_million_lines_is_read_in_little_memory() -> None:
    code = (
        "import resource\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({_MOST_MEMORY}, {_MOST_MEMORY}))\n"
        "from flagrelease.patching.diff_text import read_diff\n"
        "head = b'diff --git a/x b/x\\nnew file mode 100644\\n--- /dev/null\\n+++ b/x\\n@@ -0,0 +1,%d @@\\n'\n"
        "print(len(read_diff(head % (30 << 20) + b'+\\n' * (30 << 20)).changes))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.stdout.decode().strip() == "1", done.stderr.decode()


def test_what_patches_make_together_is_bounded() -> None:
    one = read_diff(binary(200 << 20, zeroes(200 << 20)))
    check_made([one] * 5)
    with pytest.raises(RefusedPatchError) as refused:
        check_made([one] * 6)
    assert refused.value.reason == "bomb"


def test_copies_of_a_large_file_are_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flagrelease.adapters.git.apply.MOST_MADE_BY_SET", 3 << 20)
    write(place.clone, {"large": bytes(1 << 20)})
    tree = tree_of(place.clone, commit(place.clone, "large"))
    for count, is_taken in ((3, True), (4, False)):
        diff = read_diff(b"".join(moved("large", f"large{n}", "copy") for n in range(count)))
        with temporary_index(repository_at(place.clone)) as index:
            if is_taken:
                assert apply_series(index, tree, [Patch(name="0001.patch", diff=diff)])
                continue
            with pytest.raises(RefusedPatchError, match="the copied files of the set come to 4,194,304 bytes"):
                apply_series(index, tree, [Patch(name="0001.patch", diff=diff)])


@pytest.mark.parametrize("wanted", [b"same\n" * 20_000 + b"other\n", b"-\n" * 100_000])
def test_why_thousands_of_hunks_do_not_apply_is_found_soon(place: Place, wanted: bytes) -> None:
    """A file of equal lines, and hunks of which each fits almost everywhere and nowhere whole."""
    write(place.clone, {"x": b"same\n" * 200_000})
    base = commit(place.clone, "equal lines")
    count = wanted.count(b"\n")
    body = b"".join(b"-" + line for line in wanted.splitlines(keepends=True))
    hunks = [b"@@ -%d,%d +%d,0 @@\n%b" % (1 + n * count, count, n or 1, body) for n in range(30)]
    diff = read_diff(changed("x", b"".join(hunks)))
    begin = time.monotonic()
    with temporary_index(repository_at(place.clone)) as index:
        found = why_not(index, (base, None), index.tree_of(base), [Patch(name="0001.patch", diff=diff)], fix=False)
    assert isinstance(found, Conflicts)
    assert 0 < len(found.conflicts) <= 20
    assert time.monotonic() - begin < _MOST_S


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
