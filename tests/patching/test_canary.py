"""Plain text of a sealed set is nowhere but where it was asked for, whatever is run and however it ends."""

import base64
import contextlib
import os
import re
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.patching.conftest import ROOT
from tests.patching.sealed_place import HOLDERS, SealedPlace
from tests.patching.vendor import commit, made_clone, run_git, write

# Of its own for each process: two may look through the memory that both use.
WORD = f"canary{secrets.token_hex(4)}"
_MEMORY = Path("/dev/shm")

pytestmark = pytest.mark.slow


def forms(word: bytes) -> list[bytes]:
    """A word as itself and as what it is easily turned into; in base64, whatever stands before it."""
    inner = [base64.b64encode(b"x" * shift + word)[4 if shift else 0 : -4] for shift in range(3)]
    return [word, word[::-1], word.hex().encode(), word.hex().upper().encode(), *inner]


def holding(data: bytes) -> bool:
    """Whether the word is in there, in any form, packed as git packs or not."""
    packed = []
    if data[:1] == b"\x78":
        with contextlib.suppress(zlib.error):
            packed.append(zlib.decompressobj().decompress(data))
    return any(form in one for one in (data, *packed) for form in forms(WORD.encode()))


class World:
    """A sealed set and its user: home, store, temporary files and working folder all lie below one folder."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.place = _sealed(top / "place")
        for name in ("home", "tmp", "work"):
            (top / name).mkdir()
        self.said: list[bytes] = []

    def run(self, *words: str, status: int = 0, before: Sequence[str] = ()) -> None:
        """A command; what it prints is kept to be searched."""
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.top / "home"),
            "TMPDIR": str(self.top / "tmp"),
            "XDG_RUNTIME_DIR": str(self.top / "tmp"),
            "FLAGRELEASE_HOME": str(self.top / "home" / "store"),
            "FLAGRELEASE_PATCHES": str(self.place.top / "patches"),
            "FLAGRELEASE_RECIPES": str(ROOT / "recipes"),
        }
        argv = [*before, sys.executable, "-m", "flagrelease", "patch", *words]
        done = subprocess.run(
            argv, cwd=self.top / "work", env=environment, capture_output=True, check=False, preexec_fn=_dumping
        )
        assert done.returncode == status, done.stderr.decode()
        self.said.append(done.stdout + done.stderr)

    @property
    def where(self) -> tuple[str, ...]:
        """Which set, and whose key."""
        key, signer = self.place.key("maintainer"), self.place.public("vendor")
        return ("--component", "flagscale", "--chip", "cambricon_mlu", "--key", str(key), "--signer", str(signer))

    def apply(self, *more: str, status: int = 0, before: Sequence[str] = ()) -> None:
        """Write the component into a folder beside all that is searched."""
        to = self.top.with_name(f"{self.top.name}-out") / "DIR"
        where = ("--repo", str(self.place.clone), "--commit", self.place.base, "--to", str(to))
        self.run("apply", *self.where, *where, *more, status=status, before=before)

    def found(self) -> list[str]:
        """Where the word is."""
        files = [path for path in self.top.rglob("*") if path.is_file() and not path.is_symlink()]
        names = [str(path) for path in self.top.rglob("*") if WORD in path.name]
        told = [f"said {number}" for number, said in enumerate(self.said) if holding(said)]
        return [*names, *(str(path) for path in files if holding(path.read_bytes())), *told]


def _dumping() -> None:
    # Where a set was opened in this process before, the limit is gone for good.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


_MADE = (
    "import sys; from pathlib import Path; from tests.patching.sealed_place import plain_place, seal\n"
    "seal(plain_place(Path(sys.argv[1]), sys.argv[2]))"
)


def _sealed(top: Path) -> SealedPlace:
    """The vendor's plain set was elsewhere; here is a clone without their commits, and the sealed set.

    Sealing takes the right to core dumps from a process: it is done in another one.
    """
    elsewhere = top.with_name("elsewhere")
    subprocess.run([sys.executable, "-c", _MADE, str(elsewhere), WORD], cwd=ROOT, check=True)
    top.mkdir()
    base = made_clone(top / "clone")
    for name in ("patches", "keys"):
        shutil.copytree(elsewhere / name, top / name)
    shutil.rmtree(elsewhere)
    return SealedPlace(top=top, base=base, tree="")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    there = set(_MEMORY.iterdir())
    (tmp_path / "world").mkdir()
    yield World(tmp_path / "world")
    left = [path for path in set(_MEMORY.iterdir()) - there if path.name.startswith("flagrelease-")]
    for path in [path for one in left for path in one.rglob("*")]:
        # What is another process's comes and goes.
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            assert not holding(path.read_bytes()), path


def test_the_search_finds_the_word_in_every_form(world: World) -> None:
    assert world.found() == []
    for number, form in enumerate([*forms(WORD.encode()), zlib.compress(b"blob 3\0" + WORD.encode())]):
        (world.top / f"{number}").write_bytes(b"some" + form if form[:1] != b"\x78" else form)
        assert world.found() == [str(world.top / f"{number}")]
        (world.top / f"{number}").unlink()
    (world.top / WORD).touch()
    assert world.found() == [str(world.top / WORD)]


def test_nothing_that_is_run_on_a_sealed_set_leaves_its_words(world: World) -> None:
    place = world.place
    clone = ("--repo", str(place.clone))
    world.run("check", *world.where, *clone)
    world.run("check", *world.where, *clone, "--anew", "--json")
    world.apply()
    world.apply("--json")
    world.run("status")
    world.run("status", "--json")
    keys = ("--key", str(place.key("maintainer")), "--signer", str(place.public("vendor")))
    world.run("open", str(place.set), *keys)
    world.run("open", str(place.set), *keys, "--json")
    world.run("rekey", str(place.set), *keys, "--for", str(place.public("stranger")))
    # What goes wrong: another upstream, another tree, no key, a signer that nobody trusts.
    train = (place.clone / "flagscale/train.py").read_bytes()
    write(place.clone, {"flagscale/train.py": train.replace(b"line 51\n", b"line 51 is another\n")})
    commit(place.clone, "Change line 51")
    world.run("check", *world.where, *clone, "--against", "HEAD", status=5)
    world.run("check", *world.where, *clone, "--against", "HEAD", "--json", status=5)
    others = ("--component", "flagscale", "--chip", "cambricon_mlu", "--signer", str(place.public("stranger")))
    world.run("check", *others, "--key", str(place.key("maintainer")), *clone, status=5)
    world.run("check", *others, *clone, status=5)
    world.run("open", str(place.set), "--key", str(place.key("maintainer")), status=5)
    blob = run_git("rev-parse", f"{place.base}:setup.py", at=place.clone)
    (place.clone / ".git/objects" / blob[:2] / blob[2:]).unlink(missing_ok=True)
    world.apply("--force", status=5)
    assert len(world.said) == 15
    assert world.found() == []


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGABRT, signal.SIGQUIT])
def test_a_run_that_is_ended_in_the_middle_leaves_no_words(world: World, ending: signal.Signals) -> None:
    """At the moment when git begins to write files, with the set open in memory; core dumps are allowed."""
    code = (
        "import os, signal, sys\n"
        "def hook(event, arguments):\n"
        "    if event == 'subprocess.Popen' and 'checkout-index' in arguments[1]:\n"
        # Programs that a shell starts in the background are deaf to SIGQUIT.
        f"        {int(ending)} == signal.SIGKILL or signal.signal({int(ending)}, signal.SIG_DFL)\n"
        f"        os.kill(os.getpid(), {int(ending)})\n"
        "sys.addaudithook(hook)\n"
    )
    (world.top / "work" / "sitecustomize.py").write_text(code)
    before = ("env", f"PYTHONPATH={world.top / 'work'}:{ROOT}")
    world.apply(status=-ending, before=before)
    assert world.found() == []
    assert not list(world.top.rglob("core*"))
    (world.top / "work" / "sitecustomize.py").unlink()
    world.apply()


@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace")
def test_no_argument_and_no_file_that_is_opened_names_anything_of_it(world: World) -> None:
    trace = world.top.with_name("trace")
    calls = "trace=execve,openat,open,creat,rename,link"
    strace = ("strace", "-f", "-qq", "-s", "100000", "-e", calls, "-o", str(trace))
    train = (world.place.clone / "flagscale/train.py").read_bytes()
    write(world.place.clone, {"flagscale/train.py": train.replace(b"line 51\n", b"line 51 is another\n")})
    commit(world.place.clone, "Change line 51")
    clone = ("--repo", str(world.place.clone))
    world.run("check", *world.where, *clone, before=strace)
    first = trace.read_bytes()
    world.run("check", *world.where, *clone, "--against", "HEAD", status=5, before=strace)
    lines = (first + trace.read_bytes()).splitlines()
    assert sum(b"execve(" in line for line in lines) > 20
    assert not [line for line in lines if holding(line)]
    # The sealed patch is for a file of upstream; that it is this one is a word of it as well.
    assert not [line for line in lines if b"train.py" in line and re.search(rb"execve\(", line)]
    assert {holder for holder in HOLDERS if holder.encode() in b"".join(lines)} >= {"maintainer"}
