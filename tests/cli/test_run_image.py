"""`flagrelease run IMAGE@DIGEST` where there are no recipes: what a person is told, and what is not done."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flagrelease.adapters.run_host import found_in
from flagrelease.domain.run_spec import HostNeeds, Listing, RunFile, RunServing, RunSpec, RunWeights
from flagrelease.errors import SourceError
from flagrelease.oci.image_name import parse_image
from tests.cli.small_image import SmallImage, small_image
from tests.launch.a_start import CATALOGUE, spec_of

SHA = "0" * 64


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def run(*words: str, home: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    """The program in an empty folder: no recipes, no store but its own."""
    empty = home.parent / "empty"
    empty.mkdir(exist_ok=True)
    environment = {"PATH": f"{path}:/usr/bin:/bin", "HOME": str(empty), "FLAGRELEASE_HOME": str(home)}
    root = str(Path(__file__).parents[2])
    argv = [sys.executable, "-m", "flagrelease", "run", *words]
    return subprocess.run(
        argv, cwd=empty, env=environment | {"PYTHONPATH": root}, capture_output=True, text=True, timeout=60, check=False
    )


def on_cpu(**changes: Any) -> RunSpec:
    """A bundle of a machine's own processor."""
    spec = spec_of(CATALOGUE.chip("cpu"))
    serving = RunServing(served_name="a-model", port=free_port(), ready_within_s=5, takes_address=True)
    weights = RunWeights(model="a-model", title="A model", folder="/weights", place="image")
    return spec.model_copy(update={"serving": serving, "weights": weights, "command": ("/serve",)} | changes)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def layers_in(home: Path, image: SmallImage) -> bool:
    return any(image.layer.removeprefix("sha256:") in path.name for path in home.rglob("*"))


# By which name -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", ":r1"])
def test_a_tag_is_looked_up_and_not_started(end: str, tmp_path: Path, home: Path) -> None:
    image = small_image(tmp_path / "image", on_cpu())
    done = run(f"oci:{image.folder}{end}", home=home)
    assert (done.returncode, done.stdout) == (5, "")
    assert f"is not named by its digest, which is {image.digest} now" in done.stderr
    assert f"flagrelease run oci:{image.folder}@{image.digest}" in done.stderr
    assert not layers_in(home, image)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a/b@sha256:0",
        "oci:",
        "oci:x@sha256:zz",
        "h:1/UP@sha256:" + SHA,
        "h:1/a:b:c",
        "--x",
        "h:1/a@" + SHA,
        "oci:a\nb",
    ],
)
def test_a_name_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SourceError) as raised:
        parse_image(text)
    assert raised.value.message.isprintable()
    assert raised.value.hint


def test_a_tag_beside_a_digest_says_nothing() -> None:
    assert str(parse_image(f"127.0.0.1:5000/a/b:r1@sha256:{SHA}")) == f"127.0.0.1:5000/a/b@sha256:{SHA}"


def test_a_registry_is_not_asked_when_no_network_may_be_used(home: Path) -> None:
    done = run(f"127.0.0.1:{free_port()}/a@sha256:{SHA}", "--offline", home=home)
    assert done.returncode == 5
    assert "no network may be used" in done.stderr


def test_a_registry_that_is_not_there_is_named(home: Path) -> None:
    port = free_port()
    done = run(f"127.0.0.1:{port}/a@sha256:{SHA}", home=home)
    assert done.returncode == 5
    assert f"127.0.0.1:{port}" in done.stderr
    assert "publish" not in done.stderr


def test_an_image_and_a_bundle_together_are_refused(home: Path) -> None:
    done = run(f"oci:x@sha256:{SHA}", "--chip", "cpu", home=home)
    assert done.returncode == 3
    assert "found both" in done.stderr


# What the image says -----------------------------------------------------------------------------------


def test_an_image_without_the_label_is_refused(tmp_path: Path, home: Path) -> None:
    done = run(small_image(tmp_path / "image", None).name, home=home)
    assert done.returncode == 6
    assert "no label ai.flagos.flagrelease.run" in done.stderr


@pytest.mark.parametrize("label", ["", "{}", "[" * 50_000, '{"schema": "flagrelease.run/v9"}', "\x1b[2J"])
def test_a_label_that_makes_no_sense_is_refused_and_cannot_disturb_a_terminal(
    label: str, tmp_path: Path, home: Path
) -> None:
    image = small_image(tmp_path / "image", label)
    done = run(image.name, home=home)
    assert done.returncode == 6, done.stderr
    assert "\x1b" not in done.stderr
    assert not layers_in(home, image)


def test_a_label_for_another_processor_than_the_image_is_refused(tmp_path: Path, home: Path) -> None:
    done = run(small_image(tmp_path / "image", on_cpu(), architecture="arm64").name, home=home)
    assert done.returncode == 6
    assert "is for arm64, and its label says amd64" in done.stderr


def test_a_manifest_that_is_not_what_its_digest_says_is_refused(tmp_path: Path, home: Path) -> None:
    image = small_image(tmp_path / "image", on_cpu())
    image.blob(image.digest).write_bytes(image.blob(image.digest).read_bytes() + b" ")
    done = run(image.name, home=home)
    assert done.returncode == 5
    assert "is damaged" in done.stderr


def test_a_layer_that_is_not_what_its_digest_says_is_never_unpacked(tmp_path: Path, home: Path) -> None:
    image = small_image(tmp_path / "image", on_cpu())
    content = bytearray(image.blob(image.layer).read_bytes())
    content[0] ^= 1
    image.blob(image.layer).write_bytes(bytes(content))
    done = run(image.name, home=home)
    assert done.returncode == 5, done.stderr
    assert not (home / "rootfs").exists()


