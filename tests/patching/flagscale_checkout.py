"""FlagScale-like checkouts for tests: real git, real submodules, `hardware/` in all three generations."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.patching.vendor import commit, run_git, write

VENDOR = {
    "GIT_AUTHOR_NAME": "Li Vendor",
    "GIT_AUTHOR_EMAIL": "li@vendor.example",
    "GIT_AUTHOR_DATE": "2025-03-01T12:00:00+0800",
}
FLAGSCALE: Mapping[str, bytes] = {
    "README.md": b"# FlagScale\n",
    "setup.py": b"from setuptools import setup\n\nsetup(name='flagscale')\n",
    "flagscale/run.py": b"".join(b"run %d\n" % number for number in range(1, 31)),
    "flagscale/backends/vllm/vllm/extra.py": b"extra = 1\n",
    "flagscale/old.py": b"".join(b"old %d\n" % number for number in range(1, 31)),
}
VLLM: Mapping[str, bytes] = {
    "README.md": b"# vLLM\n",
    "vllm/engine.py": b"".join(b"engine %d\n" % number for number in range(1, 31)),
    "vllm/config.py": b"device = 'cuda'\n",
}
MEGATRON: Mapping[str, bytes] = {"megatron/core.py": b"".join(b"core %d\n" % number for number in range(1, 31))}
RUN = FLAGSCALE["flagscale/run.py"]
ENGINE = VLLM["vllm/engine.py"]
TREES = {"FlagScale": FLAGSCALE, "vllm": VLLM, "Megatron-LM": MEGATRON}


def diff_yaml(**facts: object) -> bytes:
    """A file such as FlagScale's tool writes."""
    lines = []
    for key, value in sorted(facts.items()):
        if value is None:
            continue
        if isinstance(value, Mapping):
            lines += [f"{key}:", *(f"  {one}: {text}" for one, text in value.items())] if value else [f"{key}: {{}}"]
        elif isinstance(value, list):
            lines += [f"{key}:", *(f"- {one}" for one in value)]
        else:
            lines.append(f"{key}: {value}")
    return ("\n".join(lines) + "\n").encode()


