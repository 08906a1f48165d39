"""Whatever a vendor changes: what `add` makes of it, `apply` turns into the same tree."""

import contextlib
import io
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from flagrelease.adapters.git.worktree import MARKER
from flagrelease.cli.patch.add_command import add
from flagrelease.cli.patch.apply_command import apply
from flagrelease.patching.diff_text import read_diff
from flagrelease.patching.diff_values import RefusedPatchError
from tests.patching.git_objects import Node, Objects, Tree, files_of
from tests.patching.vendor import run_git, tree_on_disk

_LETTERS = st.sampled_from("abcXYZ019_-+=~ #\"'%&()[]{}!,;@^$é中\u0301")
_NAME = st.one_of(
    st.text(_LETTERS, min_size=1, max_size=8),
    st.sampled_from(["a", "b", "src", "-rf", "--", "x.py", ".hidden", "...", "a b", "dev", "null", "HEAD"]),
)
_PATH = st.lists(_NAME, min_size=1, max_size=3).map("/".join)
_LINES = (
    b"same\n", b"", b"x\n", b"a b\t\n", b"\r\n", b"+plus\n", b"-minus\n", b"-- \n", b"\\ No\n", b"diff --git a/x b/x\n",
    b"@@ -1 +1 @@\n", b"\xe9\xff\n", b"\x0c\n", b"--- a/x\n",
)  # fmt: skip
_LINE = st.sampled_from(_LINES)
_TEXT = st.lists(_LINE, max_size=30).map(b"".join)
_CONTENT = st.one_of(
    _TEXT,
    _TEXT.map(lambda text: text.rstrip(b"\n")),
    st.binary(max_size=200),
    st.binary(min_size=1, max_size=8).map(lambda data: data * 700),
)
_FILE = st.builds(Node, st.sampled_from(["file", "program"]), _CONTENT)
_LINK = st.builds(Node, st.just("symlink"), _NAME.map(str.encode))
_TREE = st.dictionaries(_PATH, st.one_of(_FILE, _FILE, _FILE, _LINK), min_size=1, max_size=8)


def _whole(tree: Tree) -> Tree:
    """Without a file where another wants a folder."""
    folders = {"/".join(path.split("/")[:count]) for path in tree for count in range(1, path.count("/") + 1)}
    return {path: node for path, node in tree.items() if path not in folders}


@st.composite
def edited(draw: st.DrawFn, tree: Tree) -> Tree:
    """Some files dropped, moved, changed, made a program or a symlink, and some new ones."""
    made = dict(tree)
    for chosen in draw(st.lists(st.sampled_from(sorted(tree)), max_size=5, unique=True)) if tree else []:
        path, node = chosen, made.pop(chosen, Node("file", b""))
        what = draw(st.sampled_from(["drop", "move", "move and change", "mode", "replace", "change", "change"]))
        if what.startswith("move"):
            path = draw(_PATH)
        if what == "mode" and node.kind != "symlink":
            node = node._replace(kind="program" if node.kind == "file" else "file")
        if "change" in what and node.kind != "symlink":
            at = draw(st.integers(0, len(node.content)))
            node = node._replace(content=node.content[:at] + draw(_CONTENT) + node.content[at:])
        if what == "replace":
            node = draw(st.one_of(_FILE, _LINK))
        if what != "drop":
            made[path] = node
    return _whole({**made, **draw(st.dictionaries(_PATH, _FILE, max_size=3))})


def lay_out(top: Path, tree: Tree) -> None:
    """Make the checkout this tree."""
    top.mkdir(exist_ok=True)
    for entry in top.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    for name, node in tree.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if node.kind == "symlink":
            path.symlink_to(os.fsdecode(node.content))
        else:
            path.write_bytes(node.content)
            path.chmod(0o755 if node.kind == "program" else 0o644)


@dataclass(frozen=True)
class Ground:
    """One clone for many examples: each brings commits of its own, and none sees those of another."""

    top: Path
    objects: Objects

    @property
    def clone(self) -> Path:
        """The checkout."""
        return self.top / "clone"

    def round_trip(self, trees: list[Tree], source: str, *, applied_with: str | None = None) -> None:
        """Make a set of the way from the first tree to the last, apply it, perhaps with another PATH, and compare."""
        base = tip = self.objects.commit(trees[0], None, "base")
        for number, tree in enumerate(trees[1:]):
            tip = self.objects.commit(tree, tip, f"step {number}{_MESSAGES[source]}")
        # The checkout is left at its base where it is dirty, and has the commits where they are handed over.
        (self.clone / ".git" / "HEAD").write_text(f"{base if source == 'checkout' else tip}\n")
        if source == "checkout":
            lay_out(self.clone, trees[-1])
        mailbox = self.top / "mailbox"
        if source == "mailbox":
            made = run_git("format-patch", "--stdout", "--binary", f"{base}..{tip}", at=self.clone)
            mailbox.write_bytes(made.encode("utf-8", "surrogateescape") + b"\n")
        patches, out = self.top / "patches", self.top / "out"
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                add(
                    component="c",
                    repo=self.clone,
                    chip="cpu",
                    base=base,
                    range_=f"{base}..{tip}" if source == "range" else None,
                    mailbox=mailbox if source == "mailbox" else None,
                    task=["inference"],
                    why="a test",
                    owner="nobody",
                    upstream="none",
                    remove_when="never",
                    patches=patches,
                )
                with pytest.MonkeyPatch.context() as patched:
                    patched.setenv("PATH", applied_with or os.environ["PATH"])
                    apply(component="c", repo=self.clone, chip="cpu", commit=base, to=out, patches=patches)
            assert Objects().tree(files_of(out, without=MARKER)) == Objects().tree(trees[-1])
        finally:
            for folder in (patches, out):
                shutil.rmtree(folder, ignore_errors=True)


