"""Submodules: pinned by the commit, from where .gitmodules says, unless that is hostile."""

import subprocess
from pathlib import Path

import pytest

from flagrelease.adapters.mirrors.addresses import Upstream
from flagrelease.adapters.mirrors.submodule_url import RefusedUrlError, submodule_upstreams
from flagrelease.errors import SourceError
from tests.mirrors.conftest import Forge, source, unseen
from tests.patching.vendor import run_git

pytestmark = pytest.mark.slow

ABOVE = (
    Upstream(base="https://github.com", path="own/repo", forge="github"),
    Upstream(base="https://gitee.com", path="copy/repo", forge="gitee"),
)


def modules(path: str, url: str, name: str = "one") -> str:
    return f'[submodule "{name}"]\n\tpath = {path}\n\turl = {url}\n'


def test_files_of_submodules_and_of_theirs_are_written_where_they_belong(forge: Forge, tmp_path: Path) -> None:
    inner = forge.make("other/inner", {"deep": b"deep"})
    middle = forge.make("own/middle", {"m": b"middle"})
    middle = forge.link(
        "own/middle", "third/inner", inner, modules=modules("third/inner", "git@github.com:other/inner.git")
    )
    forge.make("own/repo", {"a": b"1"})
    commit = forge.link("own/repo", "libs/mid dle", middle, modules=modules("libs/mid dle", "../middle.git"))
    wanted = source(submodules=True)
    forge.bring(wanted, commit)
    folder = forge.written(wanted, commit, tmp_path / "out")
    assert (folder / "a").read_bytes() == b"1"
    assert (folder / "libs/mid dle/m").read_bytes() == b"middle"
    assert (folder / "libs/mid dle/third/inner/deep").read_bytes() == b"deep"
    forge.server.asked.clear()
    forge.bring(wanted, commit)
    assert forge.server.asked == []
    assert len(list((forge.home / "git").iterdir())) == 3


def test_without_submodules_their_folders_stay_empty_and_nobody_is_asked_for_them(forge: Forge, tmp_path: Path) -> None:
    forge.make("own/repo", {"a": b"1"})
    commit = forge.link("own/repo", "lib", "1" * 40)
    forge.bring(source(), commit)
    assert list((forge.written(source(), commit, tmp_path / "out") / "lib").iterdir()) == []
    assert {one.path.split("/")[2] for one in forge.server.asked} == {"repo.git"}


def test_a_submodule_without_an_entry_is_named(forge: Forge) -> None:
    forge.make("own/repo", {"a": b"1"})
    commit = forge.link("own/repo", "third_party/lerobot", "1" * 40)
    with pytest.raises(SourceError, match=r"third_party/lerobot of commit .* has no entry in .gitmodules") as caught:
        forge.bring(source(submodules=True), commit)
    assert "submodules: false" in caught.value.hint


def test_a_submodule_commit_that_is_gone_is_named_with_its_place(forge: Forge) -> None:
    forge.make("other/inner", {"deep": b"deep"})
    forge.make("own/repo", {"a": b"1"})
    commit = forge.link("own/repo", "lib", "1" * 40, modules=modules("lib", "https://github.com/other/inner"))
    wanted = source(submodules=True)
    with pytest.raises(SourceError, match=r"github.com/other/inner \(submodule lib of own/repo\): nobody gave .*1{40}"):
        forge.bring(wanted, commit)
    assert forge.mirrors().missing(wanted, commit) == (
        f"https://github.com/other/inner (submodule lib of own/repo): commit {'1' * 40}",
    )


