"""Dockerfiles built by a real engine, by buildx and by the BuildKit of an older client."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from flagrelease.engines.docker.engine import DockerEngine
from flagrelease.errors import BuildError, ToolError
from flagrelease.ports import Store
from tests.dockerd import Dockerd, a_base, running_dockerd
from tests.engine_docker.conftest import BASE, MakeRequest, Steps

pytestmark = pytest.mark.slow


def processes_of(dockerd: Dockerd, word: str) -> list[int]:
    """The processes that run below this engine and have `word` in their command."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if word.encode() in words and str(dockerd.folder).encode() not in words and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def soon(what: str, holds: object) -> None:
    for _ in range(200):
        if holds():  # type: ignore[operator]
            return
        time.sleep(0.05)
    raise AssertionError(what)


def test_it_says_which_engine_answers_and_how_it_is_driven(
    engine: DockerEngine, request: pytest.FixtureRequest
) -> None:
    facts = engine.facts()
    assert (facts.name, facts.architecture, facts.remote, facts.containerd_store) == ("docker", "amd64", False, False)
    assert facts.version.startswith("20.10")
    assert facts.builder.split(" ")[0] == ("buildx" if "buildx" in request.node.name else "built-in")


def test_an_image_is_built_and_its_steps_are_counted(engine: DockerEngine, request_for: MakeRequest) -> None:
    steps = Steps()
    asked = request_for(
        f'FROM {BASE} AS bundle\nARG SOURCE_DATE_EPOCH\nRUN echo "$SOURCE_DATE_EPOCH $MORE" >/epoch\n'
        'COPY a b /\nLABEL org.x.y="1 2"\n',
        files={"a": "A", "b": "B"},
        epoch=1234,
    )
    engine.build(asked, steps)
    made = engine.image("fr-made:1")
    assert made is not None
    assert (made.architecture, made.labels) == ("amd64", {"org.x.y": "1 2"})
    status, out = engine.run_once("fr-made:1", ["/bin/cat", "/epoch", "/a", "/b"], log=asked.log, timeout_s=30)
    assert (status, out) == (0, b"1234 \nAB")
    assert steps.told[-1] == (3, 3)
    assert all(done <= total for done, total in steps.told)
    first = asked.log.read_text().splitlines()[0]
    assert first.startswith("$ ")
    assert "--network none" in first
    engine.remove("fr-made:1")
    assert engine.image("fr-made:1") is None


def test_the_files_of_a_stage_go_to_a_folder_all_or_none(
    engine: DockerEngine, request_for: MakeRequest, tmp_path: Path
) -> None:
    dockerfile = f"FROM {BASE} AS made\nRUN echo wheel >/a.whl\nFROM scratch AS wheels\nCOPY --from=made /a.whl /\n"
    engine.build(request_for(dockerfile, target="wheels", output=tmp_path / "out"), Steps())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.whl"]
    broken = request_for(dockerfile.replace("/a.whl /", "/none /"), target="wheels", output=tmp_path / "other")
    with pytest.raises(BuildError):
        engine.build(broken, Steps())
    assert not list(tmp_path.glob("other*"))


def test_a_secret_is_in_no_layer_no_argument_no_log_and_no_history(
    engine: DockerEngine, request_for: MakeRequest, tmp_path: Path, clean: Dockerd
) -> None:
    secret = tmp_path / "token"
    secret.write_text("canary-9f2c77\n")
    secret.chmod(0o600)
    asked = request_for(
        f"FROM {BASE} AS bundle\nRUN --mount=type=secret,id=token cat /run/secrets/token "
        f"&& echo read >/read && echo {tmp_path}\n",
        secrets={"token": secret},
    )
    engine.build(asked, Steps())
    log = asked.log.read_text()
    assert "canary-9f2c77" not in log
    assert "***" in log
    saved = subprocess.run(
        ["/usr/bin/docker", "save", "fr-made:1"], env=clean.environment(), capture_output=True, check=False
    )
    assert b"canary-9f2c77" not in saved.stdout
    assert b"read" in saved.stdout
    # Unless it was read, nothing would be shown by its absence.
    assert engine.run_once("fr-made:1", ["/bin/cat", "/read"], log=asked.log, timeout_s=30) == (0, b"read\n")


def test_a_build_has_no_network_unless_it_is_given_one(engine: DockerEngine, request_for: MakeRequest) -> None:
    links = f"FROM {BASE} AS bundle\nRUN ls /sys/class/net >/links\n"
    seen = []
    for network in ("none", "default"):
        asked = request_for(f"{links}# {network}\nRUN true\n", network=network)
        engine.build(asked, Steps())
        seen.append(engine.run_once("fr-made:1", ["/bin/cat", "/links"], log=asked.log, timeout_s=30)[1].split())
    assert seen[0] == [b"lo"]


