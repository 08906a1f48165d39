"""An emulator where a chip is for another architecture than this machine."""

from collections.abc import Iterator

import pytest

from tests.rehearsal.emulator import emulated_arm64, why_no_arm64


@pytest.fixture(scope="session")
def arm64() -> Iterator[None]:
    """Programs for arm64 can be run; where they cannot, the test is skipped and says why."""
    why = why_no_arm64()
    if why is not None:
        pytest.skip(why)
    with emulated_arm64():
        yield
