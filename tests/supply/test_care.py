"""What `fsck` and `gc` do with a store."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flagrelease.adapters.recipes.cache import FILE as PARSED_RECIPES
from flagrelease.adapters.storage.cache_tag import is_marked
from flagrelease.adapters.storage.roots import alone, in_use, register, roots
from flagrelease.adapters.storage.store import FileStore
from flagrelease.errors import ToolError
from tests.supply.bundle import WHEEL, WHEEL_NAME, Care, make_care
from tests.supply.server import FaultyServer, File

pytestmark = pytest.mark.slow

NOWHERE = "http://127.0.0.1:9/simple/"
"""The port of the discard service (RFC 863), which nobody runs."""


@pytest.fixture
def care(tmp_path: Path, server: FaultyServer) -> Care:
    sha256 = hashlib.sha256(WHEEL).hexdigest()
    page = f'<!DOCTYPE html><html><body><a href="/{WHEEL_NAME}#sha256={sha256}">{WHEEL_NAME}</a></body></html>'
    server.files["/simple/lib/"] = File(content=page.encode(), content_type="text/html; charset=utf-8")
    server.files[f"/{WHEEL_NAME}"] = File(content=WHEEL)
    return make_care(tmp_path, f"{server.url}/simple/")


@pytest.fixture
def cut_off(tmp_path: Path) -> Care:
    """A store on a machine whose network does not answer."""
    return make_care(tmp_path, NOWHERE)


def everything(home: Path) -> set[Path]:
    return set(home.rglob("*"))


# fsck ---------------------------------------------------------------------------------------------


def test_a_whole_store_has_no_findings(care: Care) -> None:
    done = care.fsck("--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"checked": 6, "mirrors": 0, "findings": []}


def test_a_store_that_is_not_there_has_no_findings(tmp_path: Path) -> None:
    environ = {**os.environ, "FLAGRELEASE_HOME": str(tmp_path / "none")}
    argv = [sys.executable, "-m", "flagrelease", "fsck"]
    done = subprocess.run(argv, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "checked 0 blobs: 0 damaged or missing\n")


def test_missing_blobs_are_found_named_by_their_bundles_path_and_mended(care: Care) -> None:
    for digest in (care.wheel, care.weights, care.rendered, care.manifest):
        care.blob(digest).unlink()
    found = care.fsck()
    assert found.returncode == 5
    for digest in (care.wheel, care.weights, care.rendered, care.manifest):
        assert f"{digest}: missing; used by {care.bundle}\n" in found.stdout
    mended = care.fsck("--repair")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    for digest in (care.wheel, care.weights):
        assert f"{digest}: fetched again" in mended.stdout
        assert care.store.verify(digest)
    for digest in (care.rendered, care.manifest):
        assert f"{digest}: dropped: the next build of its bundles makes it anew" in mended.stdout
    assert care.fsck().returncode == 0


def test_a_repair_makes_the_next_build_render_and_lay_out_anew_and_keeps_what_was_fetched(care: Care) -> None:
    care.damage(care.manifest)
    assert care.fsck("--repair").returncode == 0
    assert not care.done("5-build").exists()
    assert not care.done("4-render").exists()
    assert care.done("2-fetch").exists()


def test_a_repair_leaves_the_records_of_bundles_that_no_damage_touches(care: Care) -> None:
    stray = care.store.add_bytes(b"nobody names me")
    care.damage(stray)
    mended = care.fsck("--repair")
    assert mended.returncode == 0
    assert f"{stray}: dropped: no bundle needs it; used by no bundle" in mended.stdout
    assert care.done("5-build").exists()


def test_looking_changes_nothing(care: Care) -> None:
    care.damage(care.wheel)
    before = everything(care.store.home) | everything(care.bundle)
    assert care.fsck().returncode == 5
    assert everything(care.store.home) | everything(care.bundle) == before
    assert care.fsck().stdout.count("damaged;") == 1


@pytest.mark.parametrize("kind", ["folder", "full folder", "link", "pipe"])
def test_what_is_no_plain_file_in_place_of_a_blob_is_set_aside(care: Care, tmp_path: Path, kind: str) -> None:
    path = care.blob(care.wheel)
    path.unlink()
    match kind:
        case "folder":
            path.mkdir()
        case "full folder":
            path.mkdir()
            (path / "file").write_bytes(b"x")
        case "link":
            (tmp_path / "elsewhere").write_bytes(WHEEL)
            path.symlink_to(tmp_path / "elsewhere")
        case _:
            os.mkfifo(path)
    found = care.fsck()
    assert found.returncode == 5
    assert f"{care.wheel}: damaged" in found.stdout
    mended = care.fsck("--repair")
    assert mended.returncode == 0, mended.stderr
    assert care.store.verify(care.wheel)
    assert len(list((care.store.home / "damaged").iterdir())) == 1


def test_without_network_every_finding_is_told_and_what_is_left_ends_with_5(cut_off: Care) -> None:
    for digest in (cut_off.wheel, cut_off.weights, cut_off.manifest):
        cut_off.damage(digest)
    done = cut_off.fsck("--repair", "--json")
    assert done.returncode == 5
    findings = {finding["what"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert findings[cut_off.wheel]["state"].startswith("could not be fetched: ")
    assert findings[cut_off.weights]["state"] == "fetched again"
    assert {what: finding["mended"] for what, finding in findings.items()} == {
        cut_off.wheel: False,
        cut_off.weights: True,
        cut_off.manifest: True,
    }
    assert "1 of 3 damaged or missing things" in done.stderr
    assert "check the network" in done.stderr
    assert f"{cut_off.wheel}: missing" in cut_off.fsck().stdout


@pytest.mark.parametrize("content", [None, b"{}"])
def test_what_no_readable_lock_names_is_told_as_not_fetched(cut_off: Care, content: bytes | None) -> None:
    lock = cut_off.bundle / "1-resolve" / "lock.json"
    lock.unlink()
    if content is not None:
        lock.write_bytes(content)
    cut_off.blob(cut_off.weights).unlink()
    cut_off.blob(cut_off.manifest).unlink()
    done = cut_off.fsck("--repair")
    assert done.returncode == 5
    assert f"{cut_off.weights}: could not be fetched: " in done.stdout
    assert f"{cut_off.manifest}: dropped" in done.stdout


def test_a_record_that_cannot_be_read_names_nothing(care: Care) -> None:
    care.done("5-build").write_text('{"value": {"digest": "x"}}')
    care.done("4-render").write_text("cut in the mid")
    care.blob(care.manifest).unlink()
    assert care.fsck().returncode == 0


def test_gc_is_kept_out_while_fsck_fetches_again(care: Care, server: FaultyServer) -> None:
    care.damage(care.wheel)
    server.files[f"/{WHEEL_NAME}"].pause_s = 4.0
    repairs: list[subprocess.CompletedProcess[str]] = []
    repairing = threading.Thread(target=lambda: repairs.append(care.fsck("--repair")))
    repairing.start()
    deadline = time.monotonic() + 30
    while not server.gets(f"/{WHEEL_NAME}") and time.monotonic() < deadline:
        time.sleep(0.05)
    collected = care.call("gc")
    repairing.join()
    assert collected.returncode == 10
    assert "is using the store" in collected.stderr
    assert repairs[0].returncode == 0
    assert care.store.verify(care.wheel)


# gc -----------------------------------------------------------------------------------------------


def test_gc_keeps_what_a_bundle_names_and_drops_the_rest(care: Care) -> None:
    stray = care.store.add_bytes(b"nobody names me")
    care.blob(care.wheel).unlink()
    care.blob(care.wheel).mkdir()
    (care.store.home / "partial").mkdir()
    (care.store.home / "partial" / "cut").write_bytes(b"x")
    done = care.call("gc")
    assert done.returncode == 0, done.stderr
    assert "removed 1 blobs and 1 other files and folders, 16 B, from" in done.stdout
    assert not care.store.has(stray)
    assert care.store.has(care.manifest)
    assert not (care.store.home / "partial").exists()


def test_gc_drops_a_folder_that_lies_in_place_of_a_blob_nobody_names(care: Care) -> None:
    path = care.blob("sha256:" + "ab" * 32)
    path.mkdir(parents=True)
    (path / "file").write_bytes(b"x")
    assert care.call("gc").returncode == 0
    assert not path.exists()


def test_a_dry_run_of_gc_removes_nothing_not_even_the_registration_of_a_folder_that_has_gone(care: Care) -> None:
    shutil.rmtree(care.bundle)
    for words in (("--dry-run",), ("--dry-run", "--all")):
        before = everything(care.store.home)
        assert "would remove" in care.call("gc", *words).stdout
        assert everything(care.store.home) == before
    assert len(list((care.store.home / "roots").iterdir())) == 1
    assert "removed 6 blobs" in care.call("gc").stdout
    assert list((care.store.home / "roots").iterdir()) == []


def test_gc_all_leaves_an_empty_home_and_is_content_with_one(care: Care) -> None:
    home = care.store.home
    care.damage(care.wheel)
    assert care.fsck("--repair").returncode == 0
    for name in ("apt", "rootfs/x", "partial"):
        (home / name).mkdir(parents=True, exist_ok=True)
        (home / name / "file").write_bytes(b"x")
    (home / "rootfs" / "x").chmod(0o555)
    (home / PARSED_RECIPES).write_bytes(b"x")
    blobs = list(care.store.blobs())
    assert len(blobs) == 6
    planned = care.call("gc", "--all", "--dry-run")
    done = care.call("gc", "--all")
    assert done.returncode == 0, done.stderr
    counts, size, _ = done.stdout.split(", ")
    # The registration of the bundle, apt's folder, unpacked images, downloads, what was being written, the damaged
    # blob, fsck's journal, and the recipes that were read.
    assert counts == "removed 6 blobs and 8 other files and folders"
    assert planned.stdout.split(", ")[1] == size
    assert list(home.iterdir()) == []
    again = care.call("gc", "--all")
    assert (again.returncode, again.stdout.split(",")[0]) == (0, "removed 0 blobs and 0 other files and folders")
    assert list(home.iterdir()) == []


def test_gc_all_leaves_what_is_not_ours(care: Care) -> None:
    (care.store.home / "letter").write_text("dear")
    assert care.call("gc", "--all").returncode == 0
    assert [path.name for path in care.store.home.iterdir()] == ["letter"]


@pytest.mark.parametrize("tag", [None, "Signature: 8a477f597d28d172789f06886806bc55\n# Made by another program\n"])
@pytest.mark.parametrize("words", [(), ("--all",), ("--all", "--dry-run")])
def test_gc_refuses_a_folder_that_is_not_a_store_of_ours(care: Care, tag: str | None, words: tuple[str, ...]) -> None:
    path = care.store.home / "CACHEDIR.TAG"
    path.unlink()
    if tag is not None:
        path.write_text(tag)
    before = everything(care.store.home)
    done = care.call("gc", *words)
    assert done.returncode == 10
    assert "is not a store of flagrelease" in done.stderr
    assert everything(care.store.home) == before


def test_gc_waits_for_nobody(care: Care) -> None:
    with in_use(care.store.home):
        done = care.call("gc", "--all")
    assert done.returncode == 10
    assert "a build is using the store" in done.stderr
    assert care.store.has(care.wheel)


# What both stand on -------------------------------------------------------------------------------


def test_a_build_that_waits_for_gc_all_goes_on_in_a_store_of_its_own(tmp_path: Path) -> None:
    home = tmp_path / "home"
    held = threading.Event()

    def build() -> None:
        with in_use(home):
            held.set()
            FileStore(home).add_bytes(b"abc")

    with alone(home):
        waiting = threading.Thread(target=build)
        waiting.start()
        assert not held.wait(0.2)
        (home / "locks" / "in-use").unlink()
    waiting.join(10)
    assert held.is_set()
    assert is_marked(home)
    with in_use(home), pytest.raises(ToolError, match="a build is using"), alone(home):
        pass


def test_looking_at_the_bundles_keeps_their_registrations(tmp_path: Path) -> None:
    register(tmp_path / "home", tmp_path / "gone")
    assert list(roots(tmp_path / "home")) == []
    assert len(list((tmp_path / "home" / "roots").iterdir())) == 1