def test_a_relative_address_is_looked_for_beside_each_mirror(forge: Forge) -> None:
    inner = forge.make("copy/inner", {"deep": b"deep"})
    forge.make("copy/repo", {"a": b"1"})
    commit = forge.link("copy/repo", "lib", inner, modules=modules("lib", "../inner"))
    wanted = source("own/repo", submodules=True, mirrors=[{"forge": "gitee", "repository": "copy/repo"}])
    forge.bring(wanted, commit)
    assert forge.mirrors().missing(wanted, commit) == ()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ext::sh -c touch% /tmp/x", "characters"),
        ("ext::sh", "program"),
        ("fd::17", "program"),
        ("-oProxyCommand=touch", "option"),
        ("--upload-pack=touch", "option"),
        ("ssh://-oProxyCommand=touch/x", "public host"),
        ("ssh://-l@host.example/x", "user"),
        ("-u@host.example:x", "option"),
        ("/etc", "path of this machine"),
        ("etc/x", "path of this machine"),
        ("file:///etc", "only https and ssh"),
        ("http://host.example/x", "only https and ssh"),
        ("git://host.example/x", "only https and ssh"),
        ("ftp://host.example/x", "only https and ssh"),
        ("https://user:secret@host.example/x", "user or a password"),
        ("https://token@github.com/own/x", "user or a password"),
        ("ssh://git:secret@host.example/x", "user or a password"),
        ("https://127.0.0.1/x", "public host"),
        ("https://[::1]/x", "public host"),
        ("https://2130706433/x", "public host"),
        ("https://localhost/x", "public host"),
        ("https://host.example:99999/x", "cannot be read"),
        ("https://host.example/x?y=1", "more than a path"),
        ("https://host.example/x#y", "more than a path"),
        ("https://host.example/../x", "not plain"),
        ("https://host.example/%2e%2e/x", "not plain"),
        ("https://host.example/-x", "not plain"),
        ("https://host.example/", "not plain"),
        ("../../../x", "leads out"),
        ("../x/../../y", "not plain"),
        ("..", "path of this machine"),
        ("", "empty"),
        ("https://host.example/a\\b", "characters"),
        ("https://höst.example/x", "characters"),
        ("https://host.example/x\r", "characters"),
        ("https://host.example/" + "x" * 1000, "too long"),
    ],
)
def test_a_hostile_address_is_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(RefusedUrlError, match=why):
        submodule_upstreams(url, ABOVE)


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("https://github.com/own/x.git", ["https://github.com/own/x"]),
        ("http://github.com/own/x", ["https://github.com/own/x"]),
        ("git://GitHub.com/own/x/", ["https://github.com/own/x"]),
        ("git@gitee.com:own/x.git", ["https://gitee.com/own/x"]),
        ("ssh://git@gitcode.com/own/x", ["https://gitcode.com/own/x"]),
        ("https://host.example:8443/a/b/c.git", ["https://host.example:8443/a/b/c.git"]),
        ("git@host.example:a/b.git", ["ssh://git@host.example/a/b.git"]),
        ("../x.git", ["https://github.com/own/x", "https://gitee.com/copy/x"]),
        ("./x", ["https://github.com/own/repo/x", "https://gitee.com/copy/repo/x"]),
        ("../../y/x", ["https://github.com/y/x", "https://gitee.com/y/x"]),
    ],
)
def test_a_plain_address_is_known_by_its_host_and_path(url: str, names: list[str]) -> None:
    assert [one.name for one in submodule_upstreams(url, ABOVE)] == names


def test_repositories_that_differ_in_capitals_alone_have_folders_of_their_own() -> None:
    both = {Upstream(base="https://github.com", path=path, forge="github").folder.lower() for path in ("a/b", "A/b")}
    assert len(both) == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (modules("lib", "file:///etc"), r"has the address 'file:///etc', which is reached by `file`"),
        (modules("lib", "ext::sh"), "names a program"),
        (modules("../lib", "../x"), "the path ../lib, which leads elsewhere"),
        (modules("lib", "../x") + modules("lib", "../y", "two"), "has 2 entries"),
        ('[submodule "one"]\n\tpath = lib\n', "has no `url`"),
        ("[submodule\n", "does not understand"),
        ("x" * 300_000, "more than 262144 bytes"),
        ("".join(modules(f"p{n}", "../x", f"n{n}") for n in range(1100)), "more than 1000 entries"),
    ],
)
def test_a_hostile_gitmodules_is_refused_by_the_name_of_the_submodule(forge: Forge, text: str, why: str) -> None:
    forge.make("own/repo", {"a": b"1"})
    commit = forge.link("own/repo", "lib", "1" * 40, modules=text)
    with pytest.raises(SourceError, match=why) as caught:
        forge.bring(source(submodules=True), commit)
    assert "submodule lib" in caught.value.message
    forge.bring(source(), commit)


