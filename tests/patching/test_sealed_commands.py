"""Sealed sets at the command line: one passphrase for all of them, and what is said of a missing key."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flagrelease.adapters.sealed.key_files import load_private, make_key
from flagrelease.adapters.sealed.set_folder import seal_folder
from tests.patching.conftest import ROOT
from tests.patching.sealed_place import SealedPlace, plain_place

PASSPHRASE = b"correct horse"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> SealedPlace:
    """Two sets, both sealed with a key that is locked, for itself."""
    place = plain_place(tmp_path_factory.mktemp("locked") / "place")
    other = place.set.parent / "metax_c550"
    shutil.copytree(place.set, other)
    text = (other / "series.yaml").read_text().replace("chip: cambricon_mlu", "chip: metax_c550")
    (other / "series.yaml").write_text(text)
    make_key(place.top / "keys", "locked", PASSPHRASE)
    (key,) = load_private([place.key("locked")], lambda _: PASSPHRASE)
    for folder in (place.set, other):
        seal_folder(folder, signer=key, recipients=[key.public])
    return place


def run(place: SealedPlace, *words: str, status: int = 0, stdin: bytes = b"") -> str:
    """`flagrelease patch …`; what it printed."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(place.top / "home"),
        "FLAGRELEASE_PATCHES": str(place.top / "patches"),
        "FLAGRELEASE_RECIPES": str(ROOT / "recipes"),
    }
    argv = [sys.executable, "-m", "flagrelease", "patch", *words]
    done = subprocess.run(argv, env=environment, input=stdin, capture_output=True, check=False)
    told = (done.stdout + done.stderr).decode()
    assert done.returncode == status, told
    return told


def test_one_passphrase_opens_every_set_that_is_checked(locked: SealedPlace) -> None:
    keys = ("--key", str(locked.key("locked")), "--signer", str(locked.public("locked")), "--passphrase-fd", "0")
    told = run(locked, "check", "--all", "--repo", str(locked.clone), *keys, stdin=PASSPHRASE + b"\n")
    assert told.count(f"applies: tree {locked.tree[:12]}") == 2
    told = run(locked, "check", "--all", "--repo", str(locked.clone), *keys, stdin=b"wrong\n", status=5)
    assert told.count("does not unlock") == 2


def test_one_passphrase_gives_several_sets_other_recipients(locked: SealedPlace, tmp_path: Path) -> None:
    place = locked.copied(tmp_path / "place")
    keys = ("--key", str(place.key("locked")), "--signer", str(place.public("locked")), "--passphrase-fd", "0")
    sets = (str(place.set), str(place.set.parent / "metax_c550"))
    more = ("--for", str(place.public("stranger")), "--sign-with", str(place.key("locked")))
    assert run(place, "rekey", *sets, *keys, *more, stdin=PASSPHRASE).count("stranger (") == 2


def test_without_a_key_the_table_says_which_is_needed_also_without_a_clone(locked: SealedPlace) -> None:
    for clone in ((), ("--repo", str(locked.clone))):
        told = run(locked, "check", "--all", *clone, status=5)
        assert told.count("needs key locked (") == 2
