"""What holds for every test: which random examples are drawn, and which tests may run at once."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.dockerd import Dockerd, running_dockerd, why_none

# The same examples for the same test, so that what passes here passes in CI; the nightly run draws new ones.
settings.register_profile("fixed", derandomize=True)
settings.register_profile("new")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """All end-to-end tests to one worker, since they share a store, which some want for themselves; else file by file.

    Groups of pytest-xdist 3.8 have no effect with pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # noqa: PLC0415

    class ByStore(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return "tests/e2e" if nodeid.startswith("tests/e2e/") else nodeid.partition("::")[0]

    return ByStore(config, log)


@pytest.fixture(scope="session")
def dockerd() -> Iterator[Dockerd]:
    """A container engine of this worker's own; where there can be none, the test is skipped and says why."""
    why = why_none()
    if why is not None:
        pytest.skip(why)
    with running_dockerd() as found:
        yield found
