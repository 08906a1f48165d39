"""What one machine built goes to another as one file and is proven there, offline; the evidence comes back."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from pydantic import TypeAdapter

from flagrelease.adapters.exports.naming import blob_name
from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.sealed.key_files import make_key
from flagrelease.cli.exports.stages import PLACES
from flagrelease.cli.wire import code_sha256
from flagrelease.formats.canonical import canonical_json
from flagrelease.pipeline import Look, make_image
from tests.e2e.project import CHIP, HOLD, MODEL, ROOT, Project, make_project
from tests.exports.made import forged, members_of, with_file, written

pytestmark = pytest.mark.slow

WRONG_WORDS, OTHER, DAMAGED, NO_ROOM = 2, 4, 5, 10
NEXT = "6-smoke_kernels"


@pytest.fixture(scope="module")
def builder(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The machine that builds."""
    project = make_project(tmp_path_factory.mktemp("builder") / "project", shared_home)
    done = project.call("build", "--until", "build")
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture(scope="module")
def exported(builder: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What it exports."""
    path = tmp_path_factory.mktemp("exported") / "bundle.tar"
    done = builder.call("export", "--to", str(path))
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def filled(builder: Project, exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A chip's host that took the export."""
    host = a_host(builder, tmp_path_factory.mktemp("filled"))
    done = take(host, exported)
    assert done.returncode == 0, done.stderr
    return host


@pytest.fixture
def host(builder: Project, tmp_path: Path) -> Project:
    """A chip's host with the same recipes, nothing in its store, and no bundle."""
    return a_host(builder, tmp_path)


@pytest.fixture
def host_with_blobs(builder: Project, filled: Project, tmp_path: Path) -> Project:
    """The same, with everything in its store: for what is refused after the blobs."""
    host = a_host(builder, tmp_path)
    host.home = filled.home
    return host


def a_host(builder: Project, folder: Path) -> Project:
    shutil.copytree(builder.folder, folder / "host", ignore=shutil.ignore_patterns("out", "*.log"))
    return Project(folder / "host", folder / "home")


def take(host: Project, exported: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return host.call("build", "--until", "build", "--exported", str(exported), "--offline", *words)


def evidence(project: Project, command: str, *words: str | Path) -> "subprocess.CompletedProcess[str]":
    bundle = ["--chip", CHIP, "--model", MODEL, "--out", str(project.out), "--recipes", str(project.recipes)]
    call = [sys.executable, "-m", "flagrelease", "evidence", command, *map(str, words), *bundle]
    return subprocess.run(call, env=project.env(), cwd=project.folder, capture_output=True, text=True, check=False)


def stages(host: Project) -> list[str]:
    """The stages that are there, and what was left beside them."""
    folders = [bundle for bundle in host.out.glob("*") if bundle.is_dir()]
    names = [path.name for folder in folders for path in folder.iterdir()]
    return sorted(name for name in names if name[0].isdigit() or (name[0] == "." and not name.endswith(".lock")))


def acted(host: Project, before: int = 0) -> list[str]:
    return [event["stage"] for event in host.events()[before:] if event["kind"] == "started"]


def test_the_other_machine_proves_the_bundle_and_the_first_takes_the_evidence(
    builder: Project, host: Project, exported: Path, tmp_path: Path
) -> None:
    words = ("--from", "smoke_kernels", "--exported", str(exported), "--offline")
    done = host.call("build", *words)
    assert done.returncode == HOLD, done.stderr
    assert acted(host) == ["take", "smoke_kernels", "smoke_serving", "evaluate"]
    assert host.image() == builder.image()
    for place in PLACES:
        record = f"{place}/done.json"
        assert (host.bundle() / record).read_bytes() == (builder.bundle() / record).read_bytes()
    make_key(tmp_path, "chip-host", None)
    pack = tmp_path / "evidence.tar"
    packed = evidence(host, "pack", "--to", pack, "--sign-with", tmp_path / "chip-host.key")
    assert packed.returncode == 0, packed.stderr
    here = Project(tmp_path / "back", builder.home)
    shutil.copytree(builder.folder, here.folder)
    taken = evidence(here, "take", pack, "--trusted", tmp_path / "chip-host.pub")
    assert taken.returncode == 0, taken.stderr
    before = len(here.events())
    assert here.call("build").returncode == HOLD
    assert acted(here, before) == []
    assert (here.bundle() / "README.md").read_bytes() == (host.bundle() / "README.md").read_bytes()


def test_the_same_image_gives_the_same_bytes_and_another_file_is_left(
    builder: Project, exported: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.tar"
    first = builder.call("export", "--to", str(again), "--json")
    assert again.read_bytes() == exported.read_bytes()
    said = json.loads(first.stdout)
    assert (said["size"], said["exported"]["image"]) == (again.stat().st_size, builder.image())
    assert json.loads(builder.call("export", "--to", str(again), "--json").stdout) == said
    again.write_bytes(b"mine")
    refused = builder.call("export", "--to", str(again))
    assert (refused.returncode, again.read_bytes()) == (NO_ROOM, b"mine")
    assert [path.name for path in tmp_path.iterdir()] == ["again.tar"]


def test_an_export_is_an_image_for_stock_tools(builder: Project, exported: Path, tmp_path: Path) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    for name in (f"oci-archive:{exported}", f"oci-archive:{exported}:r1"):
        shown = subprocess.run(["skopeo", "inspect", name], capture_output=True, text=True, check=False)
        assert shown.returncode == 0, shown.stderr
        assert json.loads(shown.stdout)["Digest"] == builder.image()
    copy = ["skopeo", "--insecure-policy", "copy", f"oci-archive:{exported}", f"oci:{tmp_path / 'layout'}:r1"]
    assert subprocess.run(copy, capture_output=True, check=False).returncode == 0


def test_an_image_that_is_not_built_is_not_exported(host: Project) -> None:
    done = host.call("export")
    assert done.returncode == DAMAGED
    assert "resolve is not finished" in done.stderr
    assert list(host.folder.glob("*.tar")) == []


def test_the_same_export_again_is_no_work(filled: Project, exported: Path, tmp_path: Path) -> None:
    before, inodes = len(filled.events()), [(filled.bundle() / place).stat().st_ino for place in PLACES]
    cut = tmp_path / "cut.tar"
    assert take(filled, exported).returncode == 0
    assert acted(filled, before) == []
    assert f"{exported}: its stages are here already" in [event.get("text") for event in filled.events()[before:]]
    assert [(filled.bundle() / place).stat().st_ino for place in PLACES] == inodes
    cut.write_bytes(exported.read_bytes()[:100_000])
    assert take(filled, cut).returncode == DAMAGED, "also what would not be needed has to be whole"


def test_a_stage_that_is_there_and_the_same_stays_and_one_that_is_damaged_is_put_there(
    filled: Project, host_with_blobs: Project, exported: Path
) -> None:
    host = host_with_blobs
    shutil.copytree(filled.bundle(), host.out / filled.bundle().name)
    shutil.rmtree(host.bundle() / NEXT, ignore_errors=True)
    (host.bundle() / "4-render" / "context.json").unlink()
    inodes = {place: (host.bundle() / place).stat().st_ino for place in PLACES}
    assert take(host, exported).returncode == 0
    after = {place: (host.bundle() / place).stat().st_ino for place in PLACES}
    assert [place for place in PLACES if after[place] == inodes[place]] == list(PLACES[:3])
    assert (host.bundle() / "4-render" / "context.json").is_file()


def test_stages_that_an_export_has_are_not_to_be_done_anew(host: Project, exported: Path) -> None:
    for words in (("--from", "fetch"), ("--variant", "all"), ("--rehearse",)):
        done = host.call("build", "--exported", str(exported), *words)
        assert done.returncode == WRONG_WORDS, done.stderr
        assert "wanted --from smoke_kernels" in done.stderr.replace("\n", " ")


def test_an_export_of_another_lock_is_refused_by_name(host: Project, exported: Path) -> None:
    policy = host.recipes / "gates" / "smollm2-135m.yaml"
    policy.write_text(policy.read_text().replace("margin_pt: 5.0", "margin_pt: 4.0"))
    assert host.call("lock").returncode == 0
    refused = take(host, exported)
    assert refused.returncode == OTHER
    assert "lock: wanted" in refused.stderr
    assert stages(host) == []
    assert not (host.home / "blobs").exists()


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def changed(path: Path) -> None:
    """One byte of the image's largest layer."""
    with tarfile.open(path) as archive:
        largest = max(archive, key=lambda member: member.size)
    with path.open("r+b") as stream:
        stream.seek(largest.offset_data + largest.size // 2)
        byte = stream.read(1)
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte[0] ^ 1]))


def linked(path: Path) -> None:
    member = tarfile.TarInfo("blobs/sha256/" + "0" * 64)
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(path, "a") as archive:
        archive.addfile(member)


def other_code(path: Path) -> None:
    written(forged(members_of(path), config=lambda found: found.update(code_sha256="0" * 64)), path)


def other_engine(path: Path) -> None:
    written(forged(members_of(path), config=lambda found: found.update(engine="docker")), path)


def other_image(path: Path) -> None:
    """The configuration speaks of an image that is not there."""
    written(forged(members_of(path), config=lambda found: found.update(image="sha256:" + "0" * 64)), path)


@pytest.mark.parametrize(
    ("damage", "code", "said"),
    [
        (cut, DAMAGED, "is cut"),
        (changed, DAMAGED, "was changed: its content is sha256:"),
        (linked, DAMAGED, "is a symlink, wanted plain files"),
        (other_image, DAMAGED, "about several images"),
        (other_engine, OTHER, "engine: wanted not docker, found docker"),
        (other_code, OTHER, "code of flagrelease: wanted"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_and_leaves_no_stage(
    host: Project, exported: Path, damage: Callable[[Path], None], code: int, said: str
) -> None:
    path = host.folder / "damaged.tar"
    shutil.copyfile(exported, path)
    damage(path)
    refused = take(host, path)
    assert refused.returncode == code, refused.stderr
    assert said in refused.stderr
    assert stages(host) == []


def records(members: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """What each stage left."""
    found: list[dict[str, Any]] = []
    forged(members, config=lambda config: found.extend(config["files"]))
    paths = {one["path"]: blob_name(f"sha256:{one['sha256']}") for one in found}
    return {place: json.loads(members[paths[f"{place}/done.json"]]) for place in PLACES}


Forge = Callable[[dict[str, bytes], Project], dict[str, bytes]]


def record(stage: str, edit: Callable[[dict[str, Any]], object]) -> Forge:
    """A stage's record is changed, and everything that names its hash is made to fit."""

    def edited(members: dict[str, bytes], _host: Project) -> dict[str, bytes]:
        data = records(members)[stage]
        edit(data)
        return with_file(members, f"{stage}/done.json", json.dumps(data).encode())

    return edited


class Keys(Look):
    """The keys that the stages have, where each leaves what `left` says."""

    def __init__(self, left: dict[str, Any]) -> None:
        self._code = code_sha256()
        self._left = left
        self.keys: dict[str, str] = {}

    def __call__(self, stage: Any, *args: Any, **kwargs: Any) -> Any:
        name = stage.__name__
        self.keys[name] = self._key(name, *args, **kwargs)
        kind: TypeAdapter[Any] = TypeAdapter(get_type_hints(stage)["return"])
        return kind.validate_json(canonical_json(self._left[name]), strict=True)


def rekeyed(stage: str, edit: Callable[[dict[str, Any]], object]) -> Forge:
    """A stage's value is changed, and the keys of all that follow are what they are for that value."""

    def edited(members: dict[str, bytes], host: Project) -> dict[str, bytes]:
        data = {place.partition("-")[2]: one for place, one in records(members).items()}
        catalogue = Catalogue(host.recipes)
        recipe = catalogue.recipe(CHIP, MODEL, None)
        run = Keys({name: one["value"] for name, one in data.items()})
        make_image(run, recipe, catalogue.lock(recipe))
        assert run.keys == {name: one["key"] for name, one in data.items()}
        edit(data[stage]["value"])
        make_image(run, recipe, catalogue.lock(recipe))
        for place in PLACES:
            name = place.partition("-")[2]
            data[name]["key"] = run.keys[name]
            members = with_file(members, f"{place}/done.json", json.dumps(data[name]).encode())
        return members

    return edited


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (record("1-resolve", lambda data: data.update(key="0" * 64)), "its stage resolve is not what"),
        (record("2-fetch", lambda data: data["value"].update(bytes_total=-1)), "its stage fetch is not what"),
        (record("2-fetch", lambda data: data["value"].update(bytes_total=float("nan"))), "its stage fetch is not what"),
        (rekeyed("resolve", lambda lock: lock["smoke"].update(deviations=[])), "its stage resolve is not what"),
        (rekeyed("fetch", lambda sources: sources["datasets"].reverse()), "its stage fetch is not what"),
        (record("3-patch", lambda data: data.pop("value")), "its stage patch is not what"),
        (record("4-render", lambda data: data["files"].update(more=1)), "its stage render is not what"),
        (record("5-build", lambda data: data["value"].update(digest="sha256:" + "0" * 64)), "wanted a build stage of"),
        (record("5-build", lambda data: data["value"]["layers"].pop()), "with other parts"),
        (record("5-build", lambda data: data.update(value=[])), "its stage build is not what"),
    ],
)
def test_stages_that_do_not_fit_together_are_refused_and_leave_nothing(
    host_with_blobs: Project, exported: Path, edit: Forge, said: str
) -> None:
    host = host_with_blobs
    refused = take(host, written(edit(members_of(exported), host), host.folder / "forged.tar"))
    assert refused.returncode == DAMAGED, refused.stderr
    assert said in refused.stderr
    assert stages(host) == []


@pytest.mark.parametrize("at", [PLACES[0], PLACES[2], PLACES[4]])
def test_a_kill_between_the_stages_leaves_each_whole_and_the_next_completes(
    host_with_blobs: Project, exported: Path, at: str
) -> None:
    host = host_with_blobs
    program = f"""
import os, signal
from flagrelease.cli.exports import taking
real = taking.put_in_place
def put(made, place):
    if place.name == {at!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    real(made, place)
taking.put_in_place = put
from flagrelease.cli.app import main
main()
"""
    words = host.argv("build", "--until", "build", "--exported", str(exported), "--offline")
    call = [sys.executable, "-c", program, *words[3:]]
    done = subprocess.run(call, env=host.env(), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [name for name in stages(host) if name[0] != "."] == list(PLACES[: PLACES.index(at)])
    completed = take(host, exported)
    assert completed.returncode == 0, completed.stderr
    assert stages(host) == list(PLACES)


def test_two_takes_at_once_wait_for_each_other(host: Project, exported: Path) -> None:
    words = host.argv("build", "--until", "build", "--exported", str(exported), "--offline")
    both = [
        subprocess.Popen(words, env=host.env(), cwd=host.folder, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert acted(host) == ["take"]


FULL = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'


@pytest.mark.parametrize("room", ["1m", "60m"])
def test_a_full_disk_is_said_so_and_leaves_no_stage(host: Project, exported: Path, room: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a small disk")
    host.home.mkdir()
    words = host.argv("build", "--until", "build", "--exported", str(exported), "--offline")
    call = ["unshare", "-m", "sh", "-c", FULL, "sh", room, str(host.home), *words]
    done = subprocess.run(call, env=host.env(), cwd=host.folder, capture_output=True, text=True, check=False)
    assert done.returncode == NO_ROOM, done.stderr
    assert "no room" in done.stderr
    assert stages(host) == []


def test_a_full_disk_while_exporting_leaves_nothing_under_the_name(builder: Project, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a small disk")
    to = tmp_path / "small"
    to.mkdir()
    words = builder.argv("export", "--to", str(to / "bundle.tar"))
    shown = 'mount -t tmpfs -o size=50m tmpfs "$1"; here=$1; shift; "$@"; code=$?; ls -A "$here"; exit $code'
    call = ["unshare", "-m", "sh", "-c", shown, "sh", str(to), *words]
    done = subprocess.run(call, env=builder.env(), cwd=builder.folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (NO_ROOM, ""), done.stderr
    assert "no room" in done.stderr
