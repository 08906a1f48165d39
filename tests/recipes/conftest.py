"""The command line called within this process, as the tests of the planning commands do."""

from tests.planning.conftest import call, project

__all__ = ["call", "project"]
