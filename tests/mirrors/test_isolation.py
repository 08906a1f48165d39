"""Who has a say in a fetch: the site and the recipe. Not the user's configuration, a redirect, or another protocol."""

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from flagrelease.errors import SourceError
from tests.mirrors.conftest import Forge, source, unseen
from tests.mirrors.server import GitServer, wait_until
from tests.patching.vendor import run_git

EVIL = """
[url "{evil}/"]
\tinsteadOf = "{forge}/"
[core]
\thooksPath = {hooks}
\tfsmonitor = "touch {mark}"
\tsshCommand = "touch {mark}"
\tattributesFile = {hooks}/attributes
[filter "lfs"]
\tsmudge = "touch {mark}"
\tprocess = "touch {mark}"
\trequired = true
[credential]
\thelper = "!touch {mark}"
[init]
\ttemplateDir = {hooks}
[fetch]
\tfsckObjects = false
[http]
\tproxy = http://127.0.0.1:9
[protocol]
\tallow = always
"""


def test_nothing_of_the_users_has_a_say(forge: Forge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = forge.make("own/repo", {"a.bin": b"plain", ".gitattributes": b"*.txt filter=lfs\n"})
    home, hooks, mark = tmp_path / "user", tmp_path / "hooks", tmp_path / "mark"
    home.mkdir()
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (hooks / name).chmod(0o755)
    (hooks / "attributes").write_text("* filter=lfs\n")
    config = EVIL.format(evil=f"file://{tmp_path}/evil", forge=forge.server.url, hooks=hooks, mark=mark)
    (home / ".gitconfig").write_text(config)
    (home / ".netrc").write_text("default login user password secret\n")
    (tmp_path / "objects").mkdir()
    for name, value in {
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "GIT_CONFIG_GLOBAL": home / ".gitconfig",
        "GIT_CONFIG_PARAMETERS": f"'core.hookspath={hooks}'",
        "GIT_ASKPASS": f"{hooks}/post-checkout",
        "GIT_SSH_COMMAND": f"touch {mark}",
        "GIT_DIR": tmp_path,
        "GIT_OBJECT_DIRECTORY": tmp_path / "objects",
        "GIT_SSL_NO_VERIFY": "1",
        "GIT_EXTERNAL_DIFF": f"touch {mark}",
        "GIT_TEMPLATE_DIR": hooks,
    }.items():
        monkeypatch.setenv(name, str(value))
    forge.bring(source(), commit)
    folder = forge.written(source(), commit, tmp_path / "out")
    assert (folder / "a.bin").read_bytes() == b"plain"
    assert not mark.exists()
    assert list((tmp_path / "objects").iterdir()) == []
    forge.server.of("/own/").status = 401
    with pytest.raises(SourceError, match="nobody gave"):
        forge.bring(source(), "1" * 40)
    assert not mark.exists()
    assert [one for one in forge.server.asked if "Authorization" in one.headers] == []


def test_a_redirect_to_another_host_is_not_followed(forge: Forge, tmp_path: Path) -> None:
    commit = forge.make("own/repo", {"a": b"1"})
    with GitServer(forge.server.root).running() as other:
        forge.server.of("/own/").redirect = f"{other.url}/own/repo.git"
        with pytest.raises(SourceError, match=r"301|redirect"):
            forge.bring(source(), commit)
        assert other.asked == []


def test_a_repository_that_was_renamed_on_its_own_host_is_followed_which_is_said(forge: Forge) -> None:
    commit = forge.make("new/repo", {"a": b"1"})
    forge.server.of("/own/").redirect = f"{forge.server.url}/new/repo.git"
    forge.bring(source(), commit)
    assert f"own/repo: {forge.server.url}/own/repo.git has moved to {forge.server.url}/new/repo.git" in forge.said


def test_repositories_that_lead_to_each_other_come_to_an_end(forge: Forge) -> None:
    forge.server.of("/own/").redirect = f"{forge.server.url}/new/repo.git"
    forge.server.of("/new/").redirect = f"{forge.server.url}/own/repo.git"
    with pytest.raises(SourceError, match=r"301|redirect"):
        forge.bring(source(), "1" * 40)


@pytest.mark.parametrize("base", ["ext::sh -c id", "git://host.example", "/srv/git", "http", "ftp://host.example"])
def test_a_site_names_its_forge_by_one_of_four_protocols(forge: Forge, base: str) -> None:
    with pytest.raises(SourceError, match="FLAGRELEASE_FORGE_GITHUB: wanted an address with https://") as caught:
        forge.mirrors(FLAGRELEASE_FORGE_GITHUB=base).bring(source(), "1" * 40, unseen)
    assert "FLAGRELEASE_FORGE_GITHUB" in caught.value.hint


def test_a_site_may_keep_its_mirrors_in_a_folder(forge: Forge) -> None:
    commit = forge.make("own/repo", {"a": b"1"})
    mirrors = forge.mirrors(FLAGRELEASE_FORGE_GITHUB=f"file://{forge.server.root}")
    mirrors.bring(source(), commit, unseen)
    assert mirrors.missing(source(), commit) == ()
    assert forge.server.asked == []


def test_a_submodule_of_another_host_is_never_asked_for_by_file_or_plain_http(forge: Forge) -> None:
    forge.make("own/repo", {"a": b"1"})
    text = f'[submodule "one"]\n\tpath = lib\n\turl = {forge.server.url}/own/repo.git\n'
    commit = forge.link("own/repo", "lib", "1" * 40, modules=text)
    with pytest.raises(SourceError, match="only https and ssh are allowed"):
        forge.bring(source(submodules=True), commit)


def test_a_secret_of_the_sites_address_is_in_no_argument_and_no_message(forge: Forge) -> None:
    commit = forge.make("own/repo", {"a": b"1"})
    secret = "s3cretToken"
    base = forge.server.url.replace("http://", f"http://user:{secret}@")
    forge.server.of("/own/").pause_at = 1
    mirrors = forge.mirrors(FLAGRELEASE_FORGE_GITHUB=base)
    thread = threading.Thread(target=mirrors.bring, args=(source(), commit, unseen))
    thread.start()
    wait_until(forge.server.paused.is_set)
    seen = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
    forge.server.go_on.set()
    thread.join()
    assert any(b"fetch" in one for one in seen)
    assert any(b"remote-http" in one for one in seen)
    assert [one for one in seen if secret.encode() in one] == []
    assert {one.headers.get("Authorization", "")[:6] for one in forge.server.asked} == {"Basic "}
    with pytest.raises(SourceError) as caught:
        mirrors.bring(source(), "1" * 40, unseen)
    assert secret not in "\n".join([caught.value.message, caught.value.hint, *forge.said])
    files = [path for path in forge.home.rglob("*") if path.is_file()]
    assert [path for path in files if secret.encode() in path.read_bytes()] == []


def test_what_a_tree_says_of_hooks_and_settings_does_nothing(forge: Forge, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    files = {
        ".lfsconfig": b"[lfs]\n\turl = http://127.0.0.1:9/\n",
        ".gitattributes": b"*.x filter=evil\n*.txt eol=crlf ident\n",
        "a.txt": b"one\n$Id$\n",
        "hooks/post-checkout": f"#!/bin/sh\ntouch {mark}\n".encode(),
        "config": f"[core]\n\tfsmonitor = touch {mark}\n".encode(),
    }
    commit = forge.make("own/repo", files)
    forge.bring(source(), commit)
    folder = forge.written(source(), commit, tmp_path / "out")
    assert (folder / "a.txt").read_bytes() == b"one\n$Id$\n"
    assert not mark.exists()


def test_few_objects_that_name_endless_paths_are_refused_in_seconds(forge: Forge) -> None:
    forge.make("own/repo", {"a": b"1"})
    top = forge.top("own/repo")
    kind, id_ = "100644 blob", run_git("rev-parse", "HEAD:a", at=top)
    for _ in range(10):
        lines = "".join(f"{kind} {id_}\t{name}\n" for name in "abcdefghij").encode()
        id_ = (
            subprocess.run(["git", "mktree"], cwd=top, input=lines, capture_output=True, check=True)
            .stdout.decode()
            .strip()
        )
        kind = "040000 tree"
    commit = run_git("commit-tree", "-m", "bomb", id_, at=top)
    run_git("update-ref", "refs/heads/bomb", commit, at=top)
    begin = time.monotonic()
    with pytest.raises(SourceError, match="more than 1000000 paths"):
        forge.bring(source(), commit)
    assert time.monotonic() - begin < 20


def test_a_tree_with_a_path_that_leads_elsewhere_is_refused(forge: Forge) -> None:
    forge.make("own/repo", {"a": b"1"})
    top = forge.top("own/repo")
    blob = run_git("rev-parse", "HEAD:a", at=top)
    tree = f"100644 blob {blob}\ta\n".encode()
    inner = subprocess.run(["git", "mktree"], cwd=top, input=tree, capture_output=True, check=True).stdout.strip()
    outer = b"40000 ..\0" + bytes.fromhex(inner.decode())
    made = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally"],
        cwd=top,
        input=outer,
        capture_output=True,
        check=True,
    )
    commit = run_git("commit-tree", "-m", "evil", made.stdout.decode().strip(), at=top)
    run_git("update-ref", "refs/heads/evil", commit, at=top)
    with pytest.raises(SourceError, match=r"nobody gave the commit(.|\n)*hasDotdot|leads elsewhere"):
        forge.bring(source(), commit)
    assert forge.mirrors().missing(source(), commit) != ()