_MESSAGES = {
    "checkout": "",
    # What a description holds is no diff. In a mail it is one, for git as well.
    "range": "\n\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@",
    "mailbox": "\n\nFrom here on it works.\n-- \n> quoted",
}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    top = tmp_path_factory.mktemp("ground")
    (top / "clone").mkdir()
    run_git("init", "--quiet", at=top / "clone")
    yield Ground(top=top, objects=Objects(top / "clone" / ".git" / "objects"))
    shutil.rmtree(top)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Tree], str]:
    """Two or more trees, and how the vendor hands over what lies between them."""
    source = draw(st.sampled_from(["checkout", "range", "mailbox"]))
    trees = [_whole(draw(_TREE))]
    for _ in range(1 if source == "checkout" else draw(st.integers(1, 3))):
        trees.append(draw(edited(trees[-1])))
    return trees, source


def try_history(ground: Ground, history: tuple[list[Tree], str], *, applied_with: str | None = None) -> None:
    """The same for an example that hypothesis made."""
    trees, source = history
    assume(trees[-1] != trees[0] if source == "checkout" else any(tree != trees[0] for tree in trees))
    ground.round_trip(trees, source, applied_with=applied_with)


HEALTH = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def test_what_the_trees_are_compared_by_is_what_git_says_of_them(ground: Ground, tmp_path: Path) -> None:
    link, run = Node("symlink", b"a/b"), Node("program", b"#!/bin/sh\n")
    tree = {"a/b": Node("file", b""), "a.b": link, "a-b": run, 'a0/é "x': Node("file", b"x\r\n")}
    lay_out(tmp_path / "files", tree)
    assert Objects().tree(tree) == tree_on_disk(tmp_path / "files", tmp_path / "scratch")
    assert files_of(tmp_path / "files") == tree
    commit = ground.objects.commit(tree, None, "base")
    assert run_git("rev-parse", f"{commit}^{{tree}}", at=ground.clone) == Objects().tree(tree)


def test_a_folder_whose_name_is_a_blank_goes_through(ground: Ground) -> None:
    """Git writes `diff --git a/ /0 b/ /0` for it, and cannot read that itself."""
    link = Node("symlink", b"0")
    ground.round_trip([{"0": link}, {"0": link, " /0": Node("file", b"")}], "checkout")


def test_a_folder_takes_the_place_of_a_symlink_that_moved(ground: Ground) -> None:
    """Git cannot apply its own diff of it while that has the move as a rename."""
    before = {name: Node("symlink", target) for name, target in (("0", b"0"), ("1", b"1"), ("00", b"0"))}
    ground.round_trip([before, {"0/0": Node("symlink", b"1"), "1/0": Node("file", b"")}], "checkout")


def test_a_folder_takes_the_place_of_a_symlink_that_moved_by_mail(ground: Ground) -> None:
    """Here the diff is the vendor's, and comes with the move as a rename."""
    link = Node("symlink", b"0")
    ground.round_trip([{"1": link, "0": link}, {"0": link, "1/0": link}], "mailbox")


@settings(max_examples=30, deadline=None, suppress_health_check=HEALTH)
@given(history=histories())
def test_add_then_apply_gives_the_same_tree(ground: Ground, history: tuple[list[Tree], str]) -> None:
    try_history(ground, history)


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=HEALTH)
@given(history=histories())
def test_add_then_apply_gives_the_same_tree_500_times(ground: Ground, history: tuple[list[Tree], str]) -> None:
    try_history(ground, history)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 2000), st.binary(max_size=8))
def test_reading_a_damaged_patch_ends_in_a_value_or_a_refusal(noise: bytes, at: int, inserted: bytes) -> None:
    good = (
        b"diff --git a/x b/y\nsimilarity index 90%\nrename from x\nrename to y\nindex 1111111..2222222 100644\n"
        b"--- a/x\n+++ b/y\n@@ -1,3 +1,3 @@ f\n a\n-b\n+c\n d\n"
        b"diff --git a/z b/z\nold mode 100644\nnew mode 100755\n"
    )
    for data in (noise, b"diff --git " + noise, good[:at] + inserted + good[at:], good[:at] + good[at + 1 :]):
        try:
            diff = read_diff(data)
        except RefusedPatchError:
            continue
        assert diff.changes
        assert read_diff(diff.for_git).for_git == diff.for_git
