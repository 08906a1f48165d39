"""The tests' own engine: what it leaves behind is nothing, however it ends."""

import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from flagrelease.engines.embedded.port import free_port
from tests.dockerd import Dockerd, a_base, running_dockerd, why_none

pytestmark = [pytest.mark.slow, pytest.mark.skipif(why_none() is not None, reason=str(why_none()))]
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def traces(of: Dockerd, bridge: str) -> list[str]:
    """What a dockerd usually leaves on a machine, as far as it is this one's."""
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [
        *(str(link) for link in Path("/sys/class/net").iterdir() if link.name in {"docker0", bridge}),
        *(rule for rule in rules if "DOCKER" in rule or bridge in rule),
        *(line for line in Path("/proc/mounts").read_text().splitlines() if str(of.folder) in line),
        *(str(group) for group in Path("/sys/fs/cgroup").glob(f"**/{bridge}")),
        *([str(of.folder)] if of.folder.exists() else []),
        *([f"process {of.pid}"] if Path(f"/proc/{of.pid}").exists() else []),
    ]


def with_a_server(of: Dockerd) -> int:
    """A container that serves a file on a published port of this machine."""
    of.call("import", "-", "base", stdin=a_base({"www/hello": b"hello"}))
    port = free_port()
    publish = f"127.0.0.1:{port}:80"
    of.call("run", "--detach", "--publish", publish, "base", "/bin/httpd", "-f", "-p", "0.0.0.0:80", "-h", "/www")
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/hello", timeout=5) as answer:
                assert answer.read() == b"hello"
                return port
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the published port cannot be reached")


def test_a_published_port_is_reached_and_nothing_is_left_when_it_ends_with_a_container_running() -> None:
    forwarding = _FORWARDING.read_text()
    with running_dockerd() as found:
        bridge = found.bridge
        with_a_server(found)
        assert traces(found, bridge)
        assert _FORWARDING.read_text() == forwarding
    assert traces(found, bridge) == []


def test_it_leaves_nothing_when_the_tests_are_killed() -> None:
    code = (
        "import time\n"
        "from tests.dockerd import running_dockerd\n"
        "from tests.engine_docker.test_dockerd import with_a_server\n"
        "with running_dockerd() as found:\n"
        "    with_a_server(found)\n"
        "    print(found.folder, found.pid, found.bridge, flush=True)\n"
        "    time.sleep(99)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        folder, pid, bridge = tests.stdout.readline().split()
        tests.send_signal(signal.SIGKILL)
    found = Dockerd(Path(folder), int(pid))
    for _ in range(400):
        if not traces(found, bridge):
            break
        time.sleep(0.1)
    assert traces(found, bridge) == []
