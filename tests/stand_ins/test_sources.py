"""Sources: a real git repository, the same commit everywhere, whose tree answers each step of an installation."""

import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.stand_ins.reading import StandInRecipes
from flagrelease.adapters.stand_ins.repository import TreeFile, make_repository
from flagrelease.adapters.stand_ins.sources import source_files
from flagrelease.adapters.stand_ins.stand_ins import HostStandIns
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.component import Component, GitSource, Install
from flagrelease.errors import FlagReleaseError, RecipeError, SourceError
from flagrelease.formats.calls import calls_in_wheel
from tests.stand_ins.making import RECIPES, Place, making


def component(*steps: Mapping[str, object], version: str | None = None) -> Component:
    return Component(
        source=GitSource(kind="git", repository="flagos-ai/Thing", tag="v1"),
        version=version,
        install=tuple(Install.model_validate(step) for step in steps),
        provenance="a test",
    )


def unpacked(stand_ins: HostStandIns, store: FileStore, name: str, asked: Component, folder: Path) -> Path:
    """The component's tree as an image has it."""
    to = folder / name
    with tarfile.open(store.path(stand_ins.source(name, asked).archive)) as tar:
        tar.extractall(to, filter="data")
    return to


def test_git_clones_what_stands_in_for_an_upstream(tmp_path: Path, calls: Place) -> None:
    files = {"a/b.txt": TreeFile(content=b"text\n"), "run.sh": TreeFile(content=b"#!/bin/sh\n", executable=True)}
    commit = make_repository(tmp_path / "thing.git", files, "stand-in for thing")
    calls.run("git", "clone", "--quiet", tmp_path / "thing.git", tmp_path / "clone")
    assert calls.run("git", "rev-parse", "HEAD", at=tmp_path / "clone") == f"{commit}\n"
    calls.run("git", "fsck", "--strict", at=tmp_path / "clone")
    assert (tmp_path / "clone/a/b.txt").read_bytes() == b"text\n"
    assert (tmp_path / "clone/run.sh").stat().st_mode & 0o111


