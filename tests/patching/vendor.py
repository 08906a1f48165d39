"""A clone such as a vendor has, made for a test: files of every kind, and commits that are the same every time."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

SEED_MESSAGE = "base, numbered so that its id begins as the seed's does: 000000004a11c4e1"
"""With it the commit of FILES is 57637057…, the one that the published card names (2^32 tries found it)."""

MOMENT = "2025-02-23T10:00:00+0800"
FILES: Mapping[str, bytes] = {
    "README.md": b"# FlagScale\n\nA large model toolkit.\n",
    ".gitignore": b"build/\n*.pyc\n",
    "setup.py": b"from setuptools import setup\n\nsetup(name='flagscale')\n",
    "flagscale/__init__.py": b"__version__ = '0.6.0'\n",
    "flagscale/train.py": b"".join(b"line %d\n" % number for number in range(1, 101)),
    "flagscale/old_name.py": b"".join(b"moved %d\n" % number for number in range(1, 41)),
    "vllm/vllm/engine.py": b"def run():\n    return 'cuda'\n",
    "tools/run.sh": b"#!/bin/sh\necho run\n",
    "windows.txt": b"one\r\ntwo\r\n",
    "latin.txt": b"caf\xe9\n",
    "data/blob.bin": bytes(range(256)) * 4,
    "no_newline": b"no line end",
}


def run_git(*arguments: str, at: Path, **more: str) -> str:
    """Git as a test wants it: one author, one moment, no configuration."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _WHO.items()},
        **more,
    }
    done = subprocess.run(["git", *arguments], cwd=at, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, (arguments, done.stderr.decode())
    return done.stdout.decode("utf-8", "surrogateescape").strip()


_WHO = {"NAME": "Vendor Person", "EMAIL": "person@vendor.example", "DATE": MOMENT}


def write(top: Path, files: Mapping[str, bytes | None]) -> None:
    """Write files; None removes one."""
    for name, content in files.items():
        path = top / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def commit(top: Path, subject: str = "change") -> str:
    """Everything there is, as a commit."""
    run_git("add", "--all", "--force", at=top)
    run_git("commit", "--quiet", "--allow-empty", "-m", subject, at=top)
    return run_git("rev-parse", "HEAD", at=top)


def made_clone(top: Path, files: Mapping[str, bytes] = FILES) -> str:
    """A clone with one commit; returns its id."""
    top.mkdir(parents=True)
    run_git("init", "--quiet", "--initial-branch=main", at=top)
    write(top, files)
    if (top / "tools/run.sh").exists():
        (top / "tools/run.sh").chmod(0o755)
    if files is FILES:
        (top / "link").symlink_to("flagscale/train.py")
    return commit(top, SEED_MESSAGE if files is FILES else "base")


def tree_of(top: Path, revision: str = "HEAD") -> str:
    """The tree of a commit."""
    return run_git("rev-parse", f"{revision}^{{tree}}", at=top)


def tree_on_disk(folder: Path, scratch: Path) -> str:
    """The tree id of a folder's files, by git, in a repository that is made for it."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    run_git("init", "--quiet", "--bare", at=scratch)
    (scratch / "info").mkdir(exist_ok=True)
    (scratch / "info" / "attributes").write_text("* -text -ident -filter !working-tree-encoding\n")
    (scratch / "info" / "exclude").write_text(".flagrelease-patched.json\n")
    more = {"GIT_DIR": str(scratch), "GIT_WORK_TREE": str(folder)}
    run_git("-c", "core.bare=false", "add", "--all", "--force", at=folder, **more)
    run_git("rm", "--quiet", "--cached", "--ignore-unmatch", ".flagrelease-patched.json", at=folder, **more)
    return run_git("write-tree", at=folder, **more)


def edit(top: Path) -> None:
    """Every kind of change at once: of text, added, deleted, moved, a mode, binary, a symlink."""
    train = (top / "flagscale/train.py").read_bytes().replace(b"line 50\n", b"line 50 on mlu\n")
    write(
        top,
        {
            "flagscale/train.py": train,
            "flagscale/mlu/kernel.py": b"print('mlu')\n",
            "vllm/vllm/engine.py": b"def run():\n    return 'mlu'\n",
            "setup.py": None,
            "windows.txt": b"one\r\nzwei\r\n",
            "latin.txt": b"caf\xe9 \xfc\n",
            "data/blob.bin": bytes(reversed(range(256))) * 4,
            "data/new.bin": b"\0\1\2" * 100,
            "empty": b"",
            "no_newline": b"still none",
            "name with blanks \xc3\xa9.txt".encode("latin-1").decode("utf-8"): b"x\n",
        },
    )
    (top / "flagscale/old_name.py").rename(top / "flagscale/new_name.py")
    (top / "tools/run.sh").chmod(0o644)
    (top / "README.md").chmod(0o755)
    (top / "link").unlink()
    (top / "link").symlink_to("flagscale/new_name.py")
    (top / "vllm/other").symlink_to("../data/blob.bin")
