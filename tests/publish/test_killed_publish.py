"""SIGKILL anywhere in publishing leaves nothing half published under the tag, and publishing again completes."""

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.targets import target_for
from flagrelease.domain.image import Image
from flagrelease.stages.publish import publish
from tests.publish.conftest import an_image, tags_of
from tests.publish.docker_registry import FaultProxy, Registry, Reply, proxied
from tests.publish.stage import approved_go, kept, tools_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("killed_publish.py")


def start(store: FileStore, here: Path, target: str, image: Image, at: str = "0") -> "subprocess.Popen[str]":
    """The stage in a process of its own, to be killed at the nth thing it does or at what it says; 0 is never."""
    argv = [sys.executable, str(PROGRAM), str(store.home), str(here), target, image.model_dump_json(), at]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(argv, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def was_killed(process: "subprocess.Popen[str]") -> bool:
    """Wait for the end, which is SIGKILL or a whole release."""
    _, said = process.communicate(timeout=60)
    assert process.returncode in {0, -signal.SIGKILL}, said
    return process.returncode != 0


def finish(store: FileStore, here: Path, target: str, image: Image) -> None:
    """The same command again."""
    tools, _ = tools_of(store)
    release = publish(tools, here, approved_go(image), (target_for(target, store),), "r1")
    assert release == kept(here)
    assert [(each.target, each.digest) for each in release.published] == [(target, image.digest)]


def test_a_kill_at_any_change_of_a_folder_leaves_no_tag_without_its_blobs_and_the_next_run_completes(
    store: FileStore, tmp_path: Path
) -> None:
    image = an_image(store)
    states = set()
    for nth in itertools.count(1):
        place, here = tmp_path / str(nth) / "layout", tmp_path / str(nth) / "9-publish"
        if not was_killed(start(store, here, f"oci:{place}", image, str(nth))):
            break
        # Reading a layout reads every blob of it and compares it with its name.
        tagged = tags_of(place) if (place / "index.json").exists() else {}
        assert tagged in ({}, {"r1": image.digest})
        states.add((bool(tagged), (here / "release.json").exists()))
        finish(store, here, f"oci:{place}", image)
        assert tags_of(place) == {"r1": image.digest}
        left = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
        blobs = {f"blobs/sha256/{digest.removeprefix('sha256:')}" for digest in image.blobs()}
        assert {path for path in left if not Path(path).name.startswith(".")} == {"index.json", "oci-layout", *blobs}
    # Before the tag, and between the tag and its record, which is the last thing of all.
    assert states == {(False, False), (True, False)}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_any_request_to_a_registry_leaves_no_tag_without_its_blobs_and_the_next_run_completes(
    registry: Registry, repository: str, store: FileStore, tmp_path: Path, when: str
) -> None:
    states = set()
    for number in itertools.count(1):
        # Content of its own for each point: the registry shares blobs between repositories.
        image = an_image(store, f"{when} {number}".encode(), weights=f"{when} {number}".encode() * 20_000)
        place, here = f"{repository}/{number}", tmp_path / str(number)
        proxy = KillingProxy(registry.address, number=number, when=when)
        with proxied(proxy):
            target = f"{proxy.address}/{place}"
            proxy.victim = start(store, here, target, image)
            if not was_killed(proxy.victim):
                break
            tagged = registry.tag_digest(place, "r1")
            assert tagged in {None, image.digest}
            assert not tagged or all(registry.blob(digest).exists() for digest in image.stored())
            states.add(tagged is not None)
            proxy.number = 0
            finish(store, here, target, image)
        assert registry.tag_digest(place, "r1") == image.digest
        assert all(registry.blob(digest).exists() for digest in image.stored())
    assert states == {False, True}


def test_a_kill_between_the_tag_of_a_registry_and_its_record_sends_nothing_twice(
    registry: Registry, repository: str, store: FileStore, tmp_path: Path
) -> None:
    image, target, here = an_image(store, b"tagged"), f"{registry.address}/{repository}", tmp_path / "9-publish"
    assert was_killed(start(store, here, target, image, at="published "))
    assert registry.tag_digest(repository, "r1") == image.digest
    assert not (here / "release.json").exists()
    finish(store, here, target, image)
    assert kept(here).published[0].bytes_sent == 0


class KillingProxy(FaultProxy):
    """Kills the one who asks at a request, before it reaches the registry or when the registry has answered it."""

    def __init__(self, upstream: str, *, number: int, when: str) -> None:
        super().__init__(upstream, fault=self.asked, change=self.answered)
        self.number = number
        self.when = when
        self.victim: subprocess.Popen[str] | None = None

    def asked(self, _proxy: FaultProxy, now: int, _method: str, _path: str) -> str:
        return "cut" if self.kill(now, "before") else ""

    def answered(self, reply: Reply) -> Reply:
        self.kill(len(self.requests), "after")
        return reply

    def kill(self, now: int, when: str) -> bool:
        if (now, when) != (self.number, self.when) or self.victim is None:
            return False
        self.victim.kill()
        self.victim.wait()
        return True
