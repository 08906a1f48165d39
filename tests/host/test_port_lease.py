"""Ports that are leased: no two bundles of a machine have the same, and a killed one gives its own back."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from flagrelease.adapters.storage.port_lease import leased_port
from flagrelease.errors import ToolError

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from flagrelease.adapters.storage.port_lease import leased_port
with leased_port(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])) as port:
    print(port, flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(home: Path, first: int, last: int) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """Another process that has a port until it is let go."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home), str(first), str(last)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def first(tmp_path: Path) -> int:
    """The first of some ports that nobody listens on."""
    for candidate in range(21000, 31000, 50):
        if all(is_free(port) for port in range(candidate, candidate + 10)):
            return candidate
    pytest.fail("no ten free ports in a row")


def is_free(port: int) -> bool:
    with socket.socket() as trial:
        try:
            trial.bind(("", port))
        except OSError:
            return False
    return True


def test_two_processes_at_once_never_share_a_port(tmp_path: Path, first: int) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        begun = list(pool.map(lambda _: stack.enter_context(holder(tmp_path, first, first + 9)), range(4)))
        ports = [port for port, _ in begun]
        assert len(set(ports)) == 4
        assert all(first <= port <= first + 9 for port in ports)


def test_when_all_are_leased_it_says_so_with_their_number(tmp_path: Path, first: int) -> None:
    with holder(tmp_path, first, first + 1) as (_, one), holder(tmp_path, first, first + 1):
        with pytest.raises(ToolError) as raised, leased_port(tmp_path, first, first + 1):
            pass
        assert f"every port from {first} to {first + 1} is taken, 2 by" in raised.value.message
        assert f"process {one.pid}" in raised.value.message
        assert "master_port_first" in raised.value.hint


def test_a_killed_process_gives_its_port_back(tmp_path: Path, first: int) -> None:
    with holder(tmp_path, first, first) as (port, process):
        process.kill()
        process.wait()
        with leased_port(tmp_path, first, first) as again:
            assert again == port


def test_a_port_that_somebody_else_listens_on_is_passed_over(tmp_path: Path, first: int) -> None:
    with socket.create_server(("127.0.0.1", first)), leased_port(tmp_path, first, first + 1) as port:
        assert port == first + 1


def test_a_lease_ends_with_its_block_also_by_an_error(tmp_path: Path, first: int) -> None:
    with pytest.raises(RuntimeError), leased_port(tmp_path, first, first):
        raise RuntimeError
    with leased_port(tmp_path, first, first) as port:
        assert port == first
