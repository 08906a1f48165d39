"""A change of a set or folder, stopped before its first step, its second, and so on: `WHAT FOLDER ENDING [more]`.

A step is whatever Python tells of before it changes a disk or starts a program. The ENDING is `killed`, or `full`: the
step ends in an error as of a full disk. After each there is what was there before or what was to come, whole; the next
run works, and nothing is left over. On a disk that cannot exchange two names at once, there may be nothing for a
moment: then the next run puts back what was there.
"""

import contextlib
import ctypes
import errno
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import NoReturn

from flagrelease.adapters.git import index as index_module
from flagrelease.adapters.git.worktree import MARKER
from flagrelease.adapters.patches.apply import apply_set
from flagrelease.adapters.patches.sets import stored_sets
from flagrelease.adapters.sealed.key_files import load_private
from flagrelease.adapters.sealed.set_folder import rekey_folder, seal_folder
from flagrelease.adapters.storage import place as place_module
from flagrelease.errors import FlagReleaseError
from flagrelease.patching.report import Applies
from flagrelease.sealing.keys import Keyring, PrivateKey
from tests.patching.git_objects import Objects, files_of
from tests.patching.sealed_place import HOLDERS, SealedPlace, extended, plain_place, seal

_STEPS = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.link", "os.symlink", "shutil.rmtree"}
_NO_WRITES = {"shutil.rmtree", "subprocess.Popen"}
_ALL_DONE, _REACHED, _TOLD = 0, 3, 4
_SUBREAPER = 36
State = str


@dataclass(frozen=True)
class Change:
    """What is killed, the state of things as one word, and which states there may be: before, and when it is done."""

    prepare: Callable[[], None]
    act: Callable[[], object]
    state: Callable[[], State]
    before: State
    done: State
    beside: Path
    memory: Path
    gap: tuple[State, ...] = ()


def _is_step(event: str, arguments: tuple[object, ...]) -> bool:
    if event == "open":
        return isinstance(arguments[2], int) and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in _STEPS or event == "subprocess.Popen"


def _in_child(step: int, act: Callable[[], object], ending: str) -> int | None:
    """Do it in a process of its own, stopped before that step. How that ended; None where there was no such step."""
    child = os.fork()
    if child == 0:
        _act_in_child(step, act, ending)
    _, status = os.waitpid(child, 0)
    # What it had started goes on, as it would; it is ours now. Wait for it, so that the next run is alone.
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (_ALL_DONE, _REACHED, _TOLD, -signal.SIGKILL), code
    return None if code == _ALL_DONE else code


def _act_in_child(step: int, act: Callable[[], object], ending: str) -> NoReturn:
    left = step

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if not _is_step(event, arguments) or (ending == "full" and event in _NO_WRITES):
            return
        left -= 1
        if left == 0 and ending == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), arguments[0])

    sys.addaudithook(hook)
    try:
        act()
    except (FlagReleaseError, OSError) as error:
        if isinstance(error, FlagReleaseError) or error.filename:
            os._exit(_TOLD)
        traceback.print_exc()
        os._exit(1)
    except BaseException:  # noqa: BLE001 - all that a forked process may not do is go on as its parent
        traceback.print_exc()
        os._exit(1)
    os._exit(_ALL_DONE if left > 0 else _REACHED)


