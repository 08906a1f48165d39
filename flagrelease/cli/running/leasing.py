"""The port by which a bundle's devices find each other: leased from this machine while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flagrelease.adapters.storage.port_lease import leased_port
from flagrelease.domain.run_spec import RunSpec
from flagrelease.launch.nodes import MASTER_PORT


@contextmanager
def master_port(spec: RunSpec, home: Path) -> Iterator[dict[str, str]]:
    """The variable with the port; nothing for a bundle without a range. Raises ToolError when none is left."""
    if spec.master_ports is None:
        yield {}
        return
    with leased_port(home, *spec.master_ports) as port:
        yield {MASTER_PORT: str(port)}
