"""The docker SDK, which has no types: what it gives is taken for `Any` here and nowhere else."""

import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import docker  # type: ignore[import-untyped]
import requests
from docker.errors import APIError, DockerException, NotFound  # type: ignore[import-untyped]
from docker.utils import kwargs_from_env  # type: ignore[import-untyped]
from docker.utils.socket import STDOUT, frames_iter  # type: ignore[import-untyped]
from urllib3.exceptions import HTTPError

from flagrelease.errors import ToolError

Answer = Mapping[str, Any]
"""A JSON object as the engine gave it: whoever reads it checks what it needs."""

_ANSWERS_WITHIN_S = 60
_WORKS_WITHIN_S = 3600
_CHUNK = 1 << 20


class EngineFaultError(Exception):
    """The engine answered, and said no; the message is its own."""


class Sdk:
    """One engine. Every method raises ToolError when it does not answer, EngineFaultError when it refuses."""

    def __init__(self, host: str, environ: Mapping[str, str]) -> None:
        self.host = host
        options = {**kwargs_from_env(environment=dict(environ)), "base_url": host}
        with self._asked():
            self._knock()
            self._api = docker.APIClient(version="auto", timeout=_ANSWERS_WITHIN_S, **options)
            # What takes long: reading or writing a whole image.
            self._slow = docker.APIClient(version=self._api.api_version, timeout=_WORKS_WITHIN_S, **options)

    def _knock(self) -> None:
        """Raise OSError where nobody listens at a socket: the SDK leaves one open for each time that it finds out."""
        if self.host.startswith("unix://"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
                trial.settimeout(_ANSWERS_WITHIN_S)
                trial.connect(self.host.removeprefix("unix://"))

    def answers(self) -> bool:
        """Whether it answers now."""
        try:
            with self._asked():
                self._knock()
                self._api.ping()
        except (ToolError, EngineFaultError):
            return False
        return True

    @contextmanager
    def _asked(self) -> Iterator[None]:
        try:
            yield
        except APIError as error:
            raise EngineFaultError(str(error.explanation or error)[:2000]) from error
        except (DockerException, requests.RequestException, HTTPError, OSError) as error:
            raise ToolError(
                f"no container engine answers at {self.host}: {_in_a_line(error)}",
                hint="start it, or set DOCKER_HOST; `--engine embedded` needs none",
            ) from error

    def close(self) -> None:
        """Let the connections go."""
        self._api.close()
        self._slow.close()

    def version(self) -> Answer:
        """GET /version."""
        with self._asked():
            return dict(self._api.version())

    def info(self) -> Answer:
        """GET /info."""
        with self._asked():
            return dict(self._api.info())

    # Images -------------------------------------------------------------------------------------------

    def image(self, name: str) -> Answer | None:
        """What the engine says of an image, if it has it."""
        with self._asked():
            try:
                return dict(self._api.inspect_image(name))
            except NotFound:
                return None

    def tag(self, image: str, tag: str) -> None:
        """Give an image this tag."""
        repository, _, name = tag.rpartition(":")
        with self._asked():
            self._api.tag(image, repository, name)

    def remove_image(self, tag: str) -> None:
        """Forget a tag; nothing happens where it is not there."""
        with self._asked():
            try:
                self._api.remove_image(tag)
            except NotFound:
                return

    def pull(self, name: str, digest: str) -> Iterator[Answer]:
        """Pull by digest; the engine's messages as they come."""
        with self._asked():
            yield from self._slow.pull(name, tag=digest, stream=True, decode=True)

    def load(self, archive: Iterable[bytes]) -> list[Answer]:
        """Load a `docker save` archive; the engine's messages."""
        with self._asked():
            return list(self._slow.load_image(archive))

    def save(self, name: str) -> Iterator[bytes]:
        """The `docker save` archive of an image."""
        with self._asked():
            yield from self._slow.get_image(name, chunk_size=_CHUNK)

    # Containers ---------------------------------------------------------------------------------------

    def create(self, config: Mapping[str, Any]) -> str:
        """A container of this configuration (Engine API, ContainerCreate); its id."""
        with self._asked():
            return str(self._api.create_container_from_config(dict(config))["Id"])

    def start(self, container: str) -> None:
        """Start it."""
        with self._asked():
            self._api.start(container)

    def container(self, container: str) -> Answer | None:
        """What the engine says of a container, if it has it."""
        with self._asked():
            try:
                return dict(self._api.inspect_container(container))
            except NotFound:
                return None

    def labelled(self, label: str) -> list[Answer]:
        """All containers with a label, running or not."""
        with self._asked():
            return list(self._api.containers(all=True, filters={"label": label}))

    @contextmanager
    def attached(self, container: str) -> Iterator[Iterator[tuple[bool, bytes]]]:
        """Both outputs as they come, (whether it is stdout, bytes). To be called before it is started."""
        with self._asked():
            # The connection without a limit: a server may say nothing for hours.
            connection = self._slow.attach_socket(container, {"stdout": 1, "stderr": 1, "stream": 1})
        try:
            yield ((stream == STDOUT, chunk) for stream, chunk in frames_iter(connection, tty=False))
        finally:
            # The SDK hangs the answer on the connection, which is let go of with it alone.
            getattr(connection, "_response", connection).close()
            connection.close()

    def processes(self, container: str) -> tuple[int, ...]:
        """The engine's machine's pids of every process in a container; none when it has ended."""
        with self._asked():
            try:
                found = self._api.top(container, "-eo pid")
            except APIError as error:
                if error.status_code in {404, 409, 500}:
                    # It ended while it was asked: older engines call that a fault of their own.
                    return ()
                raise
            return tuple(int(row[0]) for row in found.get("Processes") or ())

    def memory(self, container: str) -> int:
        """Bytes that a container's group holds, without the files of it that could be read again."""
        with self._asked():
            told = self._api.stats(container, stream=False)["memory_stats"]
            parts = told.get("stats", {})
            return int(told.get("usage", 0)) - int(parts.get("total_inactive_file", parts.get("inactive_file", 0)))

    def kill(self, container: str, signal: str) -> None:
        """Send its first process a signal; nothing happens where it runs no longer."""
        with self._asked():
            try:
                self._api.kill(container, signal)
            except APIError as error:
                if error.status_code not in {404, 409}:
                    raise

    def remove(self, container: str) -> None:
        """End it and take it away with its volumes; nothing happens where it is not there."""
        with self._asked():
            try:
                self._api.remove_container(container, v=True, force=True)
            except APIError as error:
                # 409: somebody is at it already.
                if error.status_code not in {404, 409}:
                    raise


def ends_of(messages: Iterable[Answer]) -> Sequence[str]:
    """The faults among an engine's messages."""
    return [str(one.get("error"))[:2000] for one in messages if one.get("error")]


def _in_a_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
