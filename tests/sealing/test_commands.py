"""The commands, as their users run them; and that no plain text stays anywhere they could have left it."""

import contextlib
import hashlib
import json
import os
import pty
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flagrelease.adapters.sealed.key_files import load_private
from flagrelease.adapters.storage.private_folder import private_folder
from flagrelease.sealing.primitives import random
from tests.sealing.flagscale_files import encrypted, padded, rsa_pair
from tests.sealing.made import plain_set

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CANARY = b"canary-" + random(8).hex().encode()
TEXTS = (b"diff --git a/x b/x\n" + CANARY + b"\n", b"second " + CANARY + b"\n")
# A recipient's private key would give the plain text away as well.
FORMS = (CANARY, CANARY[::-1], CANARY.hex().encode())


class Place:
    """A folder with a home of its own, and commands run in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home, self.tmp = root / "home", root / "tmp"
        self.home.mkdir()
        self.tmp.mkdir()
        self.env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "TMPDIR": str(self.tmp),
        }

    def run(self, *argv: str, status: int = 0, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        call = [sys.executable, "-m", "flagrelease", "patch", *argv]
        done = subprocess.run(call, cwd=self.root, env=self.env, input=stdin, capture_output=True, check=False)
        assert done.returncode == status, done.stderr.decode()
        return done

    def keygen(self, name: str) -> Path:
        self.run("keygen", name, "--folder", str(self.root / name))
        return self.root / name


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def sealed(place: Place) -> tuple[Place, str]:
    """A set that the vendor sealed for the maintainer and trusts its own key."""
    for name in ("vendor", "maintainer"):
        place.keygen(name)
    folder = plain_set(place.root, TEXTS)
    keys = place.root / "patches" / "keys"
    keys.mkdir()
    (keys / "vendor.pub").write_bytes((place.root / "vendor" / "vendor.pub").read_bytes())
    place.run(
        "seal", str(folder), "--sign-with", "vendor/vendor.key", "--for", "maintainer/maintainer.pub", "--for",
        "vendor/vendor.pub",
    )  # fmt: skip
    return place, str(folder)


def _holding(root: Path) -> list[str]:
    found = []
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            found += [f"{path.relative_to(root)}" for form in FORMS if form in data]
    return found


def test_a_set_is_sealed_opened_and_rekeyed(sealed: tuple[Place, str]) -> None:
    place, folder = sealed
    mine = ("--key", "maintainer/maintainer.key")
    said = json.loads(place.run("open", folder, *mine, "--json").stdout)
    assert said["patches"] == {f"000{n}-part.patch.sealed": len(text) for n, text in enumerate(TEXTS, start=1)}
    assert place.run("open", folder, *mine, "--file", "0002-part.patch").stdout == TEXTS[1]
    place.run("open", folder, *mine, "--to", "plain")
    plain = place.root / "plain"
    assert plain.stat().st_mode & 0o777 == 0o700
    assert [path.read_bytes() for path in sorted(plain.iterdir())] == list(TEXTS)
    site = place.keygen("site")
    place.run("rekey", folder, *mine, "--for", str(site / "site.pub"), "--drop", "vendor/vendor.pub")
    assert place.run("open", folder, "--key", str(site), "--file", "0001-part.patch").stdout == TEXTS[0]
    assert b"is sealed for" in place.run("open", folder, "--key", "vendor", status=5).stderr


def test_nothing_that_was_written_or_said_holds_the_plain_text_or_a_key(sealed: tuple[Place, str]) -> None:
    place, folder = sealed
    private = (place.root / "maintainer" / "maintainer.key").read_text()
    secret = json.loads(private)["private"]
    said = [place.run("open", folder, "--key", "maintainer")]
    place.run("rekey", folder, "--key", "maintainer", "--drop", json.loads(private)["public"]["id"])
    said.append(place.run("open", folder, "--key", "maintainer", status=5))
    damaged = Path(folder) / "0001-part.patch.sealed"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    said.append(place.run("open", folder, "--key", "vendor", status=5))
    for done in said:
        assert not any(form in done.stdout + done.stderr for form in FORMS)
        assert secret.encode() not in done.stdout + done.stderr
    assert _holding(place.root) == []
    assert not list(Path("/dev/shm").glob(f"flagrelease-open-*/{CANARY.decode()}*"))


def test_the_search_for_the_plain_text_finds_it(place: Place) -> None:
    plain_set(place.root, TEXTS)
    assert len(_holding(place.root)) == len(TEXTS)


_CRASH = """
import os, sys
from pathlib import Path
from flagrelease.adapters.sealed.key_files import load_private, load_publics
from flagrelease.adapters.sealed.set_folder import open_series
from flagrelease.sealing.keys import Keyring
if sys.argv[3] == "open":
    keys = Keyring(private=load_private([Path(sys.argv[2])], None), signers=load_publics([Path("patches/keys")]))
    texts = list(open_series(Path(sys.argv[1]), keys))