def stopped_at_every_step(change: Change, ending: str) -> int:
    """How many steps there are."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    for step in count(1):
        change.prepare()
        assert change.state() == change.before, change.state()
        code = _in_child(step, change.act, ending)
        state = change.state()
        if code is None:
            assert state == change.done
            return step - 1
        assert state in (change.before, change.done, *change.gap), f"step {step}: {state}"
        assert code != _REACHED or state == change.done
        # Where there is nothing left to do, whatever comes next tidies up.
        with contextlib.nullcontext() if state != change.done else contextlib.suppress(FlagReleaseError):
            change.act()
        assert change.state() == change.done, f"step {step}: {change.state()}"
        assert [path for path in change.beside.iterdir() if "flagrelease-" in path.name] == [], f"step {step}"
        assert list(change.memory.iterdir()) == [], f"step {step}"
    raise AssertionError


def _fresh(folder: Path, kept: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if kept.exists():
        shutil.copytree(kept, folder, symlinks=True)


def _key(place: SealedPlace, holder: str) -> PrivateKey:
    (key,) = load_private([place.key(holder)], lambda _: None)
    return key


def _tree(folder: Path) -> State:
    """A folder as one word."""
    if not folder.exists():
        return "none"
    assert (folder / MARKER).is_file()
    return Objects().tree(files_of(folder, without=MARKER))


def _apply(place: SealedPlace, top: Path, *, over: bool) -> Change:
    out, kept = top / "out", top / "kept"
    before = "none"
    if over:
        # An earlier state of the set: its first patch alone.
        first = plain_place(top / "first")
        extended(first, {"README.md": b"other\n"})
        apply_set(first.stored, first.repository, kept)
        before = _tree(kept)
    return Change(
        prepare=lambda: _fresh(out, kept),
        act=lambda: apply_set(place.stored, place.repository, out),
        state=lambda: _tree(out),
        before=before,
        done=place.tree,
        beside=top,
        memory=top / "memory",
    )


def _set_state(place: SealedPlace) -> State:
    """The set as one word: the tree that it makes, and whether it is sealed, and for whom."""
    found = stored_sets(place.top / "patches")
    if not found:
        return "none"
    (stored,) = found
    (checked,) = [place.check()]
    assert isinstance(checked.finding, Applies), checked
    tree = checked.finding.tree
    names = {path.suffix for path in place.set.iterdir()}
    assert not {".sealed", ".patch"} <= names
    if stored.is_sealed:
        return f"{tree} sealed {(place.set / 'seal.json').read_text().count('wrapped')}"
    return tree


def _of_set(place: SealedPlace, top: Path, what: str) -> Change:
    kept = top / "kept"
    vendor, maintainer, stranger = (_key(place, holder) for holder in HOLDERS)
    done = place.tree
    if what == "rekey":
        seal(place)
    if what != "add":
        shutil.copytree(place.set, kept)
    before = _set_state(place) if what != "add" else "none"
    acts: dict[str, Callable[[], object]] = {
        "add": lambda: extended(place, {}),
        "extend": lambda: extended(place, {"README.md": b"other\n"}),
        "seal": lambda: seal_folder(place.set, signer=vendor, recipients=[vendor.public, maintainer.public]),
        "rekey": lambda: rekey_folder(
            place.set, keyring=Keyring(private=(vendor,), signers=(vendor.public,)), add=[stranger.public]
        ),
    }  # fmt: skip
    if what == "extend":
        acts[what]()
        done = _set_state(place)
        _fresh(place.set, kept)
    done = {"seal": f"{before} sealed 2", "rekey": f"{place.tree} sealed 3"}.get(what, done)
    return Change(
        prepare=lambda: _fresh(place.set, kept),
        act=acts[what],
        state=lambda: _set_state(place),
        before=before,
        done=done,
        beside=place.set.parent,
        memory=top / "memory",
    )


def main(what: str, folder: str, ending: str, *more: str) -> None:
    """Print how many steps there were."""
    top = Path(folder)
    if more:
        place_module._exchanged = lambda *_: False
    # In memory there are folders of other processes as well.
    (top / "memory").mkdir()
    index_module._SHARED_MEMORY = top / "memory"  # type: ignore[misc]
    place = plain_place(top / "place")
    change = _apply(place, top, over=what == "apply over") if what.startswith("apply") else _of_set(place, top, what)
    if more:
        change = replace(change, gap=("none",))
    sys.stdout.write(f"{stopped_at_every_step(change, ending)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
