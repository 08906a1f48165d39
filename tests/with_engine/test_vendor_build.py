"""A vendor's bundle from the vendor's parts, by a real container engine."""

import base64
import json
from pathlib import Path

import pytest

from tests.dockerd import Dockerd
from tests.with_engine.project import BUNDLE, CHIP, GEMS, MODEL, RECIPE, VendorProject

pytestmark = pytest.mark.slow

WHO = ("--chip", CHIP, "--model", MODEL)
NOWHERE = "unix:///nonexistent/docker.sock"


def newest_tag(dockerd: Dockerd) -> str:
    """The bundle's image that was built last."""
    return dockerd.call("images", "--format", "{{.Repository}}:{{.Tag}}", "flagrelease/bundle-steps").splitlines()[0]


@pytest.fixture
def supplied(with_engine: VendorProject, vendor_image: Path) -> VendorProject:
    with_engine.lock_it()
    with_engine.ok("supply", str(vendor_image), "--for", BUNDLE, "--accept")
    return with_engine


def test_without_a_part_the_dockerfile_is_there_and_the_part_is_named_with_whom_to_ask(vendor: VendorProject) -> None:
    vendor.lock_it()
    said = vendor.refused(4, "build", *WHO)
    assert "sdks.zhiyuan-vllm-0.2.base: zhiyuan_vllm:v0.2: ask ecosystem@cambricon.com" in said
    assert "--rehearse" in said
    assert (vendor.stage("render") / "Dockerfile").read_text().count("FROM ") > 2


def test_with_all_parts_and_no_engine_the_build_says_that_at_once(vendor: VendorProject, vendor_image: Path) -> None:
    vendor.lock_it()
    vendor.ok("supply", str(vendor_image), "--for", BUNDLE, "--accept")
    assert "[2/9]" not in vendor.refused(10, "build", *WHO)
    assert "blocked:" in vendor.ok("plan", *WHO)


def test_from_the_vendors_parts_the_image_is_built_and_the_chip_is_asked_for(
    supplied: VendorProject, dockerd: Dockerd
) -> None:
    said = supplied.refused(10, "build", *WHO)
    assert "need Cambricon MLU, which this machine does not have" in said
    built = json.loads((supplied.stage("build") / "built.json").read_text())
    index = json.loads((supplied.stage("build") / "image" / "index.json").read_text())
    assert [one["digest"] for one in index["manifests"]] == [built["image"]["digest"]]
    assert [one["file"] for one in built["kernels"]] == ["flag_gems-4.2.1-py3-none-any.whl"]
    # What the values of a recipe are in the image is what they are in the recipe, whatever a shell would make of them.
    tag = newest_tag(dockerd)
    greeting = dockerd.call("run", "--rm", "--entrypoint", "printenv", tag, "GREETING")
    assert greeting.rstrip("\n") == 'it\'s "$HOME" `id`; #1'
    assert dockerd.call("run", "--rm", "--entrypoint", "cat", tag, "/opt/tool/built") == "1"
    with pytest.raises(AssertionError):
        dockerd.call("run", "--rm", "--entrypoint", "ls", tag, "/src/flaggems")


def test_a_rebuild_with_nothing_changed_asks_no_engine(supplied: VendorProject) -> None:
    supplied.ok("build", *WHO, "--until", "build")
    again = supplied.ok("build", *WHO, "--until", "build", DOCKER_HOST=NOWHERE)
    assert again.count("up to date") == 5


def test_a_kernel_library_is_compiled_once_and_its_wheel_is_named_in_the_lock(supplied: VendorProject) -> None:
    assert "building wheels" in supplied.ok("build", *WHO, "--until", "build")
    supplied.lock_it()
    (kernel,) = supplied.lock["kernels"]
    assert kernel["file"] == "flag_gems-4.2.1-py3-none-any.whl"
    # Another bundle of the chip: what is only its own is built, the library is not.
    supplied.write_recipe(RECIPE.replace("http.server]", "http.server, '8001']"))
    supplied.lock_it()
    assert "building wheels" not in supplied.ok("build", *WHO, "--until", "build")
    assert supplied.lock["kernels"] == [kernel]


