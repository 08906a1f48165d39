import fcntl
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.errors import SourceError, ToolError
from flagrelease.ports import Store


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def files_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def child(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)


def end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def wait_for(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == line


def test_what_is_added_is_found_by_its_digest(store: FileStore) -> None:
    as_port: Store = store
    digest = as_port.add_bytes(b"abc")
    assert digest == digest_of(b"abc")
    assert as_port.has(digest)
    assert as_port.path(digest).read_bytes() == b"abc"
    assert store.path(digest).stat().st_mode & 0o777 == 0o444


def test_the_folder_is_marked_as_a_cache(store: FileStore) -> None:
    store.add_bytes(b"")
    tag = (store.home / "CACHEDIR.TAG").read_text()
    assert tag.startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_looking_into_a_store_makes_no_folder(store: FileStore) -> None:
    assert not store.has(digest_of(b"abc"))
    assert list(store.blobs()) == []
    assert not store.home.exists()


def test_a_missing_blob_is_a_source_error(store: FileStore) -> None:
    with pytest.raises(SourceError, match="is not in") as caught:
        store.path(digest_of(b"abc"))
    assert caught.value.exit_code == 5
    assert caught.value.hint


def test_a_changed_blob_is_set_aside_and_reported(tmp_path: Path) -> None:
    said: list[str] = []
    store = FileStore(tmp_path, on_damage=said.append)
    digest = store.add_bytes(b"abc")
    blob = store.path(digest)
    blob.chmod(0o644)
    blob.write_bytes(b"abd")
    with pytest.raises(SourceError, match="was changed"):
        store.path(digest)
    assert not store.has(digest)
    assert [p.read_bytes() for p in (tmp_path / "damaged").iterdir()] == [b"abd"]
    assert len(said) == 1
    assert store.add_bytes(b"abc") == digest
    assert store.has(digest)


def test_a_change_within_the_same_tick_of_the_clock_is_seen(store: FileStore) -> None:
    for n in range(50):
        content = f"{n:04}".encode()
        digest = store.add_bytes(content)
        blob = store.home / "blobs" / "sha256" / digest[7:9] / digest[9:]
        blob.chmod(0o644)
        with blob.open("r+b") as file:
            file.write(b"x")
        assert not store.has(digest)


def test_a_touched_but_unchanged_blob_stays(store: FileStore) -> None:
    digest = store.add_bytes(b"abc")
    os.utime(store.path(digest))
    assert store.has(digest)
    assert store.path(digest).read_bytes() == b"abc"


@pytest.mark.parametrize("record", [b"", b"{", b"[1,2]", b"null"])
def test_a_broken_stat_record_only_means_another_hashing(store: FileStore, record: bytes) -> None:
    digest = store.add_bytes(b"abc")
    (store.home / "seen" / "sha256" / digest[7:9] / digest[9:]).write_bytes(record)
    assert store.has(digest)


def test_an_unchanged_blob_is_not_read_again(store: FileStore) -> None:
    digest = store.add_bytes(b"abc" * 1000)
    blob = store.path(digest)
    # A lease is broken by anybody who opens the file: proof that a stat was enough.
    with blob.open("rb") as held:
        fcntl.fcntl(held.fileno(), fcntl.F_SETLEASE, fcntl.F_WRLCK)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
        try:
            assert store.has(digest)
            assert store.path(digest) == blob
            assert signal.sigpending() & {signal.SIGIO} == set()
        finally:
            fcntl.fcntl(held.fileno(), fcntl.F_SETLEASE, fcntl.F_UNLCK)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGIO})


def test_a_symbolic_link_in_place_of_a_blob_is_not_followed(store: FileStore, tmp_path: Path) -> None:
    digest = store.add_bytes(b"abc")
    blob = store.path(digest)
    (tmp_path / "elsewhere").write_bytes(b"abc")
    blob.unlink()
    blob.symlink_to(tmp_path / "elsewhere")
    assert not store.has(digest)


def test_nothing_is_kept_without_a_commit(store: FileStore) -> None:
    with store.writer() as blob:
        blob.write(b"abc")
    with pytest.raises(SourceError), store.writer() as blob:
        store.path(digest_of(bytes(blob.write(b"abc"))))
    assert list(store.blobs()) == []
    assert files_in(store.home / "tmp") == []