def test_a_gitmodules_that_includes_another_file_reads_no_other(forge: Forge, tmp_path: Path) -> None:
    (tmp_path / "other").write_text(modules("lib", "https://github.com/own/x"))
    forge.make("own/repo", {"a": b"1"})
    commit = forge.link("own/repo", "lib", "1" * 40, modules=f"[include]\n\tpath = {tmp_path}/other\n")
    with pytest.raises(SourceError, match="no entry"):
        forge.bring(source(submodules=True), commit)


def test_a_gitmodules_that_is_a_symlink_is_refused_when_it_comes(forge: Forge, tmp_path: Path) -> None:
    (tmp_path / "other").write_text(modules("lib", "https://github.com/own/x"))
    forge.make("own/repo", {"a": b"1"})
    top = forge.top("own/repo")
    (top / "target").write_text(str(tmp_path / "other"))
    target = run_git("hash-object", "-w", "target", at=top)
    (top / "tree").write_text(f"120000 blob {target}\t.gitmodules\n160000 commit {'1' * 40}\tlib\n")
    with (top / "tree").open() as lines:
        made = subprocess.run(["git", "mktree", "--missing"], cwd=top, stdin=lines, capture_output=True, check=True)
    commit = run_git("commit-tree", "-m", "evil", made.stdout.decode().strip(), at=top)
    run_git("update-ref", "refs/heads/evil", commit, at=top)
    with pytest.raises(SourceError, match="nobody gave"):
        forge.bring(source(submodules=True), commit)


def test_submodules_below_each_other_without_end_are_refused(forge: Forge) -> None:
    below = forge.make("own/level", {"end": b"end"})
    for number in range(12):
        (forge.top("own/level") / "n").write_text(str(number))
        run_git("add", "n", at=forge.top("own/level"))
        below = forge.link("own/level", "next", below, modules=modules("next", "../level"))
    with pytest.raises(SourceError, match="8 below each other"):
        forge.bring(source("own/level", submodules=True), below)


def test_a_folder_that_a_patch_put_something_else_into_is_left_alone(forge: Forge, tmp_path: Path) -> None:
    inner = forge.make("other/inner", {"deep": b"deep"})
    forge.make("own/repo", {"a": b"1"})
    commit = forge.link("own/repo", "x/lib", inner, modules=modules("x/lib", "https://github.com/other/inner"))
    wanted = source(submodules=True)
    forge.bring(wanted, commit)
    mirrors = forge.mirrors(offline=True)
    elsewhere = tmp_path / "elsewhere" / "lib"
    elsewhere.mkdir(parents=True)
    link, full, file, none = (tmp_path / name for name in ("link", "full", "file", "none"))
    for folder in (link, full, file, none):
        folder.mkdir()
    (link / "x").symlink_to(elsewhere.parent)
    (full / "x" / "lib").mkdir(parents=True)
    (full / "x" / "lib" / "own").write_text("a patch's")
    (file / "x").mkdir()
    (file / "x" / "lib").write_text("a patch's")
    for folder in (link, full, file, none):
        mirrors.fill(wanted, commit, folder)
    assert list(elsewhere.iterdir()) == []
    assert [one.name for one in (full / "x" / "lib").iterdir()] == ["own"]
    assert (file / "x" / "lib").read_text() == "a patch's"
    assert list(none.iterdir()) == []
    with pytest.raises(SourceError, match="is not in"):
        mirrors.fill(wanted, "2" * 40, none)


def test_offline_lists_the_commit_of_a_submodule_that_is_not_here(forge: Forge) -> None:
    inner = forge.make("other/inner", {"deep": b"deep"})
    forge.make("own/repo", {"a": b"1"})
    commit = forge.link("own/repo", "lib", inner, modules=modules("lib", "https://github.com/other/inner"))
    forge.bring(source(), commit)
    with pytest.raises(SourceError, match=rf"submodule lib of own/repo\): commit {inner}"):
        forge.mirrors(offline=True).bring(source(submodules=True), commit, unseen)