def test_the_commit_is_the_same_on_every_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"a": TreeFile(content=b"1")}
    first = make_repository(tmp_path / "one.git", files, "message")
    for name, value in {"GIT_AUTHOR_NAME": "Me", "TZ": "Asia/Tokyo", "GIT_COMMITTER_DATE": "1 +0900"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Me\n[core]\n\tautocrlf = true\n")
    assert make_repository(tmp_path / "two.git", files, "message") == first
    assert first == "5cd9ff8fd9f8009dc4f6061deedd53f3eaec2372"


def test_a_component_is_the_same_in_every_store(tmp_path: Path) -> None:
    asked = component({"tool": "pip"}, {"tool": "make", "arguments": ("USE_NVIDIA=1",)})
    first, second = (making(tmp_path / name)[0].source("flagcx", asked) for name in ("one", "two"))
    assert first == second
    assert (first.name, first.patches) == ("flagcx", 0)


@pytest.mark.slow
def test_pip_builds_it_without_a_network_also_where_the_build_is_isolated(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    asked = component({"tool": "pip", "env": {"GEMS_VENDOR": "nvidia"}}, version="4.2.1rc0")
    tree = unpacked(stand_ins, store, "flaggems", asked, tmp_path)
    env = {"GEMS_VENDOR": "nvidia", "PASSWORD": "hidden"}
    calls.pip("wheel", "--no-deps", "--wheel-dir", tmp_path / "wheels", tree, env=env)
    (wheel,) = (tmp_path / "wheels").iterdir()
    assert wheel.name == "flag_gems-4.2.1rc0-py3-none-any.whl"
    (call,) = calls_in_wheel(wheel)
    assert (call.stand_in, call.argv, call.env["GEMS_VENDOR"]) == ("flaggems", ("build_wheel", "."), "nvidia")
    assert calls.calls() == (call,)
    assert b"hidden" not in wheel.read_bytes()
    calls.pip("install", "--no-deps", wheel)
    assert calls.asks("flag_gems.__version__", "flag_gems") == "4.2.1rc0"


@pytest.mark.slow
def test_a_wheel_built_twice_in_the_same_environment_is_the_same(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    tree = unpacked(stand_ins, store, "flagtree", component({"tool": "pip"}, version="0.4.0+3.5"), tmp_path)
    for name in ("one", "two"):
        calls.pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path / name, tree)
    first, second = (next((tmp_path / name).iterdir()).read_bytes() for name in ("one", "two"))
    assert first == second


@pytest.mark.slow
def test_projects_below_the_top_are_built_too_and_editable_ones_stay_where_they_are(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    steps: list[dict[str, object]] = [
        {"tool": "pip", "path": "vllm", "editable": True},
        {"tool": "pip", "path": "vllm/vllm_mlu"},
        {"tool": "pip"},
    ]
    tree = unpacked(stand_ins, store, "flagscale", component(*steps), tmp_path)
    calls.pip("install", "--no-deps", "--editable", tree / "vllm")
    calls.pip("install", "--no-deps", tree / "vllm/vllm_mlu", tree)
    assert calls.called() == [["build_editable", "vllm"], ["build_wheel", "vllm/vllm_mlu"], ["build_wheel", "."]]
    assert calls.asks("vllm.__file__", "vllm", "vllm_mlu", "flag_scale") == f"{tree}/vllm/vllm/__init__.py"


def test_make_writes_down_its_variables_and_leaves_the_library(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    step = {"tool": "make", "arguments": ("USE_NVIDIA=1", "-j")}
    tree = unpacked(stand_ins, store, "flagcx", component(step), tmp_path)
    calls.run("make", "USE_NVIDIA=1", "-j", at=tree)
    calls.run("make", "USE_MPI=1", "all", "COMPILE_KERNEL=1", at=tree)
    calls.run("make", "install", at=tree)
    assert calls.called() == [
        ["make", "USE_NVIDIA=1"],
        ["make", "all", "COMPILE_KERNEL=1", "USE_MPI=1"],
        ["make", "install"],
    ]
    assert (tree / "build/lib/libflagcx.so").read_text().startswith("A stand-in")


def test_a_script_writes_down_its_words_and_leaves_what_it_has_to(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    step = {"tool": "script", "path": "examples/atb_models/scripts/build.sh", "arguments": ("--fast",)}
    tree = unpacked(stand_ins, store, "mindie-llm", component(step), tmp_path)
    calls.run("bash", "examples/atb_models/scripts/build.sh", "--fast", at=tree)
    assert calls.called() == [["examples/atb_models/scripts/build.sh", "--fast"]]
    calls.run("bash", "-euc", ". examples/atb_models/output/atb_models/set_env.sh", at=tree)


def test_a_folder_that_holds_a_project_of_another_name_is_that_project() -> None:
    parts = StandInRecipes(RECIPES).parts
    files = source_files("flagtree", component({"tool": "pip", "path": "python"}, version="0.4.0+3.5"), parts)
    assert "python/triton/__init__.py" in files


def test_a_component_from_no_repository_is_refused(stand_ins: HostStandIns) -> None:
    asked = Component.model_validate(
        {"source": {"kind": "index", "project": "vllm", "version": "0.13.0"}, "provenance": "a test"}
    )
    with pytest.raises(RecipeError, match="comes from no repository"):
        stand_ins.source("vllm", asked)


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "a//b", "a\nb", '"a"', ".git/hooks/post-checkout"])
def test_a_path_that_leads_elsewhere_is_in_no_repository(path: str, tmp_path: Path) -> None:
    with pytest.raises(FlagReleaseError):
        make_repository(tmp_path / "thing.git", {path: TreeFile(content=b"")}, "thing")


def test_git_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        make_repository(tmp_path / "no" / "thing.git", {}, "thing")


def test_every_component_of_the_catalogue_that_is_built_from_source_has_a_tree() -> None:
    parts = StandInRecipes(RECIPES).parts
    bundles = Catalogue(RECIPES).everything().bundles.values()
    found = [
        (name, one)
        for bundle in bundles
        for variant in bundle.variants.values()
        for name, one in variant.components.items()
        if isinstance(one.source, GitSource)
    ]
    assert found
    for name, one in found:
        assert len(source_files(name, one, parts)) > 1