@dataclass
class Checkout:
    """A checkout with vllm and Megatron-LM as submodules. `base` is the commit that the patches are against."""

    top: Path
    upstream: Path
    base: str = ""
    commits: dict[str, str] = field(default_factory=dict)

    def copied(self, folder: Path) -> "Checkout":
        """The same in another place."""
        shutil.copytree(self.top.parent, folder, symlinks=True)
        return Checkout(
            top=folder / self.top.name, upstream=folder / "upstream", base=self.base, commits=dict(self.commits)
        )

    def git(self, *arguments: str, at: Path | None = None, more: Mapping[str, str] | None = None) -> str:
        """Git in the checkout."""
        return run_git(*arguments, at=at or self.top, **(more or {}))

    def where(self, backend: str) -> Path:
        """The clone of a backend."""
        return self.top if backend == "FlagScale" else self.top / "third_party" / backend

    def base_of(self, backend: str) -> str:
        """The commit that a backend's patches are against."""
        return self.base if backend == "FlagScale" else self.commits[backend]

    def commit(self, subject: str = "change", **more: str) -> str:
        """Commit hardware/ as the vendor."""
        self.git("add", "--all", "--force", "hardware")
        self.git("commit", "--quiet", "--allow-empty", "-m", subject, more={**VENDOR, **more})
        return self.git("rev-parse", "HEAD")

    def diff(self, backend: str, files: Mapping[str, bytes | None]) -> bytes:
        """The diff that leads from a backend's base to the base with these files."""
        return self.made(backend, files)[1]

    def made(self, backend: str, files: Mapping[str, bytes | None]) -> tuple[str, bytes]:
        """The tree with these files at the base, and the diff to it."""
        at, base = self.where(backend), self.base_of(backend)
        index = {"GIT_INDEX_FILE": str(self.upstream / "index")}
        self.git("read-tree", base, at=at, more=index)
        for name, content in files.items():
            if content is None:
                self.git("update-index", "--force-remove", name, at=at, more=index)
                continue
            (self.upstream / "blob").write_bytes(content)
            blob = self.git("hash-object", "-w", "--no-filters", str(self.upstream / "blob"), at=at)
            self.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", at=at, more=index)
        tree = self.git("write-tree", at=at, more=index)
        text = self.git("diff", "--binary", "--no-renames", base, tree, at=at)
        return tree, text.encode("utf-8", "surrogateescape") + b"\n\n" if text else b""

    def yaml(self, device: str, backend: str, **more: object) -> bytes:
        """A right diff.yaml."""
        commits = {} if backend == "FlagScale" else {backend: self.commits[backend]}
        facts: dict[str, object] = {
            "backends_commit": commits,
            "backends_version": {backend: "0.8.5"},
            "commit": self.base,
            "contact": "li@vendor.example",
            "device_type": device,
            "models": ["qwen3"],
            "task": ["train" if backend == "Megatron-LM" else "inference"],
        }
        return diff_yaml(**{**facts, **more})

    def write(self, files: Mapping[str, bytes | None]) -> None:
        """Files below hardware/."""
        write(self.top / "hardware", files)

    def generation_2(self, device: str, backend: str, files: Mapping[str, bytes | None], **more: object) -> str:
        """`diff.patch` and `diff.yaml`; returns the tree that it makes."""
        tree, diff = self.made(backend, files)
        folder = f"{device}/{backend}"
        self.write({f"{folder}/diff.patch": diff, f"{folder}/diff.yaml": self.yaml(device, backend, **more)})
        return tree

    def generation_3(self, device: str, backend: str, files: Mapping[str, bytes | None], **more: object) -> str:
        """A patch a file and `diff.yaml`; returns the tree that they make."""
        folder = f"{device}/{backend}"
        self.write({f"{folder}/{name}.patch": self.made(backend, {name: files[name]})[1] for name in files})
        self.write({f"{folder}/diff.yaml": self.yaml(device, backend, **more)})
        return self.made(backend, files)[0]

    def generation_1(self, device: str, files: Sequence[Mapping[str, bytes | None]]) -> str:
        """A mailbox with a mail for each of these changes; returns the tree that they make."""
        self.git("checkout", "--quiet", "-b", "vendor", self.base)
        for number, one in enumerate(files, start=1):
            write(self.top, one)
            self.git("add", "--all")
            self.git("commit", "--quiet", "-m", f"Vendor step {number}", more=VENDOR)
        tree = self.git("rev-parse", "HEAD^{tree}")
        mails = self.git("format-patch", "--stdout", "--binary", f"{self.base}...HEAD") + "\n"
        self.git("checkout", "--quiet", "main")
        self.git("branch", "--quiet", "-D", "vendor")
        short = self.base[:8]
        self.write({f"{device}/{short}/{short}.patch": mails.encode("utf-8", "surrogateescape")})
        return tree

    def step(self, subject: str = "upstream goes on") -> str:
        """One more commit of FlagScale's own; it is the base from now on."""
        write(self.top, {"CHANGES": os.urandom(8).hex().encode()})
        self.git("add", "CHANGES")
        self.git("commit", "--quiet", "-m", subject)
        self.base = self.git("rev-parse", "HEAD")
        return self.base


def flagscale_checkout(folder: Path) -> Checkout:
    """A checkout with two submodules that are there."""
    top, upstream = folder / "FlagScale", folder / "upstream"
    made = Checkout(top=top, upstream=upstream)
    for backend in ("vllm", "Megatron-LM"):
        at = upstream / backend
        at.mkdir(parents=True)
        run_git("init", "--quiet", "--initial-branch=main", at=at)
        write(at, TREES[backend])
        made.commits[backend] = commit(at, "base")
    top.mkdir()
    run_git("init", "--quiet", "--initial-branch=main", at=top)
    write(top, FLAGSCALE)
    for backend in made.commits:
        run_git(
            "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(upstream / backend),
            f"third_party/{backend}", at=top,
        )  # fmt: skip
    made.base = commit(top, "FlagScale")
    return made