os.abort()
"""


def test_a_crash_while_a_set_is_open_leaves_no_core_dump(sealed: tuple[Place, str]) -> None:
    place, folder = sealed
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith(("|", "/")):
        pytest.skip(f"this machine's crashes leave no file beside the program: {pattern}")

    def unlimited() -> None:
        # Opening a set in an earlier test took the limit away for good; root may still lift it.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def crash(how: str) -> list[Path]:
        argv = [sys.executable, "-c", _CRASH, folder, "maintainer/maintainer.key", how]
        done = subprocess.run(
            argv,
            cwd=place.root,
            env=place.env,
            check=False,
            capture_output=True,
            preexec_fn=unlimited,
        )
        assert done.returncode == -signal.SIGABRT, done.stderr.decode()
        return list(place.root.glob("core*"))

    assert crash("open") == []
    if not crash("without"):
        pytest.skip("this machine writes no core dumps at all, so their absence shows nothing")


def test_opening_forbids_core_dumps_for_good_and_for_what_it_starts(sealed: tuple[Place, str]) -> None:
    place, folder = sealed
    code = _CRASH.replace(
        "os.abort()",
        "import ctypes, resource, subprocess\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n"
        "sys.stdout.flush()\n"
        "subprocess.run(['sh', '-c', 'ulimit -c'], check=True)",
    )
    argv = [sys.executable, "-c", code, folder, "maintainer/maintainer.key", "open"]
    done = subprocess.run(argv, cwd=place.root, env=place.env, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["(1, 1) 0", "0"]


def test_a_passphrase_comes_from_a_descriptor_and_never_from_argv(place: Place) -> None:
    place.run("keygen", "vendor", "--folder", "keys", "--passphrase-fd", "0", stdin=b"correct horse\n")
    assert "private" not in {k for k, v in json.loads((place.root / "keys" / "vendor.key").read_text()).items() if v}
    folder = str(plain_set(place.root, TEXTS))
    call = ("seal", folder, "--sign-with", "keys/vendor.key", "--for", "keys/vendor.pub")
    assert b"locked by a passphrase, and none was given" in place.run(*call, status=5).stderr
    assert b"does not unlock" in place.run(*call, "--passphrase-fd", "0", stdin=b"wrong\n", status=5).stderr
    place.run(*call, "--passphrase-fd", "0", stdin=b"correct horse")
    assert b"empty first line" in place.run(*call, "--passphrase-fd", "0", status=2).stderr.replace(b"\n", b" ")
    for command in ("keygen", "seal", "open", "rekey"):
        assert b"--passphrase <" not in place.run(command, "--help").stdout


def test_a_passphrase_that_is_typed_is_not_shown(place: Place) -> None:
    argv = [sys.executable, "-m", "flagrelease", "patch", "keygen", "vendor", "--folder", "keys", "--passphrase"]
    main, terminal = pty.openpty()
    call = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", call, *argv],
        cwd=place.root,
        env=place.env,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    said = b""
    for question in (b"new key: ", b"again: "):
        while question not in said:
            said += os.read(main, 4096)
        os.write(main, b"correct horse\n")
    with contextlib.suppress(OSError):
        while part := os.read(main, 4096):
            said += part
    os.close(main)
    assert process.wait() == 0, said
    assert b"correct horse" not in said
    (key,) = load_private([place.root / "keys"], lambda _: b"correct horse")
    assert key.id.encode() in said


def test_a_file_of_flagscales_is_opened_by_its_key_and_its_hash(place: Place) -> None:
    private, pem = rsa_pair()
    (place.root / "private_key.pem").write_bytes(pem)
    (place.root / "private_key.pem").chmod(0o600)
    data = encrypted(private.public_key(), padded(TEXTS[0]))
    (place.root / "a.patch.encrypted").write_bytes(data)
    call = ("open", "a.patch.encrypted", "--flagscale-key", ".")
    pin = ("--sha256", hashlib.sha256(data).hexdigest())
    assert place.run(*call, *pin).stdout == TEXTS[0]
    place.run(*call, *pin, "--to", "plain")
    assert (place.root / "plain" / "a.patch").read_bytes() == TEXTS[0]
    assert b"needs both" in place.run(*call, status=2).stderr
    said = place.run(*call, "--sha256", "0" * 64, status=5)
    assert b"is damaged: wanted sha256 0000" in said.stderr
    assert said.stdout == b""


def test_no_plain_text_is_put_into_a_repository(sealed: tuple[Place, str]) -> None:
    place, folder = sealed
    (place.root / ".git").mkdir()
    said = place.run("open", folder, "--key", "maintainer", "--to", "plain", status=5).stderr
    assert b"is in the git repository" in said
    assert not (place.root / "plain").exists()


def test_a_signer_has_to_be_trusted(sealed: tuple[Place, str]) -> None:
    place, folder = sealed
    (place.root / "patches" / "keys" / "vendor.pub").unlink()
    said = place.run("open", folder, "--key", "maintainer", status=5).stderr
    assert b"keys that are trusted here: none" in said
    assert b"patches/keys/" in said
    place.run("open", folder, "--key", "maintainer", "--signer", "vendor/vendor.pub")


_HOLD = """
import sys, time
from pathlib import Path
from flagrelease.adapters.storage.private_folder import private_folder
with private_folder("held-", [Path(sys.argv[1])]) as here:
    (here / "plain").write_text("x")
    print(here, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_process_left_is_removed_by_the_next_and_a_living_ones_stays(place: Place) -> None:
    def held() -> "tuple[subprocess.Popen[str], Path]":
        argv = [sys.executable, "-c", _HOLD, str(place.tmp)]
        process = subprocess.Popen(argv, env=place.env, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip())

    (killed, left), (living, kept) = held(), held()
    try:
        killed.kill()
        killed.wait()
        assert (left / "plain").exists()
        with private_folder("held-", [place.tmp]) as here:
            assert not left.exists()
            assert (kept / "plain").exists()
            assert here.parent == place.tmp
        assert not here.exists()
    finally:
        for process in (killed, living):
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