def test_a_writer_hashes_bytes_and_whole_files_in_order(store: FileStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"y" * 3_000_000)
    with store.writer() as blob:
        assert blob.write(b"x" * 700) == 700
        assert blob.copy_from(source) == 3_000_000
        assert blob.write(b"z") == 1
        assert blob.tell() == 3_000_701
        digest = blob.commit()
    assert digest == digest_of(b"x" * 700 + b"y" * 3_000_000 + b"z")
    assert store.verify(digest)


def test_a_file_of_another_file_system_can_be_copied_from(store: FileStore) -> None:
    with store.writer() as blob:
        size = blob.copy_from(Path("/proc/version"))
        digest = blob.commit()
    assert store.path(digest).read_bytes() == Path("/proc/version").read_bytes()
    assert size == store.path(digest).stat().st_size


def test_a_moved_file_is_renamed_not_copied(store: FileStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    inode = source.stat().st_ino
    digest = store.add_file(source, expect=digest_of(b"abc"), move=True)
    assert not source.exists()
    assert store.path(digest).stat().st_ino == inode


def test_an_added_file_stays_where_it_is_and_apart(store: FileStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    digest = store.add_file(source)
    source.write_bytes(b"abd")
    assert store.path(digest).read_bytes() == b"abc"


@pytest.mark.parametrize("move", [True, False])
def test_a_file_that_is_not_what_was_expected_is_refused(store: FileStore, tmp_path: Path, move: bool) -> None:  # noqa: FBT001
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    with pytest.raises(SourceError) as caught:
        store.add_file(source, expect=digest_of(b"abd"), move=move)
    assert digest_of(b"abc") in caught.value.message
    assert digest_of(b"abd") in caught.value.message
    assert str(source) in caught.value.message
    assert source.exists()
    assert list(store.blobs()) == []


def test_a_link_shares_the_file_and_replaces_what_is_there(store: FileStore, tmp_path: Path) -> None:
    digest = store.add_bytes(b"abc")
    to = tmp_path / "out" / "weights"
    store.link(digest, to)
    assert to.stat().st_ino == store.path(digest).stat().st_ino
    store.link(digest, to)
    to.unlink()
    to.write_bytes(b"old")
    store.link(digest, to)
    assert to.read_bytes() == b"abc"
    assert files_in(to.parent) == ["weights"]


def test_a_link_across_file_systems_is_a_copy(store: FileStore) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == store.home.parent.stat().st_dev:
        pytest.skip("there is no second file system")
    digest = store.add_bytes(b"abc")
    to = shm / f"flagrelease-test-{os.getpid()}"
    try:
        store.link(digest, to)
        assert to.read_bytes() == b"abc"
    finally:
        to.unlink(missing_ok=True)


def test_what_a_dead_process_left_is_swept_and_what_a_live_one_writes_is_not(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from flagrelease.adapters.storage.store import FileStore\n"
        "with FileStore(Path(sys.argv[1])).writer() as b:\n"
        "    b.write(b'half'); print('written', flush=True); time.sleep(60)\n"
    )
    dead, alive = child(code, str(tmp_path)), child(code, str(tmp_path))
    try:
        wait_for(dead, "written")
        wait_for(alive, "written")
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        assert len(files_in(tmp_path / "tmp")) == 2
        FileStore(tmp_path).add_bytes(b"abc")
        left = files_in(tmp_path / "tmp")
        assert len(left) == 1
        assert str(alive.pid) in left[0]
    finally:
        end(dead)
        end(alive)


def test_a_lock_keeps_others_out_and_says_who_holds_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from flagrelease.adapters.storage.store import FileStore\n"
        "with FileStore(Path(sys.argv[1])).lock('key'):\n"
        "    print('held', flush=True); sys.stdin.readline()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    said: list[str] = []
    store = FileStore(tmp_path, on_wait=said.append)
    got = threading.Event()

    def take() -> None:
        with store.lock("key"):
            got.set()

    waiting = threading.Thread(target=take)
    try:
        wait_for(holder, "held")
        holder.send_signal(signal.SIGSTOP)
        waiting.start()
        assert not got.wait(0.3)
        assert said == [f"waiting for process {holder.pid} on {os.uname().nodename}, which works on key"]
        with store.lock("another key"):
            pass
        holder.send_signal(signal.SIGKILL)
        assert got.wait(5)
    finally:
        end(holder)
        waiting.join()
    assert files_in(tmp_path / "locks") == []


def test_many_threads_never_hold_one_key_at_once(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    inside = 0
    most = 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with store.lock("key"):
                inside += 1
                most = max(most, inside)
                time.sleep(0.0002)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_blobs_can_be_listed_verified_set_aside_and_removed(store: FileStore) -> None:
    digests = sorted(store.add_bytes(bytes([n])) for n in range(5))
    assert list(store.blobs()) == digests
    assert all(store.verify(d) for d in digests)
    store.remove(digests[0])
    store.quarantine(digests[1])
    assert list(store.blobs()) == digests[2:]
    assert not store.verify(digests[0])
    blob = store.path(digests[2])
    blob.chmod(0o644)
    blob.write_bytes(b"changed")
    assert not store.verify(digests[2])


@pytest.mark.parametrize("name", ["", "sha256:", "sha256:../../etc/passwd", "md5:" + "a" * 64, "sha256:" + "A" * 64])
def test_only_digests_name_blobs(store: FileStore, name: str) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        store.has(name)


def test_a_name_never_stands_for_bytes_that_are_not_on_the_disk_yet(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    code = (
        "import sys; from pathlib import Path; from flagrelease.adapters.storage.store import FileStore\n"
        "FileStore(Path(sys.argv[1])).add_bytes(b'abc')\n"
    )
    calls = "trace=write,fsync,fdatasync,rename,renameat,renameat2,openat"
    command = ["strace", "-f", "-y", "-o", str(trace), "-e", calls, sys.executable, "-c", code, str(tmp_path / "home")]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("strace is not on this machine")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"strace may not trace here: {error.stderr!r}")
    temporary = re.escape(str(tmp_path / "home" / "tmp"))
    blobs = re.escape(str(tmp_path / "home" / "blobs" / "sha256"))
    lines = trace.read_text()
    steps = [
        rf"write\(\d+<{temporary}/[^>]*>, \"abc\"",
        rf"fsync\(\d+<{temporary}/",
        rf"rename\w*\([^\n]*\"{temporary}/[^\n]*\"{blobs}/",
        rf"fsync\(\d+<{blobs}/../?>",
    ]
    found = [re.search(step, lines) for step in steps]
    assert all(found), (steps, lines)
    places = [match.start() for match in found if match]
    assert places == sorted(places)


@pytest.mark.slow
def test_a_full_disk_is_said_so_and_harms_nothing(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    try:
        store = FileStore(disk / "home")
        kept = store.add_bytes(b"a" * 1_000_000)
        source = tmp_path / "source"
        source.write_bytes(b"b" * 4_000_000)
        with pytest.raises(ToolError) as by_bytes:
            store.add_bytes(b"c" * 4_000_000)
        with pytest.raises(ToolError) as by_file:
            store.add_file(source)
        for caught in (by_bytes, by_file):
            assert caught.value.exit_code == 10
            assert str(disk) in caught.value.message
            assert "4000000 bytes" in caught.value.message
        assert files_in(disk / "home" / "tmp") == []
        assert store.verify(kept)
        store.remove(kept)
        assert store.verify(store.add_bytes(b"d" * 3_000_000))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_no_plain_file_is_no_blob_and_is_set_aside(store: FileStore, tmp_path: Path, kind: str) -> None:
    digest = store.add_bytes(b"abc")
    blob = store.path(digest)
    blob.unlink()
    if kind == "folder":
        blob.mkdir()
    elif kind == "link":
        blob.symlink_to(tmp_path)
    else:
        os.mkfifo(blob)
    assert list(store.blobs()) == [digest]
    assert not store.verify(digest)
    assert not store.has(digest)
    assert len(list((store.home / "damaged").iterdir())) == 1
    store.add_bytes(b"abc")
    assert store.verify(digest)


def test_the_size_of_a_blob_is_told_without_reading_it(store: FileStore) -> None:
    digest = store.add_bytes(b"abc")
    assert store.size(digest) == 3
    store.remove(digest)
    assert store.size(digest) == 0