def test_a_blob_that_is_a_link_out_of_the_layout_is_not_followed(tmp_path: Path, home: Path) -> None:
    image = small_image(tmp_path / "image", on_cpu())
    elsewhere = tmp_path / "elsewhere"
    image.blob(image.layer).rename(elsewhere)
    image.blob(image.layer).symlink_to(elsewhere)
    done = run(image.name, home=home)
    assert done.returncode == 5
    assert "found nothing" in done.stderr


def test_an_image_is_printed_without_being_fetched(tmp_path: Path, home: Path) -> None:
    spec = spec_of(CATALOGUE.chip("ascend_300i_duo"), devices=2)
    image = small_image(tmp_path / "image", spec, architecture=spec.architecture)
    done = run(image.name, "--print", home=home)
    assert done.returncode == 0, done.stderr
    assert "--device /dev/davinci0 --device /dev/davinci1" in done.stdout
    assert "--cap-drop ALL" in done.stdout
    assert not layers_in(home, image)


# The machine -------------------------------------------------------------------------------------------


def listing_says(folder: Path, text: str) -> str:
    program = folder / "npu-smi"
    folder.mkdir()
    program.write_text(f"#!/bin/sh\necho '{text}'\n")
    program.chmod(0o755)
    return str(folder)


def test_all_that_is_missing_is_told_at_once_and_nothing_is_fetched(tmp_path: Path, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        spec = spec_of(CATALOGUE.chip("ascend_300i_duo"), devices=2)
        image = small_image(tmp_path / "image", spec, architecture=spec.architecture)
        done = run(image.name, "--port", str(port), home=home)
    assert (done.returncode, done.stdout) == (10, "")
    for told in (
        "found no `npu-smi`",
        "/dev/davinci0, /dev/davinci1",
        "/usr/local/dcmi",
        f"port {port} on 127.0.0.1 is taken; choose another with --port",
        "is reached by an image engine",
    ):
        assert told in done.stderr
    assert not layers_in(home, image)


def test_a_driver_that_is_too_old_is_told_with_both_versions(tmp_path: Path, home: Path) -> None:
    spec = spec_of(CATALOGUE.chip("ascend_300i_duo"))
    needs = HostNeeds(driver_min="24.1", listing=Listing(program="npu-smi", driver="Version: ([0-9.]+)"))
    image = small_image(tmp_path / "image", spec.model_copy(update={"host": needs}), architecture=spec.architecture)
    done = run(image.name, home=home, path=listing_says(tmp_path / "bin", "Version: 23.0.6"))
    assert done.returncode == 10
    assert "wanted at least 24.1, found 23.0.6; install a newer driver" in done.stderr
    newer = run(image.name, home=home, path=listing_says(tmp_path / "newer", "Version: 24.1.1"))
    assert "newer driver" not in newer.stderr


def test_a_listing_program_that_fails_is_told_with_what_it_said(tmp_path: Path, home: Path) -> None:
    spec = spec_of(CATALOGUE.chip("ascend_300i_duo"))
    folder = listing_says(tmp_path / "bin", "no driver loaded")
    with (tmp_path / "bin" / "npu-smi").open("a") as file:
        file.write("exit 3\n")
    image = small_image(tmp_path / "image", spec, architecture=spec.architecture)
    done = run(image.name, home=home, path=folder)
    assert "is there and failed: no driver loaded" in done.stderr


def test_a_pattern_that_looks_for_ever_is_ended() -> None:
    begin = time.monotonic()
    assert found_in("a" * 5000, "(?:a|a)*(b)", within_s=1.0) is None
    assert time.monotonic() - begin < 5
    assert found_in("Driver Version: 580.1 x", "Driver Version: ([0-9.]+)") == "580.1"


# Weights -----------------------------------------------------------------------------------------------


def with_weights(content: bytes) -> RunSpec:
    import hashlib  # noqa: PLC0415

    file = RunFile(path="model.gguf", size=len(content), sha256=hashlib.sha256(content).hexdigest())
    weights = RunWeights(model="a-model", title="A model", folder="/weights", place="mount", files=(file,))
    return on_cpu(weights=weights)


def test_weights_that_come_from_nowhere_are_asked_for_by_a_folder(tmp_path: Path, home: Path) -> None:
    done = run(small_image(tmp_path / "image", with_weights(b"right")).name, home=home)
    assert done.returncode == 5, done.stderr
    assert "model.gguf" in done.stderr
    assert "--weights FOLDER" in done.stderr


def test_weights_of_a_folder_that_are_not_the_labels_are_refused(tmp_path: Path, home: Path) -> None:
    image = small_image(tmp_path / "image", with_weights(b"right"))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "model.gguf").write_bytes(b"wrong")
    done = run(image.name, "--weights", str(tmp_path / "weights"), home=home)
    assert done.returncode == 5, done.stderr
    assert "model.gguf" in done.stderr


def test_weights_that_no_lock_pins_are_refused(tmp_path: Path, home: Path) -> None:
    weights = RunWeights(model="a-model", title="A model", folder="/weights", place="mount")
    done = run(small_image(tmp_path / "image", on_cpu(weights=weights)).name, home=home)
    assert done.returncode == 5
    assert "pins no file" in done.stderr


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the image is for x86-64")
def test_right_weights_are_taken_and_a_program_that_is_not_in_the_image_is_told(tmp_path: Path, home: Path) -> None:
    image = small_image(tmp_path / "image", with_weights(b"right"))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "model.gguf").write_bytes(b"right")
    done = run(image.name, "--weights", str(tmp_path / "weights"), home=home)
    assert done.returncode == 7, done.stderr
    assert "/serve" in done.stderr
