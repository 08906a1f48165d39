"""A bundle with a component at a commit and a vendor's patch set: locked, fetched, patched, placed in its image."""

import json
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.project import CHIP, Project
from tests.patching.vendor import commit, made_clone, run_git, write

pytestmark = pytest.mark.slow

FACTS = ("--task", "inference", "--why", "w", "--owner", "o", "--upstream", "none", "--remove-when", "never")


@dataclass
class Patched:
    """A project whose bundle has FlagScale at a commit with two patches and a submodule, and the forge it is on."""

    project: Project
    clone: Path
    base: str

    @property
    def set(self) -> Path:
        return self.project.folder / "patches" / "flagscale" / self.base[:12] / CHIP

    @property
    def bundle(self) -> Path:
        return self.project.recipes / "bundles" / CHIP / f"{self.project.model}.yaml"

    def ok(self, command: str, *words: str) -> str:
        done = self.project.call(command, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def refused(self, status: int, command: str, *words: str) -> str:
        done = self.project.call(command, *words)
        assert done.returncode == status, (done.returncode, done.stderr)
        return done.stderr

    def patch(self, *words: str) -> None:
        argv = [sys.executable, "-m", "flagrelease", "patch", *words]
        environment = {**self.project.env(), "FLAGRELEASE_RECIPES": str(self.project.recipes)}
        done = subprocess.run(argv, cwd=self.project.folder, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()

    def layer(self) -> dict[str, bytes | str]:
        """Path to content, or to a symlink's target, of the image's layer of sources."""
        image = self.project.done("build")["value"]
        (digest,) = [layer["digest"] for layer in image["layers"] if layer["name"] == "sources"]
        blobs = self.project.bundle() / "5-build" / "image" / "blobs" / "sha256"
        found: dict[str, bytes | str] = {}
        with tarfile.open(blobs / digest.removeprefix("sha256:")) as archive:
            for member in archive:
                if not member.isdir():
                    stream = archive.extractfile(member) if member.isreg() else None
                    found[member.name] = stream.read() if stream else member.linkname
        return found


@pytest.fixture
def patched(project: Project, shared_home: Path, tmp_path: Path) -> Patched:
    forge = tmp_path / "forge"
    library, clone = forge / "own/library.git", forge / "own/FlagScale.git"
    library.mkdir(parents=True)
    run_git("init", "--quiet", at=library)
    write(library, {"lib.c": b"int one;\n"})
    pinned = commit(library, "library")
    made_clone(clone)
    (clone / ".gitmodules").write_text('[submodule "lib"]\n\tpath = third_party/lib\n\turl = ../library.git\n')
    run_git("add", ".gitmodules", at=clone)
    run_git("update-index", "--add", "--cacheinfo", f"160000,{pinned},third_party/lib", at=clone)
    run_git("commit", "--quiet", "-m", "with a submodule", at=clone)
    base = run_git("rev-parse", "HEAD", at=clone)
    # A store of its own, in which all that is downloaded lies already.
    home = tmp_path / "home"
    shutil.copytree(shared_home, home, copy_function=_linked, ignore=shutil.ignore_patterns("git", "locks"))
    mine = Project(
        folder=project.folder, home=home, environment={"FLAGRELEASE_FORGE_GITHUB": f"file://{forge}"}
    )  # fmt: skip
    made = Patched(mine, clone, base)
    _add_set(made)
    text = made.bundle.read_text()
    component = f"""    components:
      flagscale:
        source: {{kind: git, repository: own/FlagScale, commit: "{base}", submodules: true}}
        patches: {{chip: {CHIP}, base: "{base}", status: imported}}
        placed_at: /opt/FlagScale
        provenance: a test
"""
    made.bundle.write_text(text.replace("    wheels: [", f"{component}    wheels: [", 1))
    made.ok("lock")
    return made


def _linked(source: str, to: str) -> str:
    Path(to).hardlink_to(source)
    return to


def _add_set(made: Patched) -> None:
    work = made.clone.parent.parent / "work"
    run_git("clone", "--quiet", str(made.clone), str(work), at=made.clone)
    write(work, {"vllm/vllm/engine.py": b"def run():\n    return 'mlu'\n"})
    commit(work, "Return mlu")
    write(work, {"flagscale/mlu.py": b"MLU = True\n", "setup.py": None})
    commit(work, "Add the MLU")
    where = ("--component", "flagscale", "--chip", CHIP, "--repo", str(work))
    made.patch("add", *where, "--range", f"{made.base}..HEAD", *FACTS)


def test_a_bundle_with_patched_sources_is_built_again_with_the_same_digest(patched: Patched) -> None:
    patched.ok("build", "--until", "build")
    files = patched.layer()
    assert files["opt/FlagScale/vllm/vllm/engine.py"] == b"def run():\n    return 'mlu'\n"
    assert files["opt/FlagScale/flagscale/mlu.py"] == b"MLU = True\n"
    assert files["opt/FlagScale/third_party/lib/lib.c"] == b"int one;\n"
    assert "opt/FlagScale/setup.py" not in files
    assert not [name for name in files if ".git/" in name or "flagrelease" in name]
    series = (patched.set / "series.yaml").read_text()
    (source,) = json.loads((patched.project.bundle() / "3-patch" / "sources.json").read_text())["components"]
    assert f"result_tree: {source['tree']}" in series
    assert (source["commit"], source["patches"]) == (patched.base, 2)
    told = patched.ok("build", "--until", "build")
    assert told.count("up to date") == 5
    digest = patched.project.image()
    shutil.rmtree(patched.project.out)
    shutil.rmtree(patched.project.home / "git")
    patched.project.environment |= {"LC_ALL": "C", "TZ": "Asia/Shanghai", "HOME": str(patched.clone)}
    patched.ok("build", "--until", "build")
    assert patched.project.image() == digest


def test_offline_a_commit_that_is_not_here_is_named_and_one_that_is_here_is_enough(patched: Patched) -> None:
    told = patched.refused(5, "build", "--until", "build", "--offline")
    assert patched.base in told
    assert "own/FlagScale" in told
    patched.ok("build", "--until", "build")
    shutil.rmtree(patched.project.out)
    patched.ok("build", "--until", "build", "--offline")


def test_a_patch_that_is_not_the_recorded_one_ends_with_5_and_a_set_that_is_not_the_locked_one_with_4(
    patched: Patched,
) -> None:
    first = next(patched.set.glob("0001-*.patch"))
    whole = first.read_bytes()
    first.write_bytes(whole.replace(b"'mlu'", b"'MLU'"))
    told = patched.refused(5, "build", "--until", "build")
    assert first.name in told
    assert "wanted" in told
    first.write_bytes(whole)
    series = patched.set / "series.yaml"
    series.write_text(series.read_text().replace("why: w", "why: another"))
    assert "older than its recipe" in patched.refused(4, "build", "--until", "build")


def test_a_component_at_another_commit_than_its_patches_is_not_locked(patched: Patched) -> None:
    write(patched.clone, {"README.md": b"moved on\n"})
    run_git("add", "README.md", at=patched.clone)
    run_git("commit", "--quiet", "-m", "Move on", at=patched.clone)
    moved = run_git("rev-parse", "HEAD", at=patched.clone)
    text = patched.bundle.read_text().replace(f'commit: "{patched.base}"', f'commit: "{moved}"')
    patched.bundle.write_text(text)
    told = patched.refused(4, "lock")
    assert f"is at {moved}, its patches are for {patched.base}" in told


def test_a_killed_patch_stage_is_done_again_and_only_that(patched: Patched) -> None:
    patched.project.kill_in("patch", "--until", "build")
    told = patched.ok("build", "--until", "build")
    assert "[2/9] fetch: up to date" in told
    assert "[3/9] patch: done" in told
    assert patched.layer()["opt/FlagScale/flagscale/mlu.py"] == b"MLU = True\n"