def test_a_failed_step_is_told_with_its_line_its_output_and_how_to_open_the_stage(
    engine: DockerEngine, request_for: MakeRequest, clean: Dockerd
) -> None:
    asked = request_for(
        f"# a comment\nFROM {BASE} AS one\nRUN echo one >/one\n\nFROM {BASE} AS other\nRUN touch /other\n"
        "FROM one AS bundle\nWORKDIR /x\nRUN echo before >/before\n"
        "RUN echo said \\\n # why\n  && sh -c 'exit 3'\nRUN echo after\n"
    )
    with pytest.raises(BuildError) as caught:
        engine.build(asked, Steps())
    error = caught.value
    assert error.message.startswith(f"{asked.dockerfile}:10: the stage bundle failed at `RUN echo said")
    assert "said" in error.message.partition("\n")[2]
    assert "exit code: 3" in error.message
    assert len(error.message.splitlines()) <= 41
    assert error.log == asked.log
    assert engine.image("fr-made:1") is None
    opening = error.hint.partition(": ")[2].replace(" -it ", " ") + " -c 'cat /before /one; ls /x'"
    # The client that Debian has, where a newer one comes before it on PATH.
    opening = opening.replace("&& docker", "&& /usr/bin/docker")
    opened = subprocess.run(["sh", "-c", opening], env=clean.environment(), capture_output=True, text=True, check=False)
    assert opened.stdout == "before\none\n", opened.stderr
    clean.call("rmi", "flagrelease-failed")


def test_a_build_that_takes_too_long_is_stopped_with_all_it_started(
    engine: DockerEngine, request_for: MakeRequest, clean: Dockerd
) -> None:
    asked = request_for(f"FROM {BASE} AS bundle\nRUN sleep 987.1\n", timeout_s=3.0)
    with pytest.raises(BuildError, match="did not end within 3 s"):
        engine.build(asked, Steps())
    soon("the step still runs", lambda: not processes_of(clean, "sleep\x00987.1"))


KILLED = """
import os, signal, sys
from pathlib import Path
from flagrelease.adapters.storage.store import FileStore
from flagrelease.engine_ports import BuildRequest
from flagrelease.engines.docker.engine import DockerEngine
folder = Path(sys.argv[1])
signal.signal(signal.SIGINT, signal.default_int_handler)
DockerEngine(FileStore(folder / "store"), dict(os.environ)).build(
    BuildRequest(folder=folder, dockerfile=folder / "Dockerfile", target="bundle", architecture="amd64",
                 log=folder / "log", tag="fr-made:1"), lambda done, total: None)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_build_leaves_nothing_running(
    request_for: MakeRequest, clean: Dockerd, how: signal.Signals
) -> None:
    asked = request_for(f"FROM {BASE} AS bundle\nRUN sleep 987.2\n")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(asked.folder)], env=clean.environment(PYTHONPATH=".")
    ) as building:
        soon("the step does not start", lambda: processes_of(clean, "sleep\x00987.2"))
        building.send_signal(how)
    soon("the step still runs", lambda: not processes_of(clean, "sleep\x00987.2"))
    assert clean.call("images", "--quiet", "fr-made") == ""


def end_it(engine: Dockerd) -> None:
    soon("the step does not start", lambda: processes_of(engine, "sleep\x00987.3"))
    os.kill(engine.pid, signal.SIGKILL)


def test_an_engine_that_ends_in_the_middle_is_said_and_nothing_is_taken_for_finished(
    store: Store, request_for: MakeRequest, tmp_path: Path, with_base: Dockerd
) -> None:
    asked = request_for("FROM base:1 AS bundle\nRUN echo a >/a\nRUN sleep 987.3\n", output=tmp_path / "out")
    with running_dockerd() as own, ExitStack() as stack:
        own.call("import", "-", "base:1", stdin=a_base())
        engine = stack.enter_context(closing(DockerEngine(store, own.environment())))
        thread = threading.Thread(target=end_it, args=(own,))
        thread.start()
        with pytest.raises(ToolError, match="the container engine ended while bundle was built"):
            engine.build(asked, Steps())
        thread.join()
    assert not list(tmp_path.glob("out*"))


def test_no_room_in_the_engine_is_said_as_such(
    store: Store, request_for: MakeRequest, with_base: Dockerd, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    with running_dockerd(data_bytes=48 << 20) as own, ExitStack() as stack:
        own.call("import", "-", "base:1", stdin=a_base())
        asked = request_for("FROM base:1 AS bundle\nRUN dd if=/dev/zero of=/large bs=1M count=99\n")
        engine = stack.enter_context(closing(DockerEngine(store, own.environment())))
        with pytest.raises(ToolError, match="there is no room for the build of bundle") as caught:
            engine.build(asked, Steps())
        assert engine.image("fr-made:1") is None
    assert "docker system df" in caught.value.hint


def test_a_build_argument_reaches_no_shell(engine: DockerEngine, request_for: MakeRequest) -> None:
    nasty = "a b'c\"; echo $(id) `id` ,x=y"
    asked = request_for(f"FROM {BASE} AS bundle\nARG VALUE\nENV VALUE=$VALUE\n", arguments={"VALUE": nasty})
    engine.build(asked, Steps())
    _, out = engine.run_once("fr-made:1", ["/bin/env"], log=asked.log, timeout_s=30)
    assert f"VALUE={nasty}\n".encode() in out


def test_a_cache_in_a_registry_that_the_engine_cannot_write_is_refused_before_the_build(
    engine: DockerEngine, request_for: MakeRequest
) -> None:
    asked = request_for(f"FROM {BASE} AS bundle\nRUN true\n", cache_to=("type=registry,ref=127.0.0.1:5000/cache",))
    with pytest.raises(ToolError, match="cache"):
        engine.build(asked, Steps())
    assert not asked.log.exists()