def test_a_wheel_that_is_not_the_one_of_the_lock_is_refused(supplied: VendorProject) -> None:
    supplied.ok("build", *WHO, "--until", "build")
    supplied.lock_it()
    path = supplied.recipe.with_name(f"{MODEL}.lock.json")
    (kernel,) = supplied.lock["kernels"]
    path.write_text(path.read_text().replace(kernel["sha256"], "0" * 64))
    said = supplied.refused(4, "build", *WHO, "--until", "build")
    assert f"the lock names the wheel {'0' * 64}" in said


def test_a_step_that_fails_ends_with_6_its_line_and_its_last_words(supplied: VendorProject) -> None:
    supplied.write_recipe(RECIPE.replace("USE_CAMBRICON=1", "no-such-target"))
    supplied.lock_it()
    said = supplied.refused(6, "build", *WHO)
    assert "No rule to make target" in said
    assert "Dockerfile:" in said
    assert "docker run --rm -it" in said
    assert not list(supplied.out.glob("*/5-build/done.json"))


def test_a_vendors_file_that_is_no_image_ends_with_5(with_engine: VendorProject, tmp_path: Path) -> None:
    wrong = tmp_path / "zhiyuan.tar"
    wrong.write_bytes(b"no tar at all" * 1000)
    with_engine.lock_it()
    with_engine.ok("supply", str(wrong), "--for", BUNDLE, "--accept")
    assert "zhiyuan" in with_engine.refused(5, "build", *WHO)


def test_changed_sources_of_a_library_make_another_wheel(supplied: VendorProject) -> None:
    assert b"4.2.1" in GEMS["pyproject.toml"]
    supplied.ok("build", *WHO, "--until", "build")
    supplied.lock_it()
    before = supplied.lock["kernels"]
    supplied.write_recipe(
        RECIPE.replace("install: [{{tool: pip}}]", "install: [{{tool: pip, env: {{GEMS_VENDOR: x}}}}]")
    )
    supplied.lock_it()
    assert supplied.lock["kernels"] == []
    assert "building wheels" in supplied.ok("build", *WHO, "--until", "build")
    supplied.lock_it()
    assert supplied.lock["kernels"][0]["key"] != before[0]["key"]


CANARY = "canary-7f3a9b1c5d2e"


def test_a_build_secret_is_read_by_its_step_and_left_nowhere(
    supplied: VendorProject, dockerd: Dockerd, tmp_path: Path
) -> None:
    supplied.write_recipe(
        RECIPE.replace("{{tool: make, arguments: [USE_CAMBRICON=1]}}", "{{tool: make, secrets: [token]}}")
    )
    supplied.lock_it()
    assert "--secret token=FILE" in supplied.refused(10, "build", *WHO, "--until", "build")
    secret = tmp_path / "token"
    secret.write_text(CANARY)
    said = supplied.ok("build", *WHO, "--until", "build", "--secret", f"token={secret}")
    tag = newest_tag(dockerd)
    assert dockerd.call("run", "--rm", "--entrypoint", "cat", tag, "/opt/tool/read") == str(len(CANARY))
    assert CANARY not in said
    spellings = [form.encode() for form in (CANARY, CANARY[::-1], CANARY.encode().hex())]
    spellings += [base64.b64encode(b" " * shift + CANARY.encode())[4:-4] for shift in range(3)]
    for place in (supplied.out, supplied.home):
        for path in (one for one in place.rglob("*") if one.is_file()):
            content = path.read_bytes()
            assert not [one for one in spellings if one in content], path
    history = dockerd.call("history", "--no-trunc", tag)
    assert not [one for one in spellings if one.decode() in history]
