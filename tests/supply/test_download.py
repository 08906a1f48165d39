import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.attempt import Wanted
from flagrelease.adapters.supply.download import Downloader, Retry
from flagrelease.adapters.supply.web import Web
from flagrelease.errors import SourceError, ToolError
from tests.supply.server import PIECE, FaultyServer, File

ONE_CHUNK = 1 << 20
FETCH = """
import sys
from pathlib import Path
from flagrelease.adapters.supply.attempt import Wanted
from flagrelease.adapters.supply.download import Downloader, Retry
from flagrelease.adapters.storage.store import FileStore
from flagrelease.adapters.supply.web import Web
home, url, sha256, size = sys.argv[1:]
web = Web(timeout_s=(5, 5))
loader = Downloader(FileStore(Path(home)), web, retry=Retry(attempts=2, first_s=0.01))
loader.fetch(Wanted(name="file", sha256=sha256, size=int(size)), [url], lambda done, total: None)
web.close()
print("fetched")
"""


def wanted(file: File) -> Wanted:
    return Wanted(name="the file", sha256=file.sha256, size=len(file.content))


def silent(_done: int, _total: int) -> None:
    pass


def leftovers(store: FileStore) -> list[str]:
    folder = store.home / "partial"
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def refused(downloader: Downloader, asked: Wanted, *urls: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        downloader.fetch(asked, urls, silent)
    assert caught.value.exit_code == 5
    return caught.value


def child(store: FileStore, url: str, file: File) -> "subprocess.Popen[str]":
    arguments = [str(store.home), url, file.sha256, str(len(file.content))]
    return subprocess.Popen([sys.executable, "-c", FETCH, *arguments], stdout=subprocess.PIPE, text=True)


def test_a_file_is_fetched_once_and_then_never_asked_for(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File
) -> None:
    seen: list[tuple[int, int]] = []
    digest = downloader.fetch(wanted(file), [f"{server.url}/file"], lambda done, total: seen.append((done, total)))
    assert store.path(digest).read_bytes() == file.content
    assert seen[-1] == (len(file.content), len(file.content))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert downloader.fetch(wanted(file), [f"{server.url}/file"], silent) == digest
    assert len(server.asked) == 1
    assert leftovers(store) == []


@pytest.mark.parametrize("case", [(p, e) for p in (10, 50, 90) for e in ('"v1"', 'W/"v1"', None)])
def test_a_cut_download_resumes_where_it_stopped(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File, case: tuple[int, str | None]
) -> None:
    percent, etag = case
    file.etag = etag
    file.cuts = [len(file.content) * percent // 100]
    digest = downloader.fetch(wanted(file), [f"{server.url}/file"], silent)
    assert store.verify(digest)
    assert server.body_bytes("/file") <= len(file.content) + ONE_CHUNK
    assert "Range" in server.gets("/file")[1].headers
    assert ("If-Range" in server.gets("/file")[1].headers) == (etag == '"v1"')


def test_a_chunked_body_that_is_cut_resumes_too(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File
) -> None:
    file.chunked = True
    file.cuts = [len(file.content) // 2]
    assert store.verify(downloader.fetch(wanted(file), [f"{server.url}/file"], silent))
    assert server.body_bytes("/file") <= len(file.content) + ONE_CHUNK


@pytest.mark.parametrize("percent", [10, 50, 90])
def test_a_killed_download_goes_on_in_the_next_run(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File, percent: int
) -> None:
    file.pause_s = 0.002
    process = child(store, f"{server.url}/file", file)
    partial = store.home / "partial" / file.sha256
    try:
        deadline = time.monotonic() + 20
        while not partial.exists() or partial.stat().st_size < len(file.content) * percent // 100:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.001)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    kept = partial.stat().st_size
    file.pause_s = 0
    before = len(server.asked)
    assert store.verify(downloader.fetch(wanted(file), [f"{server.url}/file"], silent))
    again = server.asked[before:]
    assert [a.headers["Range"] for a in again] == [f"bytes={kept}-"]
    assert sum(a.bytes_sent for a in again) == len(file.content) - kept
    assert leftovers(store) == []


def test_a_download_that_was_whole_when_it_was_killed_needs_no_request(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File
) -> None:
    partial = store.home / "partial" / file.sha256
    partial.parent.mkdir(parents=True)
    partial.write_bytes(file.content)
    assert store.verify(downloader.fetch(wanted(file), [f"{server.url}/file"], silent))
    assert server.asked == []


@pytest.mark.parametrize("junk", [b"\0" * 500_000, b"", b"x" * 4_000_000])
def test_a_damaged_partial_costs_time_but_nothing_else(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File, junk: bytes
) -> None:
    partial = store.home / "partial" / file.sha256
    partial.parent.mkdir(parents=True)
    partial.write_bytes(junk)
    (partial.parent / f"{file.sha256}.json").write_bytes(b"{")
    assert store.verify(downloader.fetch(wanted(file), [f"{server.url}/file"], silent))
    assert leftovers(store) == []


def test_one_flipped_bit_anywhere_is_refused(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File, big: bytes
) -> None:
    asked = wanted(file)
    places = random.Random(7)
    for place in (0, len(big) - 1, *(places.randrange(len(big)) for _ in range(30))):
        flipped = bytearray(big)
        flipped[place] ^= 1 << places.randrange(8)
        file.content = bytes(flipped)
        error = refused(downloader, asked, f"{server.url}/file")
        assert f"wanted sha256:{asked.sha256}" in error.message
        assert f"found sha256:{hashlib.sha256(flipped).hexdigest()}" in error.message
        assert "the file" in error.message
        assert leftovers(store) == []
    assert list(store.blobs()) == []


def test_a_wrong_answer_is_not_kept_beside_a_good_start(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File, big: bytes
) -> None:
    asked = wanted(file)
    file.cuts = [len(big) // 2] * 4
    file.ranges = False
    refused(downloader, asked, f"{server.url}/file")
    file.content = big[:-1] + bytes([big[-1] ^ 1])
    file.ranges = True
    refused(downloader, asked, f"{server.url}/file")
    assert leftovers(store) == []
    assert list(store.blobs()) == []


@pytest.mark.parametrize("case", [(n, c) for n in (-1, -1_000_000, 1, 1_000_000) for c in (True, False)])
def test_a_truncated_or_longer_body_is_refused(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File, case: tuple[int, bool]
) -> None:
    change, file.chunked = case
    asked = wanted(file)
    file.content = file.content[:change] if change < 0 else file.content + b"\0" * change
    assert str(asked.size) in refused(downloader, asked, f"{server.url}/file").message
    assert list(store.blobs()) == []


def test_an_endless_body_is_stopped(downloader: Downloader, store: FileStore, server: FaultyServer, file: File) -> None:
    file.endless = True
    error = refused(downloader, wanted(file), f"{server.url}/file")
    assert "the server sent more" in error.message
    assert leftovers(store) == []


def test_a_file_that_got_shorter_on_the_server_restarts(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File
) -> None:
    asked = wanted(file)
    partial = store.home / "partial" / file.sha256
    partial.parent.mkdir(parents=True)
    partial.write_bytes(file.content[:-5])
    whole, file.content = file.content, file.content[:-10]
    server.files["/mirror"] = File(content=whole)
    assert store.verify(downloader.fetch(asked, [f"{server.url}/file", f"{server.url}/mirror"], silent))
    assert [a.headers.get("Range") is None for a in server.gets("/file")] == [False, True]


def test_a_server_without_ranges_sends_all_again(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File
) -> None:
    file.ranges = False
    file.cuts = [1_500_000]
    assert store.verify(downloader.fetch(wanted(file), [f"{server.url}/file"], silent))
    assert len(server.gets("/file")) == 2


@pytest.mark.parametrize("honours_if_range", [True, False])
def test_a_file_that_changed_meanwhile_is_fetched_anew(
    downloader: Downloader,
    store: FileStore,
    server: FaultyServer,
    file: File,
    honours_if_range: bool,  # noqa: FBT001
) -> None:
    file.etags = ['"old"', '"new"', '"new"']
    file.cuts = [1_500_000]
    file.honours_if_range = honours_if_range
    assert store.verify(downloader.fetch(wanted(file), [f"{server.url}/file"], silent))
    last = server.gets("/file")[-1]
    assert last.bytes_sent == len(file.content)


def test_a_range_that_was_not_asked_for_is_not_appended(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File
) -> None:
    file.cuts = [1_500_000]
    file.shift = 7
    assert store.verify(downloader.fetch(wanted(file), [f"{server.url}/file"], silent))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File, status: int
) -> None:
    file.statuses = [status, status]
    assert store.verify(downloader.fetch(wanted(file), [f"{server.url}/file"], silent))


def test_a_server_that_stays_broken_is_given_up(downloader: Downloader, server: FaultyServer, file: File) -> None:
    file.statuses = [503] * 50
    assert "after 4 tries" in refused(downloader, wanted(file), f"{server.url}/file").message
    assert len(server.asked) == 4


def test_a_server_that_always_cuts_late_and_never_resumes_is_given_up(
    downloader: Downloader, server: FaultyServer, file: File
) -> None:
    file.cuts = [2_900_000] * 100
    file.ranges = False
    refused(downloader, wanted(file), f"{server.url}/file")
    assert len(server.asked) < 12


def test_a_server_that_says_nothing_is_given_up(store: FileStore, server: FaultyServer, file: File) -> None:
    web = Web(timeout_s=(0.3, 0.3))
    file.pause_s = 1.0
    try:
        impatient = Downloader(store, web, retry=Retry(attempts=2, first_s=0.01))
        assert "after 2 tries" in refused(impatient, wanted(file), f"{server.url}/file").message
    finally:
        web.close()


def test_no_server_at_all_is_a_source_error(downloader: Downloader, file: File) -> None:
    error = refused(downloader, wanted(file), "http://127.0.0.1:9/file")
    assert "no answer" in error.message
    assert error.hint


def test_the_next_address_is_tried_and_goes_on_where_the_first_stopped(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File
) -> None:
    file.cuts = [1_500_000]
    file.statuses = [200, 404]
    server.files["/mirror"] = File(content=file.content, etag='"other"')
    asked = wanted(file)
    addresses = [f"{server.url}/nothing", f"{server.url}/file", f"{server.url}/mirror"]
    assert store.verify(downloader.fetch(asked, addresses, silent))
    assert server.body_bytes("/mirror") <= 1_500_000 + ONE_CHUNK


def test_every_address_and_its_answer_are_named_without_secrets(downloader: Downloader, server: FaultyServer) -> None:
    asked = Wanted(name="libc 2.36", sha256="a" * 64, size=5, hint="do this")
    secret = f"{server.url.replace('//', '//user:pa55@')}/b?token=s3cret"
    error = refused(downloader, asked, f"{server.url}/a", secret)
    assert "libc 2.36" in error.message
    assert f"{server.url}/a: it is not there (404)" in error.message
    assert "/b: it is not there" in error.message
    assert "s3cret" not in error.message
    assert "pa55" not in error.message
    assert error.hint == "do this"


@pytest.mark.parametrize("status", [401, 403, 400, 304])
def test_a_refusal_is_not_repeated(downloader: Downloader, server: FaultyServer, file: File, status: int) -> None:
    file.statuses = [status] * 5
    assert str(status) in refused(downloader, wanted(file), f"{server.url}/file").message
    assert len(server.asked) == 1


def test_redirects_are_followed_but_not_for_ever(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File
) -> None:
    server.files["/moved"] = File(redirect="/file")
    server.files["/round"] = File(redirect="/round")
    assert "redirects more than 5 times" in refused(downloader, wanted(file), f"{server.url}/round").message
    assert store.verify(downloader.fetch(wanted(file), [f"{server.url}/moved"], silent))


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/"])
def test_a_redirect_to_another_scheme_is_refused(
    downloader: Downloader, server: FaultyServer, file: File, to: str
) -> None:
    server.files["/moved"] = File(redirect=to)
    assert "which is not http" in refused(downloader, wanted(file), f"{server.url}/moved").message


def test_a_token_is_not_sent_to_another_host(downloader: Downloader, server: FaultyServer, file: File) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    server.files["/moved"] = File(redirect=f"{elsewhere}/file")
    asked = Wanted(
        name="the file", sha256=file.sha256, size=len(file.content), headers={"Authorization": "Bearer hf_secret"}
    )
    downloader.fetch(asked, [f"{server.url}/moved"], silent)
    assert [a.headers.get("Authorization") for a in server.asked] == ["Bearer hf_secret", None]
    assert "hf_secret" not in repr(asked)


def test_offline_no_request_is_sent(store: FileStore, web: Web, server: FaultyServer, file: File) -> None:
    offline = Downloader(store, web, offline=True)
    error = refused(offline, wanted(file), f"{server.url}/file")
    assert "the file" in error.message
    assert file.sha256 in error.message
    assert server.asked == []


def test_an_empty_file_needs_no_request(downloader: Downloader, store: FileStore, server: FaultyServer) -> None:
    asked = Wanted(name="empty", sha256=hashlib.sha256().hexdigest(), size=0)
    assert store.verify(downloader.fetch(asked, [f"{server.url}/file"], silent))


def test_a_file_of_unknown_hash_is_never_pieced_together_blindly(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File
) -> None:
    file.etag = None
    file.cuts = [1_500_000]
    asked = Wanted(name="the file", sha256=None, size=len(file.content))
    digest = downloader.fetch(asked, [f"{server.url}/file"], silent)
    assert digest == f"sha256:{file.sha256}"
    assert all("Range" not in a.headers for a in server.asked)
    assert leftovers(store) == []


def test_a_borrowed_file_is_not_kept_in_the_store(
    downloader: Downloader, store: FileStore, server: FaultyServer, file: File
) -> None:
    for _ in range(2):
        with downloader.borrow(wanted(file), [f"{server.url}/file"], silent) as path:
            assert path.read_bytes() == file.content
    assert len(server.asked) == 1
    assert list(store.blobs()) == []
    downloader.discard(file.sha256)
    assert leftovers(store) == []


def test_the_size_a_server_states_is_taken(downloader: Downloader, server: FaultyServer, file: File) -> None:
    assert downloader.size_of(f"{server.url}/file", name="the file") == len(file.content)
    with pytest.raises(SourceError, match="how large"):
        downloader.size_of(f"{server.url}/nothing", name="the file")


def test_two_processes_fetch_one_file_once(store: FileStore, server: FaultyServer, file: File) -> None:
    file.pause_s = 0.002
    processes = [child(store, f"{server.url}/file", file) for _ in range(3)]
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert said == ["fetched\n"] * 3
    assert len(server.gets("/file")) == 1


def test_a_stopped_download_is_waited_for_and_a_killed_one_taken_over(
    store: FileStore, server: FaultyServer, file: File
) -> None:
    file.pause_s = 0.005
    first = child(store, f"{server.url}/file", file)
    partial = store.home / "partial" / file.sha256
    second = None
    try:
        deadline = time.monotonic() + 20
        while not partial.exists() or partial.stat().st_size < 20 * PIECE:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        first.send_signal(signal.SIGSTOP)
        kept = partial.stat().st_size
        second = child(store, f"{server.url}/file", file)
        with pytest.raises(subprocess.TimeoutExpired):
            second.communicate(timeout=1.0)
        assert len(server.gets("/file")) == 1
        first.send_signal(signal.SIGKILL)
        assert second.communicate(timeout=30)[0] == "fetched\n"
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.communicate()
    assert int(server.gets("/file")[1].headers["Range"].removeprefix("bytes=").rstrip("-")) >= kept
    assert store.verify(f"sha256:{file.sha256}")


def test_who_is_waited_for_is_named_once_with_the_file_it_fetches(tmp_path: Path, web: Web) -> None:
    """A second build of a cold store would wait for each of fifty files in turn."""
    said: list[str] = []
    other, waiting = FileStore(tmp_path / "home"), FileStore(tmp_path / "home", on_wait=said.append)
    downloader = Downloader(waiting, web)
    for number in range(3):
        content = f"package {number}".encode()
        sha256 = hashlib.sha256(content).hexdigest()
        asked = Wanted(name=f"lib{number} 1.0 (amd64)", sha256=sha256, size=len(content))
        second = threading.Thread(target=downloader.fetch, args=(asked, (), silent))
        with other.lock(f"sha256:{sha256}"):
            other.add_bytes(content)
            second.start()
            second.join(0.3)
            assert second.is_alive()
        second.join(10)
        assert not second.is_alive()
    assert said == [f"waiting for process {os.getpid()} on {os.uname().nodename}, which works on lib0 1.0 (amd64)"]


def test_what_will_not_fit_is_refused_before_the_first_byte(
    downloader: Downloader, store: FileStore, server: FaultyServer
) -> None:
    asked = Wanted(name="the file", sha256="a" * 64, size=1 << 60)
    with pytest.raises(ToolError) as caught:
        downloader.fetch(asked, [f"{server.url}/file"], silent)
    assert str(1 << 60) in caught.value.message
    assert server.asked == []
    assert leftovers(store) == []


@pytest.mark.slow
def test_a_disk_that_fills_up_keeps_what_was_fetched_and_the_next_run_completes(
    web: Web, server: FaultyServer, file: File, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], check=True)
    try:
        store = FileStore(disk / "home")
        kept = store.add_bytes(b"a")
        filler = disk / "filler"

        def fill_up(done: int, _total: int) -> None:
            if done > 1_000_000 and not filler.exists():
                filler.write_bytes(b"\0" * 4_000_000)

        loader = Downloader(store, web)
        with pytest.raises(ToolError) as caught:
            loader.fetch(wanted(file), [f"{server.url}/file"], fill_up)
        assert str(disk) in caught.value.message
        assert store.verify(kept)
        filler.unlink()
        assert store.verify(loader.fetch(wanted(file), [f"{server.url}/file"], silent))
        assert server.body_bytes("/file") <= len(file.content) + 2 * ONE_CHUNK
    finally:
        subprocess.run(["umount", str(disk)], check=True)
