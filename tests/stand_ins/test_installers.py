"""Installers: the right name, what they write down, the file of variables where the recipe says it is."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from flagrelease.adapters.recipes.catalogue import Catalogue
from flagrelease.adapters.stand_ins.stand_ins import HostStandIns
from flagrelease.adapters.storage.store import FileStore
from flagrelease.domain.chip import Installer
from flagrelease.errors import RecipeError
from tests.stand_ins.making import RECIPES, Place, making


def toolkit(**changed: object) -> Installer:
    return Installer.model_validate(
        {
            "file": "Ascend-cann-toolkit_{version}_linux-x86_64.run",
            "purpose": "toolkit",
            "arguments": ("--install",),
            "source": "a test",
            **changed,
        }
    )


def nnal(at: Path) -> Installer:
    return toolkit(
        file="Ascend-cann-nnal_{version}_linux-x86_64.run",
        purpose="acceleration",
        arguments=("--install", f"--install-path={at}"),
        sets=f"{at}/nnal/atb/set_env.sh",
    )


def test_an_installer_has_the_name_that_the_recipe_gives_it(stand_ins: HostStandIns) -> None:
    kernels = toolkit(file="Ascend-cann-kernels-*_{version}_linux.run", purpose="kernels")
    assert stand_ins.installer(toolkit(), "8.0")[0] == "Ascend-cann-toolkit_8.0_linux-x86_64.run"
    assert stand_ins.installer(kernels, "8.0")[0] == "Ascend-cann-kernels-x_8.0_linux.run"


def test_it_is_the_same_file_in_every_store(tmp_path: Path) -> None:
    first, second = (making(tmp_path / name)[0].installer(toolkit(), "8.0") for name in ("one", "two"))
    assert first == second
    assert first[2] == FileStore(tmp_path / "one").path(first[1]).stat().st_size


def test_it_writes_down_each_call_with_the_variables_that_count(
    stand_ins: HostStandIns, store: FileStore, calls: Place
) -> None:
    name, content, _ = stand_ins.installer(toolkit(), "8.0")
    script = store.path(content)
    calls.run("sh", script, "--install", "--quiet")
    calls.run("sh", script, env={"ASCEND_HOME_PATH": "/a b", "SECRET_KEY": "hidden"})
    first, second = calls.calls()
    assert (first.stand_in, first.argv) == (name, (name, "--install", "--quiet"))
    assert set(first.env) == {"PATH"}
    assert (second.argv, second.env["ASCEND_HOME_PATH"]) == ((name,), "/a b")
    assert "hidden" not in calls.calls_file.read_text()


@pytest.mark.parametrize("word", ['"', "\\", "a b", "$(touch hit)", "`id`", "'", "ümlaut", "--x={}", "*", "%s", "-n"])
def test_no_word_of_a_call_is_changed_or_run(
    word: str, stand_ins: HostStandIns, store: FileStore, calls: Place
) -> None:
    name, content, _ = stand_ins.installer(toolkit(), "8.0")
    calls.run("sh", store.path(content), word)
    assert calls.called() == [[name, word]]
    assert not (calls.folder / "hit").exists()


def test_the_file_of_variables_is_where_the_recipe_says_and_sets_them_before_what_is_there(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    at = tmp_path / "Ascend"
    calls.run("sh", store.path(stand_ins.installer(nnal(at), "8.0")[1]), "--install", f"--install-path={at}")
    env = sourced(at / "nnal/atb/set_env.sh", "sh", LD_LIBRARY_PATH="/before")
    assert env["ATB_HOME_PATH"] == f"{at}/nnal/atb/latest/atb/cxx_abi_1"
    assert env["LD_LIBRARY_PATH"] == f"{at}/nnal/atb/latest/atb/cxx_abi_1/lib:/before"
    assert env["PATH"] == f"{at}/nnal/atb/latest/atb/cxx_abi_1/bin:{os.environ['PATH']}"


def test_a_list_that_was_empty_does_not_get_an_empty_part(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    # An empty part of a search path is the current folder.
    calls.run("sh", store.path(stand_ins.installer(nnal(tmp_path), "8.0")[1]), f"--install-path={tmp_path}")
    env = sourced(tmp_path / "nnal/atb/set_env.sh", "sh")
    assert not env["LD_LIBRARY_PATH"].endswith(":")


def test_bash_reads_the_file_of_variables_as_sh_does(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    calls.run("sh", store.path(stand_ins.installer(nnal(tmp_path), "8.0")[1]), f"--install-path={tmp_path}")
    file = tmp_path / "nnal/atb/set_env.sh"
    assert sourced(file, "bash")["ATB_HOME_PATH"] == sourced(file, "sh")["ATB_HOME_PATH"]


def test_another_install_path_moves_the_file_of_variables(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    script = store.path(stand_ins.installer(nnal(tmp_path / "Ascend"), "8.0")[1])
    calls.run("sh", script, f"--install-path={tmp_path}/else where")
    assert (tmp_path / "else where/nnal/atb/set_env.sh").is_file()
    assert not (tmp_path / "Ascend").exists()


def test_a_toolkit_without_a_path_goes_two_folders_above_its_file(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    installer = toolkit(sets=f"{tmp_path}/ascend-toolkit/set_env.sh")
    calls.run("sh", store.path(stand_ins.installer(installer, "8.0")[1]), "--install")
    env = sourced(tmp_path / "ascend-toolkit/set_env.sh", "sh")
    assert env["ASCEND_TOOLKIT_HOME"] == f"{tmp_path}/ascend-toolkit/latest"


def test_a_call_that_cannot_be_written_down_ends_the_installer(
    stand_ins: HostStandIns, store: FileStore, calls: Place, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    script = store.path(stand_ins.installer(nnal(tmp_path / "Ascend"), "8.0")[1])
    env = {"FLAGRELEASE_STAND_IN_CALLS": f"{tmp_path}/file/calls.jsonl", "PATH": os.environ["PATH"]}
    assert subprocess.run(["sh", script], env=env, capture_output=True, check=False).returncode != 0
    assert not (tmp_path / "Ascend").exists()


def test_every_installer_of_the_catalogue_that_goes_into_an_image_has_a_stand_in(stand_ins: HostStandIns) -> None:
    chips = Catalogue(RECIPES).everything().chips.values()
    installers = [(one, sdk.version) for chip in chips for sdk in chip.sdks.values() for one in sdk.installers]
    made = [stand_ins.installer(one, version)[0] for one, version in installers if one.where == "image"]
    assert made
    assert [name for name in made if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name)] == []


@pytest.mark.parametrize(
    ("file", "words"),
    [("neuware-{version}.deb", ".run"), ("what-{version}.whl", "no wheel's name"), ("sdk_*.tar.gz", "archives")],
)
def test_what_has_no_stand_in_is_refused_with_what_to_do(stand_ins: HostStandIns, file: str, words: str) -> None:
    with pytest.raises(RecipeError) as refused:
        stand_ins.installer(toolkit(file=file), "1.0")
    assert words in f"{refused.value.message} {refused.value.hint}"


def test_a_name_with_a_version_needs_one(stand_ins: HostStandIns) -> None:
    with pytest.raises(RecipeError, match="the SDK has no version"):
        stand_ins.installer(toolkit(), None)


def sourced(file: Path, shell: str, **env: str) -> dict[str, str]:
    """The variables of a shell that read the file."""
    done = subprocess.run(
        [shell, "-eu", "-c", '. "$0"; env -0', str(file)],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        check=True,
    )
    return dict(pair.split("=", 1) for pair in done.stdout.decode().split("\0") if pair)
