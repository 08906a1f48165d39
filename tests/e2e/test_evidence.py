"""Evidence goes from one project folder to another as one file, and decides there; nothing of it is believed unread."""

import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flagrelease.adapters.sealed.key_files import make_key
from tests.e2e.project import CHIP, HOLD, MODEL, ROOT, Project, make_project

pytestmark = pytest.mark.slow

STAGES = ("6-smoke_kernels", "7-smoke_serving", "8-evaluate")
DAMAGED, UNFIT = 5, 8


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The private key of whoever runs the chip's host."""
    folder = tmp_path_factory.mktemp("keys")
    make_key(folder, "chip-host", None)
    return folder / "chip-host.key"


@pytest.fixture(scope="module")
def pack(built: Project, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evidence of the bundle that was built."""
    path = tmp_path_factory.mktemp("pack") / "evidence.tar"
    done = evidence(built, "pack", "--to", path, "--sign-with", key)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def with_image(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Another clone of the project, that has the image and no evidence."""
    project = make_project(tmp_path_factory.mktemp("other") / "clone", shared_home)
    done = project.call("build", "--until", "build")
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture
def clone(with_image: Project, tmp_path: Path) -> Project:
    """A copy of that clone for each test."""
    return copied(with_image, tmp_path / "clone")


def copied(project: Project, to: Path) -> Project:
    """The image's blobs are only linked: nothing writes into them."""

    def link_or_copy(source: str, target: str) -> None:
        if Path(source).parent.name == "sha256":
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    shutil.copytree(project.folder, to, symlinks=True, copy_function=link_or_copy)
    return Project(to, project.home)


def argv(project: Project, command: str, *words: str | Path) -> list[str]:
    bundle = [] if command == "show" else ["--chip", CHIP, "--model", MODEL, "--out", str(project.out)]
    return [sys.executable, "-m", "flagrelease", "evidence", command, *map(str, words), *bundle,
            "--recipes", str(project.recipes)]  # fmt: skip


def evidence(project: Project, command: str, *words: str | Path) -> "subprocess.CompletedProcess[str]":
    call = argv(project, command, *words)
    return subprocess.run(call, env=project.env(), cwd=project.folder, capture_output=True, text=True, check=False)


def take(project: Project, pack: Path, key: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return evidence(project, "take", pack, "--trusted", key.with_suffix(".pub"), *words)


def stages(project: Project) -> dict[str, bytes]:
    """Every file of the stages that evidence is of."""
    return {
        path.relative_to(project.bundle()).as_posix(): path.read_bytes()
        for stage in STAGES
        for path in (project.bundle() / stage).rglob("*")
        if path.is_file()
    }


def left_behind(project: Project) -> list[str]:
    return [path.name for path in project.bundle().iterdir() if path.name.startswith(".")]


def test_a_clone_that_has_only_the_image_publishes_by_evidence_from_elsewhere(
    built: Project, clone: Project, pack: Path, key: Path, tmp_path: Path
) -> None:
    taken = take(clone, pack, key)
    assert taken.returncode == 0, taken.stderr
    assert taken.stdout.startswith("HOLD  ")
    before = len(clone.events())
    done = clone.call("build")
    assert done.returncode == HOLD, done.stderr
    assert not any(event["kind"] == "started" for event in clone.events()[before:]), "no stage acts again"
    assert (clone.bundle() / "README.md").read_bytes() == (built.bundle() / "README.md").read_bytes()
    waiver = tmp_path / "waiver.yaml"
    waiver.write_text(f"image: {built.image()}\nowner: the tests\nreason: twelve items\nexpires: 2099-12-31\n")
    layout = tmp_path / "layout"
    published = clone.call("publish", "--to", f"oci:{layout}", "--waiver", str(waiver), "--json")
    assert published.returncode == 0, published.stderr
    assert json.loads(published.stdout)["image"] == built.image()
    assert "**Published by waiver**" in (clone.bundle() / "README.md").read_text()
    for stage in STAGES:
        taken_from = json.loads((clone.bundle() / stage / "taken.json").read_text())
        assert (taken_from["by"], taken_from["host"]["cores"]) == ("chip-host", os.cpu_count())


def test_the_same_evidence_gives_the_same_bytes_and_no_log(
    built: Project, pack: Path, key: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.tar"
    assert evidence(built, "pack", "--to", again, "--sign-with", key).returncode == 0
    assert again.read_bytes() == pack.read_bytes()
    assert evidence(built, "pack", "--to", again, "--sign-with", key).returncode == 0, "the same pack is no fault"
    with tarfile.open(pack) as archive:
        assert not any(name.endswith(".log") for name in archive.getnames())
        assert {member.mtime for member in archive} == {0}
    again.write_bytes(b"mine")
    refused = evidence(built, "pack", "--to", again, "--sign-with", key)
    assert (refused.returncode, again.read_bytes()) == (10, b"mine")


def test_a_person_sees_what_a_pack_is_about(built: Project, pack: Path, key: Path) -> None:
    shown = evidence(built, "show", pack, "--trusted", key.with_suffix(".pub"))
    for text in (built.image(), "signed by  chip-host (", "host       ", "verdict    HOLD, to be decided again"):
        assert text in shown.stdout
    assert "nobody that is trusted here; it says chip-host" in evidence(built, "show", pack).stdout


def test_without_evidence_there_is_nothing_to_pack(with_image: Project, key: Path) -> None:
    done = evidence(with_image, "pack", "--sign-with", key)
    assert done.returncode == DAMAGED
    assert "smoke_kernels is not finished" in done.stderr


def test_a_pack_is_taken_once(clone: Project, pack: Path, key: Path) -> None:
    assert take(clone, pack, key).returncode == 0
    before = stages(clone)
    again = take(clone, pack, key)
    assert again.returncode == UNFIT
    assert "this evidence was taken already" in again.stderr
    assert stages(clone) == before


def test_evidence_that_is_here_is_kept_when_another_takes_its_place(
    built: Project, pack: Path, key: Path, tmp_path: Path
) -> None:
    copy = copied(built, tmp_path / "copy")
    before = stages(copy)
    refused = take(copy, pack, key)
    assert refused.returncode == UNFIT
    assert "made on this machine" in refused.stderr
    assert stages(copy) == before
    assert take(copy, pack, key, "--supersedes").returncode == 0
    kept = copy.bundle() / "superseded" / "8-evaluate.1" / "done.json"
    assert kept.read_bytes() == before["8-evaluate/done.json"]
    assert take(copy, pack, key, "--supersedes").returncode == UNFIT, "not even so twice"


def test_no_trusted_key_no_evidence(clone: Project, built: Project, pack: Path, key: Path, tmp_path: Path) -> None:
    assert evidence(clone, "take", pack).returncode == UNFIT
    unsigned = tmp_path / "unsigned.tar"
    assert evidence(built, "pack", "--to", unsigned, "--by", "somebody").returncode == 0
    refused = take(clone, unsigned, key)
    assert refused.returncode == UNFIT
    assert "no trusted key signed it" in refused.stderr
    assert not any(stages(clone))
    assert evidence(clone, "take", unsigned, "--unsigned").returncode == 0


def test_evidence_by_an_older_policy_or_of_another_lock_is_refused(clone: Project, pack: Path, key: Path) -> None:
    policy = clone.recipes / "gates" / "smollm2-135m.yaml"
    policy.write_text(policy.read_text().replace("margin_pt: 5.0", "margin_pt: 4.0"))
    assert clone.call("lock").returncode == 0
    for folder in clone.out.iterdir():
        shutil.rmtree(folder)
    assert clone.call("build", "--until", "build").returncode == 0
    refused = take(clone, pack, key)
    assert refused.returncode == UNFIT
    assert "policy: wanted smollm2-135m (" in refused.stderr
    assert not any(stages(clone))


def rewritten(pack: Path, to: Path, edit: Callable[[dict[str, bytes]], None]) -> Path:
    """The pack with its members changed, as a plain tar of anybody's tool."""
    with tarfile.open(pack) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]
    edit(members)
    with tarfile.open(to, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return to


def manifest(edit: Callable[[dict[str, object]], None]) -> Callable[[dict[str, bytes]], None]:
    def edited(members: dict[str, bytes]) -> None:
        data = json.loads(members["manifest.json"])
        edit(data)
        members["manifest.json"] = json.dumps(data).encode()

    return edited


def with_record(side: str, before: bytes, after: bytes) -> Callable[[dict[str, bytes]], None]:
    """A record is changed, and everything that names its hash is made to fit."""

    def edited(members: dict[str, bytes]) -> None:
        name = f"files/evaluate/{side}/commonsense_qa.json"
        old = members[name]
        assert before in old
        members[name] = old.replace(before, after, 1)
        data = json.loads(members["manifest.json"])
        digest = hashlib.sha256(members[name]).hexdigest()
        for file in data["files"]:
            if f"files/{file['path']}" == name:
                file |= {"sha256": digest, "size": len(members[name])}
        for one in data["evaluation"]["evidence"]:
            if f"files/evaluate/{one['path']}" == name:
                one["sha256"] = digest
        members["manifest.json"] = json.dumps(data).encode()

    return edited


def drop(name: str) -> Callable[[dict[str, bytes]], None]:
    def edited(members: dict[str, bytes]) -> None:
        del members[name]

    return edited


def flip(members: dict[str, bytes]) -> None:
    name = "files/evaluate/target/commonsense_qa.json"
    members[name] = members[name].replace(b'"score": 0.0', b'"score": 1.0', 1)


def add(members: dict[str, bytes]) -> None:
    members["files/evaluate/more.json"] = b"{}"


def passed(data: dict[str, object]) -> None:
    data["serving"]["checks"].pop()  # type: ignore[index]


def go(data: dict[str, object]) -> None:
    data["evaluation"]["verdict"]["decision"] = "GO"  # type: ignore[index]


@pytest.mark.parametrize(
    ("edit", "code", "said"),
    [
        (flip, DAMAGED, "was changed after it was packed"),
        (add, DAMAGED, "in the archive, and not the manifest"),
        (drop("files/smoke_serving/report.json"), DAMAGED, "in the manifest, and not in the archive"),
        (drop("manifest.json"), DAMAGED, "it has no manifest.json"),
        (manifest(lambda data: data.update(image="sha256:" + "0" * 64)), DAMAGED, "about several images"),
        (manifest(lambda data: data.update(lock_sha256="0" * 64)), UNFIT, "lock: wanted"),
        (manifest(lambda data: data.update(variant="other")), UNFIT, "bundle: wanted"),
        (manifest(lambda data: data.update(switches={"LANG": "C"})), UNFIT, "switch LANG: wanted C.UTF-8, found C"),
        (manifest(passed), UNFIT, "smoke: wanted every serving check once; missing: second-model"),
        (manifest(go), UNFIT, "the verdict is not what the records"),
        (with_record("target", b'"score": 0.0', b'"score": 1.0'), UNFIT, "no evidence|the verdict is not what"),
        (with_record("target", b'"chip": "cpu"', b'"chip": "gpu"'), UNFIT, "chip: wanted cpu, found gpu"),
        (with_record("reference", b'"score": 1.0', b'"score": 0.0'), UNFIT, "not those of the baseline"),
    ],
)
def test_what_was_changed_is_refused_and_leaves_nothing(
    clone: Project, pack: Path, edit: Callable[[dict[str, bytes]], None], code: int, said: str
) -> None:
    changed = rewritten(pack, clone.folder / "changed.tar", edit)
    done = evidence(clone, "take", changed, "--unsigned")
    assert done.returncode == code, done.stderr
    assert re.search(said, done.stderr), done.stderr
    assert (stages(clone), left_behind(clone)) == ({}, [])
    signed = evidence(clone, "take", changed)
    assert signed.returncode in (DAMAGED, UNFIT)


@pytest.mark.parametrize("at", ["6-smoke_kernels", "7-smoke_serving", "8-evaluate"])
def test_a_kill_between_the_stages_leaves_each_whole_and_the_next_take_completes(
    clone: Project, pack: Path, key: Path, at: str
) -> None:
    program = f"""
import os, signal
from flagrelease.cli.evidence import placing
real = placing.put_in_place
def put(made, place):
    if place.name == {at!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    real(made, place)
placing.put_in_place = put
from flagrelease.cli.app import main
main()
"""
    words = argv(clone, "take", pack, "--trusted", key.with_suffix(".pub"))
    call = [sys.executable, "-c", program, *words[3:]]
    done = subprocess.run(call, env=clone.env(), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    there = [stage for stage in STAGES if (clone.bundle() / stage).exists()]
    assert there == list(STAGES[: STAGES.index(at)])
    assert all((clone.bundle() / stage / "done.json").is_file() for stage in there)
    completed = take(clone, pack, key)
    assert completed.returncode == 0, completed.stderr
    assert left_behind(clone) == []
    assert all((clone.bundle() / stage / "taken.json").is_file() for stage in STAGES)


def test_of_two_takes_at_once_one_waits_and_finds_it_taken(clone: Project, pack: Path, key: Path) -> None:
    call = argv(clone, "take", pack, "--trusted", key.with_suffix(".pub"))
    both = [
        subprocess.Popen(
            call, env=clone.env(), cwd=clone.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [process.communicate()[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, UNFIT], told
    assert sum("taken already" in text for text in told) == 1
    assert left_behind(clone) == []


FULL = """
mount -t tmpfs -o size=1m tmpfs "$1" && cp -a "$2/." "$1" && head -c 2m /dev/zero > "$1/filler" 2> /dev/null
truncate -s -"$3" "$1/filler"
here=$1; shift 3
"$@"; code=$?
ls -A "$here" >&2
exit $code
"""


@pytest.mark.parametrize("room", ["0", "32K"])
def test_a_full_disk_is_said_so_and_leaves_nothing(
    clone: Project, pack: Path, key: Path, tmp_path: Path, room: str
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a small disk")
    bundle, kept = clone.bundle(), tmp_path / "kept"
    bundle.rename(kept)
    bundle.mkdir()
    blobs = kept / "5-build" / "image" / "blobs"
    outside = tmp_path / "blobs"
    blobs.rename(outside)
    blobs.symlink_to(outside)
    taking = argv(clone, "take", pack, "--trusted", key.with_suffix(".pub"))
    call = ["unshare", "-m", "sh", "-c", FULL, "sh", str(bundle), str(kept), room, *taking]
    done = subprocess.run(call, env=clone.env(), cwd=clone.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 10, done.stderr
    assert "no room" in done.stderr
    assert [stage for stage in STAGES if stage in done.stderr.splitlines()] == []
    assert [line for line in done.stderr.splitlines() if line.startswith(".")] == []
