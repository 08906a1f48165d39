"""A file from its owner: held against its hash, kept, and named in the lock from then on."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.with_engine.project import BUNDLE, CHIP, MODEL, VendorProject

BASE = "sdks.zhiyuan-vllm-0.2.base"


@pytest.fixture
def locked(vendor: VendorProject) -> VendorProject:
    vendor.lock_it()
    return vendor


@pytest.fixture
def image(tmp_path: Path) -> Path:
    place = tmp_path / "image.tar"
    place.write_bytes(b"an image, as far as supply looks at it")
    return place


def test_a_file_without_a_known_hash_is_not_taken_on_trust(locked: VendorProject, image: Path) -> None:
    said = locked.refused(5, "supply", str(image), "--for", BUNDLE)
    assert hashlib.sha256(image.read_bytes()).hexdigest() in said
    assert "--accept" in said
    assert {one["status"] for one in locked.lock["inputs"] if one["key"] == BASE} == {"restricted"}


def test_a_file_that_is_not_what_its_owner_states_is_refused(locked: VendorProject, image: Path) -> None:
    said = locked.refused(5, "supply", str(image), "--for", BUNDLE, "--sha256", "0" * 64)
    assert f"wanted zhiyuan_vllm:v0.2 with the sha256 {'0' * 64} of --sha256" in said


def test_what_was_accepted_once_is_wanted_from_then_on(locked: VendorProject, image: Path, tmp_path: Path) -> None:
    locked.ok("supply", str(image), "--for", BUNDLE, "--accept")
    (base,) = [one for one in locked.lock["inputs"] if one["key"] == BASE]
    assert (base["status"], base["files"][0]["path"]) == ("locked", "image.tar")
    assert "fresh" in locked.ok("lock", "--check", "--chip", CHIP, "--model", MODEL)
    other = tmp_path / "other.tar"
    other.write_bytes(b"another image")
    said = locked.refused(5, "supply", str(other), "--for", BUNDLE, "--accept")
    assert "of the lock of the bundle" in said


def test_a_file_that_no_input_is_called_after_is_refused_with_what_is_awaited(
    locked: VendorProject, tmp_path: Path
) -> None:
    stranger = tmp_path / "driver.run"
    stranger.write_bytes(b"x")
    said = locked.refused(5, "supply", str(stranger), "--for", BUNDLE, "--accept")
    assert f"{BASE}: *.tar" in said


def test_one_wrong_file_of_two_takes_in_neither(locked: VendorProject, image: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "driver.run"
    stranger.write_bytes(b"x")
    before = locked.lock
    locked.refused(5, "supply", str(image), str(stranger), "--for", BUNDLE, "--accept")
    assert locked.lock == before


def test_an_installer_is_known_by_its_name(vendor: VendorProject, tmp_path: Path) -> None:
    installer = tmp_path / "Ascend-cann-kernels-910b_8.0_linux.run"
    installer.write_bytes(b"#!/bin/sh\n")
    said = vendor.ok("supply", str(installer), "--for", "ascend_800i_a2/deepseek-vl-7b-chat", "--accept", "--json")
    report = json.loads(said[: said.rindex("}") + 1])
    assert [one["key"] for one in report["taken"]] == ["sdks.cann8.0.installers.kernels"]
    assert "sdks.cann8.0.installers.toolkit" in {one["key"] for one in report["open"]}


def test_a_bundle_of_which_nothing_is_supplied_says_so(vendor: VendorProject, image: Path) -> None:
    said = vendor.refused(4, "supply", str(image), "--for", "cpu/smollm2-135m-instruct", "--accept")
    assert "is made of nothing that is supplied" in said
